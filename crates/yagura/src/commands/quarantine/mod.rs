//! `yagura quarantine`: takes files out of containers and the host, and gives them back.

mod add;
mod fail;
mod json;
mod restore;
mod root;
mod show;

use crate::exit::{Failure, Outcome};
use crate::output::Form;
use std::io::Write as _;
use std::path::PathBuf;
use yagura_event::escape;
use yagura_quarantine::{ItemId, Limits, Store};

/// Take files away, keep them encrypted, give them back
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Add(add::Arguments),
    List(show::ListArguments),
    Show(show::ShowArguments),
    Restore(restore::Arguments),
    Remove(RemoveArguments),
}

/// Remove a file from quarantine for good
///
/// Exit codes: 0 removed, 1 it can't be removed, 2 there is no such item, 3 the store can't be used.
#[derive(Debug, clap::Args)]
pub(crate) struct RemoveArguments {
    /// The item
    #[arg(value_name = "ID")]
    id: ItemId,
    #[command(flatten)]
    store: StoreArguments,
}

/// Where files are kept.
#[derive(Debug, clap::Args)]
struct StoreArguments {
    /// The folder with the items; only its owner may have rights in it
    #[arg(long, value_name = "DIR", default_value = "/var/lib/yagura/quarantine")]
    store: PathBuf,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Form::Table)]
    output: Form,
}

impl StoreArguments {
    /// Opens the store, and tells what an interrupted call left in it.
    ///
    /// # Errors
    /// [`Failure::CannotRun`] if the folder can't be used, [`Failure::Failed`] if its key is lost.
    fn open(&self) -> Result<Store, Failure> {
        let store = Store::open(&self.store, Limits::default())
            .map_err(|error| fail::open(error, &self.store))?;
        for name in store.leftovers() {
            say(&format!(
                "removed {name}, which an interrupted call had left"
            ));
        }
        Ok(store)
    }
}

/// Runs one of the commands.
///
/// # Errors
/// As the command says.
pub(crate) fn run(command: &Command) -> Result<Outcome, Failure> {
    match command {
        Command::Add(arguments) => add::run(arguments),
        Command::List(arguments) => show::list(arguments),
        Command::Show(arguments) => show::show(arguments),
        Command::Restore(arguments) => restore::run(arguments),
        Command::Remove(arguments) => remove(arguments),
    }
}

fn remove(arguments: &RemoveArguments) -> Result<Outcome, Failure> {
    let store = arguments.store.open()?;
    store.remove(arguments.id).map_err(fail::remove)?;
    Ok(Outcome::Done)
}

/// A line on standard error; a closed one leaves nobody to tell.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// A path as it may be shown.
fn shown(path: &yagura_event::Text) -> String {
    escape(path.as_bytes()).into_owned()
}
