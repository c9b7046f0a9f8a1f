//! Docker Engine and Podman's Docker-compatible API over a unix socket, and Docker's own files where no socket answers.

use crate::ask::{AskError, pod_of_labels, repo_digest};
use crate::limits::{STATE_BYTES_MAX, bounded_string};
use crate::proc::read_whole;
use crate::time::wall_time;
use bollard::errors::Error;
use bollard::models::ContainerInspectResponse;
use bollard::{API_DEFAULT_VERSION, Docker};
use serde::Deserialize;
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;
use tokio::net::UnixStream;
use yagura_event::{Container, Mount, Runtime};

/// Connects. With Docker a version of the API is agreed on, since an older engine refuses a newer client; Podman takes
/// any, and needs seconds to tell its own.
async fn connect(socket: &Path, runtime: Runtime, timeout: Duration) -> Result<Docker, AskError> {
    let unreachable = |reason: String| AskError::Unreachable {
        reason: bounded_string(&reason),
    };
    UnixStream::connect(socket)
        .await
        .map_err(|error| unreachable(error.to_string()))?;
    let path = socket
        .to_str()
        .ok_or_else(|| unreachable("the path is not UTF-8".to_owned()))?;
    // The transport's own bound is in whole seconds; the caller's is the one that counts.
    let seconds = timeout.as_secs().saturating_add(1);
    let client = Docker::connect_with_unix(path, seconds, API_DEFAULT_VERSION)
        .map_err(|error| ask_error(&error))?;
    if runtime == Runtime::Podman {
        return Ok(client);
    }
    client
        .negotiate_version()
        .await
        .map_err(|error| ask_error(&error))
}

fn ask_error(error: &Error) -> AskError {
    match error {
        Error::DockerResponseServerError {
            status_code: 404, ..
        } => AskError::NotFound,
        error => AskError::refused(error),
    }
}

/// Name and version of the engine behind a socket.
///
/// # Errors
/// [`AskError`], without [`AskError::NotFound`].
pub(crate) async fn version(
    socket: &Path,
    expected: Runtime,
    timeout: Duration,
) -> Result<(Runtime, String), AskError> {
    let client = connect(socket, expected, timeout).await?;
    let version = client.version().await.map_err(|error| ask_error(&error))?;
    let is_podman = version
        .components
        .iter()
        .flatten()
        .any(|component| component.name.starts_with("Podman"));
    let runtime = if is_podman {
        Runtime::Podman
    } else {
        Runtime::Docker
    };
    Ok((
        runtime,
        bounded_string(&version.version.unwrap_or_default()),
    ))
}

/// Asks for a container with its image.
///
/// # Errors
/// [`AskError`].
pub(crate) async fn ask(
    socket: &Path,
    id: &str,
    runtime: Runtime,
    timeout: Duration,
) -> Result<Container, AskError> {
    let client = connect(socket, runtime, timeout).await?;
    let answer = client
        .inspect_container(id, None)
        .await
        .map_err(|error| ask_error(&error))?;
    let mut container = container(answer, runtime);
    if container.image_id.is_empty() {
        return Ok(container);
    }
    match client.inspect_image(&container.image_id).await {
        Ok(image) => {
            let digests = image.repo_digests.unwrap_or_default();
            container.image_digest = repo_digest(&container.image, &digests);
        }
        Err(_) => container
            .gaps
            .push("the image's digest is unknown: the image was removed".to_owned()),
    }
    Ok(container)
}

fn container(answer: ContainerInspectResponse, runtime: Runtime) -> Container {
    let labels = answer
        .config
        .as_ref()
        .and_then(|config| config.labels.clone())
        .unwrap_or_default();
    let mounts = answer.mounts.into_iter().flatten().map(|mount| Mount {
        destination: mount.destination.unwrap_or_default(),
        source: mount.source.unwrap_or_default(),
        read_only: mount.rw == Some(false),
    });
    let mut container = Container {
        id: answer.id.unwrap_or_default(),
        name: plain_name(&answer.name.unwrap_or_default()),
        image: answer
            .config
            .and_then(|config| config.image)
            .unwrap_or_default(),
        image_id: answer.image.unwrap_or_default(),
        runtime,
        privileged: answer.host_config.and_then(|host| host.privileged),
        mounts: mounts.collect(),
        created: answer
            .created
            .and_then(|created| wall_time(&created.to_string())),
        first_pid: answer
            .state
            .and_then(|state| state.pid)
            .and_then(|pid| u32::try_from(pid).ok())
            .unwrap_or(0),
        ..Container::default()
    };
    add_kubernetes(&mut container, &labels);
    container
}

/// Docker writes names with a slash before them.
fn plain_name(name: &str) -> String {
    bounded_string(name.strip_prefix('/').unwrap_or(name))
}

/// Kubernetes with Docker (cri-dockerd) keeps names in labels.
fn add_kubernetes(container: &mut Container, labels: &HashMap<String, String>) {
    let Some(pod) = pod_of_labels(labels) else {
        return;
    };
    container.pod = Some(pod);
    if let Some(name) = labels.get("io.kubernetes.container.name") {
        container.name = bounded_string(name);
    }
    container
        .gaps
        .push("the pod's labels are unknown: Docker does not keep them".to_owned());
}

/// The engine's own record of a container, `config.v2.json` beside the files that it binds over `/etc/hostname`.
///
/// Source: container/container.go, Docker Engine 20.10.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Record {
    name: String,
    image: String,
    created: String,
    config: Option<RecordConfig>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct RecordConfig {
    image: String,
    labels: Option<HashMap<String, String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct RecordHost {
    privileged: Option<bool>,
}

/// Reads what the engine wrote about a container into its own directory; `None` if that is another container's
/// directory or none.
pub(crate) fn read_record(directory: &Path, id: &str) -> Option<Container> {
    if directory.file_name()? != id {
        return None;
    }
    let read = |name: &str| read_whole(&directory.join(name), STATE_BYTES_MAX).ok();
    let privileged = read("hostconfig.json")
        .and_then(|bytes| serde_json::from_slice::<RecordHost>(&bytes).ok())
        .and_then(|host| host.privileged);
    let mut container = parse_record(&read("config.v2.json")?)?;
    container.privileged = privileged;
    Some(container)
}

fn parse_record(bytes: &[u8]) -> Option<Container> {
    let record: Record = serde_json::from_slice(bytes).ok()?;
    let config = record.config.unwrap_or_default();
    let mut container = Container {
        name: plain_name(&record.name),
        image: bounded_string(&config.image),
        image_id: bounded_string(&record.image),
        runtime: Runtime::Docker,
        created: wall_time(&record.created),
        ..Container::default()
    };
    add_kubernetes(&mut container, &config.labels.unwrap_or_default());
    Some(container)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engines_record_is_parsed() {
        let container = parse_record(
            br#"{"StreamConfig":{},"State":{"Running":true,"Pid":7},"ID":"553e",
                "Created":"1970-01-01T00:00:03Z","Managed":false,"Path":"/bin/sleep","Args":["1"],
                "Config":{"Image":"busy:1","Labels":{"app":"web"}},"Image":"sha256:780f","Name":"/dweb"}"#,
        )
        .expect("a record");
        assert_eq!(
            (container.name.as_str(), container.image.as_str()),
            ("dweb", "busy:1")
        );
        assert_eq!(container.image_id, "sha256:780f");
        assert_eq!(container.pod, None);
        assert!(parse_record(b"7").is_none());
    }

    #[test]
    fn kubernetes_labels_name_container_and_pod() {
        let container = parse_record(
            br#"{"Name":"/k8s_app_web-0","Config":{"Labels":{"io.kubernetes.container.name":"app",
                "io.kubernetes.pod.name":"web-0","io.kubernetes.pod.namespace":"shop"}}}"#,
        )
        .expect("a record");
        assert_eq!(container.name, "app");
        assert_eq!(container.pod.expect("a pod").namespace, "shop");
        assert_eq!(container.gaps.len(), 1);
    }

    #[test]
    fn another_containers_directory_is_not_read() {
        let dir = crate::test_dir::TestDir::new("docker");
        std::fs::write(dir.path().join("config.v2.json"), r#"{"Name":"/x"}"#).expect("write");
        let name = dir.path().file_name().expect("name").to_string_lossy();
        assert!(read_record(dir.path(), &name).is_some());
        assert!(read_record(dir.path(), "other").is_none());
    }
}
