//! The process that holds a container for its manager: containerd's shim, or Podman's and CRI-O's conmon.
//!
//! Its arguments name the container and its bundle, wherever the manager keeps its state. It is believed only when it
//! is the host's: a container that names a process `conmon` must not choose its own identity.

use crate::proc::{Proc, Stat};
use std::path::PathBuf;

/// A manager's process above a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shim {
    /// containerd's shim, of any version.
    Containerd {
        /// containerd's namespace: `k8s.io` for CRI, `moby` for Docker.
        namespace: String,
        /// The container, or the pod's first container if one shim holds them all.
        id: String,
        /// containerd's socket.
        address: Option<PathBuf>,
        /// Directory with one bundle for each container of the namespace.
        bundles: PathBuf,
    },
    /// conmon.
    Conmon {
        /// The container.
        id: String,
        /// The name that the manager gave it.
        name: String,
        /// The bundle; for an exec session a directory below it.
        bundle: PathBuf,
    },
}

/// A shim and the container's process below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    /// The shim.
    pub(crate) shim: Shim,
    /// The shim's child on the way to the process that was asked for.
    pub(crate) child: u32,
}

/// Finds the nearest shim of the host above a process.
pub(crate) fn find(proc: &Proc, lineage: &[(u32, Stat)]) -> Option<Holder> {
    let children = lineage.iter();
    let parents = lineage.iter().skip(1);
    children.zip(parents).find_map(|((child, _), (pid, stat))| {
        let is_shim = stat.comm.starts_with(b"containerd-shim");
        if !(is_shim || stat.comm == b"conmon") || !proc.is_hosts(*pid) {
            return None;
        }
        let arguments = proc.arguments(*pid);
        let cwd = std::fs::read_link(proc.path(*pid, "cwd")).ok();
        let shim = if is_shim {
            parse_containerd(&arguments, cwd)
        } else {
            parse_conmon(&arguments)
        };
        Some(Holder {
            shim: shim?,
            child: *child,
        })
    })
}

/// Value after a flag: `-id X`, `--id X` or `--id=X`.
fn flag<'a>(arguments: &'a [String], names: &[&str]) -> Option<&'a str> {
    let mut arguments = arguments.iter().map(String::as_str);
    while let Some(argument) = arguments.next() {
        if names.contains(&argument) {
            return arguments.next();
        }
        if let Some((name, value)) = argument.split_once('=')
            && names.contains(&name)
        {
            return Some(value);
        }
    }
    None
}

/// A shim of version 2 runs in its bundle; its `-bundle` flag, where there is one, names it too.
///
/// Source: runtime/v2/README.md, containerd 1.6.
fn parse_containerd(arguments: &[String], cwd: Option<PathBuf>) -> Option<Shim> {
    let namespace = flag(arguments, &["-namespace", "--namespace"])?;
    let id = flag(arguments, &["-id", "--id"])?;
    let bundle = flag(arguments, &["-bundle", "--bundle"])
        .map(PathBuf::from)
        .or(cwd)?;
    Some(Shim::Containerd {
        namespace: namespace.to_owned(),
        id: id.to_owned(),
        address: flag(arguments, &["-address", "--address"])
            .map(PathBuf::from)
            .filter(|path| path.is_absolute()),
        bundles: bundle.parent()?.to_owned(),
    })
}

/// Source: conmon(8).
fn parse_conmon(arguments: &[String]) -> Option<Shim> {
    Some(Shim::Conmon {
        id: flag(arguments, &["-c", "--cid"])?.to_owned(),
        name: flag(arguments, &["-n", "--name"])
            .unwrap_or_default()
            .to_owned(),
        bundle: PathBuf::from(flag(arguments, &["-b", "--bundle"])?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn a_containerd_shim_is_parsed() {
        let arguments =
            words("/usr/bin/containerd-shim-runc-v2 -namespace k8s.io -id abc -address /t/c.sock");
        let cwd = PathBuf::from("/t/state/io.containerd.runtime.v2.task/k8s.io/abc");
        assert_eq!(
            parse_containerd(&arguments, Some(cwd)),
            Some(Shim::Containerd {
                namespace: "k8s.io".to_owned(),
                id: "abc".to_owned(),
                address: Some(PathBuf::from("/t/c.sock")),
                bundles: PathBuf::from("/t/state/io.containerd.runtime.v2.task/k8s.io"),
            })
        );
    }

    #[test]
    fn a_conmon_is_parsed() {
        let arguments = words(
            "/usr/bin/conmon --api-version 1 -c 7dd1 -u 7dd1 -r /usr/bin/runc -b /s/overlay-containers/7dd1/userdata \
             -p /r/pidfile -n web --exit-dir /t/exits",
        );
        assert_eq!(
            parse_conmon(&arguments),
            Some(Shim::Conmon {
                id: "7dd1".to_owned(),
                name: "web".to_owned(),
                bundle: PathBuf::from("/s/overlay-containers/7dd1/userdata"),
            })
        );
    }

    #[test]
    fn a_flag_without_its_value_is_no_shim() {
        assert_eq!(parse_conmon(&words("conmon -c")), None);
        assert_eq!(parse_containerd(&words("shim -namespace a"), None), None);
    }

    #[test]
    fn a_host_process_without_a_shim_has_no_holder() {
        let proc = Proc::new(std::path::Path::new("/proc"));
        let lineage = proc.lineage(std::process::id());
        assert!(!lineage.is_empty());
        assert_eq!(find(&proc, &lineage), None);
    }
}
