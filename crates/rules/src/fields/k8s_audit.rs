//! `ka.*`, `jevt.*` and `json.*`: Kubernetes audit events, and any document by JSON pointer.

/// Hands the rows of this table, behind those it was given, to the next table.
macro_rules! k8s_audit_fields {
    ([$next:ident $($rest:ident)*] $($rows:tt)*) => { $next! { [$($rest)*] $($rows)*
        KaAuditId = "ka.auditid", Text, None, Audit, "Id of the audit event.";
        KaStage = "ka.stage", Text, None, Audit, "Stage of the request, such as `ResponseComplete`.";
        KaAuthDecision = "ka.auth.decision", Text, None, Audit, "What authorisation decided: `allow` or `forbid`.";
        KaAuthReason = "ka.auth.reason", Text, None, Audit, "Why authorisation decided so.";
        KaAuthOpenshiftDecision = "ka.auth.openshift.decision", Text, None, Audit, "What OpenShift's authentication decided.";
        KaAuthOpenshiftUsername = "ka.auth.openshift.username", Text, None, Audit, "User of OpenShift's authentication.";
        KaUserName = "ka.user.name", Text, None, Audit, "Who asked.";
        KaUserGroups = "ka.user.groups", List, None, Audit, "Groups of who asked.";
        KaImpuserName = "ka.impuser.name", Text, None, Audit, "Who the request was made in the name of.";
        KaVerb = "ka.verb", Text, None, Audit, "What was asked: `create`, `get`, `delete` and so on.";
        KaUri = "ka.uri", Text, None, Audit, "Path and query of the request.";
        KaUriParam = "ka.uri.param", Text, RequiredKey, Audit, "Value of a parameter of the query, decoded.";
        KaTargetName = "ka.target.name", Text, None, Audit, "Name of the object.";
        KaTargetNamespace = "ka.target.namespace", Text, None, Audit, "Namespace of the object.";
        KaTargetResource = "ka.target.resource", Text, None, Audit, "Kind of the object: `pods`.";
        KaTargetSubresource = "ka.target.subresource", Text, None, Audit, "Part of the object: `exec`.";
        KaTargetPodName = "ka.target.pod.name", Text, None, Audit, "Name of the pod, for requests on pods.";
        KaReqBindingSubjects = "ka.req.binding.subjects", List, None, Audit, "Names of the subjects of a role binding.";
        KaReqBindingRole = "ka.req.binding.role", Text, None, Audit, "Role of a role binding.";
        KaReqBindingSubjectHasName = "ka.req.binding.subject.has_name", Text, RequiredKey, Audit, "Whether a subject of a role binding has this name.", missing "Falco gives it no value either; use `ka.req.binding.subjects intersects (…)`";
        KaReqConfigmapName = "ka.req.configmap.name", Text, None, Audit, "Name of the ConfigMap in the request.";
        KaReqConfigmapObj = "ka.req.configmap.obj", Text, None, Audit, "Data of the ConfigMap in the request, as JSON.";
        KaReqPodContainersImage = "ka.req.pod.containers.image", List, OptionalIndex, Audit, "Images of the pod's containers.";
        KaReqContainerImage = "ka.req.container.image", Text, None, Audit, "Image of the pod's first container.";
        KaReqPodContainersImageRepository = "ka.req.pod.containers.image.repository", List, OptionalIndex, Audit, "Images of the pod's containers, without tag and digest.";
        KaReqContainerImageRepository = "ka.req.container.image.repository", Text, None, Audit, "Image of the pod's first container, without tag and digest.";
        KaReqPodHostIpc = "ka.req.pod.host_ipc", Text, None, Audit, "`hostIPC` of the pod.";
        KaReqPodHostNetwork = "ka.req.pod.host_network", Text, None, Audit, "`hostNetwork` of the pod.";
        KaReqContainerHostNetwork = "ka.req.container.host_network", Text, None, Audit, "`hostNetwork` of the pod.";
        KaReqPodHostPid = "ka.req.pod.host_pid", Text, None, Audit, "`hostPID` of the pod.";
        KaReqPodContainersHostPort = "ka.req.pod.containers.host_port", List, OptionalIndex, Audit, "`hostPort` of the pod's containers.";
        KaReqPodContainersPrivileged = "ka.req.pod.containers.privileged", List, OptionalIndex, Audit, "`privileged` of the pod's containers.";
        KaReqContainerPrivileged = "ka.req.container.privileged", Text, None, Audit, "Whether any container of the pod is privileged.";
        KaReqPodContainersAllowPrivilegeEscalation = "ka.req.pod.containers.allow_privilege_escalation", List, OptionalIndex, Audit, "`allowPrivilegeEscalation` of the pod's containers.";
        KaReqPodContainersReadOnlyFs = "ka.req.pod.containers.read_only_fs", List, OptionalIndex, Audit, "`readOnlyRootFilesystem` of the pod's containers.";
        KaReqPodRunAsUser = "ka.req.pod.run_as_user", Text, None, Audit, "`runAsUser` of the pod.";
        KaReqPodContainersRunAsUser = "ka.req.pod.containers.run_as_user", List, OptionalIndex, Audit, "`runAsUser` of the pod's containers.";
        KaReqPodContainersEffRunAsUser = "ka.req.pod.containers.eff_run_as_user", List, OptionalIndex, Audit, "User id that each container begins with: its own, the pod's, or 0.";
        KaReqPodRunAsGroup = "ka.req.pod.run_as_group", Text, None, Audit, "`runAsGroup` of the pod.";
        KaReqPodContainersRunAsGroup = "ka.req.pod.containers.run_as_group", List, OptionalIndex, Audit, "`runAsGroup` of the pod's containers.";
        KaReqPodContainersEffRunAsGroup = "ka.req.pod.containers.eff_run_as_group", List, OptionalIndex, Audit, "Group id that each container begins with: its own, the pod's, or 0.";
        KaReqPodContainersProcMount = "ka.req.pod.containers.proc_mount", List, OptionalIndex, Audit, "`procMount` of the pod's containers.";
        KaReqRoleRules = "ka.req.role.rules", List, None, Audit, "Rules of the role, each as JSON.";
        KaReqRoleRulesApiGroups = "ka.req.role.rules.apiGroups", List, OptionalIndex, Audit, "API groups of the role's rules.";
        KaReqRoleRulesNonResourceUrls = "ka.req.role.rules.nonResourceURLs", List, OptionalIndex, Audit, "Paths that aren't resources in the role's rules.";
        KaReqRoleRulesVerbs = "ka.req.role.rules.verbs", List, OptionalIndex, Audit, "Verbs of the role's rules.";
        KaReqRoleRulesResources = "ka.req.role.rules.resources", List, OptionalIndex, Audit, "Resources of the role's rules.";
        KaReqPodFsGroup = "ka.req.pod.fs_group", Text, None, Audit, "`fsGroup` of the pod.";
        KaReqPodSupplementalGroups = "ka.req.pod.supplemental_groups", List, None, Audit, "`supplementalGroups` of the pod.";
        KaReqPodContainersAddCapabilities = "ka.req.pod.containers.add_capabilities", List, OptionalIndex, Audit, "Capabilities that the pod's containers add.";
        KaReqServiceType = "ka.req.service.type", Text, None, Audit, "Type of the service.";
        KaReqServicePorts = "ka.req.service.ports", List, OptionalIndex, Audit, "Ports of the service.";
        KaReqPodVolumesHostpath = "ka.req.pod.volumes.hostpath", List, OptionalIndex, Audit, "Host paths of the pod's volumes.";
        KaReqVolumeHostpath = "ka.req.volume.hostpath", Text, RequiredKey, Audit, "Whether a volume of the pod is a host path that begins so; `*` at the end for any rest.";
        KaReqPodVolumesFlexvolumeDriver = "ka.req.pod.volumes.flexvolume_driver", List, OptionalIndex, Audit, "Flex volume drivers of the pod's volumes.";
        KaReqPodVolumesVolumeType = "ka.req.pod.volumes.volume_type", List, OptionalIndex, Audit, "Types of the pod's volumes.";
        KaRespName = "ka.resp.name", Text, None, Audit, "Name of the object in the response.";
        KaResponseCode = "ka.response.code", Text, None, Audit, "Status code of the response.";
        KaResponseReason = "ka.response.reason", Text, None, Audit, "Reason of the response's status.";
        KaUseragent = "ka.useragent", Text, None, Audit, "What the client says that it is.";
        KaSourceIps = "ka.sourceips", List, None, Audit, "Addresses that the request came through.";
        KaClusterName = "ka.cluster.name", Text, None, Audit, "Name of the cluster.", missing "audit events don't carry it";

        JevtValue = "jevt.value", Text, RequiredKey, Document, "A value of the document by JSON pointer: `jevt.value[/user/username]`.";
        JevtTime = "jevt.time", Text, None, Document, "Time of day of the document's event.";
        JevtTimeIso8601 = "jevt.time.iso8601", Text, None, Document, "Date and time of the document's event in RFC 3339.";
        JevtRawtime = "jevt.rawtime", Time, None, Document, "When the document's event happened, in nanoseconds since 1970.";
        JevtObj = "jevt.obj", Text, None, Document, "The document, as JSON.";
        JsonValue = "json.value", Text, RequiredKey, Document, "A value of the document by JSON pointer.";
        JsonRawtime = "json.rawtime", Time, None, Document, "When the document's event happened, in nanoseconds since 1970.";
        JsonObj = "json.obj", Text, None, Document, "The document, as JSON.";
    } };
}
pub(super) use k8s_audit_fields;
