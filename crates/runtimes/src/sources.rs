//! The second answer: which sockets to ask about a container, in which order, and how often.

use crate::ask::{AskError, merge};
use crate::cgroup::is_id;
use crate::config::{RuntimesConfig, Socket};
use crate::containerd::{self, ContainerdQuery};
use crate::cri::{self, CriQuery};
use crate::docker;
use crate::identify::Local;
use crate::mountinfo::below;
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;
use yagura_event::{Container, Runtime};

/// Pauses before a runtime that does not know a container yet is asked again: it may learn of its first process
/// later than the kernel does. About a second in all.
const RETRY_DELAYS_MS: [u64; 5] = [30, 60, 120, 250, 500];

/// One runtime to ask, with the question in its terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// A CRI server.
    Cri(PathBuf, CriQuery),
    /// containerd's own API.
    Containerd(PathBuf, ContainerdQuery),
    /// Docker's API; the runtime is Docker or Podman.
    Docker(PathBuf, String, Runtime),
}

impl Source {
    fn path(&self) -> &PathBuf {
        let (Source::Cri(path, _) | Source::Containerd(path, _) | Source::Docker(path, _, _)) =
            self;
        path
    }

    async fn ask(&self, timeout: Duration) -> Result<Container, AskError> {
        match self {
            Source::Cri(path, query) => within(timeout, cri::ask(path, query)).await,
            Source::Containerd(path, query) => within(timeout, containerd::ask(path, query)).await,
            Source::Docker(path, id, runtime) => {
                within(timeout, docker::ask(path, id, *runtime, timeout)).await
            }
        }
    }
}

/// Bounds a question in time.
pub(crate) async fn within<T>(
    timeout: Duration,
    question: impl Future<Output = Result<T, AskError>>,
) -> Result<T, AskError> {
    let timeout_ms = timeout.as_millis();
    tokio::time::timeout(timeout, question)
        .await
        .unwrap_or(Err(AskError::Timeout { timeout_ms }))
}

/// Whom to ask about a container: sockets that exist and may know it, containerd's own first.
pub(crate) fn plan(config: &RuntimesConfig, local: &Local) -> Vec<Source> {
    let Some(container) = &local.container else {
        return Vec::new();
    };
    // Bare runc and crun have nobody to ask; an id that no manager made is nobody's.
    let is_foreign = container.runtime == Runtime::Unknown && !is_id(&container.id);
    if matches!(container.runtime, Runtime::Runc | Runtime::Crun) || is_foreign {
        return Vec::new();
    }
    let mut sources = Vec::new();
    if let Some((namespace, Some(address))) = &local.containerd
        && container.runtime == Runtime::Containerd
    {
        let path = below(&config.host_root, address);
        if namespace == CRI_NAMESPACE {
            push(&mut sources, Source::Cri(path, cri_query(local, container)));
        } else {
            let query = ContainerdQuery {
                namespace: namespace.clone(),
                id: container.id.clone(),
            };
            push(&mut sources, Source::Containerd(path, query));
            return existing(sources);
        }
    }
    let sockets = config.sockets();
    for Socket { path, api } in sockets
        .iter()
        .filter(|socket| socket.api.may_know(container.runtime))
    {
        let path = below(&config.host_root, path);
        let source = match api.runtime() {
            None => Source::Cri(path, cri_query(local, container)),
            Some(runtime) => Source::Docker(path, container.id.clone(), runtime),
        };
        push(&mut sources, source);
    }
    existing(sources)
}

/// containerd's namespace for Kubernetes.
const CRI_NAMESPACE: &str = "k8s.io";

fn cri_query(local: &Local, container: &Container) -> CriQuery {
    CriQuery {
        id: container.id.clone(),
        is_sandbox: local.is_sandbox,
        sandbox_id: local.sandbox_id.clone(),
    }
}

fn push(sources: &mut Vec<Source>, source: Source) {
    if !sources.iter().any(|known| known.path() == source.path()) {
        sources.push(source);
    }
}

fn existing(mut sources: Vec<Source>) -> Vec<Source> {
    sources.retain(|source| source.path().exists());
    sources
}

/// Asks until one answers; what stays unanswered becomes a gap.
pub(crate) async fn ask(config: &RuntimesConfig, mut sources: Vec<Source>, local: &mut Local) {
    let Some(container) = &mut local.container else {
        return;
    };
    let mut delays = RETRY_DELAYS_MS.iter();
    while !sources.is_empty() {
        let mut left = Vec::new();
        for source in sources {
            match source.ask(config.timeout).await {
                Ok(answer) => {
                    let runtime = runtime_behind(config, &source, container.runtime).await;
                    merge(container, Container { runtime, ..answer });
                    add_digest(config, local).await;
                    return;
                }
                Err(AskError::NotFound) => left.push(source),
                Err(error) => container.gaps.push(unanswered(&source, &error)),
            }
        }
        let Some(delay_ms) = delays.next() else {
            let unknown = left
                .iter()
                .map(|source| unanswered(source, &AskError::NotFound));
            container.gaps.extend(unknown);
            return;
        };
        sources = left;
        if !sources.is_empty() {
            tokio::time::sleep(Duration::from_millis(*delay_ms)).await;
        }
    }
}

fn unanswered(source: &Source, error: &AskError) -> String {
    format!("the runtime at {} {error}", source.path().display())
}

/// Which runtime answered, where the files did not say it.
async fn runtime_behind(config: &RuntimesConfig, source: &Source, known: Runtime) -> Runtime {
    match source {
        _ if known != Runtime::Unknown => known,
        Source::Cri(path, _) => within(config.timeout, cri::version(path))
            .await
            .map_or(Runtime::Unknown, |(runtime, _)| runtime),
        Source::Containerd(..) => Runtime::Containerd,
        Source::Docker(_, _, runtime) => *runtime,
    }
}

/// CRI names a manifest's digest only for images that came from a registry; containerd's own API names it for all.
async fn add_digest(config: &RuntimesConfig, local: &mut Local) {
    let (Some(container), Some((namespace, Some(address)))) =
        (&mut local.container, &local.containerd)
    else {
        return;
    };
    if !container.image_digest.is_empty() || container.image.is_empty() {
        return;
    }
    let path = below(&config.host_root, address);
    let question = containerd::image_digest_of(&path, namespace, &container.image);
    if let Ok(digest) = within(config.timeout, question).await {
        container.image_digest = digest;
    }
}

/// What to say when there is nobody to ask and the files left something open.
pub(crate) fn nobody_to_ask(container: &Container) -> Option<String> {
    let labels_missing = container
        .pod
        .as_ref()
        .is_some_and(|pod| pod.labels.is_empty());
    let is_managed = matches!(
        container.runtime,
        Runtime::Containerd | Runtime::CriO | Runtime::Docker | Runtime::Podman
    );
    let open = container.name.is_empty() || container.image.is_empty() || labels_missing;
    (is_managed && open).then(|| {
        format!(
            "no socket of {} was found to ask for what its files leave open",
            container.runtime.as_str()
        )
    })
}

/// The state of one socket, for `doctor`.
pub(crate) async fn version(
    config: &RuntimesConfig,
    socket: &Socket,
) -> Result<(Runtime, String), AskError> {
    let path = below(&config.host_root, &socket.path);
    let timeout = config.timeout;
    match socket.api.runtime() {
        None => within(timeout, cri::version(&path)).await,
        Some(runtime) => within(timeout, docker::version(&path, runtime, timeout)).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{SocketApi, Sockets};
    use crate::test_dir::TestDir;

    const ID: &str = "7dd1e9c7859c8daca5ab2c471a586743ff624db15adc85a464fd2a9f9696d679";

    fn local(runtime: Runtime, id: &str) -> Local {
        Local {
            container: Some(Container {
                id: id.to_owned(),
                runtime,
                ..Container::default()
            }),
            ..Local::default()
        }
    }

    fn config(dir: &TestDir) -> RuntimesConfig {
        let socket = |name: &str, api| Socket {
            path: dir.path().join(name),
            api,
        };
        for name in ["cri.sock", "docker.sock"] {
            std::fs::write(dir.path().join(name), "").expect("a file");
        }
        RuntimesConfig {
            sockets: Sockets::Listed(vec![
                socket("cri.sock", SocketApi::Cri),
                socket("docker.sock", SocketApi::Docker),
                socket("absent.sock", SocketApi::Podman),
            ]),
            host_root: PathBuf::from("/"),
            ..RuntimesConfig::default()
        }
    }

    #[test]
    fn only_existing_sockets_that_may_know_are_asked() {
        let dir = TestDir::new("plan");
        let config = config(&dir);
        let asked = |runtime, id| plan(&config, &local(runtime, id)).len();
        assert_eq!(asked(Runtime::Unknown, ID), 2);
        assert_eq!(asked(Runtime::CriO, ID), 1);
        assert_eq!(asked(Runtime::Podman, ID), 0);
        assert_eq!(asked(Runtime::Runc, ID), 0);
        assert_eq!(asked(Runtime::Unknown, "ns-4026532177"), 0);
        assert!(plan(&config, &Local::default()).is_empty());
    }

    #[test]
    fn the_socket_that_the_shim_names_comes_first_and_once() {
        let dir = TestDir::new("plan");
        let config = config(&dir);
        let mut local = local(Runtime::Containerd, ID);
        let address = dir.path().join("cri.sock");
        local.containerd = Some(("k8s.io".to_owned(), Some(address.clone())));
        let query = CriQuery {
            id: ID.to_owned(),
            is_sandbox: false,
            sandbox_id: None,
        };
        assert_eq!(plan(&config, &local), [Source::Cri(address.clone(), query)]);
        local.containerd = Some(("default".to_owned(), Some(address.clone())));
        assert!(matches!(
            plan(&config, &local).as_slice(),
            [Source::Containerd(path, query)] if *path == address && query.namespace == "default"
        ));
    }

    #[test]
    fn nobody_to_ask_is_said_only_when_something_is_missing() {
        let mut container = Container {
            runtime: Runtime::Podman,
            ..Container::default()
        };
        assert!(nobody_to_ask(&container).is_some());
        container.name = "web".to_owned();
        container.image = "busy:1".to_owned();
        assert_eq!(nobody_to_ask(&container), None);
    }
}
