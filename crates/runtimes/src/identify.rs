//! The first answer: who a container is, from /proc, cgroups, bundles and state files, without asking anyone.

use crate::bundle::{self, Spec};
use crate::cgroup::{self, CgroupPaths, IdInPath};
use crate::config::RuntimesConfig;
use crate::limits::{
    BUNDLE_BYTES_MAX, CGROUP_FILE_BYTES_MAX, MOUNTINFO_BYTES_MAX, PROC_FILE_BYTES_MAX,
    STATE_ENTRIES_MAX, bounded_string,
};
use crate::mountinfo::{RootMount, below, root_mount};
use crate::proc::{Namespaces, Proc, Stat, read_whole};
use crate::process::{cgroup_id, find_cgroup, representative};
use crate::shim::{self, Holder, Shim};
use crate::state::{self, State, Wanted};
use crate::{ask, docker, podman};
use std::path::{Path, PathBuf};
use yagura_event::{Container, ContainerQuery, LayerDirs, ProcessKey, Runtime, Text};

/// What the files say, and whom to ask for the rest.
#[derive(Debug, Clone, Default)]
pub(crate) struct Local {
    /// The container; `None` if the process is in none.
    pub(crate) container: Option<Container>,
    /// Layers of its root file system.
    pub(crate) layers: Option<LayerDirs>,
    /// Files that the runtime placed in it.
    pub(crate) runtime_files: Vec<Text>,
    /// A process whose root directory is the container's and can be read without waiting for anyone.
    pub(crate) root_process: Option<ProcessKey>,
    /// Whether it holds a pod's namespaces.
    pub(crate) is_sandbox: bool,
    /// The pod's sandbox, if the bundle names it.
    pub(crate) sandbox_id: Option<String>,
    /// containerd's namespace and socket, as its shim names them.
    pub(crate) containerd: Option<(String, Option<PathBuf>)>,
}

impl Local {
    /// Whether another look may find more: the runtime may be in the middle of starting the container, before its
    /// first process has entered its namespaces and before its state is written.
    pub(crate) fn is_settled(&self) -> bool {
        self.container.as_ref().is_some_and(|container| {
            container.runtime != Runtime::Unknown && container.first_pid != 0
        })
    }
}

/// Everything gathered about the process before anything is concluded.
#[derive(Debug)]
struct Evidence<'a> {
    config: &'a RuntimesConfig,
    proc: Proc,
    /// A living process of the container.
    process: Option<ProcessKey>,
    cgroups: CgroupPaths,
    lineage: Vec<(u32, Stat)>,
    namespaces: Option<Namespaces>,
    holder: Option<Holder>,
    id_in_path: Option<IdInPath>,
}

/// Looks at a container's process and files.
pub(crate) fn identify(config: &RuntimesConfig, query: &ContainerQuery) -> Local {
    let evidence = Evidence::gather(config, query);
    let Some(found) = evidence.find() else {
        return evidence.without_runtime(query);
    };
    evidence.describe(query, found)
}

/// A container that a runtime's files know.
#[derive(Debug, Default)]
struct Found {
    id: String,
    runtime: Runtime,
    name: String,
    bundle: Option<PathBuf>,
    state: Option<State>,
    containerd: Option<(String, Option<PathBuf>)>,
}

impl<'a> Evidence<'a> {
    fn gather(config: &'a RuntimesConfig, query: &ContainerQuery) -> Evidence<'a> {
        let proc = Proc::new(&config.proc_root);
        let seen_in = seen_cgroup(&proc, config, query);
        let process = representative(&proc, config, query, seen_in.as_deref());
        let mut evidence = Evidence {
            config,
            proc,
            process,
            cgroups: CgroupPaths::default(),
            lineage: Vec::new(),
            namespaces: None,
            holder: None,
            id_in_path: None,
        };
        if let Some(process) = process {
            evidence.look_at(process);
        }
        // The cgroup in which the process was seen counts more than the one that it is in by now.
        if let Some(path) = seen_in.filter(|path| path != "/") {
            evidence.cgroups.v2 = Some(path);
        }
        evidence.id_in_path = evidence.cgroups.container_id();
        evidence
    }

    /// Reads what /proc says of a process; all of it is dropped if the process ended meanwhile, since another may have
    /// got its pid.
    fn look_at(&mut self, process: ProcessKey) {
        let bytes = self
            .proc
            .read(process.pid, "cgroup", CGROUP_FILE_BYTES_MAX)
            .unwrap_or_default();
        let lineage = self.proc.lineage(process.pid);
        let holder = shim::find(&self.proc, &lineage);
        let namespaces = self.proc.namespaces(process.pid);
        if self.proc.is_alive(process) {
            self.cgroups = cgroup::parse(&bytes);
            self.lineage = lineage;
            self.holder = holder;
            self.namespaces = namespaces;
        } else {
            self.process = None;
        }
    }

    /// Names by which state directories and bundles may be called: the cgroup path's parts, outermost first.
    fn names(&self) -> Vec<String> {
        let paths = self.cgroups.v2.iter().chain(self.cgroups.v1.first());
        let mut names: Vec<String> = self
            .id_in_path
            .iter()
            .map(|found| found.id.clone())
            .collect();
        for part in paths.flat_map(|path| path.split('/')) {
            let unit = part.strip_suffix(".scope").unwrap_or(part);
            let id = unit.split_once('-').map_or(unit, |(_, id)| id);
            for name in [part, id] {
                if !name.is_empty() && !names.iter().any(|known| known == name) {
                    names.push(name.to_owned());
                }
            }
        }
        names
    }

    fn find(&self) -> Option<Found> {
        let mut found = match self.holder.as_ref() {
            Some(Holder { shim, .. }) => self.held_by(shim),
            None => self.find_without_holder()?,
        };
        if found.state.is_none() {
            let namespace = found.containerd.as_ref().map(|(name, _)| name.as_str());
            let names = [found.id.clone()];
            let wanted = self.wanted(&names);
            found.state = state::find_named(&self.proc, &self.state_roots(), namespace, &wanted);
        }
        Some(found)
    }

    fn wanted<'b>(&'b self, names: &'b [String]) -> Wanted<'b> {
        Wanted {
            names,
            cgroup: self.cgroups.v2.as_deref(),
            lineage: &self.lineage,
            mount_namespace: self.namespaces.map(|namespaces| namespaces.mount),
        }
    }

    fn state_roots(&self) -> Vec<PathBuf> {
        let host = &self.config.host_root;
        let roots = self.config.runc_roots.iter();
        roots.map(|root| below(host, root)).collect()
    }

    fn held_by(&self, shim: &Shim) -> Found {
        match shim {
            Shim::Containerd {
                namespace,
                id,
                address,
                bundles,
            } => {
                let id = self.containerd_id(bundles).unwrap_or_else(|| id.clone());
                Found {
                    bundle: Some(bundles.join(&id)),
                    id,
                    runtime: if namespace == "moby" {
                        Runtime::Docker
                    } else {
                        Runtime::Containerd
                    },
                    containerd: Some((namespace.clone(), address.clone())),
                    ..Found::default()
                }
            }
            Shim::Conmon { id, name, bundle } => Found {
                id: id.clone(),
                runtime: self
                    .id_in_path
                    .as_ref()
                    .map_or(Runtime::Podman, |found| found.runtime),
                name: name.clone(),
                bundle: Some(conmon_bundle(&self.config.host_root, bundle)),
                ..Found::default()
            },
        }
    }

    /// One shim holds all containers of a pod: the right one is named by the cgroup, or has a first process that is
    /// an ancestor or shares the mount namespace.
    fn containerd_id(&self, bundles: &Path) -> Option<String> {
        let bundles = below(&self.config.host_root, bundles);
        let by_name = self
            .names()
            .into_iter()
            .find(|name| name != ".." && bundles.join(name).join("config.json").exists());
        by_name.or_else(|| {
            let entries = std::fs::read_dir(&bundles).ok()?;
            entries
                .flatten()
                .take(STATE_ENTRIES_MAX)
                .find(|entry| {
                    init_pid(&entry.path()).is_some_and(|first| self.is_below_or_beside(first))
                })
                .map(|entry| entry.file_name().to_string_lossy().into_owned())
        })
    }

    fn is_below_or_beside(&self, first: u32) -> bool {
        self.lineage.iter().any(|(pid, _)| *pid == first)
            || (self.namespaces.is_some()
                && self.proc.namespaces(first).map(|first| first.mount)
                    == self.namespaces.map(|own| own.mount))
    }

    fn find_without_holder(&self) -> Option<Found> {
        let names = self.names();
        if let Some(state) = state::find(&self.proc, &self.state_roots(), &self.wanted(&names)) {
            let runtime = self
                .id_in_path
                .as_ref()
                .map(|found| found.runtime)
                .filter(|runtime| *runtime != Runtime::Unknown);
            return Some(Found {
                id: state.id.clone(),
                runtime: runtime.unwrap_or(state.runtime),
                bundle: state.bundle.clone(),
                state: Some(state),
                ..Found::default()
            });
        }
        let id = self.id_in_path.clone()?;
        Some(Found {
            bundle: default_bundle(&self.config.host_root, &id.id),
            id: id.id,
            runtime: id.runtime,
            ..Found::default()
        })
    }

    /// What is concluded when no runtime's trace was found.
    fn without_runtime(&self, query: &ContainerQuery) -> Local {
        if self.is_hosts_process() {
            return Local::default();
        }
        let unit = self.cgroups.v2.as_deref().unwrap_or("/");
        let id = if cgroup::is_plain_unit(unit) {
            match self.namespaces {
                Some(namespaces) => format!("ns-{}", namespaces.mount),
                None => cgroup::last_name(unit).to_owned(),
            }
        } else {
            cgroup::last_name(unit).to_owned()
        };
        let mut gaps = vec!["no container runtime is known to have started it".to_owned()];
        if self.process.is_none() {
            gaps.push("its process had ended before it could be looked at".to_owned());
        }
        let found = Found {
            id,
            ..Found::default()
        };
        let mut local = self.describe(query, found);
        if let Some(container) = &mut local.container {
            container.gaps = gaps;
        }
        local
    }

    /// A process with the host's namespaces is in no container; nor is one that shares the host's processes and runs
    /// in a unit of systemd's (a service with a root directory of its own).
    fn is_hosts_process(&self) -> bool {
        let (Some(own), Some(host)) = (self.namespaces, self.proc.host_namespaces()) else {
            return false;
        };
        let unit = self.cgroups.v2.as_deref().unwrap_or("/");
        own.pid == host.pid && (own.mount == host.mount || cgroup::is_plain_unit(unit))
    }

    fn describe(&self, query: &ContainerQuery, found: Found) -> Local {
        let host = &self.config.host_root;
        let mut gaps = Vec::new();
        let spec = found.bundle.as_deref().and_then(|bundle| {
            read_spec(&below(host, bundle))
                .map_err(|reason| gaps.push(format!("the OCI bundle was not read: {reason}")))
                .ok()
        });
        let mut container = spec.as_ref().map(Spec::container).unwrap_or_default();
        let manager = Some(container.runtime).filter(|runtime| *runtime != Runtime::Unknown);
        container.id = bounded_string(&found.id);
        container.runtime = manager.unwrap_or(found.runtime);
        container.first_pid = self.first_pid(&found);
        if container.created.is_none() {
            container.created = found.state.as_ref().and_then(|state| state.created);
        }
        if container.name.is_empty() {
            container.name = bounded_string(&found.name);
        }
        self.add_records(&mut container, spec.as_ref(), &found);
        if matches!(container.runtime, Runtime::Runc | Runtime::Crun) && container.name.is_empty() {
            container.name.clone_from(&container.id);
        }
        let root = self.root(query, container.first_pid);
        let layers = root
            .as_ref()
            .and_then(|(_, mount)| self.layers(mount, spec.as_ref(), &found, &mut gaps));
        if root.is_none() {
            gaps.push(
                "the layers of its root file system are unknown: no process has it any more"
                    .to_owned(),
            );
        }
        container.gaps.extend(gaps);
        Local {
            container: Some(container),
            layers,
            runtime_files: spec.as_ref().map(Spec::runtime_files).unwrap_or_default(),
            root_process: root
                .filter(|(_, mount)| !mount.may_block())
                .map(|(process, _)| process),
            is_sandbox: spec.as_ref().is_some_and(Spec::is_sandbox),
            sandbox_id: spec.as_ref().and_then(Spec::sandbox_id),
            containerd: found.containerd,
        }
    }

    /// Adds what Docker and Podman keep on disk.
    fn add_records(&self, container: &mut Container, spec: Option<&Spec>, found: &Found) {
        let host = &self.config.host_root;
        let record = match container.runtime {
            Runtime::Docker => spec
                .and_then(|spec| spec.mount_source("/etc/hostname"))
                .and_then(|source| Path::new(source).parent())
                .and_then(|directory| docker::read_record(&below(host, directory), &found.id)),
            Runtime::Podman => podman::read_record(host, found.bundle.as_deref(), &found.id),
            _ => None,
        };
        if let Some(record) = record {
            ask::merge(container, record);
        }
    }

    /// Pid of the container's first process: as the runtime noted it, else the manager's child if it is number 1 of
    /// a pid namespace.
    fn first_pid(&self, found: &Found) -> u32 {
        let noted = found.state.as_ref().and_then(|state| {
            let stat = self.proc.stat(state.first_pid)?;
            (stat.start_ticks == state.first_start_ticks).then_some(state.first_pid)
        });
        let child = || {
            let child = self.holder.as_ref()?.child;
            self.is_first_of_namespace(child).then_some(child)
        };
        noted.or_else(child).unwrap_or(0)
    }

    fn is_first_of_namespace(&self, pid: u32) -> bool {
        let status = self
            .proc
            .read(pid, "status", PROC_FILE_BYTES_MAX)
            .unwrap_or_default();
        String::from_utf8_lossy(&status)
            .lines()
            .find_map(|line| line.strip_prefix("NSpid:"))
            .is_some_and(|pids| pids.split_ascii_whitespace().count() > 1 && pids.ends_with("\t1"))
    }

    /// A living process that has the container's root file system, and that file system. The first process is
    /// preferred: another may have put itself elsewhere.
    fn root(&self, query: &ContainerQuery, first_pid: u32) -> Option<(ProcessKey, RootMount)> {
        let first = self.proc.stat(first_pid).map(|stat| ProcessKey {
            pid: first_pid,
            start_ns: stat.start_ticks.saturating_mul(crate::proc::TICK_NS),
        });
        first.into_iter().chain(self.process).find_map(|process| {
            let bytes = self
                .proc
                .read(process.pid, "mountinfo", MOUNTINFO_BYTES_MAX)?;
            let mount = root_mount(&bytes)?;
            let is_meant = query.root.dev == 0 || mount.has_device(query.root.dev);
            (is_meant && self.proc.is_alive(process)).then_some((process, mount))
        })
    }

    fn layers(
        &self,
        mount: &RootMount,
        spec: Option<&Spec>,
        found: &Found,
        gaps: &mut Vec<String>,
    ) -> Option<LayerDirs> {
        let options = mount.overlay()?;
        let hints = spec
            .and_then(Spec::root_path)
            .into_iter()
            .chain(found.bundle.clone())
            .chain(LAYER_ROOTS.map(PathBuf::from));
        let hints: Vec<PathBuf> = hints.collect();
        options
            .resolve(&self.config.host_root, &hints)
            .map_err(|error| gaps.push(error.to_string()))
            .ok()
    }
}

/// Where managers keep layers unless told otherwise.
const LAYER_ROOTS: [&str; 3] = [
    "/var/lib/docker/overlay2",
    "/var/lib/containers/storage/overlay",
    "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots",
];

/// The cgroup in which the process was seen, as a path. Most often it still is there, and no search is needed.
fn seen_cgroup(proc: &Proc, config: &RuntimesConfig, query: &ContainerQuery) -> Option<String> {
    let now = proc
        .is_alive(query.process)
        .then(|| proc.read(query.process.pid, "cgroup", CGROUP_FILE_BYTES_MAX))
        .flatten()
        .and_then(|bytes| cgroup::parse(&bytes).v2);
    now.filter(|path| cgroup_id(config, path) == Some(query.cgroup))
        .or_else(|| find_cgroup(config, query.cgroup))
}

fn read_spec(bundle: &Path) -> Result<Spec, String> {
    let bytes = read_whole(&bundle.join("config.json"), BUNDLE_BYTES_MAX)
        .map_err(|error| error.to_string())?;
    bundle::parse(&bytes).map_err(|error| error.to_string())
}

/// An exec session's conmon names a directory below the container's own bundle.
fn conmon_bundle(host_root: &Path, bundle: &Path) -> PathBuf {
    bundle
        .ancestors()
        .take(3)
        .find(|path| below(host_root, path).join("config.json").exists())
        .unwrap_or(bundle)
        .to_owned()
}

/// The bundle of a container whose shim is gone, in containerd's default state directory.
fn default_bundle(host_root: &Path, id: &str) -> Option<PathBuf> {
    let tasks = Path::new("/run/containerd/io.containerd.runtime.v2.task");
    let entries = std::fs::read_dir(below(host_root, tasks)).ok()?;
    entries
        .flatten()
        .take(STATE_ENTRIES_MAX)
        .map(|namespace| tasks.join(namespace.file_name()).join(id))
        .find(|bundle| below(host_root, bundle).join("config.json").exists())
}

/// Pid of a bundle's first process, as containerd's shim notes it.
fn init_pid(bundle: &Path) -> Option<u32> {
    const BYTES_MAX: usize = 16;
    let bytes = read_whole(&bundle.join("init.pid"), BYTES_MAX).ok()?;
    std::str::from_utf8(&bytes).ok()?.trim().parse().ok()
}
