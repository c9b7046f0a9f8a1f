//! `container.*` and `k8s.*`: where the process runs.

/// Hands the rows of this table, behind those it was given, to the next table.
macro_rules! container_fields {
    ([$next:ident $($rest:ident)*] $($rows:tt)*) => { $next! { [$($rest)*] $($rows)*
        ContainerId = "container.id", Text, None, Kernel, "First twelve characters of the container's id.";
        ContainerFullId = "container.full_id", Text, None, Kernel, "The container's id.";
        ContainerName = "container.name", Text, None, Kernel, "Name of the container.";
        ContainerImage = "container.image", Text, None, Kernel, "Image by the name that it was started with.";
        ContainerImageId = "container.image.id", Text, None, Kernel, "Id of the image.";
        ContainerImageRepository = "container.image.repository", Text, None, Kernel, "Image name without tag and digest.";
        ContainerImageTag = "container.image.tag", Text, None, Kernel, "Tag of the image.";
        ContainerImageDigest = "container.image.digest", Text, None, Kernel, "Digest of the image in its registry.";
        ContainerType = "container.type", Text, None, Kernel, "Runtime: `containerd`, `cri-o`, `docker`, `podman`.";
        ContainerPrivileged = "container.privileged", Boolean, None, Kernel, "Whether the container was started as privileged.";
        ContainerMounts = "container.mounts", Text, None, Kernel, "Mounts as `source:destination:mode:rdwr:propagation`, with `,` between.";
        ContainerMount = "container.mount", Text, RequiredAny, Kernel, "One mount, by number or by source (a glob).";
        ContainerMountSource = "container.mount.source", Text, RequiredAny, Kernel, "Source of a mount, by number or destination (a glob).";
        ContainerMountDest = "container.mount.dest", Text, RequiredAny, Kernel, "Destination of a mount, by number or source (a glob).";
        ContainerMountMode = "container.mount.mode", Text, RequiredAny, Kernel, "Mode of a mount, by number or source (a glob).";
        ContainerMountRdwr = "container.mount.rdwr", Text, RequiredAny, Kernel, "Whether a mount can be written to, by number or source (a glob).";
        ContainerMountPropagation = "container.mount.propagation", Text, RequiredAny, Kernel, "Propagation of a mount, by number or source (a glob).";
        ContainerHealthcheck = "container.healthcheck", Text, None, Kernel, "Command of the health check.", missing "runtimes don't tell it over CRI";
        ContainerLivenessProbe = "container.liveness_probe", Text, None, Kernel, "Command of the liveness probe.", missing "runtimes don't tell it over CRI";
        ContainerReadinessProbe = "container.readiness_probe", Text, None, Kernel, "Command of the readiness probe.", missing "runtimes don't tell it over CRI";
        ContainerStartTs = "container.start_ts", Time, None, Kernel, "When the container was started.";
        ContainerDuration = "container.duration", Duration, None, Kernel, "Nanoseconds since the container was started.";
        ContainerIp = "container.ip", Text, None, Kernel, "First address of the container or pod.";
        ContainerCniJson = "container.cni.json", Text, None, Kernel, "What the network plugin answered.", missing "only the addresses are kept; use `container.ip`";
        ContainerHostPid = "container.host_pid", Boolean, None, Kernel, "Whether the container shares the host's pid namespace.";
        ContainerHostNetwork = "container.host_network", Boolean, None, Kernel, "Whether the container shares the host's network namespace.";
        ContainerHostIpc = "container.host_ipc", Boolean, None, Kernel, "Whether the container shares the host's IPC namespace.";
        ContainerLabel = "container.label", Text, RequiredKey, Kernel, "Value of a label of the container.";
        ContainerLabels = "container.labels", Text, None, Kernel, "Labels of the container as `name:value` with `, ` between.";

        ContainerCommand = "container.command", List, None, Kernel, "Arguments that the container's first process was started with.";
        ContainerCapabilities = "container.capabilities", List, None, Kernel, "Capabilities that the container was given, as `CAP_NAME`.";
        ContainerHostNamespaces = "container.host_namespaces", List, None, Kernel, "Namespaces shared with the host: `pid`, `net`, `ipc`, `uts`, `user`, `mnt`, `cgroup`.";
        ContainerFirstSeen = "container.first_seen", Time, None, Kernel, "When the sensor first met the container.";

        K8sPodName = "k8s.pod.name", Text, None, Kernel, "Name of the pod.";
        K8sPodId = "k8s.pod.id", Text, None, Kernel, "The pod's UID; an older name of `k8s.pod.uid`.";
        K8sPodUid = "k8s.pod.uid", Text, None, Kernel, "The pod's UID.";
        K8sPodSandboxId = "k8s.pod.sandbox_id", Text, None, Kernel, "First twelve characters of the id of the pod's sandbox.";
        K8sPodFullSandboxId = "k8s.pod.full_sandbox_id", Text, None, Kernel, "Id of the pod's sandbox.";
        K8sPodLabel = "k8s.pod.label", Text, RequiredKey, Kernel, "Value of a label of the pod.";
        K8sPodLabels = "k8s.pod.labels", Text, None, Kernel, "Labels of the pod as `name:value` with `, ` between.";
        K8sPodIp = "k8s.pod.ip", Text, None, Kernel, "First address of the pod.";
        K8sPodCniJson = "k8s.pod.cni.json", Text, None, Kernel, "What the network plugin answered.", missing "only the addresses are kept; use `k8s.pod.ip`";
        K8sNsName = "k8s.ns.name", Text, None, Kernel, "Name of the namespace.";
        K8sNsId = "k8s.ns.id", Text, None, Kernel, "Id of the namespace.", missing "runtimes don't know it";
        K8sNsLabel = "k8s.ns.label", Text, RequiredKey, Kernel, "Value of a label of the namespace.", missing "runtimes don't know it";
        K8sNsLabels = "k8s.ns.labels", Text, None, Kernel, "Labels of the namespace.", missing "runtimes don't know it";
        K8sRcName = "k8s.rc.name", Text, None, Kernel, "Name of the replication controller.", missing "runtimes don't know it";
        K8sRcId = "k8s.rc.id", Text, None, Kernel, "Id of the replication controller.", missing "runtimes don't know it";
        K8sRcLabel = "k8s.rc.label", Text, RequiredKey, Kernel, "Value of a label of the replication controller.", missing "runtimes don't know it";
        K8sRcLabels = "k8s.rc.labels", Text, None, Kernel, "Labels of the replication controller.", missing "runtimes don't know it";
        K8sRsName = "k8s.rs.name", Text, None, Kernel, "Name of the replica set.", missing "runtimes don't know it";
        K8sRsId = "k8s.rs.id", Text, None, Kernel, "Id of the replica set.", missing "runtimes don't know it";
        K8sRsLabel = "k8s.rs.label", Text, RequiredKey, Kernel, "Value of a label of the replica set.", missing "runtimes don't know it";
        K8sRsLabels = "k8s.rs.labels", Text, None, Kernel, "Labels of the replica set.", missing "runtimes don't know it";
        K8sSvcName = "k8s.svc.name", Text, None, Kernel, "Name of the service.", missing "runtimes don't know it";
        K8sSvcId = "k8s.svc.id", Text, None, Kernel, "Id of the service.", missing "runtimes don't know it";
        K8sSvcLabel = "k8s.svc.label", Text, RequiredKey, Kernel, "Value of a label of the service.", missing "runtimes don't know it";
        K8sSvcLabels = "k8s.svc.labels", Text, None, Kernel, "Labels of the service.", missing "runtimes don't know it";
        K8sDeploymentName = "k8s.deployment.name", Text, None, Kernel, "Name of the deployment.", missing "runtimes don't know it";
        K8sDeploymentId = "k8s.deployment.id", Text, None, Kernel, "Id of the deployment.", missing "runtimes don't know it";
        K8sDeploymentLabel = "k8s.deployment.label", Text, RequiredKey, Kernel, "Value of a label of the deployment.", missing "runtimes don't know it";
        K8sDeploymentLabels = "k8s.deployment.labels", Text, None, Kernel, "Labels of the deployment.", missing "runtimes don't know it";
    } };
}
pub(super) use container_fields;
