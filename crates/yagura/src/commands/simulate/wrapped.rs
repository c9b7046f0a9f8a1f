//! The runtime wrapper in front of the containers of a rehearsal.
//!
//! It is installed as for a node, but in a folder of its own and for a manager that nobody runs: nothing of the node's
//! changes, and the folder goes away with the image beside which it lies.

use crate::exit::Failure;
use anyhow::Context as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use yagura_rehearsal::{ContainerOptions, ThrowAwayImage, own_prefix};
use yagura_wrapper::{InstallOptions, Manager, ManagerFiles, Places, install};

/// Name of the folder.
const FOLDER: &str = "runtime-wrapper";
/// By which the wrapper knows a container's name, as CRI-O writes it. All containers of a rehearsal have the one name
/// that the rehearsal's rules are about.
const NAME_ANNOTATION: &str = "io.kubernetes.container.name";

/// Installs it, and has containers made through it. Returns the wrapper's state directory, for the sensor.
///
/// # Errors
/// If it can't be installed.
pub(super) fn install_before(
    options: &mut ContainerOptions,
    image: &ThrowAwayImage,
) -> Result<PathBuf, Failure> {
    let place = || -> anyhow::Result<PathBuf> {
        let state = image.root().with_file_name(FOLDER);
        let configuration = state.join("manager");
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&configuration)?;
        install_in(&state, &configuration)?;
        Ok(state)
    };
    let state = place()
        .context("runtime wrapper can't be installed for the rehearsal")
        .map_err(Failure::CannotRun)?;
    let runtime = options.runtime.clone();
    let program = Places::new(&state).program(runtime.kind().as_str());
    options.runtime = runtime.behind(program);
    let name = (NAME_ANNOTATION.to_owned(), own_prefix());
    options.annotations.extend([name]);
    Ok(state)
}

fn install_in(state: &Path, configuration: &Path) -> anyhow::Result<()> {
    let options = InstallOptions {
        places: Places::new(state),
        files: ManagerFiles {
            containerd: configuration.join("config.toml"),
            ..ManagerFiles::default()
        },
        managers: vec![Manager::Containerd],
        ..InstallOptions::here()?
    };
    install(&options)?;
    Ok(())
}
