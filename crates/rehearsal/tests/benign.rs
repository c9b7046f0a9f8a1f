//! Every benign workload runs to its end and leaves nothing.

use crate::{AnyError, debian};
use libtest_mimic::Trial;
use std::sync::{Arc, OnceLock};
use yagura_rehearsal::benign::{BenignWorkload, PRIVILEGED, WORKLOADS, carry_out};
use yagura_rehearsal::{ContainerOptions, RuntimeProgram, ThrowAwayImage};

static IMAGE: OnceLock<Arc<ThrowAwayImage>> = OnceLock::new();

pub(crate) fn trials(runtime: &RuntimeProgram) -> Vec<Trial> {
    WORKLOADS
        .iter()
        .chain(PRIVILEGED)
        .map(|workload| {
            let options = ContainerOptions::new(runtime.clone());
            let name = format!("benign::{}", workload.name);
            Trial::test(name, move || Ok(runs_to_its_end(workload, &options)?))
        })
        .collect()
}

/// Removes the image, if a test built it.
pub(crate) fn clean_up() -> Result<(), AnyError> {
    match IMAGE.get() {
        Some(image) => Ok(image.remove()?),
        None => Ok(()),
    }
}

/// The image of all workloads, built by whoever comes first.
pub(crate) fn image() -> Arc<ThrowAwayImage> {
    let build = || Arc::new(debian::root().image(&std::env::temp_dir()).unwrap());
    Arc::clone(IMAGE.get_or_init(build))
}

fn runs_to_its_end(workload: &BenignWorkload, options: &ContainerOptions) -> Result<(), AnyError> {
    let image = image();
    let begun = std::time::Instant::now();
    let told = carry_out(workload, &image, options);
    eprintln!("{}: {:.1} s", workload.name, begun.elapsed().as_secs_f32());
    if !told.completed {
        return Err(told.note.into());
    }
    assert!(!told.containers.is_empty());
    for id in &told.containers {
        assert_eq!(
            crate::cleanup::traces(id, &options.base),
            Vec::<String>::new()
        );
    }
    Ok(())
}
