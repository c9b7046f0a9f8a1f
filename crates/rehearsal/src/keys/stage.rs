//! Where a rehearsal takes place: containers, their private networks, records of logs, and the time of the act.

use super::RehearsalError;
use super::world::Peer;
use crate::bundle::HostMount;
use crate::command::{self, Exit, Input, Output, now};
use crate::container::{ContainerOptions, ThrowAwayContainer, excerpt};
use crate::image::ThrowAwayImage;
use crate::limits::{CASE_TIMEOUT, NOTE_BYTES_MAX};
use crate::remains::{self, Remains, RemoveError};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use yagura_event::{DocumentSource, MonotonicNs, escape};

/// A record of a log, as whoever writes that log sends it.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Which log.
    pub source: DocumentSource,
    /// The record.
    pub value: serde_json::Value,
}

/// A stage for one rehearsal. What is on it stays until [`Stage::finish`] or until it is dropped.
#[derive(Debug)]
pub struct Stage {
    image: Arc<ThrowAwayImage>,
    options: ContainerOptions,
    // In this order: a network ends before the containers on it, files that stand in for the host's go last.
    peers: Vec<Arc<Peer>>,
    containers: Vec<Arc<ThrowAwayContainer>>,
    files: Option<Remains>,
    documents: Vec<Document>,
    notes: Vec<String>,
    acted_at: Option<MonotonicNs>,
}

impl Stage {
    /// An empty stage. Its containers are made from `image` and begin with `options`.
    pub fn new(image: &Arc<ThrowAwayImage>, options: &ContainerOptions) -> Stage {
        Stage {
            image: Arc::clone(image),
            options: options.clone(),
            peers: Vec::new(),
            containers: Vec::new(),
            files: None,
            documents: Vec::new(),
            notes: Vec::new(),
            acted_at: None,
        }
    }

    /// Tells when the act itself began, on the clock of kernel events; `None` before that, and for records of logs.
    pub fn acted_at(&self) -> Option<MonotonicNs> {
        self.acted_at
    }

    /// Tells the ids of its containers, in the order of their starts.
    pub fn container_ids(&self) -> Vec<String> {
        self.containers
            .iter()
            .map(|container| container.id().to_owned())
            .collect()
    }

    /// Tells the records of logs that the rehearsal wants to be fed to whoever judges them, in their order.
    pub fn documents(&self) -> &[Document] {
        &self.documents
    }

    /// Takes everything away.
    ///
    /// # Errors
    /// Everything that stayed.
    pub fn finish(mut self) -> Result<(), Vec<RemoveError>> {
        self.peers.clear();
        let mut failed = Vec::new();
        for container in self.containers.drain(..).rev() {
            if let Some(container) = Arc::into_inner(container) {
                failed.extend(container.remove().err());
            }
        }
        failed.extend(self.files.take().and_then(|files| files.remove().err()));
        if failed.is_empty() {
            Ok(())
        } else {
            Err(failed)
        }
    }

    /// What containers are made from.
    pub(super) fn image(&self) -> &ThrowAwayImage {
        &self.image
    }

    /// The plainest container.
    pub(crate) fn options(&self) -> ContainerOptions {
        self.options.clone()
    }

    /// What is worth telling beside that it took place.
    pub(super) fn notes(&self) -> String {
        let notes = self.notes.join("; ");
        notes.chars().take(NOTE_BYTES_MAX).collect()
    }

    /// Notes that the act begins now, unless it began before.
    pub(crate) fn acts(&mut self) {
        self.acted_at.get_or_insert_with(now);
    }

    /// Starts a container.
    pub(crate) fn start(
        &mut self,
        options: &ContainerOptions,
    ) -> Result<Arc<ThrowAwayContainer>, RehearsalError> {
        let container = Arc::new(ThrowAwayContainer::start(&self.image, options)?);
        self.containers.push(Arc::clone(&container));
        Ok(container)
    }

    /// Starts a container whose start is the act.
    pub(super) fn act_start(&mut self, options: &ContainerOptions) -> Result<(), RehearsalError> {
        self.acts();
        self.start(options).map(drop)
    }

    /// Runs a script that is not yet the act.
    pub(crate) fn prepare(
        &self,
        container: &ThrowAwayContainer,
        script: &str,
    ) -> Result<(), RehearsalError> {
        accepted(&container.shell(script)?)
    }

    /// Runs a script in a container.
    pub(crate) fn act_shell(
        &mut self,
        container: &ThrowAwayContainer,
        script: &str,
    ) -> Result<(), RehearsalError> {
        self.act(container, &["/bin/sh", "-c", script], "")
    }

    /// Runs a program in a container, with `input` as its standard input.
    pub(crate) fn act(
        &mut self,
        container: &ThrowAwayContainer,
        argv: &[&str],
        input: &str,
    ) -> Result<(), RehearsalError> {
        self.acts();
        accepted(&container.exec_with_input(argv, input.as_bytes(), CASE_TIMEOUT)?)
    }

    /// Runs a program that may fail once it has started.
    pub(super) fn act_try(
        &mut self,
        container: &ThrowAwayContainer,
        argv: &[&str],
    ) -> Result<(), RehearsalError> {
        self.acts();
        let output = container.exec(argv, CASE_TIMEOUT)?;
        match output.exit {
            // Runtimes and shells tell so that there was no such program.
            Exit::Code(126 | 127 | 255) | Exit::TimedOut => accepted(&output),
            Exit::Code(_) | Exit::Signal(_) => Ok(()),
        }
    }

    /// Runs a program that attempts something and prints what the kernel answered, which is kept as a note.
    pub(super) fn attempt(
        &mut self,
        container: &ThrowAwayContainer,
        script: &str,
    ) -> Result<(), RehearsalError> {
        self.acts();
        let output = container.shell(script)?;
        self.note(&output);
        accepted(&output)
    }

    /// Runs a program in a container and, meanwhile, what the other side does.
    pub(super) fn act_with<T>(
        &mut self,
        container: &ThrowAwayContainer,
        argv: &[&str],
        other: impl FnOnce() -> Result<T, RehearsalError>,
    ) -> Result<T, RehearsalError> {
        self.acts();
        thread::scope(|scope| {
            let running = scope.spawn(|| container.exec(argv, CASE_TIMEOUT));
            let other = other();
            let lost = || io::Error::other("the thread that waited for it ended");
            let output = running.join().map_err(|_| RehearsalError::Peer {
                what: "a command was lost",
                source: lost(),
            })??;
            accepted(&output)?;
            other
        })
    }

    /// Runs a host's command that acts on containers.
    pub(super) fn act_host(
        &mut self,
        command: &mut std::process::Command,
    ) -> Result<(), RehearsalError> {
        self.acts();
        let output = command::run(command, Input::Empty, CASE_TIMEOUT)?;
        self.note(&output);
        accepted(&output)
    }

    /// Keeps what a command printed.
    fn note(&mut self, output: &Output) {
        let told = escape(output.stdout.trim_ascii()).replace("\\n", ", ");
        if !told.is_empty() {
            self.notes.push(told);
        }
    }

    /// Gives a container a network whose other end answers for every address.
    pub(crate) fn peer(
        &mut self,
        container: &ThrowAwayContainer,
    ) -> Result<Arc<Peer>, RehearsalError> {
        let peer = Arc::new(Peer::of(&self.image, container)?);
        self.peers.push(Arc::clone(&peer));
        Ok(peer)
    }

    /// Keeps what serves the stage's containers until they are gone.
    pub(super) fn keep(&mut self, peer: Peer) {
        self.peers.push(Arc::new(peer));
    }

    /// A directory on the host for stand-ins of the host's files.
    pub(super) fn host_dir(&mut self, path: &str) -> Result<PathBuf, RehearsalError> {
        if self.files.is_none() {
            let making = remains::begin().map_err(crate::container::StartError::from)?;
            let files = Remains::create(&making, &self.options.base, None)
                .map_err(crate::container::StartError::from)?;
            self.files = Some(files);
        }
        let top = self.files.as_ref().map(|files| files.dir.clone());
        let dir = top.unwrap_or_default().join(path);
        fs::create_dir_all(&dir).map_err(|source| RehearsalError::Peer {
            what: "no place for files that stand in for the host's",
            source,
        })?;
        Ok(dir)
    }

    /// Adds records of a log.
    pub(super) fn add_documents(&mut self, source: DocumentSource, values: Vec<serde_json::Value>) {
        let documents = values.into_iter().map(|value| Document { source, value });
        self.documents.extend(documents);
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.peers.clear();
        self.containers.clear();
        if let Some(files) = self.files.take() {
            // Nobody to tell; `cleanup_leftovers` of a later run finds what stayed.
            let _ = files.remove();
        }
    }
}

/// A mount for a container.
pub(super) fn bind(source: &Path, destination: &str, read_only: bool) -> HostMount {
    HostMount {
        source: source.to_owned(),
        destination: destination.into(),
        read_only,
    }
}

/// Whether a command of a rehearsal did what it should.
pub(crate) fn accepted(output: &Output) -> Result<(), RehearsalError> {
    if output.succeeded() {
        return Ok(());
    }
    Err(RehearsalError::Failed {
        exit: output.exit,
        message: excerpt(&output.stderr),
    })
}
