//! A private containerd with its CRI plugin.

use crate::command::{Daemon, output};
use crate::image::{busybox_image, oci_archive, pause_rootfs};
use crate::scratch::ScratchDir;
use crate::{FixtureError, RunningContainer};
use hyper_util::rt::TokioIo;
use k8s_cri::v1::runtime_service_client::RuntimeServiceClient;
use k8s_cri::v1::{
    ContainerConfig, ContainerMetadata, ContainerStatusRequest, CreateContainerRequest,
    ExecSyncRequest, ImageSpec, LinuxContainerConfig, LinuxContainerSecurityContext,
    LinuxPodSandboxConfig, LinuxSandboxSecurityContext, ListPodSandboxRequest, Mount,
    NamespaceMode, NamespaceOption, PodSandboxConfig, PodSandboxMetadata, RemoveContainerRequest,
    RemovePodSandboxRequest, RunPodSandboxRequest, StartContainerRequest, StopContainerRequest,
    StopPodSandboxRequest,
};
use std::collections::HashMap;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use tokio::runtime::Runtime;
use tonic::transport::{Channel, Endpoint};

/// A pod to run, on the machine's own network.
#[derive(Debug, Clone, Default)]
pub struct PodSpec {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.uid`; must differ between pods.
    pub uid: String,
    /// Labels.
    pub labels: Vec<(String, String)>,
    /// Whether privileged containers may run in it.
    pub privileged: bool,
}

/// A container to run in a pod.
#[derive(Debug, Clone, Default)]
pub struct ContainerSpec {
    /// Kubernetes' name for it.
    pub name: String,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Directories of the machine that it gets.
    pub mounts: Vec<BindMount>,
    /// Whether it is privileged.
    pub privileged: bool,
}

/// A directory of the machine in a container.
#[derive(Debug, Clone)]
pub struct BindMount {
    /// Path on the machine.
    pub source: PathBuf,
    /// Path in the container.
    pub destination: String,
    /// Whether the container may not write to it.
    pub read_only: bool,
}

/// A pod that runs.
#[derive(Debug, Clone)]
pub struct Pod {
    /// Id of its sandbox.
    pub id: String,
    config: PodSandboxConfig,
}

/// What a program that was run in a container left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecOutput {
    /// Exit status.
    pub status: i32,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

/// A private containerd; its pods end with it.
#[derive(Debug)]
pub struct Containerd {
    runtime: Runtime,
    client: Client,
    // Dropped in this order: the daemon before its files.
    _daemon: Daemon,
    dir: ScratchDir,
}

type Client = RuntimeServiceClient<Channel>;

/// Seconds a container gets to end by itself.
const STOP_SECONDS: i64 = 0;

impl Containerd {
    /// Programs that [`Containerd::start`] needs, with Debian's packages: containerd, runc, umoci, busybox-static,
    /// gcc with libc6-dev.
    pub const NEEDS: [&'static str; 8] = [
        "root",
        "containerd",
        "ctr",
        "runc",
        "umoci",
        "busybox",
        "tar",
        "cc",
    ];
    /// Reference of the busybox image.
    pub const IMAGE: &'static str = "localhost/busybox:latest";

    /// Starts it and loads its images.
    ///
    /// # Errors
    /// [`FixtureError`].
    pub fn start() -> Result<Containerd, FixtureError> {
        let dir = ScratchDir::new()?;
        let config = dir.write("config.toml", &config(dir.path()))?;
        let mut command = Command::new("containerd");
        command.arg("--config").arg(config);
        let socket = dir.join("c.sock");
        let daemon = Daemon::start(command, &dir.join("containerd.log"), || {
            UnixStream::connect(&socket).is_ok()
        })?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(FixtureError::file(&socket))?;
        let client = runtime.block_on(async { Ok(Client::new(connect(&socket).await?)) })?;
        let containerd = Containerd {
            runtime,
            client,
            _daemon: daemon,
            dir,
        };
        containerd.load_images()?;
        Ok(containerd)
    }

    fn load_images(&self) -> Result<(), FixtureError> {
        let pause = pause_rootfs(&self.dir)?;
        let busybox = busybox_image(&self.dir)?;
        for (name, rootfs, command) in [
            ("pause", &pause, "/pause"),
            ("busybox", &busybox.rootfs, "/bin/sh"),
        ] {
            let archive = oci_archive(&self.dir, name, rootfs, command)?;
            self.import(CRI_NAMESPACE, name, &archive)?;
        }
        Ok(())
    }

    /// Loads the busybox image into another namespace than Kubernetes'.
    ///
    /// # Errors
    /// [`FixtureError::Failed`].
    pub fn load_image_into(&self, namespace: &str) -> Result<(), FixtureError> {
        self.import(namespace, "busybox", &self.dir.join("busybox.oci.tar"))
    }

    fn import(&self, namespace: &str, name: &str, archive: &Path) -> Result<(), FixtureError> {
        let archive = archive.to_string_lossy();
        let base = format!("localhost/{name}");
        self.ctr(
            namespace,
            &["images", "import", "--base-name", &base, &archive],
        )
        .map(drop)
    }

    /// Path of its socket, which speaks CRI and containerd's own API.
    pub fn socket(&self) -> PathBuf {
        self.dir.join("c.sock")
    }

    /// Runs `ctr` in a namespace; its output.
    ///
    /// # Errors
    /// [`FixtureError::Failed`].
    pub fn ctr(&self, namespace: &str, arguments: &[&str]) -> Result<String, FixtureError> {
        output(
            Command::new("ctr")
                .arg("--address")
                .arg(self.socket())
                .args(["--namespace", namespace])
                .args(arguments),
        )
    }

    /// Runs a pod without containers.
    ///
    /// # Errors
    /// [`FixtureError::Cri`].
    pub fn run_pod(&self, spec: &PodSpec) -> Result<Pod, FixtureError> {
        let config = pod_config(spec);
        let request = RunPodSandboxRequest {
            config: Some(config.clone()),
            runtime_handler: String::new(),
        };
        let mut client = self.client.clone();
        let answer = self.runtime.block_on(async {
            let answer = client.run_pod_sandbox(request).await;
            answer.map_err(cri_error("RunPodSandbox"))
        })?;
        Ok(Pod {
            id: answer.into_inner().pod_sandbox_id,
            config,
        })
    }

    /// Runs a busybox container in a pod.
    ///
    /// # Errors
    /// [`FixtureError::Cri`].
    pub fn run_container(
        &self,
        pod: &Pod,
        spec: &ContainerSpec,
    ) -> Result<RunningContainer, FixtureError> {
        let request = CreateContainerRequest {
            pod_sandbox_id: pod.id.clone(),
            config: Some(container_config(spec)),
            sandbox_config: Some(pod.config.clone()),
        };
        let mut client = self.client.clone();
        self.runtime.block_on(async {
            let created = client.create_container(request).await;
            let id = created
                .map_err(cri_error("CreateContainer"))?
                .into_inner()
                .container_id;
            let request = StartContainerRequest {
                container_id: id.clone(),
            };
            let started = client.start_container(request).await;
            started.map_err(cri_error("StartContainer"))?;
            let pid = first_pid(&mut client, &id).await?;
            Ok(RunningContainer { id, pid })
        })
    }

    /// Runs a program in a container to its end.
    ///
    /// # Errors
    /// [`FixtureError::Cri`].
    pub fn exec(&self, container: &str, command: &[&str]) -> Result<ExecOutput, FixtureError> {
        const TIMEOUT_SECONDS: i64 = 60;
        let request = ExecSyncRequest {
            container_id: container.to_owned(),
            cmd: command.iter().map(|word| (*word).to_owned()).collect(),
            timeout: TIMEOUT_SECONDS,
        };
        let mut client = self.client.clone();
        let answer = self.runtime.block_on(async {
            let answer = client.exec_sync(request).await;
            answer.map_err(cri_error("ExecSync"))
        })?;
        let answer = answer.into_inner();
        Ok(ExecOutput {
            status: answer.exit_code,
            stdout: answer.stdout,
            stderr: answer.stderr,
        })
    }

    /// Stops a container at once; it stays known.
    ///
    /// # Errors
    /// [`FixtureError::Cri`].
    pub fn stop(&self, container: &str) -> Result<(), FixtureError> {
        let request = StopContainerRequest {
            container_id: container.to_owned(),
            timeout: STOP_SECONDS,
        };
        let mut client = self.client.clone();
        self.runtime.block_on(async {
            let answer = client.stop_container(request).await;
            answer.map(drop).map_err(cri_error("StopContainer"))
        })
    }

    /// Removes a container, stopped or not.
    ///
    /// # Errors
    /// [`FixtureError::Cri`].
    pub fn remove(&self, container: &str) -> Result<(), FixtureError> {
        let request = RemoveContainerRequest {
            container_id: container.to_owned(),
        };
        let mut client = self.client.clone();
        self.runtime.block_on(async {
            let answer = client.remove_container(request).await;
            answer.map(drop).map_err(cri_error("RemoveContainer"))
        })
    }

    /// Removes a pod with its containers.
    ///
    /// # Errors
    /// [`FixtureError::Cri`].
    pub fn remove_pod(&self, pod: &str) -> Result<(), FixtureError> {
        let mut client = self.client.clone();
        self.runtime.block_on(async {
            let pod_sandbox_id = pod.to_owned();
            let stopped = client
                .stop_pod_sandbox(StopPodSandboxRequest { pod_sandbox_id })
                .await;
            stopped.map_err(cri_error("StopPodSandbox"))?;
            let pod_sandbox_id = pod.to_owned();
            let removed = client
                .remove_pod_sandbox(RemovePodSandboxRequest { pod_sandbox_id })
                .await;
            removed.map(drop).map_err(cri_error("RemovePodSandbox"))
        })
    }

    fn pods(&self) -> Result<Vec<String>, FixtureError> {
        let mut client = self.client.clone();
        let answer = self.runtime.block_on(async {
            let answer = client
                .list_pod_sandbox(ListPodSandboxRequest::default())
                .await;
            answer.map_err(cri_error("ListPodSandbox"))
        })?;
        let items = answer.into_inner().items;
        Ok(items.into_iter().map(|pod| pod.id).collect())
    }

    fn remove_everything(&self) -> Result<(), FixtureError> {
        for pod in self.pods()? {
            self.remove_pod(&pod)?;
        }
        for namespace in self
            .ctr(CRI_NAMESPACE, &["namespaces", "ls", "-q"])?
            .lines()
        {
            for task in self.ctr(namespace, &["tasks", "ls", "-q"])?.lines() {
                self.ctr(namespace, &["tasks", "rm", "-f", task])?;
            }
        }
        Ok(())
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        if let Err(error) = self.remove_everything() {
            report_leftovers("containerd", &error);
        }
    }
}

/// Says on standard error that a fixture may have left something: a drop cannot fail otherwise.
pub(crate) fn report_leftovers(fixture: &str, error: &FixtureError) {
    use std::io::Write as _;
    let _ = writeln!(
        std::io::stderr(),
        "{fixture}: containers may be left: {error}"
    );
}

const CRI_NAMESPACE: &str = "k8s.io";

fn config(dir: &Path) -> String {
    let dir = dir.display();
    format!(
        r#"version = 2
root = "{dir}/root"
state = "{dir}/state"
[grpc]
  address = "{dir}/c.sock"
[ttrpc]
  address = "{dir}/c.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
  path = "{dir}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:latest"
  # Without CAP_SYS_RESOURCE a score below the own is refused.
  restrict_oom_score_adj = true
"#
    )
}

async fn connect(socket: &Path) -> Result<Channel, FixtureError> {
    let path = socket.to_owned();
    let channel = Endpoint::from_static("http://localhost")
        .connect_with_connector(tower::service_fn(move |_| {
            let path = path.clone();
            async move {
                let stream = tokio::net::UnixStream::connect(path).await?;
                Ok::<_, std::io::Error>(TokioIo::new(stream))
            }
        }))
        .await;
    channel.map_err(|error| FixtureError::Cri {
        call: "connect",
        message: error.to_string(),
    })
}

fn cri_error(call: &'static str) -> impl FnOnce(tonic::Status) -> FixtureError {
    move |status| FixtureError::Cri {
        call,
        message: status.message().to_owned(),
    }
}

async fn first_pid(client: &mut Client, id: &str) -> Result<u32, FixtureError> {
    let request = ContainerStatusRequest {
        container_id: id.to_owned(),
        verbose: true,
    };
    let answer = client.container_status(request).await;
    let info = answer
        .map_err(cri_error("ContainerStatus"))?
        .into_inner()
        .info
        .remove("info")
        .unwrap_or_default();
    serde_json::from_str::<serde_json::Value>(&info)
        .ok()
        .and_then(|info| info.get("pid")?.as_u64())
        .and_then(|pid| u32::try_from(pid).ok())
        .filter(|pid| *pid != 0)
        .ok_or(FixtureError::Answer {
            what: "pid",
            answer: info,
        })
}

/// The machine's network, so that no CNI is needed; other namespaces of the pod's own.
fn namespaces() -> NamespaceOption {
    NamespaceOption {
        network: NamespaceMode::Node.into(),
        pid: NamespaceMode::Container.into(),
        ipc: NamespaceMode::Pod.into(),
        ..NamespaceOption::default()
    }
}

fn pod_config(spec: &PodSpec) -> PodSandboxConfig {
    PodSandboxConfig {
        metadata: Some(PodSandboxMetadata {
            name: spec.name.clone(),
            uid: spec.uid.clone(),
            namespace: spec.namespace.clone(),
            attempt: 0,
        }),
        labels: spec.labels.iter().cloned().collect(),
        linux: Some(LinuxPodSandboxConfig {
            security_context: Some(LinuxSandboxSecurityContext {
                namespace_options: Some(namespaces()),
                privileged: spec.privileged,
                ..LinuxSandboxSecurityContext::default()
            }),
            ..LinuxPodSandboxConfig::default()
        }),
        ..PodSandboxConfig::default()
    }
}

fn container_config(spec: &ContainerSpec) -> ContainerConfig {
    let mounts = spec.mounts.iter().map(|mount| Mount {
        container_path: mount.destination.clone(),
        host_path: mount.source.to_string_lossy().into_owned(),
        readonly: mount.read_only,
        ..Mount::default()
    });
    ContainerConfig {
        metadata: Some(ContainerMetadata {
            name: spec.name.clone(),
            attempt: 0,
        }),
        image: Some(ImageSpec {
            image: Containerd::IMAGE.to_owned(),
            ..ImageSpec::default()
        }),
        command: spec.command.clone(),
        mounts: mounts.collect(),
        labels: HashMap::from([("io.kubernetes.container.name".to_owned(), spec.name.clone())]),
        linux: Some(LinuxContainerConfig {
            security_context: Some(LinuxContainerSecurityContext {
                privileged: spec.privileged,
                namespace_options: Some(namespaces()),
                ..LinuxContainerSecurityContext::default()
            }),
            ..LinuxContainerConfig::default()
        }),
        ..ContainerConfig::default()
    }
}
