//! Where a rule applies: clouds and conditions on containers.

use crate::subject::{Fact, Facts, Missing, Truth};
use std::fmt;
use yagura_event::{Cloud, Node, Provider, escape};

/// Where a rule applies. Clouds are ORed, conditions are ANDed; an empty scope is everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope {
    /// What the scope means to its author.
    pub description: Option<String>,
    /// Clouds; empty is everywhere.
    pub clouds: Vec<CloudScope>,
    /// Conditions that must all hold.
    pub conditions: Vec<Condition>,
}

impl Scope {
    /// Whether the scope leaves nothing out.
    pub fn is_everywhere(&self) -> bool {
        self.clouds.is_empty() && self.conditions.is_empty()
    }

    /// Whether the subject is in scope.
    pub(crate) fn matches(&self, facts: &Facts<'_>) -> Truth {
        self.clouds_match(facts).and(|| {
            self.conditions
                .iter()
                .fold(Truth::Yes, |truth, c| truth.and(|| c.matches(facts)))
        })
    }

    /// Whether some container of the node can be in scope.
    pub(crate) fn may_match_on(&self, node: &Node) -> bool {
        self.matches(&Facts::of_container(node, None)) != Truth::No
    }

    /// Whether the node is in one of the clouds.
    pub(crate) fn clouds_match(&self, facts: &Facts<'_>) -> Truth {
        if self.clouds.is_empty() {
            return Truth::Yes;
        }
        self.clouds
            .iter()
            .fold(Truth::No, |truth, c| truth.or(|| c.matches(facts.cloud)))
    }
}

/// A cloud, or some accounts of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudScope {
    /// The provider.
    pub provider: Provider,
    /// Accounts; `None` is the whole provider, with accounts that are added later.
    pub accounts: Option<Vec<String>>,
}

impl CloudScope {
    fn matches(&self, cloud: Option<&Cloud>) -> Truth {
        let Some(cloud) = cloud else {
            return Truth::Unknown(Missing::CloudProvider);
        };
        if cloud.provider != self.provider {
            return Truth::No;
        }
        match &self.accounts {
            None => Truth::Yes,
            Some(_) if cloud.account.is_empty() => Truth::Unknown(Missing::CloudAccount),
            Some(accounts) => accounts.contains(&cloud.account).into(),
        }
    }
}

impl fmt::Display for CloudScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.provider)?;
        match &self.accounts {
            None => Ok(()),
            Some(accounts) => {
                f.write_str(" ")?;
                write_list(f, accounts)
            }
        }
    }
}

/// A comparison of one field with some values, of which one must fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// What is compared.
    pub field: Field,
    /// How.
    pub operator: Operator,
    /// With what; never empty, and no value is empty.
    pub values: Vec<String>,
}

impl Condition {
    /// Whether the condition holds.
    pub(crate) fn matches(&self, facts: &Facts<'_>) -> Truth {
        match self.field.of(facts) {
            Fact::Known(found) => self.value_for(found).is_some().into(),
            Fact::Absent => Truth::No,
            Fact::Unknown(missing) => Truth::Unknown(missing),
        }
    }

    /// The first value that fits what was found.
    pub(crate) fn value_for(&self, found: &str) -> Option<&str> {
        self.values
            .iter()
            .map(String::as_str)
            .find(|wanted| self.operator.holds(found, wanted))
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.field, self.operator)?;
        write_list(f, &self.values)
    }
}

/// What a condition compares.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Field {
    /// The container's name.
    ContainerName,
    /// The image reference as the user wrote it.
    ImageName,
    /// The pod's namespace.
    Namespace,
    /// The pod's label of this key.
    PodLabel(String),
    /// The pod's name.
    PodName,
    /// The cluster's name.
    ClusterName,
}

impl Field {
    /// The names in policies, in the order of the documentation.
    pub const NAMES: [&'static str; 6] = [
        "container-name",
        "image-name",
        "namespace",
        "pod-label",
        "pod-name",
        "cluster-name",
    ];

    /// The name in policies.
    pub fn name(&self) -> &'static str {
        match self {
            Field::ContainerName => "container-name",
            Field::ImageName => "image-name",
            Field::Namespace => "namespace",
            Field::PodLabel(_) => "pod-label",
            Field::PodName => "pod-name",
            Field::ClusterName => "cluster-name",
        }
    }

    /// What is known of the field.
    pub(crate) fn of<'a>(&self, facts: &Facts<'a>) -> Fact<'a> {
        match self {
            Field::ContainerName => facts.container_name,
            Field::ImageName => facts.image_name,
            Field::Namespace => facts.namespace,
            Field::PodLabel(key) => facts.pod_label(key),
            Field::PodName => facts.pod_name,
            Field::ClusterName => facts.cluster_name,
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Field::PodLabel(key) => write!(f, "pod-label {}", escape(key.as_bytes())),
            field => f.write_str(field.name()),
        }
    }
}

/// How a condition compares: byte by byte, case-sensitive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    /// The field begins with the value.
    StartsWith,
    /// The field ends with the value.
    EndsWith,
    /// The field is the value.
    Equals,
    /// The value stands somewhere in the field.
    Contains,
}

impl Operator {
    /// Every operator, in the order of the documentation.
    pub const ALL: [Operator; 4] = [
        Operator::StartsWith,
        Operator::EndsWith,
        Operator::Equals,
        Operator::Contains,
    ];

    /// The name in policies.
    pub fn as_str(self) -> &'static str {
        match self {
            Operator::StartsWith => "starts-with",
            Operator::EndsWith => "ends-with",
            Operator::Equals => "equals",
            Operator::Contains => "contains",
        }
    }

    fn holds(self, found: &str, wanted: &str) -> bool {
        match self {
            Operator::StartsWith => found.starts_with(wanted),
            Operator::EndsWith => found.ends_with(wanted),
            Operator::Equals => found == wanted,
            Operator::Contains => found.contains(wanted),
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Texts as `["a", "b"]`, escaped.
fn write_list(f: &mut fmt::Formatter<'_>, texts: &[String]) -> fmt::Result {
    f.write_str("[")?;
    for (index, text) in texts.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        write!(f, "{comma}\"{}\"", escape(text.as_bytes()))?;
    }
    f.write_str("]")
}
