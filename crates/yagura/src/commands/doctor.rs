//! `yagura doctor`.

use crate::exit::{Failure, Outcome};

/// Try what this machine allows
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {}

pub(crate) fn run(_arguments: &Arguments) -> Result<Outcome, Failure> {
    Ok(Outcome::Done)
}
