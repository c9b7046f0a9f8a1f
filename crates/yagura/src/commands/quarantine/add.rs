//! `yagura quarantine add`.

use super::json::ItemJson;
use super::root::{self, ContainerArguments};
use super::{StoreArguments, fail, say, shown};
use crate::exit::{Failure, Outcome};
use crate::output::{Form, print, print_json};
use jiff::Timestamp;
use std::path::PathBuf;
use yagura_event::WallTime;
use yagura_quarantine::{Note, Source};

/// Take a file into quarantine
///
/// The file is copied, encrypted, and then removed from its place if it is still the same. Exit codes: 0 taken, 1 not
/// taken, 2 there is no such file or container, or the file is of a kind or size that is not taken, 3 the store can't be
/// used.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The file; with --container or --pid its path in the container
    path: PathBuf,
    #[command(flatten)]
    container: ContainerArguments,
    /// Why, for whoever looks at it later
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    #[command(flatten)]
    store: StoreArguments,
}

/// Takes a file.
///
/// # Errors
/// [`Failure::BadInput`], [`Failure::Failed`], [`Failure::CannotRun`], as the help says.
pub(super) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let (root, path) = match arguments.container.root()? {
        Some(root) => {
            let path = arguments.path.as_os_str().as_encoded_bytes().to_vec();
            (root, path)
        }
        None => (root::of_host()?, root::absolute(&arguments.path)?),
    };
    let source = Source::open(root.directory, &path, root.container).map_err(fail::source)?;
    let store = arguments.store.open()?;
    let now = i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX);
    let note = Note {
        time: WallTime(now),
        reason: arguments.reason.clone(),
        finding: None,
    };
    let item = store.put(&source, &note).map_err(fail::put)?;
    let metadata = &item.metadata;
    if metadata.links > 1 {
        let others = metadata.links - 1;
        say(&format!(
            "warning: the content can still be reached by {others} other names (hard links)"
        ));
    }
    if metadata.xattrs_cut {
        say("warning: it had more extended attributes than are kept");
    }
    match arguments.store.output {
        Form::Json => print_json(&ItemJson::from(&item))?,
        Form::Table => print(&format!("{}  {}\n", metadata.id, shown(&metadata.path)))?,
    }
    Ok(Outcome::Done)
}
