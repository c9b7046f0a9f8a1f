//! CRI over a unix socket: containerd and CRI-O.

use crate::ask::{AskError, pod_of_labels, repo_digest};
use crate::bundle::SANDBOX_NAME;
use crate::limits::{CRI_ANSWER_BYTES_MAX, bounded_string};
use hyper_util::rt::TokioIo;
use k8s_cri::v1::image_service_client::ImageServiceClient;
use k8s_cri::v1::runtime_service_client::RuntimeServiceClient;
use k8s_cri::v1::{
    ContainerStatus, ContainerStatusRequest, ImageSpec, ImageStatusRequest, PodSandboxStatus,
    PodSandboxStatusRequest, VersionRequest,
};
use serde::Deserialize;
use std::collections::HashMap;
use std::path::Path;
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use yagura_event::{Container, Mount, Pod, Runtime, WallTime};

/// What CRI is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CriQuery {
    /// The container, or the sandbox itself.
    pub(crate) id: String,
    /// Whether it is known to be a sandbox: CRI does not list those among containers.
    pub(crate) is_sandbox: bool,
    /// Its sandbox, where the bundle names it; else CRI's unspecified verbose answer is asked.
    pub(crate) sandbox_id: Option<String>,
}

/// Connects to a gRPC server on a unix socket.
///
/// # Errors
/// [`AskError::Unreachable`].
pub(crate) async fn connect(socket: &Path) -> Result<Channel, AskError> {
    let unreachable = |reason: String| AskError::Unreachable {
        reason: bounded_string(&reason),
    };
    let socket = socket.to_owned();
    // Tried first, so that the reason is the system's and not the transport's.
    let mut stream = Some(
        UnixStream::connect(&socket)
            .await
            .map_err(|error| unreachable(error.to_string()))?,
    );
    Endpoint::from_static("http://localhost")
        .connect_with_connector(tower::service_fn(move |_| {
            let (stream, socket) = (stream.take(), socket.clone());
            async move {
                let stream = match stream {
                    Some(stream) => stream,
                    None => UnixStream::connect(socket).await?,
                };
                Ok::<_, std::io::Error>(TokioIo::new(stream))
            }
        }))
        .await
        .map_err(|error| unreachable(error.to_string()))
}

/// The status of a call as the reason why there is no answer.
pub(crate) fn ask_error(status: &Status) -> AskError {
    if status.code() == Code::NotFound {
        AskError::NotFound
    } else {
        AskError::refused(&format!("{}: {}", status.code(), status.message()))
    }
}

/// Name and version of the runtime behind a socket.
///
/// # Errors
/// [`AskError`], without [`AskError::NotFound`].
pub(crate) async fn version(socket: &Path) -> Result<(Runtime, String), AskError> {
    let mut client = RuntimeServiceClient::new(connect(socket).await?)
        .max_decoding_message_size(CRI_ANSWER_BYTES_MAX);
    let version = client
        .version(VersionRequest::default())
        .await
        .map_err(|status| ask_error(&status))?
        .into_inner();
    Ok((
        runtime(&version.runtime_name),
        bounded_string(&version.runtime_version),
    ))
}

fn runtime(name: &str) -> Runtime {
    match name {
        "containerd" => Runtime::Containerd,
        "cri-o" => Runtime::CriO,
        "docker" => Runtime::Docker,
        _ => Runtime::Unknown,
    }
}

/// Asks for a container with its pod and image.
///
/// # Errors
/// [`AskError`].
pub(crate) async fn ask(socket: &Path, query: &CriQuery) -> Result<Container, AskError> {
    let channel = connect(socket).await?;
    let mut client =
        RuntimeServiceClient::new(channel.clone()).max_decoding_message_size(CRI_ANSWER_BYTES_MAX);
    if query.is_sandbox {
        let (status, info) = sandbox(&mut client, &query.id).await?;
        return Ok(sandbox_container(&status, &info));
    }
    let request = ContainerStatusRequest {
        container_id: query.id.clone(),
        verbose: true,
    };
    let answer = client
        .container_status(request)
        .await
        .map_err(|status| ask_error(&status))?
        .into_inner();
    let status = answer.status.ok_or(AskError::NotFound)?;
    let info = verbose_info(&answer.info);
    let mut container = container(&status, &info);
    match query.sandbox_id.as_ref().or(info.sandbox_id.as_ref()) {
        Some(id) => add_pod_labels(&mut container, sandbox(&mut client, id).await),
        None => container
            .gaps
            .push("the pod's labels are unknown: CRI did not name the sandbox".to_owned()),
    }
    add_image(&mut container, channel, &status.image_ref).await;
    Ok(container)
}

/// What `verbose` adds. containerd and CRI-O each have a form of their own; neither is specified.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct VerboseInfo {
    #[serde(alias = "sandboxID")]
    sandbox_id: Option<String>,
    pid: Option<u32>,
    privileged: Option<bool>,
    config: Option<VerboseConfig>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct VerboseConfig {
    linux: Option<VerboseLinux>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct VerboseLinux {
    security_context: Option<VerboseSecurity>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct VerboseSecurity {
    privileged: bool,
}

impl VerboseInfo {
    fn privileged(&self) -> Option<bool> {
        // A security context that is there without the field says no: protobuf's JSON leaves false out.
        let config = self.config.as_ref().map(|config| {
            let security = config
                .linux
                .as_ref()
                .and_then(|linux| linux.security_context.as_ref());
            security.is_some_and(|security| security.privileged)
        });
        self.privileged.or(config)
    }
}

fn verbose_info(info: &HashMap<String, String>) -> VerboseInfo {
    info.get("info")
        .and_then(|json| serde_json::from_str(json).ok())
        .unwrap_or_default()
}

fn container(status: &ContainerStatus, info: &VerboseInfo) -> Container {
    let metadata = status.metadata.as_ref();
    let mounts = status.mounts.iter().map(|mount| Mount {
        destination: mount.container_path.clone(),
        source: mount.host_path.clone(),
        read_only: mount.readonly,
    });
    Container {
        id: status.id.clone(),
        name: metadata
            .map(|metadata| metadata.name.clone())
            .unwrap_or_default(),
        image: status
            .image
            .as_ref()
            .map(|image| image.image.clone())
            .unwrap_or_default(),
        image_id: status.image_id.clone(),
        image_digest: String::new(),
        runtime: Runtime::Unknown,
        privileged: info.privileged(),
        mounts: mounts.collect(),
        pod: pod_of_labels(&status.labels),
        created: (status.created_at > 0).then_some(WallTime(status.created_at)),
        first_pid: info.pid.unwrap_or(0),
        ..Container::default()
    }
}

type Client = RuntimeServiceClient<Channel>;

async fn sandbox(
    client: &mut Client,
    id: &str,
) -> Result<(PodSandboxStatus, VerboseInfo), AskError> {
    let request = PodSandboxStatusRequest {
        pod_sandbox_id: id.to_owned(),
        verbose: true,
    };
    let answer = client
        .pod_sandbox_status(request)
        .await
        .map_err(|status| ask_error(&status))?
        .into_inner();
    let info = verbose_info(&answer.info);
    Ok((answer.status.ok_or(AskError::NotFound)?, info))
}

fn pod(status: &PodSandboxStatus) -> Option<Pod> {
    let metadata = status.metadata.as_ref()?;
    Some(Pod {
        name: metadata.name.clone(),
        namespace: metadata.namespace.clone(),
        uid: metadata.uid.clone(),
        labels: status.labels.clone().into_iter().collect(),
    })
}

fn sandbox_container(status: &PodSandboxStatus, info: &VerboseInfo) -> Container {
    Container {
        id: status.id.clone(),
        name: SANDBOX_NAME.to_owned(),
        privileged: info.privileged(),
        pod: pod(status),
        created: (status.created_at > 0).then_some(WallTime(status.created_at)),
        first_pid: info.pid.unwrap_or(0),
        ..Container::default()
    }
}

fn add_pod_labels(
    container: &mut Container,
    sandbox: Result<(PodSandboxStatus, VerboseInfo), AskError>,
) {
    match sandbox {
        Ok((status, _)) => container.pod = pod(&status).or(container.pod.take()),
        Err(error) => container
            .gaps
            .push(format!("the pod's labels are unknown: CRI {error}")),
    }
}

async fn add_image(container: &mut Container, channel: Channel, image_ref: &str) {
    if image_ref.is_empty() {
        return;
    }
    let mut client =
        ImageServiceClient::new(channel).max_decoding_message_size(CRI_ANSWER_BYTES_MAX);
    let request = ImageStatusRequest {
        image: Some(ImageSpec {
            image: image_ref.to_owned(),
            ..ImageSpec::default()
        }),
        verbose: false,
    };
    let Ok(answer) = client.image_status(request).await else {
        container
            .gaps
            .push("the image's digest is unknown: CRI refused to describe it".to_owned());
        return;
    };
    // An image that was removed while its container runs is no error in CRI, only absent.
    let Some(image) = answer.into_inner().image else {
        container
            .gaps
            .push("the image's digest is unknown: the image was removed".to_owned());
        return;
    };
    if container.image.is_empty() || container.image.starts_with("sha256:") {
        container.image = image.repo_tags.first().cloned().unwrap_or_default();
    }
    container.image_digest = repo_digest(&container.image, &image.repo_digests);
    container.image_id = image.id;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(json: &str) -> VerboseInfo {
        verbose_info(&HashMap::from([("info".to_owned(), json.to_owned())]))
    }

    #[test]
    fn containerds_verbose_info_is_read() {
        let info = info(
            r#"{"sandboxID":"5b","pid":77,"removing":false,
                "config":{"linux":{"security_context":{"privileged":true}}}}"#,
        );
        assert_eq!(info.sandbox_id.as_deref(), Some("5b"));
        assert_eq!((info.pid, info.privileged()), (Some(77), Some(true)));
    }

    #[test]
    fn crios_verbose_info_is_read() {
        let info = info(r#"{"sandboxID":"5b","pid":77,"privileged":false,"runtimeSpec":{}}"#);
        assert_eq!((info.pid, info.privileged()), (Some(77), Some(false)));
    }

    #[test]
    fn verbose_info_that_is_absent_or_broken_says_nothing() {
        assert_eq!(info("{").privileged(), None);
        assert_eq!(info(r#"{"pid":-1}"#).pid, None);
        assert_eq!(info(r#"{"config":{}}"#).privileged(), Some(false));
        assert_eq!(verbose_info(&HashMap::new()).sandbox_id, None);
    }
}
