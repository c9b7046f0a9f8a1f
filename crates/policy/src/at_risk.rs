//! Rules on images at risk: asked once, when a container starts.
//!
//! An image is at risk under a rule if its reference or digest is on the rule's list, or if it was not scanned for
//! longer than the rule bears. Rules are not ordered. One that certainly allows an image goes before all others; then
//! blocking goes before reporting. A rule of which it can't be told whether it applies never allows and never blocks:
//! it reports instead of blocking.

use crate::expiry::Expiry;
use crate::pattern::ImagePattern;
use crate::scope::Scope;
use crate::span::Span;
use crate::subject::{Fact, Facts, Missing, Truth};
use std::fmt;
use yagura_event::{Container, Node, Sha256, WallTime};

/// What a rule asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ImageAction {
    /// Report.
    Alert,
    /// Keep the container from starting, or stop it at once, and report.
    Block,
    /// Let it start without a word.
    Allow,
}

impl ImageAction {
    /// Every action, in the order of the documentation.
    pub const ALL: [ImageAction; 3] = [ImageAction::Alert, ImageAction::Block, ImageAction::Allow];

    /// The name in policies.
    pub fn as_str(self) -> &'static str {
        match self {
            ImageAction::Alert => "alert",
            ImageAction::Block => "block",
            ImageAction::Allow => "allow",
        }
    }
}

impl fmt::Display for ImageAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A rule. One that stands in a [`crate::PolicySet`] names an image, a digest or an age.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AtRiskImageRule {
    /// Name, unique among rules of this kind.
    pub name: String,
    /// What it asks for.
    pub action: ImageAction,
    /// Whether it takes part.
    pub enabled: bool,
    /// Where it applies.
    pub scope: Scope,
    /// References at risk.
    pub images: Vec<ImagePattern>,
    /// Digests of manifests or configurations at risk.
    pub digests: Vec<Sha256>,
    /// An image is at risk if its latest scan is older, or if there was none.
    pub scan_older_than: Option<Span>,
    /// Who answers for the rule.
    pub owner: Option<String>,
    /// Why the rule is there.
    pub reason: Option<String>,
    /// When the rule stops taking part.
    pub expires: Option<Expiry>,
}

impl AtRiskImageRule {
    /// What a file says in `kind`.
    pub const KIND: &'static str = "AtRiskImageRule";
    /// The longest age of a scan that a rule can ask for: ten years.
    pub const AGE_MAX: Span = Span::of_seconds(3_650 * 86_400);

    pub(crate) fn new(name: &str, action: ImageAction) -> AtRiskImageRule {
        AtRiskImageRule {
            name: name.to_owned(),
            action,
            enabled: true,
            scope: Scope::default(),
            images: Vec::new(),
            digests: Vec::new(),
            scan_older_than: None,
            owner: None,
            reason: None,
            expires: None,
        }
    }

    /// Whether the rule can apply to some container of a node now.
    pub fn may_apply_on(&self, node: &Node, now: WallTime) -> bool {
        self.takes_part(now) && self.scope.may_match_on(node)
    }

    fn takes_part(&self, now: WallTime) -> bool {
        self.enabled && !self.expires.as_ref().is_some_and(|e| e.has_passed(now))
    }

    /// Whether the image is at risk under the rule.
    fn criteria(&self, subject: &ImageSubject<'_>, facts: &Facts<'_>) -> Truth {
        self.reference_listed(facts)
            .or(|| self.digest_listed(subject))
            .or(|| self.scan_is_old(subject))
    }

    fn reference_listed(&self, facts: &Facts<'_>) -> Truth {
        match facts.image_name {
            _ if self.images.is_empty() => Truth::No,
            Fact::Known(image) => self.images.iter().any(|p| p.matches(image)).into(),
            Fact::Absent => Truth::No,
            Fact::Unknown(missing) => Truth::Unknown(missing),
        }
    }

    fn digest_listed(&self, subject: &ImageSubject<'_>) -> Truth {
        if self.digests.is_empty() {
            return Truth::No;
        }
        let Some(container) = subject.container else {
            return Truth::Unknown(Missing::Container);
        };
        let texts = [&container.image_digest, &container.image_id];
        let found = texts.map(|text| digest_of(text));
        let listed = |digest: &Sha256| self.digests.contains(digest);
        if found.iter().flatten().any(listed) {
            Truth::Yes
        } else if found.contains(&None) {
            Truth::Unknown(Missing::ImageDigest)
        } else {
            Truth::No
        }
    }

    fn scan_is_old(&self, subject: &ImageSubject<'_>) -> Truth {
        let Some(age_max) = self.scan_older_than else {
            return Truth::No;
        };
        match subject.scan {
            ImageScan::Unknown => Truth::Unknown(Missing::ImageScan),
            ImageScan::Never => Truth::Yes,
            ImageScan::At(time) => {
                let age_ns = subject.now.0.saturating_sub(time.0);
                let age = u64::try_from(age_ns).unwrap_or_default() / 1_000_000_000;
                (age > age_max.seconds()).into()
            }
        }
    }
}

/// The digest in a text such as `sha256:…` or `docker.io/library/nginx@sha256:…`.
fn digest_of(text: &str) -> Option<Sha256> {
    let (_, digits) = text.rsplit_once("sha256:").unwrap_or(("", text));
    digits.parse().ok()
}

/// A container that starts.
#[derive(Debug, Clone, Copy)]
pub struct ImageSubject<'a> {
    /// The node. What is `None` in it is unknown.
    pub node: &'a Node,
    /// The container; `None` if its metadata never arrived.
    pub container: Option<&'a Container>,
    /// When its image was scanned.
    pub scan: ImageScan,
    /// The time at which age and expiry are judged.
    pub now: WallTime,
}

/// The latest scan of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageScan {
    /// Whether there was one is not known.
    Unknown,
    /// There was none.
    Never,
    /// It was then.
    At(WallTime),
}

/// What the rules together say of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageDecision<'p> {
    /// What is to be done; [`ImageAction::Allow`] too if no rule applies.
    pub action: ImageAction,
    /// The rule that says so: position and name. `None` if no rule applies.
    pub rule: Option<(usize, &'p str)>,
    /// What was missing to tell whether the deciding rule applies, or whether a rule allows the image.
    pub gap: Option<Missing>,
}

/// Rank of certain permission, above all others.
const ALLOWED: u8 = 3;

/// Decides. Allocates nothing.
pub fn decide_image<'p>(
    rules: &'p [AtRiskImageRule],
    subject: &ImageSubject<'_>,
) -> ImageDecision<'p> {
    let facts = Facts::of_container(subject.node, subject.container);
    let mut decision = ImageDecision {
        action: ImageAction::Allow,
        rule: None,
        gap: None,
    };
    let mut rank = 0;
    // What is missing to tell whether the image is allowed, so that nothing else would count.
    let mut may_be_allowed = None;
    for (index, rule) in rules.iter().enumerate() {
        let (action, gap) = match applies(rule, subject, &facts) {
            Truth::No => continue,
            Truth::Yes => (rule.action, None),
            Truth::Unknown(missing) if rule.action == ImageAction::Allow => {
                may_be_allowed = may_be_allowed.or(Some(missing));
                continue;
            }
            Truth::Unknown(missing) => (ImageAction::Alert, Some(missing)),
        };
        let later = match action {
            ImageAction::Alert => 1,
            ImageAction::Block => 2,
            ImageAction::Allow => ALLOWED,
        };
        if later > rank {
            rank = later;
            decision = ImageDecision {
                action,
                rule: Some((index, &rule.name)),
                gap,
            };
        }
    }
    if rank < ALLOWED {
        decision.gap = decision.gap.or(may_be_allowed);
    }
    decision
}

fn applies(rule: &AtRiskImageRule, subject: &ImageSubject<'_>, facts: &Facts<'_>) -> Truth {
    if !rule.takes_part(subject.now) {
        return Truth::No;
    }
    rule.scope
        .matches(facts)
        .and(|| rule.criteria(subject, facts))
}
