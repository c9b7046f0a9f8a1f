//! What the module's tests share.

mod overlay;
mod plain;
mod whole;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// A directory that lives as long as one test.
#[derive(Debug)]
pub(crate) struct TestDir(PathBuf);

impl TestDir {
    pub(crate) fn new() -> TestDir {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("yagura-inspect-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("test directory");
        TestDir(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for TestDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A process that ends with the test.
#[derive(Debug)]
pub(super) struct TestProcess(pub(super) Child);

impl TestProcess {
    pub(super) fn spawn(command: &mut Command) -> TestProcess {
        TestProcess(command.stdin(Stdio::piped()).spawn().expect("a process"))
    }

    /// Waits until the process runs `exe`: fork and exec are two steps.
    pub(super) fn wait_for_exe(&self, exe: &Path) {
        let link = format!("/proc/{}/exe", self.0.id());
        wait_until(|| std::fs::read_link(&link).is_ok_and(|path| path.ends_with(exe)));
    }
}

impl Drop for TestProcess {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits for a condition, at most ten seconds.
pub(super) fn wait_until(mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "the condition did not come true");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until a file counts as settled.
pub(super) fn wait_until_settled(path: &Path) {
    let changed = std::fs::metadata(path)
        .and_then(|metadata| metadata.modified())
        .expect("time");
    let settled = changed + super::limits::SETTLED_AFTER + Duration::from_millis(50);
    wait_until(|| SystemTime::now() > settled);
}

/// Whether a test that needs root's rights can run; says so if not.
pub(super) fn is_root(test: &str) -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        println!("skipped, needs root: {test}");
    }
    is_root
}
