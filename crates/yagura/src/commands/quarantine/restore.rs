//! `yagura quarantine restore`.

use super::root::{self, ContainerArguments};
use super::{StoreArguments, fail, say, shown};
use crate::exit::{Failure, Outcome};
use crate::output::{Form, print, print_json};
use serde_json::json;
use std::path::PathBuf;
use yagura_quarantine::{ItemId, RestoreOptions, Target};

/// Give a file back
///
/// It goes where it was taken from, into the same container if it came from one, with its owner, mode, time and
/// attributes. The item stays in quarantine until it is removed. The way to its directory may not lead over symbolic links,
/// unless it ends in the very directory that the file was taken from. Exit codes: 0 given back, 1 the item is damaged or
/// the file can't be written, 2 there is no such item, container or place, or something is there already, 3 the store
/// can't be used.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The item
    #[arg(value_name = "ID")]
    id: ItemId,
    /// Another place; in the container for an item of a container
    #[arg(long, value_name = "PATH")]
    to: Option<PathBuf>,
    #[command(flatten)]
    container: ContainerArguments,
    /// On the host, though it came from a container
    #[arg(long, requires = "to", conflicts_with_all = ["container", "pid"])]
    host: bool,
    /// Take the place of a file that is there
    #[arg(long)]
    force: bool,
    /// With its set-user-id and set-group-id bits and its capabilities
    #[arg(long)]
    with_privileges: bool,
    #[command(flatten)]
    store: StoreArguments,
}

/// Gives a file back.
///
/// # Errors
/// [`Failure::BadInput`], [`Failure::Failed`], [`Failure::CannotRun`], as the help says.
pub(super) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let store = arguments.store.open()?;
    let item = store.get(arguments.id).map_err(fail::read)?;
    let named = arguments.container.root()?;
    let root = match (named, &item.metadata.container) {
        (Some(root), _) => root,
        (None, Some(id)) if !arguments.host => root::of_container(id)?,
        (None, _) => root::of_host()?,
    };
    let path = match (&arguments.to, &root.container) {
        (Some(path), None) => Some(root::absolute(path)?),
        (Some(path), Some(_)) => Some(path.as_os_str().as_encoded_bytes().to_vec()),
        (None, _) => None,
    };
    let target = Target {
        root: root.directory,
        path,
    };
    let options = RestoreOptions {
        replace: arguments.force,
        with_privileges: arguments.with_privileges,
    };
    let restored = store
        .restore(arguments.id, &target, options)
        .map_err(fail::restore)?;
    if restored.without_privileges {
        say(
            "its set-user-id and set-group-id bits and its capabilities were left out (--with-privileges)",
        );
    }
    let path = shown(&restored.path);
    match arguments.store.output {
        Form::Json => print_json(&json!({
            "id": arguments.id.to_string(),
            "path": path,
            "container": root.container,
            "without_privileges": restored.without_privileges,
        }))?,
        Form::Table => print(&format!("{path}\n"))?,
    }
    Ok(Outcome::Done)
}
