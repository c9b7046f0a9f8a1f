//! What a request says of pods: the pod of Falco's fields, and every pod specification wherever it stands.

use super::{ENTRIES_MAX, SERVICE_ACCOUNT, entries, members, text, text_at};
use crate::fields::{Argument, Field};
use crate::subject::Value;
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// Levels of an object that are searched for pod specifications; a cron job's pod lies eight levels deep.
const DEPTH_MAX: usize = 40;
/// Values of an object that are looked at. Stops a huge object from taking a rule's time.
const VALUES_MAX: usize = 50_000;

/// The value of a field about pods.
pub(super) fn value<'a>(field: Field, argument: &Argument, document: &'a Json) -> Value<'a> {
    match field {
        Field::KaWorkloadHostpaths
        | Field::KaWorkloadHostpathsWritable
        | Field::KaWorkloadImages
        | Field::KaWorkloadRepositories
        | Field::KaWorkloadDigests
        | Field::KaWorkloadCommands
        | Field::KaWorkloadPrivileged
        | Field::KaWorkloadCapabilities
        | Field::KaWorkloadHostNamespaces
        | Field::KaWorkloadServiceAccount => workload(field, document),
        _ => pod(field, argument, document),
    }
}

/// Falco's fields, which know pods alone.
fn pod<'a>(field: Field, argument: &Argument, document: &'a Json) -> Value<'a> {
    let containers = document.pointer("/requestObject/spec/containers");
    let volumes = document.pointer("/requestObject/spec/volumes");
    let context = |name: &'static str| {
        entries(containers, argument, move |container| {
            container.get("securityContext")?.get(name)
        })
    };
    let first = Argument::Index(0);
    match field {
        Field::KaReqPodContainersImage => entries(containers, argument, |c| c.get("image")),
        Field::KaReqContainerImage => single(entries(containers, &first, |c| c.get("image"))),
        Field::KaReqPodContainersImageRepository => repositories(containers, argument),
        Field::KaReqContainerImageRepository => single(repositories(containers, &first)),
        Field::KaReqPodContainersHostPort => host_ports(containers, argument),
        Field::KaReqPodContainersPrivileged => context("privileged"),
        Field::KaReqContainerPrivileged => any_privileged(containers),
        Field::KaReqPodContainersAllowPrivilegeEscalation => context("allowPrivilegeEscalation"),
        Field::KaReqPodContainersReadOnlyFs => context("readOnlyRootFilesystem"),
        Field::KaReqPodContainersRunAsUser => context("runAsUser"),
        Field::KaReqPodContainersRunAsGroup => context("runAsGroup"),
        Field::KaReqPodContainersProcMount => context("procMount"),
        Field::KaReqPodContainersEffRunAsUser => effective(document, argument, "runAsUser"),
        Field::KaReqPodContainersEffRunAsGroup => effective(document, argument, "runAsGroup"),
        Field::KaReqPodContainersAddCapabilities => capabilities(containers, argument),
        Field::KaReqPodVolumesHostpath => {
            entries(volumes, argument, |v| v.get("hostPath")?.get("path"))
        }
        Field::KaReqPodVolumesFlexvolumeDriver => {
            entries(volumes, argument, |v| v.get("flexVolume")?.get("driver"))
        }
        Field::KaReqPodVolumesVolumeType => volume_types(volumes, argument),
        Field::KaReqVolumeHostpath => has_host_path(volumes, argument),
        _ => Value::Absent,
    }
}

fn single(list: Value<'_>) -> Value<'_> {
    match list {
        Value::List(values) => values.into_iter().next().unwrap_or(Value::Absent),
        other => other,
    }
}

fn repositories<'a>(containers: Option<&'a Json>, argument: &Argument) -> Value<'a> {
    match members(containers, argument) {
        Some(containers) => Value::List(
            containers
                .iter()
                .filter_map(|container| container.get("image")?.as_str())
                .map(|image| Value::text(repository(image)))
                .collect(),
        ),
        None => Value::Absent,
    }
}

/// An image reference without tag and digest. A colon before the last slash belongs to the registry's port.
fn repository(image: &str) -> &str {
    let image = image.split_once('@').map_or(image, |(name, _)| name);
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => image,
    }
}

fn host_ports<'a>(containers: Option<&'a Json>, argument: &Argument) -> Value<'a> {
    let Some(containers) = members(containers, argument) else {
        return Value::Absent;
    };
    let ports = containers
        .iter()
        .filter_map(|container| container.get("ports")?.as_array())
        .flatten()
        // On the host's network, the container's port is the host's.
        .filter_map(|port| port.get("hostPort").or_else(|| port.get("containerPort")));
    Value::List(ports.take(ENTRIES_MAX).map(text).collect())
}

fn any_privileged(containers: Option<&Json>) -> Value<'_> {
    let Some(containers) = members(containers, &Argument::None) else {
        return Value::Absent;
    };
    let privileged = containers.iter().any(|container| {
        container.pointer("/securityContext/privileged") == Some(&Json::Bool(true))
    });
    Value::text(if privileged { "true" } else { "false" })
}

fn effective<'a>(document: &'a Json, argument: &Argument, name: &str) -> Value<'a> {
    let spec = document.pointer("/requestObject/spec");
    let Some(containers) = members(spec.and_then(|spec| spec.get("containers")), argument) else {
        return Value::Absent;
    };
    let own = |part: &'a Json| part.get("securityContext")?.get(name);
    let of_pod = spec.and_then(own);
    let ids = containers
        .iter()
        .map(|container| own(container).or(of_pod).map_or(Value::text("0"), text));
    Value::List(ids.collect())
}

fn capabilities<'a>(containers: Option<&'a Json>, argument: &Argument) -> Value<'a> {
    let Some(containers) = members(containers, argument) else {
        return Value::Absent;
    };
    let added = containers
        .iter()
        .filter_map(|container| {
            container
                .pointer("/securityContext/capabilities/add")?
                .as_array()
        })
        .flatten();
    Value::List(added.take(ENTRIES_MAX).map(text).collect())
}

fn volume_types<'a>(volumes: Option<&'a Json>, argument: &Argument) -> Value<'a> {
    let Some(volumes) = members(volumes, argument) else {
        return Value::Absent;
    };
    let kinds = volumes
        .iter()
        .filter_map(Json::as_object)
        .flat_map(|volume| volume.keys())
        .filter(|key| *key != "name");
    Value::List(kinds.take(ENTRIES_MAX).map(Value::text).collect())
}

/// Whether a volume is this host path, or begins so if the path ends in `*`.
fn has_host_path<'a>(volumes: Option<&'a Json>, argument: &Argument) -> Value<'a> {
    let (Some(volumes), Argument::Key(wanted)) = (members(volumes, &Argument::None), argument)
    else {
        return Value::Absent;
    };
    let mut paths = volumes
        .iter()
        .filter_map(|volume| volume.get("hostPath")?.get("path")?.as_str());
    let found = match wanted.strip_suffix('*') {
        Some(prefix) => paths.any(|path| path.starts_with(prefix)),
        None => paths.any(|path| path == wanted.as_ref()),
    };
    Value::text(if found { "true" } else { "false" })
}

/// What the pod specifications of a request come to.
#[derive(Debug, Default)]
struct Workload<'a> {
    host_paths: BTreeSet<String>,
    writable: BTreeSet<String>,
    images: Vec<&'a str>,
    commands: Vec<String>,
    privileged: bool,
    capabilities: BTreeSet<String>,
    host_namespaces: BTreeSet<&'static str>,
    service_account: Option<&'a str>,
    /// Whether there was anything of a pod at all.
    found: bool,
    visited: usize,
}

fn workload<'a>(field: Field, document: &'a Json) -> Value<'a> {
    let Some(request) = document.get("requestObject") else {
        return Value::Absent;
    };
    let mut found = Workload::default();
    found.visit(request, 0);
    if text_at(document, "/objectRef/resource") == Some("persistentvolumes")
        && let Some(path) = text_at(document, "/requestObject/spec/local/path")
    {
        found.host_path(path, true);
    }
    if !found.found {
        return Value::Absent;
    }
    let owned = |texts: BTreeSet<String>| texts.into_iter().map(Value::owned).collect();
    match field {
        Field::KaWorkloadHostpaths => Value::List(owned(found.host_paths)),
        Field::KaWorkloadHostpathsWritable => Value::List(owned(found.writable)),
        Field::KaWorkloadImages => Value::List(found.images.into_iter().map(Value::text).collect()),
        Field::KaWorkloadRepositories => {
            let names = found.images.into_iter().map(repository);
            Value::List(names.map(Value::text).collect())
        }
        Field::KaWorkloadDigests => {
            let digests = found
                .images
                .into_iter()
                .filter_map(|image| image.split_once('@'));
            Value::List(digests.map(|(_, digest)| Value::text(digest)).collect())
        }
        Field::KaWorkloadCommands => {
            Value::List(found.commands.into_iter().map(Value::owned).collect())
        }
        Field::KaWorkloadPrivileged => Value::Boolean(found.privileged),
        Field::KaWorkloadCapabilities => Value::List(owned(found.capabilities)),
        Field::KaWorkloadHostNamespaces => {
            Value::List(found.host_namespaces.into_iter().map(Value::text).collect())
        }
        _ => service_account(document, found.service_account),
    }
}

/// The account that the pods run under, as the name that they ask with.
fn service_account<'a>(document: &'a Json, name: Option<&str>) -> Value<'a> {
    let namespace = text_at(document, "/objectRef/namespace")
        .or_else(|| text_at(document, "/requestObject/metadata/namespace"));
    match (namespace, name) {
        (Some(namespace), Some(name)) => {
            Value::owned(format!("{SERVICE_ACCOUNT}{namespace}:{name}"))
        }
        _ => Value::Absent,
    }
}

impl<'a> Workload<'a> {
    /// Looks at a value and all below it: pods, templates of any kind, and patches of them.
    fn visit(&mut self, value: &'a Json, depth: usize) {
        self.visited = self.visited.saturating_add(1);
        if depth > DEPTH_MAX || self.visited > VALUES_MAX {
            return;
        }
        let below = depth.saturating_add(1);
        match value {
            Json::Array(items) => items.iter().for_each(|item| self.visit(item, below)),
            Json::Object(object) => {
                self.look(value);
                object.values().for_each(|inner| self.visit(inner, below));
            }
            _ => {}
        }
    }

    /// Takes what one object says by itself.
    fn look(&mut self, object: &'a Json) {
        self.patch(object);
        for kind in ["containers", "initContainers", "ephemeralContainers"] {
            let containers = object.get(kind).and_then(Json::as_array);
            for container in containers.into_iter().flatten() {
                self.container(container);
            }
        }
        if let Some(path) = object.pointer("/hostPath/path").and_then(Json::as_str) {
            // Whether it can be written to is told by the mounts; a volume of its own has none.
            let alone = object.get("capacity").is_some() || object.get("accessModes").is_some();
            self.host_path(path, alone);
        }
        if let Some(context) = object.get("securityContext") {
            self.security_context(context);
        }
        if object.get("containers").is_some_and(Json::is_array) {
            self.found = true;
            self.pod_spec(object);
        }
        for (key, name) in HOST_NAMESPACES {
            if object.get(key) == Some(&Json::Bool(true)) {
                self.found = true;
                self.host_namespaces.insert(name);
            }
        }
    }

    fn pod_spec(&mut self, spec: &'a Json) {
        let account = ["serviceAccountName", "serviceAccount"]
            .iter()
            .find_map(|key| spec.get(key)?.as_str());
        self.service_account = self.service_account.or(account);
        let containers = ["containers", "initContainers", "ephemeralContainers"]
            .iter()
            .filter_map(|kind| spec.get(kind)?.as_array())
            .flatten();
        let mounts: Vec<&Json> = containers
            .filter_map(|container| container.get("volumeMounts")?.as_array())
            .flatten()
            .collect();
        for volume in spec
            .get("volumes")
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
        {
            let Some(path) = volume.pointer("/hostPath/path").and_then(Json::as_str) else {
                continue;
            };
            let name = volume.get("name");
            let mut own = mounts
                .iter()
                .filter(|mount| mount.get("name") == name)
                .peekable();
            let unmounted = own.peek().is_none();
            let writable = own.any(|mount| mount.get("readOnly") != Some(&Json::Bool(true)));
            self.host_path(path, unmounted || writable);
        }
    }

    fn container(&mut self, container: &'a Json) {
        self.found = true;
        self.images
            .extend(container.get("image").and_then(Json::as_str));
        let commands = [
            (container.get("command"), container.get("args")),
            (container.pointer("/lifecycle/postStart/exec/command"), None),
            (container.pointer("/lifecycle/preStop/exec/command"), None),
            (container.pointer("/livenessProbe/exec/command"), None),
            (container.pointer("/readinessProbe/exec/command"), None),
            (container.pointer("/startupProbe/exec/command"), None),
        ];
        for (command, arguments) in commands {
            let words: Vec<&str> = [command, arguments]
                .into_iter()
                .filter_map(|words| words?.as_array())
                .flatten()
                .filter_map(Json::as_str)
                .collect();
            if !words.is_empty() && self.commands.len() < ENTRIES_MAX {
                self.commands.push(words.join(" "));
            }
        }
    }

    fn security_context(&mut self, context: &'a Json) {
        if context.get("privileged") == Some(&Json::Bool(true)) {
            self.found = true;
            self.privileged = true;
        }
        let added = context
            .pointer("/capabilities/add")
            .and_then(Json::as_array);
        for capability in added.into_iter().flatten().filter_map(Json::as_str) {
            self.found = true;
            let name = capability.to_ascii_uppercase();
            let name = name.strip_prefix("CAP_").unwrap_or(&name);
            self.capabilities.insert(name.to_owned());
        }
    }

    /// One operation of a JSON patch, whose path says what its value is.
    fn patch(&mut self, operation: &'a Json) {
        let path = operation.get("path").and_then(Json::as_str);
        let (Some(path), Some(value), Some(_)) =
            (path, operation.get("value"), operation.get("op"))
        else {
            return;
        };
        let last = path.rsplit('/').next().unwrap_or_default();
        let holds = value == &Json::Bool(true);
        match (last, value.as_str()) {
            ("privileged", _) if holds => {
                self.found = true;
                self.privileged = true;
            }
            ("securityContext", _) => self.security_context(value),
            ("path", Some(text)) if path.ends_with("/hostPath/path") => self.host_path(text, true),
            ("hostPath", _) => {
                if let Some(text) = value.get("path").and_then(Json::as_str) {
                    self.host_path(text, true);
                }
            }
            ("image", Some(image)) => {
                self.found = true;
                self.images.push(image);
            }
            ("serviceAccountName" | "serviceAccount", Some(name)) => {
                self.found = true;
                self.service_account = self.service_account.or(Some(name));
            }
            _ => {}
        }
        for (key, name) in HOST_NAMESPACES {
            if last == key && holds {
                self.found = true;
                self.host_namespaces.insert(name);
            }
        }
    }

    fn host_path(&mut self, path: &str, writable: bool) {
        self.found = true;
        if self.host_paths.len() >= ENTRIES_MAX {
            return;
        }
        let path = resolved(path);
        if writable {
            self.writable.insert(path.clone());
        }
        self.host_paths.insert(path);
    }
}

/// Flags of a pod and the host's namespaces that they open.
const HOST_NAMESPACES: [(&str, &str); 3] = [
    ("hostPID", "pid"),
    ("hostIPC", "ipc"),
    ("hostNetwork", "network"),
];

/// A path without `//`, `.`, `..` and a slash at its end, any of which would hide it.
fn resolved(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}
