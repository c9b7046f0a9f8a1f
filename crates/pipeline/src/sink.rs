//! The single way out of the pipeline: everything is pushed, nothing collected.

use yagura_event::{
    Alert, ContainerKey, ContainerQuery, Drop, FileFacts, InspectionRequest, MonotonicNs, OpenKey,
    ScanRequest,
};

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

    /// No rule can match such an open: the kernel side need not report it again.
    fn quiet_open(&mut self, key: &OpenKey);

    /// Something was lost, here or in the kernel.
    fn dropped(&mut self, drop: Drop);
}
