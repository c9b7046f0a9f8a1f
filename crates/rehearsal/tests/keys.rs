//! Every rehearsal of a catalogue key takes place and leaves nothing.

use crate::cleanup::traces;
use crate::{AnyError, image};
use libtest_mimic::Trial;
use std::sync::Arc;
use std::time::Instant;
use yagura_rehearsal::keys::{KeyRehearsal, REHEARSALS, Stage, perform};
use yagura_rehearsal::{ContainerOptions, RuntimeProgram, ThrowAwayImage};

pub(crate) fn trials(runtime: &RuntimeProgram) -> Vec<Trial> {
    let name = runtime.kind().as_str();
    REHEARSALS
        .iter()
        .map(|rehearsal| {
            let options = ContainerOptions::new(runtime.clone());
            let name = format!("{name}::key::{}::{}", rehearsal.key, rehearsal.name);
            Trial::test(name, move || {
                Ok(takes_place(rehearsal, &image(), &options)?)
            })
        })
        .collect()
}

/// Performs a rehearsal and looks for what it left.
pub(crate) fn takes_place(
    rehearsal: &KeyRehearsal,
    image: &Arc<ThrowAwayImage>,
    options: &ContainerOptions,
) -> Result<(), AnyError> {
    let begun = Instant::now();
    let mut stage = Stage::new(image, options);
    let told = perform(rehearsal, &mut stage);
    let ids = stage.container_ids();
    let acted = stage.acted_at();
    let documents = stage.documents().len();
    stage.finish().map_err(|failed| format!("{failed:?}"))?;
    let left: Vec<String> = ids
        .iter()
        .flat_map(|id| traces(id, &options.base))
        .collect();
    assert_eq!(left, Vec::<String>::new());
    eprintln!("{}: {:?}: {}", rehearsal.name, begun.elapsed(), told.note);
    if told.lacking {
        eprintln!("SKIPPED: {}: {}", rehearsal.name, told.note);
        return Ok(());
    }
    assert!(told.ran, "{told:?}");
    assert!(documents > 0 || acted.is_some_and(|at| told.started <= at && at <= told.ended));
    assert_eq!(documents > 0, ids.is_empty());
    Ok(())
}
