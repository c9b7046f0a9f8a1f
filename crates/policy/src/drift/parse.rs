//! From a file to a policy, or to everything that is wrong with it.

use super::{DriftPolicy, DriftRule, KindSet, ProvenanceSet, RuleAction};
use crate::allow_list::{AllowEntry, ProcessPattern};
use crate::checks;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::limits::{ALLOW_ENTRIES_MAX, RULES_MAX, VALUES_MAX};
use crate::parts::is_readable;
use crate::reader::{Fields, Reader, TextKind};
use std::collections::HashMap;
use yagura_event::{DriftKind, Provenance};
use yagura_yaml::{Node, Position, Value, quote};

const POLICY_FIELDS: &[&str] = &["apiVersion", "kind", "metadata", "spec"];
const METADATA_FIELDS: &[&str] = &["name", "version"];
const SPEC_FIELDS: &[&str] = &["rules", "default"];
const RULE_FIELDS: &[&str] = &[
    "name",
    "action",
    "enabled",
    "scope",
    "kinds",
    "provenances",
    "allow",
    "owner",
    "reason",
    "expires",
    "observe",
    "nodes_percent",
];
const ALLOW_FIELDS: &[&str] = &["process", "parent", "ancestor", "reason"];

/// What a file turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The policy; `None` if there is any error.
    pub policy: Option<DriftPolicy>,
    /// Everything that is wrong or doubtful, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a policy file. `file` names it in diagnostics; nothing is opened.
pub fn parse(file: &str, text: &[u8]) -> Parsed {
    let mut diagnostics = Diagnostics::new(file);
    let tree = diagnostics.read(text, 1);
    let mut reader = Reader {
        diagnostics,
        complete: tree.complete,
    };
    let policy = tree
        .documents
        .first()
        .and_then(|root| reader.drift_policy(root));
    let errors = reader.diagnostics.errors();
    Parsed {
        policy: policy.filter(|_| errors == 0 && tree.complete),
        diagnostics: reader.diagnostics.finish(),
    }
}

/// A rule with the places that checks across rules speak of.
#[derive(Debug)]
struct PlacedRule {
    at: Position,
    name_at: Position,
    name: Option<String>,
    /// Absent if anything in it is wrong.
    rule: Option<DriftRule>,
}

impl Reader {
    /// Reads a document of kind `DriftPolicy`.
    pub(crate) fn drift_policy(&mut self, root: &Node) -> Option<DriftPolicy> {
        let fields = self.fields(root, "a policy", POLICY_FIELDS)?;
        self.expect_word(&fields, "apiVersion", DriftPolicy::API_VERSION);
        self.expect_word(&fields, "kind", DriftPolicy::KIND);
        let (name, version) = self.metadata(&fields);
        let spec = self.required(&fields, "spec", "{ rules: [] }")?;
        let spec = self.fields(spec, "spec", SPEC_FIELDS)?;
        let rules = self.rules(&spec);
        let default_action = self.default_action(&spec);
        Some(DriftPolicy::assemble(name, version, rules, default_action?))
    }

    fn metadata(&mut self, fields: &Fields<'_>) -> (Option<String>, Option<u64>) {
        let metadata = fields
            .get("metadata")
            .and_then(|node| self.fields(node, "metadata", METADATA_FIELDS));
        let Some(metadata) = metadata else {
            return (None, None);
        };
        let name = self.optional_text(&metadata, "name", TextKind::Name);
        let version = metadata
            .get("version")
            .and_then(|node| self.number(node, "a version", 0, u64::MAX));
        (name, version)
    }

    fn default_action(&mut self, spec: &Fields<'_>) -> Option<RuleAction> {
        let Some(node) = spec.get("default") else {
            return Some(RuleAction::Ignore);
        };
        let fields = self.any_fields(node, "the default rule")?;
        for key in fields.keys().filter(|key| key.text != "action") {
            if RULE_FIELDS.contains(&key.text.as_str()) {
                self.diagnostics.report_with_hint(
                    Code::DefaultRuleChanged,
                    key.at,
                    format!(
                        "the default rule takes an action alone, not \"{}\"",
                        key.text
                    ),
                    "put a rule at the end of the rules instead",
                );
            } else {
                self.unknown_field(key, "the default rule", &["action"]);
            }
        }
        let node = self.required(&fields, "action", "ignore")?;
        let action = self.action(node)?;
        if action == RuleAction::Block {
            let hint = "add a rule with a scope, or begin with action alert";
            self.warn_of_block(node.at, "the default rule blocks", hint);
        }
        Some(action)
    }

    fn rules(&mut self, spec: &Fields<'_>) -> Vec<DriftRule> {
        let Some(items) = spec
            .get("rules")
            .and_then(|node| self.list(node, "the list of rules", RULES_MAX))
        else {
            return Vec::new();
        };
        let rules: Vec<PlacedRule> = items.iter().filter_map(|node| self.rule(node)).collect();
        self.check_names(&rules);
        self.check_shadows(&rules);
        rules.into_iter().filter_map(|placed| placed.rule).collect()
    }

    fn rule(&mut self, node: &Node) -> Option<PlacedRule> {
        let errors_before = self.diagnostics.errors();
        let fields = self.fields(node, "a rule", RULE_FIELDS)?;
        let name_node = self.required(&fields, "name", "Alert on web servers");
        let name = name_node.and_then(|node| self.text(node, "a rule's name", TextKind::Name));
        let action = self
            .required(&fields, "action", "alert")
            .and_then(|node| self.action(node));
        let mut rule = DriftRule::new(
            name.as_deref().unwrap_or_default(),
            action.unwrap_or(RuleAction::Alert),
        );
        self.parts(&fields, &mut rule);
        self.doubts(&fields, &rule);
        Some(PlacedRule {
            at: node.at,
            name_at: name_node.map_or(node.at, |node| node.at),
            rule: (action.is_some() && self.diagnostics.errors() == errors_before).then_some(rule),
            name,
        })
    }

    fn action(&mut self, node: &Node) -> Option<RuleAction> {
        self.choice(node, "action", &RuleAction::ALL.map(|a| (a.as_str(), a)))
    }

    /// Everything of a rule beside its name and action.
    fn parts(&mut self, fields: &Fields<'_>, rule: &mut DriftRule) {
        if let Some(node) = fields.get("enabled") {
            rule.enabled = self.boolean(node, "enabled").unwrap_or(true);
        }
        if let Some(node) = fields.get("scope") {
            rule.scope = self.scope(node);
        }
        if let Some(node) = fields.get("kinds") {
            rule.kinds = self.kinds(node);
        }
        if let Some(node) = fields.get("provenances") {
            rule.provenances = self.provenances(node);
        }
        if let Some(node) = fields.get("allow") {
            let items = self.list(node, "an allow list", ALLOW_ENTRIES_MAX);
            let entries = items.unwrap_or_default().iter();
            rule.allow = entries.filter_map(|node| self.allow_entry(node)).collect();
        }
        rule.owner = self.optional_text(fields, "owner", TextKind::Name);
        rule.reason = self.optional_text(fields, "reason", TextKind::Prose);
        rule.expires = fields.get("expires").and_then(|node| self.expiry(node));
        if let Some(node) = fields.get("observe") {
            rule.observe = self.boolean(node, "observe").unwrap_or_default();
        }
        if let Some(node) = fields.get("nodes_percent") {
            rule.nodes_percent = self.nodes_percent(node);
        }
    }

    /// What can be meant, but hardly is.
    fn doubts(&mut self, fields: &Fields<'_>, rule: &DriftRule) {
        if rule.action == RuleAction::Block {
            if !rule.observe && rule.enabled {
                self.check_entries(fields, rule);
            }
            if rule.scope.is_everywhere() && fields.get("scope").is_none_or(is_readable) {
                let hint = "give it a scope, or begin with action alert";
                self.warn_of_block(fields.at, "this rule blocks", hint);
            }
        } else {
            for name in ["observe", "nodes_percent"] {
                self.warn_of_no_effect(fields, name, "only a rule with action block has it");
            }
        }
        if rule.action == RuleAction::Ignore {
            self.warn_of_no_effect(
                fields,
                "allow",
                "the rule ignores everything that it covers",
            );
        }
    }

    /// Warns of entries that the kernel can't decide by, and says what it does instead.
    fn check_entries(&mut self, fields: &Fields<'_>, rule: &DriftRule) {
        let Some(Value::Sequence(nodes)) = fields.get("allow").map(|node| &node.value) else {
            return;
        };
        // Where an entry is broken, positions and entries don't go together; then there is an error already.
        for (node, entry) in nodes
            .iter()
            .zip(&rule.allow)
            .filter(|_| nodes.len() == rule.allow.len())
        {
            let process = match &entry.process {
                ProcessPattern::Path(pattern) => Some(pattern),
                ProcessPattern::Sha256(_) => {
                    self.diagnostics.report_with_hint(
                        Code::NotInKernel,
                        node.at,
                        "the kernel can't compare digests: where it decides alone, it denies this file",
                        "allow the path instead",
                    );
                    None
                }
            };
            let patterns = [process, entry.parent.as_ref(), entry.ancestor.as_ref()];
            for pattern in patterns {
                checks::check_text(&mut self.diagnostics, node.at, pattern);
            }
        }
    }

    fn warn_of_block(&mut self, at: Position, what: &str, hint: &str) {
        self.diagnostics.report_with_hint(
            Code::BlocksEverywhere,
            at,
            format!("{what} drift in every container that no earlier rule covers"),
            hint,
        );
    }

    fn kinds(&mut self, node: &Node) -> KindSet {
        let hint = "leave it out: the rule then counts binaries";
        let items = self.filled_list(node, "the list of kinds", VALUES_MAX, hint);
        let choices = DriftKind::ALL.map(|k| (k.as_str(), k));
        KindSet::of(self.choices(items.unwrap_or_default(), "kind", &choices))
    }

    fn provenances(&mut self, node: &Node) -> ProvenanceSet {
        let hint = "leave it out: the rule then counts every provenance";
        let items = self.filled_list(node, "the list of provenances", VALUES_MAX, hint);
        let choices = Provenance::DRIFTED.map(|p| (p.as_str(), p));
        ProvenanceSet::of(self.choices(items.unwrap_or_default(), "provenance", &choices))
    }

    fn allow_entry(&mut self, node: &Node) -> Option<AllowEntry> {
        let fields = self.fields(node, "an entry of an allow list", ALLOW_FIELDS)?;
        let process = self
            .required(&fields, "process", "/usr/local/bin/tool")
            .and_then(|node| self.process_pattern(node));
        let parent = fields
            .get("parent")
            .map(|node| self.path_pattern(node, "parent"));
        let ancestor = fields
            .get("ancestor")
            .map(|node| self.path_pattern(node, "ancestor"));
        Some(AllowEntry {
            process: process?,
            parent: parent.flatten(),
            ancestor: ancestor.flatten(),
            reason: self.optional_text(&fields, "reason", TextKind::Prose),
        })
    }

    fn check_names(&mut self, rules: &[PlacedRule]) {
        let mut first: HashMap<&str, Position> = HashMap::new();
        for rule in rules {
            let Some(name) = rule.name.as_deref() else {
                continue;
            };
            if name.eq_ignore_ascii_case(DriftPolicy::DEFAULT_RULE_NAME) {
                self.diagnostics.report_with_hint(
                    Code::DefaultRuleMoved,
                    rule.name_at,
                    "the default rule is always last and does not stand among the rules",
                    "set its action under spec.default.action, or give this rule another name",
                );
            } else if let Some(earlier) = first.get(name) {
                let message = format!(
                    "line {} has a rule named {} already",
                    earlier.line,
                    quote(name)
                );
                let hint = "give each rule a name of its own";
                self.diagnostics.report_with_hint(
                    Code::DuplicateRuleName,
                    rule.name_at,
                    message,
                    hint,
                );
            } else {
                first.insert(name, rule.name_at);
            }
        }
    }

    /// Warns of rules for which earlier rules leave nothing: rules that apply everywhere and never expire decide
    /// everything of the kinds and provenances that they count.
    fn check_shadows(&mut self, rules: &[PlacedRule]) {
        let mut covered: HashMap<(DriftKind, Provenance), &str> = HashMap::new();
        for placed in rules {
            let Some(rule) = placed.rule.as_ref().filter(|rule| rule.enabled) else {
                continue;
            };
            let counted = || {
                let kinds = rule.kinds.iter();
                kinds.flat_map(|kind| rule.provenances.iter().map(move |p| (kind, p)))
            };
            let by = counted().map(|pair| covered.get(&pair).copied());
            if let Some(Some(by)) = by.reduce(Option::and) {
                self.diagnostics.report_with_hint(
                    Code::Shadowed,
                    placed.at,
                    format!(
                        "rule {} never decides: {} applies everywhere and stands before it",
                        quote(&rule.name),
                        quote(by)
                    ),
                    "move it up, or give the earlier rule a scope",
                );
            } else if rule.scope.is_everywhere() && rule.expires.is_none() {
                for pair in counted() {
                    covered.entry(pair).or_insert(&rule.name);
                }
            }
        }
    }
}
