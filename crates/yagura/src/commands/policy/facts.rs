//! What the arguments of `yagura policy test` say of a container and a node.

use std::collections::BTreeMap;
use yagura_event::{
    Behaviour, Cloud, Container, DriftKind, Pod, Provenance, Provider, Sha256, escape,
};

/// One `KEY=VALUE` of `--container`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Field {
    Image,
    Container,
    Namespace,
    Pod,
    Cluster,
    Label(String),
}

/// What `--container` takes, for messages.
const FIELDS: &str = "image, container, namespace, pod, cluster, label.KEY";

/// The values of one `--container`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ContainerFacts(BTreeMap<Field, String>);

impl ContainerFacts {
    /// Reads `KEY=VALUE,KEY=VALUE`; `\,` is a comma in a value and `\\` a backslash.
    ///
    /// # Errors
    /// A message for the user, if a part has no known key or a key stands twice.
    pub(super) fn parse(text: &str) -> Result<ContainerFacts, String> {
        let mut facts = ContainerFacts::default();
        for part in split(text) {
            let (key, value) = part
                .split_once('=')
                .ok_or_else(|| format!("\"{}\" is not KEY=VALUE", escape(part.as_bytes())))?;
            facts.insert(field(key)?, value.to_owned())?;
        }
        Ok(facts)
    }

    /// All of several `--container` together.
    ///
    /// # Errors
    /// A message for the user, if a key stands twice.
    pub(super) fn join(all: &[ContainerFacts]) -> Result<ContainerFacts, String> {
        let mut joined = ContainerFacts::default();
        for (field, value) in all.iter().flat_map(|facts| &facts.0) {
            joined.insert(field.clone(), value.clone())?;
        }
        Ok(joined)
    }

    fn insert(&mut self, field: Field, value: String) -> Result<(), String> {
        match self.0.insert(field, value) {
            None => Ok(()),
            Some(first) => Err(format!(
                "a key is given twice, first as \"{}\"",
                escape(first.as_bytes())
            )),
        }
    }

    fn get(&self, field: &Field) -> String {
        self.0.get(field).cloned().unwrap_or_default()
    }

    /// The cluster's name, which the node's configuration would hold.
    pub(super) fn cluster(&self) -> Option<String> {
        self.0.get(&Field::Cluster).cloned()
    }

    /// The container, of which everything is known: what was not given is not there.
    pub(super) fn container(&self) -> Container {
        let labels: BTreeMap<String, String> = self.labels().collect();
        let pod = Pod {
            name: self.get(&Field::Pod),
            namespace: self.get(&Field::Namespace),
            uid: String::new(),
            labels,
        };
        Container {
            name: self.get(&Field::Container),
            image: self.get(&Field::Image),
            pod: (pod != Pod::default()).then_some(pod),
            ..Container::default()
        }
    }

    fn labels(&self) -> impl Iterator<Item = (String, String)> + '_ {
        self.0.iter().filter_map(|(field, value)| match field {
            Field::Label(key) => Some((key.clone(), value.clone())),
            _ => None,
        })
    }
}

/// Reads the name of a behaviour.
pub(super) fn behaviour(name: &str) -> Result<Behaviour, String> {
    Behaviour::from_name(name).ok_or_else(|| {
        let names: Vec<&str> = Behaviour::ALL.iter().map(|b| b.as_str()).collect();
        format!("behaviour is one of {}", names.join(", "))
    })
}

fn field(key: &str) -> Result<Field, String> {
    match key.trim() {
        "image" => Ok(Field::Image),
        "container" | "name" => Ok(Field::Container),
        "namespace" => Ok(Field::Namespace),
        "pod" => Ok(Field::Pod),
        "cluster" => Ok(Field::Cluster),
        key => match key.strip_prefix("label.") {
            Some(label) if !label.is_empty() => Ok(Field::Label(label.to_owned())),
            _ => Err(format!(
                "unknown key \"{}\"; known are {FIELDS}",
                escape(key.as_bytes())
            )),
        },
    }
}

/// The parts between commas, without the backslashes that take a character's meaning away.
fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let kept = match c {
            ',' => {
                parts.push(String::new());
                continue;
            }
            '\\' => match chars.next() {
                Some(next @ (',' | '\\')) => next,
                Some(next) => {
                    push(&mut parts, '\\');
                    next
                }
                None => '\\',
            },
            c => c,
        };
        push(&mut parts, kept);
    }
    parts
}

fn push(parts: &mut [String], c: char) {
    if let Some(last) = parts.last_mut() {
        last.push(c);
    }
}

/// Reads `PROVIDER/ACCOUNT` or `PROVIDER`.
///
/// # Errors
/// A message for the user, if there is no such provider.
pub(super) fn cloud(text: &str) -> Result<Cloud, String> {
    let (provider, account) = text.split_once('/').unwrap_or((text, ""));
    match Provider::from_name(provider) {
        Some(provider) => Ok(Cloud {
            provider,
            account: account.to_owned(),
        }),
        None => Err(format!(
            "no provider; known are {}",
            Provider::ALL.map(Provider::as_str).join(", ")
        )),
    }
}

/// Reads a kind in the singular or the plural.
///
/// # Errors
/// A message for the user, if there is no such kind.
pub(super) fn kind(text: &str) -> Result<DriftKind, String> {
    DriftKind::ALL
        .into_iter()
        .find(|kind| text == kind.as_str() || text == kind.singular())
        .ok_or_else(|| {
            let known = DriftKind::ALL.map(DriftKind::singular);
            format!("no kind; known are {}", known.join(", "))
        })
}

/// Reads a provenance.
///
/// # Errors
/// A message for the user, if there is no such provenance that can be drift.
pub(super) fn provenance(text: &str) -> Result<Provenance, String> {
    Provenance::DRIFTED
        .into_iter()
        .find(|provenance| text == provenance.as_str())
        .ok_or_else(|| {
            let known = Provenance::DRIFTED.map(Provenance::as_str);
            format!("no provenance; known are {}", known.join(", "))
        })
}

/// Reads a digest, with or without `sha256:` in front.
///
/// # Errors
/// A message for the user, if it is none.
pub(super) fn sha256(text: &str) -> Result<Sha256, String> {
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    digits.parse().map_err(|error| format!("{error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_hold_commas_equal_signs_and_backslashes() {
        let facts = ContainerFacts::parse(r"image=a\,b=c,label.x=,pod=p\\q\r").unwrap();
        let container = facts.container();
        assert_eq!(container.image, "a,b=c");
        let pod = container.pod.unwrap();
        assert_eq!(pod.labels.get("x").map(String::as_str), Some(""));
        assert_eq!(pod.name, r"p\q\r");
    }

    #[test]
    fn several_arguments_are_one_container() {
        let all = ["image=a", "namespace=b,cluster=c"].map(|t| ContainerFacts::parse(t).unwrap());
        let facts = ContainerFacts::join(&all).unwrap();
        assert_eq!(facts.cluster().as_deref(), Some("c"));
        assert_eq!(facts.container().image, "a");
        assert_eq!(facts.container().pod.unwrap().namespace, "b");
    }

    #[test]
    fn a_container_outside_kubernetes_has_no_pod() {
        let facts = ContainerFacts::parse("image=a,container=b").unwrap();
        assert_eq!(facts.container().pod, None);
    }

    #[test]
    fn mistakes_are_told() {
        for text in [
            "",
            "image",
            "image=a,",
            "img=a",
            "label.=a",
            "image=a,image=b",
        ] {
            assert!(ContainerFacts::parse(text).is_err(), "{text:?}");
        }
        let twice = ["pod=a", "pod=b"].map(|t| ContainerFacts::parse(t).unwrap());
        assert!(ContainerFacts::join(&twice).is_err());
        assert!(cloud("oracle/x").is_err());
        assert!(kind("binarys").is_err());
        assert!(provenance("image").is_err());
        assert!(sha256("sha256:00").is_err());
    }

    #[test]
    fn words_are_read() {
        assert_eq!(kind("library"), Ok(DriftKind::Libraries));
        assert_eq!(kind("scripts"), Ok(DriftKind::Scripts));
        assert_eq!(cloud("on-premises").unwrap().account, "");
        assert_eq!(cloud("aws/1/2").unwrap().account, "1/2");
        assert!(sha256(&format!("sha256:{}", "0".repeat(64))).is_ok());
    }
}
