//! What a policy is asked about, and what of it is known.

use std::fmt;
use yagura_event::{Cloud, Container, DriftKind, Node, Pod, Provenance, Runtime, Sha256, WallTime};

/// A drifted file that runs in a container.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The node. What is `None` in it is unknown.
    pub node: &'a Node,
    /// The container; `None` if its metadata never arrived, which makes all of it unknown. In a container, a field
    /// that is empty is unknown if `gaps` says that something could not be learned, and known to be empty otherwise.
    pub container: Option<&'a Container>,
    /// What kind of file drifted.
    pub kind: DriftKind,
    /// Where the file comes from.
    pub provenance: Provenance,
    /// Path of the drifted file in the container; for an anonymous memory file `memfd:` and its name.
    pub path: &'a [u8],
    /// Digest of the file's content, `None` if unknown.
    pub sha256: Option<Sha256>,
    /// Path of the program that started the process, written like `path`; `None` if unknown.
    pub parent: Option<&'a [u8]>,
    /// Paths of the programs above the process, the parent first; `None` if unknown.
    pub ancestors: Option<&'a [&'a [u8]]>,
    /// The time at which expiry is judged.
    pub now: WallTime,
}

/// Something a policy asks for that is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Missing {
    /// All of the container's metadata.
    Container,
    /// The container's name.
    ContainerName,
    /// The image reference.
    ImageName,
    /// Whether there is a pod, and which.
    Pod,
    /// The pod's labels.
    PodLabels,
    /// The cluster's name.
    ClusterName,
    /// The cloud provider.
    CloudProvider,
    /// The cloud account.
    CloudAccount,
    /// The digest of the file.
    Sha256,
    /// The program that started the process.
    Parent,
    /// The programs above the process.
    Ancestors,
    /// The program that acts.
    Program,
    /// The file that is acted on.
    File,
    /// The digest of the image.
    ImageDigest,
    /// When the image was scanned.
    ImageScan,
}

impl Missing {
    /// A phrase for people, such as "the pod is unknown".
    pub fn text(self) -> &'static str {
        match self {
            Missing::Container => "the container's metadata has not arrived",
            Missing::ContainerName => "the container's name is unknown",
            Missing::ImageName => "the image reference is unknown",
            Missing::Pod => "the pod is unknown",
            Missing::PodLabels => "the pod's labels are unknown",
            Missing::ClusterName => "the cluster's name is not configured",
            Missing::CloudProvider => "the cloud provider is unknown",
            Missing::CloudAccount => "the cloud account is unknown",
            Missing::Sha256 => "the SHA-256 of the file is unknown",
            Missing::Parent => "the parent process is unknown",
            Missing::Ancestors => "the ancestors of the process are unknown",
            Missing::Program => "the program is unknown",
            Missing::File => "the file is unknown",
            Missing::ImageDigest => "the image's digest is unknown",
            Missing::ImageScan => "it is unknown when the image was scanned",
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// True, false, or not to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Truth {
    Yes,
    No,
    Unknown(Missing),
}

impl From<bool> for Truth {
    fn from(value: bool) -> Self {
        if value { Truth::Yes } else { Truth::No }
    }
}

impl Truth {
    /// False if one is false, else unknown if one is unknown.
    pub(crate) fn and(self, other: impl FnOnce() -> Truth) -> Truth {
        match self {
            Truth::No => Truth::No,
            Truth::Yes => other(),
            Truth::Unknown(_) => match other() {
                Truth::No => Truth::No,
                Truth::Yes | Truth::Unknown(_) => self,
            },
        }
    }

    /// True if one is true, else unknown if one is unknown.
    pub(crate) fn or(self, other: impl FnOnce() -> Truth) -> Truth {
        match self {
            Truth::Yes => Truth::Yes,
            Truth::No => other(),
            Truth::Unknown(_) => match other() {
                Truth::Yes => Truth::Yes,
                Truth::No | Truth::Unknown(_) => self,
            },
        }
    }
}

/// A fact that conditions ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fact<'a> {
    /// It is this.
    Known(&'a str),
    /// There is no such thing: a container without a pod has no namespace.
    Absent,
    /// It could not be learned.
    Unknown(Missing),
}

/// The facts of a subject, looked up once for all rules.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'a> {
    pub(crate) container_name: Fact<'a>,
    pub(crate) image_name: Fact<'a>,
    pub(crate) namespace: Fact<'a>,
    pub(crate) pod_name: Fact<'a>,
    pub(crate) cluster_name: Fact<'a>,
    pub(crate) cloud: Option<&'a Cloud>,
    pod: Result<Option<&'a Pod>, Missing>,
    gaps: bool,
}

impl<'a> Facts<'a> {
    pub(crate) fn of(subject: &Subject<'a>) -> Facts<'a> {
        Facts::of_container(subject.node, subject.container)
    }

    /// What is known of a container on a node, whatever runs in it.
    pub(crate) fn of_container(node: &'a Node, container: Option<&'a Container>) -> Facts<'a> {
        let gaps = container.is_some_and(|c| !c.gaps.is_empty());
        let text = |text: &'a str, missing| match text {
            "" if gaps => Fact::Unknown(missing),
            "" => Fact::Absent,
            text => Fact::Known(text),
        };
        let of_container = |field: fn(&Container) -> &str, missing| match container {
            Some(container) => text(field(container), missing),
            None => Fact::Unknown(Missing::Container),
        };
        let pod = pod_of(container);
        let of_pod = |field: fn(&Pod) -> &str| match pod {
            Ok(Some(pod)) => text(field(pod), Missing::Pod),
            Ok(None) => Fact::Absent,
            Err(missing) => Fact::Unknown(missing),
        };
        Facts {
            container_name: of_container(|c| &c.name, Missing::ContainerName),
            image_name: of_container(|c| &c.image, Missing::ImageName),
            namespace: of_pod(|p| &p.namespace),
            pod_name: of_pod(|p| &p.name),
            cluster_name: match node.cluster.as_deref() {
                None | Some("") => Fact::Unknown(Missing::ClusterName),
                Some(name) => Fact::Known(name),
            },
            cloud: node.cloud.as_ref(),
            pod,
            gaps,
        }
    }

    /// The value of a pod label.
    pub(crate) fn pod_label(&self, key: &str) -> Fact<'a> {
        match self.pod {
            Ok(Some(pod)) => match pod.labels.get(key) {
                Some(value) => Fact::Known(value),
                None if pod.labels.is_empty() && self.gaps => Fact::Unknown(Missing::PodLabels),
                None => Fact::Absent,
            },
            Ok(None) => Fact::Absent,
            Err(missing) => Fact::Unknown(missing),
        }
    }
}

/// The pod, or that there is none, or that this is unknown. Podman, runc and crun with no manager above them start
/// no pods of Kubernetes, so there a gap elsewhere leaves no doubt.
fn pod_of(container: Option<&Container>) -> Result<Option<&Pod>, Missing> {
    let container = container.ok_or(Missing::Container)?;
    let podless = matches!(
        container.runtime,
        Runtime::Podman | Runtime::Runc | Runtime::Crun
    );
    match &container.pod {
        Some(pod) => Ok(Some(pod)),
        None if container.gaps.is_empty() || podless => Ok(None),
        None => Err(Missing::Pod),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Truth::{No, Unknown, Yes};

    const HOLE: Truth = Unknown(Missing::Pod);

    #[test]
    fn truth_follows_kleene() {
        assert_eq!(HOLE.and(|| No), No);
        assert_eq!(HOLE.and(|| Yes), HOLE);
        assert_eq!(Yes.and(|| HOLE), HOLE);
        assert_eq!(HOLE.or(|| Yes), Yes);
        assert_eq!(HOLE.or(|| No), HOLE);
        assert_eq!(No.or(|| HOLE), HOLE);
    }

    fn facts_of<'a>(node: &'a Node, container: Option<&'a Container>) -> Facts<'a> {
        Facts::of(&Subject {
            node,
            container,
            kind: DriftKind::Binaries,
            provenance: Provenance::Written,
            path: b"/tmp/x",
            sha256: None,
            parent: None,
            ancestors: None,
            now: WallTime(0),
        })
    }

    #[test]
    fn everything_of_a_container_without_metadata_is_unknown() {
        let node = Node::default();
        let facts = facts_of(&node, None);
        let unknown = Fact::Unknown(Missing::Container);
        assert_eq!(facts.container_name, unknown);
        assert_eq!(facts.namespace, unknown);
        assert_eq!(facts.pod_label("app"), unknown);
        assert_eq!(facts.cluster_name, Fact::Unknown(Missing::ClusterName));
    }

    #[test]
    fn what_is_empty_is_absent_unless_there_are_gaps() {
        let node = Node::default();
        let mut container = Container {
            name: "web".to_owned(),
            ..Container::default()
        };
        let facts = facts_of(&node, Some(&container));
        assert_eq!(facts.container_name, Fact::Known("web"));
        assert_eq!(facts.image_name, Fact::Absent);
        assert_eq!(facts.namespace, Fact::Absent);

        container.gaps.push("the runtime did not answer".to_owned());
        let facts = facts_of(&node, Some(&container));
        assert_eq!(facts.container_name, Fact::Known("web"));
        assert_eq!(facts.image_name, Fact::Unknown(Missing::ImageName));
        assert_eq!(facts.namespace, Fact::Unknown(Missing::Pod));

        container.runtime = Runtime::Runc;
        let facts = facts_of(&node, Some(&container));
        assert_eq!(facts.namespace, Fact::Absent);
        assert_eq!(facts.pod_label("app"), Fact::Absent);
    }

    #[test]
    fn labels_are_unknown_only_if_none_arrived() {
        let node = Node::default();
        let mut container = Container {
            pod: Some(Pod::default()),
            gaps: vec!["the pod could not be read".to_owned()],
            ..Container::default()
        };
        let facts = facts_of(&node, Some(&container));
        assert_eq!(facts.pod_label("app"), Fact::Unknown(Missing::PodLabels));

        if let Some(pod) = &mut container.pod {
            pod.labels.insert("tier".to_owned(), String::new());
        }
        let facts = facts_of(&node, Some(&container));
        assert_eq!(facts.pod_label("app"), Fact::Absent);
        assert_eq!(facts.pod_label("tier"), Fact::Known(""));
    }
}
