//! The canonical form of rules, one document each.

use super::covered::names;
use super::{Cover, Covered, DefenceAllow, DefenceRule, Fuse};
use crate::at_risk::AtRiskImageRule;
use crate::drift::DriftPolicy;
use crate::pattern::{ImagePattern, PathPattern};
use crate::printer::{Printer, list};
use crate::scope::Scope;
use yagura_event::Dimension;

/// Level of the fields of `spec`.
const LEVEL: usize = 1;

/// Prints a rule as a document of YAML. What it leaves at its default is left out.
pub fn print(rule: &DefenceRule) -> String {
    let mut out = Printer::default();
    out.rule_head(DefenceRule::KIND, &rule.name);
    out.line(LEVEL, "action", rule.action.as_str());
    if !rule.enabled {
        out.line(LEVEL, "enabled", "false");
    }
    if rule.observe {
        out.line(LEVEL, "observe", "true");
    }
    if rule.nodes_percent != DefenceRule::NODES_PERCENT_MAX {
        out.line(LEVEL, "nodes_percent", &rule.nodes_percent.to_string());
    }
    out.rule_scope(&rule.scope);
    out.covered(&rule.behaviours);
    if !rule.allow.is_empty() {
        out.open(LEVEL, "allow");
        let entries = rule.allow.iter();
        entries.for_each(|entry| out.defence_allow(LEVEL + 2, entry));
    }
    out.optional(LEVEL, "owner", rule.owner.as_deref());
    out.optional(LEVEL, "reason", rule.reason.as_deref());
    let expires = rule.expires.as_ref();
    out.optional(LEVEL, "expires", expires.map(crate::Expiry::as_str));
    if rule.fuse != Fuse::DEFAULT {
        out.fuse(rule.fuse);
    }
    out.text
}

/// Prints a rule on images as a document of YAML. What it leaves at its default is left out.
pub fn print_image_rule(rule: &AtRiskImageRule) -> String {
    let mut out = Printer::default();
    out.rule_head(AtRiskImageRule::KIND, &rule.name);
    out.line(LEVEL, "action", rule.action.as_str());
    if !rule.enabled {
        out.line(LEVEL, "enabled", "false");
    }
    out.rule_scope(&rule.scope);
    if !rule.images.is_empty() {
        let images = rule.images.iter().map(|image| image.as_str().to_owned());
        out.line(LEVEL, "images", &list(&images.collect::<Vec<_>>()));
    }
    if !rule.digests.is_empty() {
        let digests = rule.digests.iter().map(|digest| format!("sha256:{digest}"));
        out.line(LEVEL, "digests", &list(&digests.collect::<Vec<_>>()));
    }
    if let Some(span) = rule.scan_older_than {
        out.line(LEVEL, "scan_older_than", &span.to_string());
    }
    out.optional(LEVEL, "owner", rule.owner.as_deref());
    out.optional(LEVEL, "reason", rule.reason.as_deref());
    let expires = rule.expires.as_ref();
    out.optional(LEVEL, "expires", expires.map(crate::Expiry::as_str));
    out.text
}

impl Printer {
    fn rule_head(&mut self, kind: &str, name: &str) {
        self.line(0, "apiVersion", DriftPolicy::API_VERSION);
        self.line(0, "kind", kind);
        self.open(0, "metadata");
        self.optional(1, "name", Some(name));
        self.open(0, "spec");
    }

    fn rule_scope(&mut self, scope: &Scope) {
        if *scope != Scope::default() {
            self.open(LEVEL, "scope");
            self.scope(LEVEL + 1, scope);
        }
    }

    fn covered(&mut self, covered: &Covered) {
        self.open(LEVEL, "behaviours");
        for dimension in Dimension::ALL {
            let value = match covered.of(dimension) {
                Cover::Nothing => continue,
                Cover::All => "all".to_owned(),
                Cover::Only(set) => format!("[{}]", names(set)),
                Cover::Except(set) => format!("{{ except: [{}] }}", names(set)),
            };
            self.line(LEVEL + 1, dimension.as_str(), &value);
        }
    }

    fn defence_allow(&mut self, level: usize, entry: &DefenceAllow) {
        self.item();
        let path = |pattern: &'_ Option<PathPattern>| {
            pattern.as_ref().map(|pattern| pattern.as_str().to_owned())
        };
        self.optional(level, "process", path(&entry.process).as_deref());
        self.optional(level, "parent", path(&entry.parent).as_deref());
        self.optional(level, "ancestor", path(&entry.ancestor).as_deref());
        self.optional(level, "file", path(&entry.file).as_deref());
        self.optional(
            level,
            "image",
            entry.image.as_ref().map(ImagePattern::as_str),
        );
        if let Some(set) = entry.behaviours {
            self.line(level, "behaviours", &format!("[{}]", names(set)));
        }
        let expires = entry.expires.as_ref();
        self.optional(level, "expires", expires.map(crate::Expiry::as_str));
        self.optional(level, "reason", entry.reason.as_deref());
    }

    fn fuse(&mut self, fuse: Fuse) {
        match fuse {
            Fuse::Off => self.line(LEVEL, "fuse", "off"),
            Fuse::After { restarts, within } => {
                self.open(LEVEL, "fuse");
                self.line(LEVEL + 1, "restarts", &restarts.to_string());
                self.line(LEVEL + 1, "within", &within.to_string());
            }
        }
    }
}
