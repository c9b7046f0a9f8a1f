//! The single way out of the pipeline: everything is pushed, nothing collected.

use std::collections::HashSet;
use std::sync::Arc;
use yagura_event::{
    Alert, Container, ContainerKey, ContainerQuery, ContainerRoot, Drop, FileFacts,
    InspectionRequest, LayerDirs, Membership, MonotonicNs, OpenKey, ProcessKey, ScanRequest,
};

/// A container that rules may have to be enforced on.
#[derive(Debug, Clone, Copy)]
pub struct Enforced<'a> {
    /// How its processes are known.
    pub membership: Membership,
    /// What its runtime says; `None` as long as that is not known.
    pub container: Option<&'a Arc<Container>>,
    /// Its first process.
    pub init: ProcessKey,
    /// Its root directory.
    pub root: ContainerRoot,
    /// Layers of its root, if they are known.
    pub layers: Option<&'a LayerDirs>,
}

/// Takes what the pipeline hands out. No call may wait: `step` runs on the thread that reads the kernel's rings.
pub trait Sink {
    /// A finding.
    fn alert(&mut self, alert: Alert);

    /// A file to be read; the answer comes back as [`crate::Input::Inspection`] with the same token.
    fn inspect(&mut self, request: InspectionRequest);

    /// A file to be scanned; the answer comes back as [`crate::Input::Scanned`] with the same token.
    fn scan(&mut self, request: ScanRequest);

    /// A container to be looked up; the answer comes back as one or more [`crate::Input::Container`].
    fn query(&mut self, query: ContainerQuery);

    /// This content, at the time of an event, is the image's: the kernel side need not report the file again until
    /// it changes.
    fn image_file(&mut self, container: ContainerKey, file: &FileFacts, time: MonotonicNs);

    /// This file was kept from running although it may run, as its content shows: it need not be kept from it again
    /// until it changes.
    /// Nothing to do for a sink that enforces nothing.
    fn let_run(&mut self, container: ContainerKey, file: &FileFacts) {
        let _ = (container, file);
    }

    /// Ends a process of a container that runs what a rule of the drift policy, given by its position, asks to block, and says whether that was done. Nothing to do for a sink that
    /// enforces nothing.
    fn kill(&mut self, container: ContainerKey, process: ProcessKey, rule: usize) -> bool {
        let _ = (container, process, rule);
        false
    }

    /// News of a container that rules may have to be enforced on.
    /// Nothing to do for a sink that enforces nothing.
    fn container(&mut self, container: Enforced<'_>) {
        let _ = container;
    }

    /// Containers that have ended.
    /// Nothing to do for a sink that enforces nothing.
    fn containers_gone(&mut self, gone: &HashSet<ContainerKey>) {
        let _ = gone;
    }

    /// No rule can match such an open: the kernel side need not report it again.
    fn quiet_open(&mut self, key: &OpenKey);

    /// Something was lost, here or in the kernel.
    fn dropped(&mut self, drop: Drop);
}
