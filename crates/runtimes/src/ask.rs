//! What asking a runtime over its socket can lead to, and how answers are put together.

use crate::limits::bounded_string;
use std::collections::{BTreeMap, HashMap};
use yagura_event::{Container, Pod, Runtime};

/// Why a runtime gave no answer about a container.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AskError {
    /// It knows no such container (yet).
    #[error("does not know the container")]
    NotFound,
    /// Nobody listens, or we may not connect.
    #[error("cannot be reached: {reason}")]
    Unreachable {
        /// The system's words.
        reason: String,
    },
    /// It answered with an error, or not in the expected form.
    #[error("refused: {reason}")]
    Refused {
        /// The runtime's words, bounded.
        reason: String,
    },
    /// It did not answer in time.
    #[error("did not answer within {timeout_ms} ms")]
    Timeout {
        /// The bound in milliseconds.
        timeout_ms: u128,
    },
}

impl AskError {
    /// An error in the runtime's own words.
    pub(crate) fn refused(reason: &impl ToString) -> AskError {
        AskError::Refused {
            reason: bounded_string(&reason.to_string()),
        }
    }
}

/// Adds a runtime's answer to what the files said. What the files left open is filled; the image's name stays as the
/// user wrote it, unless the files have only its digest.
pub(crate) fn merge(known: &mut Container, answer: Container) {
    fill(&mut known.name, answer.name);
    if known.image.is_empty() || (is_digest(&known.image) && !answer.image.is_empty()) {
        known.image = answer.image;
    }
    fill(&mut known.image_id, answer.image_id);
    fill(&mut known.image_digest, answer.image_digest);
    if answer.runtime != Runtime::Unknown {
        known.runtime = answer.runtime;
    }
    // The runtime knows what was asked for; the files only show what came of it.
    known.privileged = answer.privileged.or(known.privileged);
    known.capabilities = answer.capabilities.or(known.capabilities);
    known.host_namespaces = answer.host_namespaces.or(known.host_namespaces.take());
    if !answer.command.is_empty() {
        known.command = answer.command;
    }
    if !answer.labels.is_empty() {
        known.labels = answer.labels;
    }
    fill(&mut known.ip, answer.ip);
    fill(&mut known.sandbox_id, answer.sandbox_id);
    if known.mounts.is_empty() {
        known.mounts = answer.mounts;
    }
    known.pod = match (known.pod.take(), answer.pod) {
        (Some(mut pod), Some(more)) => {
            fill(&mut pod.name, more.name);
            fill(&mut pod.namespace, more.namespace);
            fill(&mut pod.uid, more.uid);
            if !more.labels.is_empty() {
                pod.labels = more.labels;
            }
            Some(pod)
        }
        (pod, more) => pod.or(more),
    };
    known.created = answer.created.or(known.created);
    if answer.first_pid != 0 {
        known.first_pid = answer.first_pid;
    }
    known.gaps.extend(answer.gaps);
}

fn fill(known: &mut String, answer: String) {
    if known.is_empty() {
        *known = answer;
    }
}

fn is_digest(image: &str) -> bool {
    image.starts_with("sha256:") || crate::cgroup::is_id(image)
}

/// The pod that Kubernetes' own labels on a container name; the pod's labels are not among them.
pub(crate) fn pod_of_labels(labels: &HashMap<String, String>) -> Option<Pod> {
    let label = |key: &str| labels.get(key).map(|value| bounded_string(value));
    Some(Pod {
        name: label("io.kubernetes.pod.name")?,
        namespace: label("io.kubernetes.pod.namespace").unwrap_or_default(),
        uid: label("io.kubernetes.pod.uid").unwrap_or_default(),
        labels: BTreeMap::new(),
    })
}

/// The digest in one of an image's references `name@sha256:…`: of the reference to the same repository as `image`,
/// else of the first.
pub(crate) fn repo_digest(image: &str, references: &[String]) -> String {
    let split = |reference: &String| {
        reference
            .split_once('@')
            .map(|(repository, digest)| (repository.to_owned(), digest.to_owned()))
    };
    let mut digests = references.iter().filter_map(split);
    let repository = repository(image);
    digests
        .clone()
        .find(|(of, _)| of == repository)
        .or_else(|| digests.next())
        .map(|(_, digest)| bounded_string(&digest))
        .unwrap_or_default()
}

/// An image reference without its tag or digest. A colon before the last slash belongs to a registry's port.
fn repository(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or(image);
    match image.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => image,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_fills_what_is_open_and_keeps_the_users_image_name() {
        let mut known = Container {
            image: "nginx:1.27".to_owned(),
            pod: Some(Pod {
                name: "web-0".to_owned(),
                ..Pod::default()
            }),
            ..Container::default()
        };
        let answer = Container {
            name: "web".to_owned(),
            image: "docker.io/library/nginx:1.27".to_owned(),
            privileged: Some(true),
            runtime: Runtime::Containerd,
            pod: Some(Pod {
                name: "other".to_owned(),
                labels: BTreeMap::from([("app".to_owned(), "web".to_owned())]),
                ..Pod::default()
            }),
            ..Container::default()
        };
        merge(&mut known, answer.clone());
        assert_eq!(
            (known.name.as_str(), known.image.as_str()),
            ("web", "nginx:1.27")
        );
        let pod = known.pod.clone().expect("a pod");
        assert_eq!((pod.name.as_str(), pod.labels.len()), ("web-0", 1));
        known.image = "sha256:00".to_owned();
        merge(&mut known, answer);
        assert_eq!(known.image, "docker.io/library/nginx:1.27");
    }

    #[test]
    fn the_digest_of_the_same_repository_is_taken() {
        let references = [
            "a.example:5000/x@sha256:1".to_owned(),
            "b/x@sha256:2".to_owned(),
        ];
        assert_eq!(repo_digest("b/x:1", &references), "sha256:2");
        assert_eq!(repo_digest("a.example:5000/x", &references), "sha256:1");
        assert_eq!(repo_digest("c/x", &references), "sha256:1");
        assert_eq!(repo_digest("c/x", &["no digest".to_owned()]), "");
    }
}
