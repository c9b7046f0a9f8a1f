//! How a node enforces.

use std::path::{Path, PathBuf};
use yagura_wrapper::DEFAULT_STATE;

/// Where the kernel's file system for BPF objects is mounted.
const BPF_FS: &str = "/sys/fs/bpf";
/// Where state of running programs is kept.
const RUN: &str = "/run";
/// Directory of everything of Yagura's below those.
const OWN: &str = "yagura";

/// Where a sensor keeps what is enforced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnforceSettings {
    /// Directory of pinned BPF objects.
    pub pins: PathBuf,
    /// Directory of the control socket.
    pub state: PathBuf,
    /// State directory of the runtime wrapper, by which containers ask before dangerous calls; `None` if none do.
    pub wrapper: Option<PathBuf>,
    /// Whether enforcement goes on when the sensor is stopped, as it does when it is killed.
    pub keep: bool,
}

impl EnforceSettings {
    /// Name of the instance where none is given: a node has one sensor.
    pub const DEFAULT_INSTANCE: &'static str = "node";
    /// Characters that the name of an instance may have.
    pub const INSTANCE_CHARS_MAX: usize = 40;

    /// The directories in which every instance has its own.
    pub fn parents() -> [PathBuf; 2] {
        [Path::new(BPF_FS).join(OWN), Path::new(RUN).join(OWN)]
    }

    /// The usual places of an instance, which goes on enforcing when it is stopped. `None` if the name is no plain word.
    /// The runtime wrapper serves the node's own sensor alone.
    pub fn of_instance(name: &str) -> Option<EnforceSettings> {
        let is_plain = !name.is_empty()
            && name.len() <= Self::INSTANCE_CHARS_MAX
            && name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        is_plain.then(|| EnforceSettings {
            pins: Path::new(BPF_FS).join(OWN).join(name),
            state: Path::new(RUN).join(OWN).join(name),
            wrapper: (name == Self::DEFAULT_INSTANCE).then(|| DEFAULT_STATE.into()),
            keep: true,
        })
    }

    /// The name of the instance; empty for settings that are none's.
    pub fn name(&self) -> &str {
        let name = self.state.file_name().unwrap_or_default();
        name.to_str().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_is_a_plain_word() {
        let settings = EnforceSettings::of_instance("node").expect("settings");
        assert_eq!(settings.pins, Path::new("/sys/fs/bpf/yagura/node"));
        for name in ["", "..", "a/b", "Node", &"x".repeat(41)] {
            assert_eq!(EnforceSettings::of_instance(name), None, "{name}");
        }
    }
}
