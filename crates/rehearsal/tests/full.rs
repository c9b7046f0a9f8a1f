//! Every rehearsal with real servers and tools takes place and leaves nothing.

use crate::{benign, keys};
use libtest_mimic::Trial;
use yagura_rehearsal::full::REHEARSALS;
use yagura_rehearsal::{ContainerOptions, RuntimeProgram};

pub(crate) fn trials(runtime: &RuntimeProgram) -> Vec<Trial> {
    REHEARSALS
        .iter()
        .map(|rehearsal| {
            let options = ContainerOptions::new(runtime.clone());
            let name = format!("full::{}::{}", rehearsal.key, rehearsal.name);
            let test = move || Ok(keys::takes_place(rehearsal, &benign::image(), &options)?);
            Trial::test(name, test)
        })
        .collect()
}
