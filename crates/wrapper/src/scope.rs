//! Which containers are asked about, by what their configuration tells.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Conditions on a container, all of which must hold; one that is empty holds always.
///
/// Patterns are compared with the whole text: `*` stands for any characters, `?` for one. What a container's
/// configuration doesn't tell matches no pattern.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScopeRule {
    /// Kubernetes namespaces.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<String>,
    /// Names of pods.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pods: Vec<String>,
    /// Names of containers in pods.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<String>,
    /// Images as the pod names them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<String>,
    /// Annotations of the configuration, each with a pattern for its value.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// What a container's configuration tells about it, by the annotations of containerd and CRI-O.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContainerFacts {
    /// Kubernetes namespace.
    pub namespace: Option<String>,
    /// Name of the pod.
    pub pod: Option<String>,
    /// Name in the pod.
    pub container: Option<String>,
    /// Image as the pod names it.
    pub image: Option<String>,
    /// Whether it only holds a pod's namespaces.
    pub is_sandbox: bool,
    /// All annotations that are texts.
    pub annotations: BTreeMap<String, String>,
}

const NAMESPACE: [&str; 2] = [
    "io.kubernetes.cri.sandbox-namespace",
    "io.kubernetes.pod.namespace",
];
const POD: [&str; 2] = ["io.kubernetes.cri.sandbox-name", "io.kubernetes.pod.name"];
const CONTAINER: [&str; 2] = [
    "io.kubernetes.cri.container-name",
    "io.kubernetes.container.name",
];
const IMAGE: [&str; 2] = [
    "io.kubernetes.cri.image-name",
    "io.kubernetes.cri-o.ImageName",
];
const KIND: [&str; 2] = [
    "io.kubernetes.cri.container-type",
    "io.kubernetes.cri-o.ContainerType",
];

impl ContainerFacts {
    /// Takes them from the content of config.json.
    pub fn of(config: &Value) -> ContainerFacts {
        let empty = Map::new();
        let annotations = config.get("annotations").and_then(Value::as_object);
        let annotations: BTreeMap<String, String> = annotations
            .unwrap_or(&empty)
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
            .collect();
        let one_of = |names: [&str; 2]| {
            names
                .iter()
                .find_map(|name| annotations.get(*name).cloned())
        };
        ContainerFacts {
            namespace: one_of(NAMESPACE),
            pod: one_of(POD),
            container: one_of(CONTAINER),
            image: one_of(IMAGE),
            is_sandbox: one_of(KIND).is_some_and(|kind| kind == "sandbox"),
            annotations,
        }
    }

    /// Bytes of all annotations.
    pub(crate) fn annotation_bytes(&self) -> usize {
        let lengths = self
            .annotations
            .iter()
            .map(|(name, value)| name.len() + value.len());
        lengths.sum()
    }

    /// The facts as the agent is told them, a JSON object.
    pub(crate) fn metadata(&self) -> String {
        let known = [
            ("namespace", &self.namespace),
            ("pod", &self.pod),
            ("container", &self.container),
            ("image", &self.image),
        ];
        let known = known
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), Value::from(value.as_deref()?))));
        Value::Object(known.collect()).to_string()
    }
}

impl ScopeRule {
    /// Whether all conditions hold.
    pub fn applies(&self, facts: &ContainerFacts) -> bool {
        let holds = |patterns: &[String], value: &Option<String>| {
            let matches_value =
                |value: &String| patterns.iter().any(|pattern| matches(pattern, value));
            patterns.is_empty() || value.as_ref().is_some_and(matches_value)
        };
        holds(&self.namespaces, &facts.namespace)
            && holds(&self.pods, &facts.pod)
            && holds(&self.containers, &facts.container)
            && holds(&self.images, &facts.image)
            && self.annotations.iter().all(|(name, pattern)| {
                let value = facts.annotations.get(name);
                value.is_some_and(|value| matches(pattern, value))
            })
    }
}

/// Compares with wildcards in time of at most both lengths multiplied, whatever they hold.
fn matches(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.as_bytes(), text.as_bytes());
    // What is left of both behind the last star, to begin again one byte later.
    let mut again: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern.split_first(), text.split_first()) {
            (Some((b'*', rest)), _) => {
                again = Some((rest, text));
                pattern = rest;
            }
            (Some((wanted, rest)), Some((found, left))) if *wanted == b'?' || wanted == found => {
                (pattern, text) = (rest, left);
            }
            (None, None) => return true,
            _ => {
                let Some((behind, [_, left @ ..])) = again else {
                    return false;
                };
                again = Some((behind, left));
                (pattern, text) = (behind, left);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn wildcards_span_anything() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abbd", false),
            ("*/web:*", "localhost/web:1", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*b*", "xxaxxbxx", true),
            ("abc", "abcd", false),
            ("é*", "éa", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
        assert!(!matches(&"*a".repeat(200), &"a".repeat(150)));
    }

    #[test]
    fn what_is_not_told_matches_nothing() {
        let config =
            json!({ "annotations": { "io.kubernetes.cri.sandbox-namespace": "shop", "n": 1 } });
        let facts = ContainerFacts::of(&config);
        let rule = |namespaces: &[&str], images: &[&str]| ScopeRule {
            namespaces: namespaces.iter().map(|text| (*text).to_owned()).collect(),
            images: images.iter().map(|text| (*text).to_owned()).collect(),
            ..ScopeRule::default()
        };
        assert!(rule(&["sh*"], &[]).applies(&facts));
        assert!(!rule(&["sh*"], &["*"]).applies(&facts));
        assert!(!rule(&["web"], &[]).applies(&facts));
        assert!(ScopeRule::default().applies(&ContainerFacts::of(&json!(7))));
        let annotated = |pattern: &str| ScopeRule {
            annotations: BTreeMap::from([("k".to_owned(), pattern.to_owned())]),
            ..ScopeRule::default()
        };
        let facts = ContainerFacts::of(&json!({ "annotations": { "k": "v1" } }));
        assert!(annotated("v?").applies(&facts) && !annotated("w?").applies(&facts));
    }

    #[test]
    fn both_runtimes_annotations_are_understood() {
        let config = json!({ "annotations": {
            "io.kubernetes.cri-o.ContainerType": "sandbox", "io.kubernetes.pod.name": "web-0",
        } });
        let facts = ContainerFacts::of(&config);
        assert!(facts.is_sandbox);
        assert_eq!(facts.pod.as_deref(), Some("web-0"));
        assert_eq!(facts.metadata(), r#"{"pod":"web-0"}"#);
    }
}
