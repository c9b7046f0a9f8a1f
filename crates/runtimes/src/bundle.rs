//! An OCI bundle's `config.json`: annotations by which managers name a container, privileges, mounts.

use crate::limits::{COMMAND_ARGUMENTS_MAX, MOUNTS_MAX, RUNTIME_FILES_MAX, bounded_string};
use crate::time::wall_time;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use yagura_event::{CAPABILITIES, Container, Mount, Pod, Runtime, Text};

/// The parts of the OCI runtime specification that identity needs. Whatever else is there is skipped.
///
/// Source: config.md and config-linux.md of the OCI runtime specification 1.0.2.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Spec {
    annotations: Option<BTreeMap<String, String>>,
    mounts: Option<Vec<SpecMount>>,
    root: Option<SpecRoot>,
    process: Option<SpecProcess>,
    linux: Option<SpecLinux>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct SpecMount {
    destination: String,
    source: String,
    options: Option<Vec<String>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct SpecRoot {
    path: PathBuf,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct SpecProcess {
    args: Option<Vec<String>>,
    capabilities: Option<SpecCapabilities>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct SpecCapabilities {
    bounding: Option<Vec<String>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct SpecLinux {
    namespaces: Option<Vec<SpecNamespace>>,
    masked_paths: Option<Vec<String>>,
    resources: Option<SpecResources>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct SpecNamespace {
    #[serde(rename = "type")]
    kind: String,
    path: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct SpecResources {
    devices: Option<Vec<SpecDevice>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct SpecDevice {
    allow: bool,
    #[serde(rename = "type")]
    kind: Option<String>,
    major: Option<i64>,
    minor: Option<i64>,
    access: Option<String>,
}

/// Parses a bundle's configuration.
///
/// # Errors
/// Whatever serde_json finds wrong with it.
pub(crate) fn parse(bytes: &[u8]) -> Result<Spec, serde_json::Error> {
    serde_json::from_slice(bytes)
}

/// Capabilities without which a container is not privileged, whatever else it may do. The kernel's list grows, so
/// their number proves nothing.
const PRIVILEGED_CAPABILITIES: [&str; 5] = [
    "CAP_SYS_ADMIN",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_PTRACE",
    "CAP_NET_ADMIN",
];

/// Programs that runtimes bind into a container as its first process, by the end of their path on the host.
const INIT_NAMES: [&str; 6] = [
    "/catatonit",
    "/docker-init",
    "/podman-init",
    "/tini",
    "/tini-static",
    "/dumb-init",
];

/// Where Docker (two generations) and Podman (two generations) place their init helper.
///
/// Source: Docker Engine, daemon/oci_linux.go; Podman, libpod/container_internal_common.go.
pub(crate) const INIT_DESTINATIONS: [&str; 4] = [
    "/sbin/docker-init",
    "/run/podman-init",
    "/dev/init",
    "/dev/docker-init",
];

impl Spec {
    /// Path of the root file system as the runtime was given it; relative paths start at the bundle.
    pub(crate) fn root_path(&self) -> Option<PathBuf> {
        self.root
            .as_ref()
            .map(|root| root.path.clone())
            .filter(|path| !path.as_os_str().is_empty())
    }

    fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations
            .as_ref()?
            .get(key)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    fn first_annotation(&self, keys: &[&str]) -> String {
        keys.iter()
            .find_map(|key| self.annotation(key))
            .map(bounded_string)
            .unwrap_or_default()
    }

    /// Mounts beside the root file system.
    pub(crate) fn mounts(&self) -> Vec<Mount> {
        let mounts = self.mounts.iter().flatten().take(MOUNTS_MAX);
        mounts
            .map(|mount| Mount {
                destination: bounded_string(&mount.destination),
                source: bounded_string(&mount.source),
                read_only: mount.has_option("ro"),
            })
            .collect()
    }

    /// Source of the mount at `destination`.
    pub(crate) fn mount_source(&self, destination: &str) -> Option<&str> {
        self.mounts
            .iter()
            .flatten()
            .find(|mount| mount.destination == destination)
            .map(|mount| mount.source.as_str())
    }

    /// Whether the container was given all that makes it privileged: the strongest capabilities, every device, and
    /// no masked paths. `None` if the configuration does not say.
    pub(crate) fn privileged(&self) -> Option<bool> {
        if let Some(value) = self
            .annotation("io.podman.annotations.privileged")
            .or_else(|| self.annotation("io.kubernetes.cri-o.PrivilegedRuntime"))
        {
            return Some(value.eq_ignore_ascii_case("true"));
        }
        let linux = self.linux.as_ref()?;
        let bounding = self
            .process
            .as_ref()?
            .capabilities
            .as_ref()
            .and_then(|capabilities| capabilities.bounding.as_deref())
            .unwrap_or_default();
        let strong = PRIVILEGED_CAPABILITIES
            .iter()
            .all(|name| bounding.iter().any(|held| held == name));
        let masked = linux.masked_paths.iter().flatten().next().is_some();
        Some(strong && !masked && self.has_all_devices())
    }

    /// Rules are applied in order; the last one about every device decides.
    fn has_all_devices(&self) -> bool {
        self.linux
            .iter()
            .filter_map(|linux| linux.resources.as_ref())
            .flat_map(|resources| resources.devices.iter().flatten())
            .rfind(|device| device.is_every())
            .is_some_and(|device| device.allow)
    }

    /// Files that the runtime itself put into the container: its init helper.
    pub(crate) fn runtime_files(&self) -> Vec<Text> {
        let mounts = self.mounts.iter().flatten();
        mounts
            .filter(|mount| {
                INIT_DESTINATIONS.contains(&mount.destination.as_str())
                    || (mount.has_option("ro")
                        && mount.has_option("bind")
                        && INIT_NAMES.iter().any(|name| mount.source.ends_with(name)))
            })
            .take(RUNTIME_FILES_MAX)
            .map(|mount| Text::from(bounded_string(&mount.destination).as_str()))
            .collect()
    }

    /// The manager that wrote the annotations, if it left any mark.
    pub(crate) fn manager(&self) -> Option<Runtime> {
        let annotations = self.annotations.as_ref()?;
        if annotations
            .get("io.container.manager")
            .is_some_and(|manager| manager == "libpod")
        {
            return Some(Runtime::Podman);
        }
        if self.annotation("io.container.manager") == Some("cri-o")
            || self.annotation("io.kubernetes.cri-o.ContainerID").is_some()
        {
            return Some(Runtime::CriO);
        }
        annotations
            .keys()
            .any(|key| key.starts_with("io.kubernetes.cri.") || key.starts_with("nerdctl/"))
            .then_some(Runtime::Containerd)
    }

    /// Arguments of the first process, bounded.
    fn command(&self) -> Vec<String> {
        let process = self.process.as_ref();
        let arguments = process.and_then(|process| process.args.as_ref());
        let arguments = arguments.into_iter().flatten().take(COMMAND_ARGUMENTS_MAX);
        arguments.map(|argument| bounded_string(argument)).collect()
    }

    /// The bounding set; `None` if the configuration names none.
    fn capabilities(&self) -> Option<u64> {
        let process = self.process.as_ref()?;
        let names = process.capabilities.as_ref()?.bounding.as_ref()?;
        let bits = names
            .iter()
            .filter_map(|name| CAPABILITIES.iter().position(|known| known == name));
        Some(bits.fold(0, |set, bit| set | 1 << bit))
    }

    /// Namespaces that are not the container's or the pod's own, by the names of `/proc/PID/ns`. User and cgroup namespaces
    /// are left out: nearly every container shares them.
    fn host_namespaces(&self) -> Option<Vec<String>> {
        const KINDS: [(&str, &str); 5] = [
            ("pid", "pid"),
            ("network", "net"),
            ("ipc", "ipc"),
            ("uts", "uts"),
            ("mount", "mnt"),
        ];
        let own = self.linux.as_ref()?.namespaces.as_ref()?;
        let is_own = |kind: &str| {
            own.iter().any(|namespace| {
                let path = namespace.path.as_deref().unwrap_or_default();
                namespace.kind == kind && !path.starts_with("/proc/1/")
            })
        };
        let shared = KINDS.iter().filter(|(kind, _)| !is_own(kind));
        Some(shared.map(|(_, name)| (*name).to_owned()).collect())
    }

    /// Id of the pod's sandbox.
    pub(crate) fn sandbox_id(&self) -> Option<String> {
        self.annotation("io.kubernetes.cri.sandbox-id")
            .or_else(|| self.annotation("io.kubernetes.cri-o.SandboxID"))
            .map(bounded_string)
    }

    /// Whether the container is the one that only holds a pod's namespaces.
    pub(crate) fn is_sandbox(&self) -> bool {
        self.annotation("io.kubernetes.cri.container-type")
            .or_else(|| self.annotation("io.kubernetes.cri-o.ContainerType"))
            == Some("sandbox")
    }

    fn pod(&self) -> Option<Pod> {
        let name = self.first_annotation(&[
            "io.kubernetes.cri.sandbox-name",
            "io.kubernetes.pod.name",
            "io.kubernetes.cri-o.KubeName",
        ]);
        (!name.is_empty()).then(|| Pod {
            name,
            namespace: self.first_annotation(&[
                "io.kubernetes.cri.sandbox-namespace",
                "io.kubernetes.pod.namespace",
                "io.kubernetes.cri-o.Namespace",
            ]),
            uid: self.first_annotation(&["io.kubernetes.cri.sandbox-uid", "io.kubernetes.pod.uid"]),
            labels: if self.is_sandbox() {
                self.crio_labels()
            } else {
                BTreeMap::new()
            },
        })
    }

    /// The labels that CRI-O keeps as JSON in an annotation: a sandbox's are the pod's.
    fn crio_labels(&self) -> BTreeMap<String, String> {
        self.annotation("io.kubernetes.cri-o.Labels")
            .and_then(|json| serde_json::from_str(json).ok())
            .unwrap_or_default()
    }

    /// What the configuration says of the container. Its id and first process are not in it.
    pub(crate) fn container(&self) -> Container {
        let mut name = self.first_annotation(&[
            "io.kubernetes.cri.container-name",
            "io.kubernetes.container.name",
            "nerdctl/name",
        ]);
        if name.is_empty() && self.is_sandbox() {
            name = SANDBOX_NAME.to_owned();
        }
        Container {
            name,
            image: self.first_annotation(&[
                "io.kubernetes.cri.image-name",
                "io.kubernetes.cri-o.ImageName",
                "org.opencontainers.image.ref.name",
            ]),
            image_id: self.first_annotation(&["io.kubernetes.cri-o.ImageRef"]),
            runtime: self.manager().unwrap_or_default(),
            privileged: self.privileged(),
            mounts: self.mounts(),
            pod: self.pod(),
            created: self
                .annotation("io.kubernetes.cri-o.Created")
                .and_then(wall_time),
            command: self.command(),
            capabilities: self.capabilities(),
            host_namespaces: self.host_namespaces(),
            sandbox_id: self.sandbox_id().unwrap_or_default(),
            ..Container::default()
        }
    }
}

/// Name of a pod's sandbox container, as CRI-O and the kubelet's older container names have it.
pub(crate) const SANDBOX_NAME: &str = "POD";

impl SpecMount {
    fn has_option(&self, name: &str) -> bool {
        self.options
            .iter()
            .flatten()
            .any(|option| option == name || (name == "bind" && option == "rbind"))
    }
}

impl SpecDevice {
    /// Whether the rule is about every device, for every access.
    fn is_every(&self) -> bool {
        let any_number = |number: Option<i64>| number.is_none_or(|number| number < 0);
        self.kind
            .as_deref()
            .is_none_or(|kind| kind.is_empty() || kind == "a")
            && any_number(self.major)
            && any_number(self.minor)
            && self
                .access
                .as_deref()
                .is_none_or(|access| "rwm".chars().all(|c| access.contains(c)))
    }
}

#[cfg(test)]
#[path = "bundle/tests.rs"]
mod tests;
