//! From a document to a defence rule or a rule on images.

use super::{Cover, Covered, DefenceAction, DefenceAllow, DefenceRule, Fuse};
use crate::at_risk::{AtRiskImageRule, ImageAction};
use crate::diagnostic::Code;
use crate::limits::{ALLOW_ENTRIES_MAX, VALUES_MAX};
use crate::pattern::ImagePattern;
use crate::reader::{Fields, Reader, TextKind};
use crate::span::Span;
use yagura_event::{Behaviour, BehaviourSet, Dimension, Sha256};
use yagura_yaml::{Node, Position, Value, nearest, quote};

const DOCUMENT_FIELDS: &[&str] = &["apiVersion", "kind", "metadata", "spec"];
const METADATA_FIELDS: &[&str] = &["name"];
const RULE_FIELDS: &[&str] = &[
    "action",
    "enabled",
    "observe",
    "nodes_percent",
    "scope",
    "behaviours",
    "allow",
    "owner",
    "reason",
    "expires",
    "fuse",
];
const COVERED_FIELDS: &[&str] = &["process", "file", "syscall"];
const COVER_FIELDS: &[&str] = &["except"];
const ALLOW_FIELDS: &[&str] = &[
    "process",
    "parent",
    "ancestor",
    "file",
    "image",
    "behaviours",
    "expires",
    "reason",
];
const FUSE_FIELDS: &[&str] = &["restarts", "within"];
const IMAGE_RULE_FIELDS: &[&str] = &[
    "action",
    "enabled",
    "scope",
    "images",
    "digests",
    "scan_older_than",
    "owner",
    "reason",
    "expires",
];

/// A rule with the places that checks speak of.
#[derive(Debug)]
pub(crate) struct Placed<R> {
    /// Where the rule begins.
    pub(crate) at: Position,
    /// Where its name stands.
    pub(crate) name_at: Position,
    /// Its name, if that could be read.
    pub(crate) name: Option<String>,
    /// Where the entries of its allow list begin; of a broken entry too.
    pub(crate) allow_at: Vec<Position>,
    /// The rule; absent if anything in it is wrong.
    pub(crate) rule: Option<R>,
}

impl Reader {
    /// Reads a document of kind `DefenceRule`.
    pub(crate) fn defence_rule(&mut self, root: &Node) -> Option<Placed<DefenceRule>> {
        let errors_before = self.diagnostics.errors();
        let (name_at, name, spec) = self.rule_document(root, "a defence rule")?;
        let spec = self.fields(spec?, "a defence rule", RULE_FIELDS)?;
        let action = self.required(&spec, "action", "alert").and_then(|node| {
            self.choice(node, "action", &DefenceAction::ALL.map(|a| (a.as_str(), a)))
        });
        let mut rule = DefenceRule::new(
            name.as_deref().unwrap_or_default(),
            action.unwrap_or(DefenceAction::Alert),
        );
        let allow_at = self.defence_parts(&spec, &mut rule);
        if rule.action == DefenceAction::Alert && action.is_some() {
            for field in ["observe", "nodes_percent", "fuse"] {
                self.warn_of_no_effect(&spec, field, "only a rule with action block has it");
            }
        }
        let complete = action.is_some() && name.is_some() && self.complete;
        Some(Placed {
            at: root.at,
            name_at,
            name,
            allow_at,
            rule: (complete && self.diagnostics.errors() == errors_before).then_some(rule),
        })
    }

    /// Reads a document of kind `AtRiskImageRule`.
    pub(crate) fn image_rule(&mut self, root: &Node) -> Option<Placed<AtRiskImageRule>> {
        let errors_before = self.diagnostics.errors();
        let (name_at, name, spec) = self.rule_document(root, "a rule on images")?;
        let spec = self.fields(spec?, "a rule on images", IMAGE_RULE_FIELDS)?;
        let action = self.required(&spec, "action", "alert").and_then(|node| {
            self.choice(node, "action", &ImageAction::ALL.map(|a| (a.as_str(), a)))
        });
        let mut rule = AtRiskImageRule::new(
            name.as_deref().unwrap_or_default(),
            action.unwrap_or(ImageAction::Alert),
        );
        self.image_parts(&spec, &mut rule);
        let complete = action.is_some() && name.is_some() && self.complete;
        Some(Placed {
            at: root.at,
            name_at,
            name,
            allow_at: Vec::new(),
            rule: (complete && self.diagnostics.errors() == errors_before).then_some(rule),
        })
    }

    /// What all documents that hold one rule have: where the name stands, the name, and what stands under `spec`.
    fn rule_document<'n>(
        &mut self,
        root: &'n Node,
        what: &'static str,
    ) -> Option<(Position, Option<String>, Option<&'n Node>)> {
        let fields = self.fields(root, what, DOCUMENT_FIELDS)?;
        self.expect_word(
            &fields,
            "apiVersion",
            crate::drift::DriftPolicy::API_VERSION,
        );
        let metadata = self
            .required(&fields, "metadata", "{ name: No escapes }")
            .and_then(|node| self.fields(node, "metadata", METADATA_FIELDS));
        let name_node = metadata
            .as_ref()
            .and_then(|metadata| self.required(metadata, "name", "No escapes"));
        let name = name_node.and_then(|node| self.text(node, "a rule's name", TextKind::Name));
        let spec = self.required(&fields, "spec", "{ action: alert, … }");
        Some((name_node.map_or(root.at, |node| node.at), name, spec))
    }

    /// Everything of a defence rule beside its name and action. Returns where the entries of its allow list begin.
    fn defence_parts(&mut self, fields: &Fields<'_>, rule: &mut DefenceRule) -> Vec<Position> {
        if let Some(node) = fields.get("enabled") {
            rule.enabled = self.boolean(node, "enabled").unwrap_or(true);
        }
        if let Some(node) = fields.get("observe") {
            rule.observe = self.boolean(node, "observe").unwrap_or_default();
        }
        if let Some(node) = fields.get("nodes_percent") {
            rule.nodes_percent = self.nodes_percent(node);
        }
        if let Some(node) = fields.get("scope") {
            rule.scope = self.scope(node);
        }
        if let Some(node) = self.required(fields, "behaviours", "{ file: all }") {
            rule.behaviours = self.covered(node);
        }
        let mut allow_at = Vec::new();
        if let Some(node) = fields.get("allow") {
            let items = self.list(node, "an allow list", ALLOW_ENTRIES_MAX);
            for item in items.unwrap_or_default() {
                allow_at.push(item.at);
                let entry = self.defence_allow(item, &rule.behaviours);
                rule.allow.extend(entry);
            }
        }
        rule.owner = self.optional_text(fields, "owner", TextKind::Name);
        rule.reason = self.optional_text(fields, "reason", TextKind::Prose);
        rule.expires = fields.get("expires").and_then(|node| self.expiry(node));
        if let Some(node) = fields.get("fuse") {
            rule.fuse = self.fuse(node).unwrap_or(Fuse::DEFAULT);
        }
        allow_at
    }

    fn covered(&mut self, node: &Node) -> Covered {
        let mut covered = Covered::default();
        let errors_before = self.diagnostics.errors();
        let Some(fields) = self.fields(node, "the behaviours", COVERED_FIELDS) else {
            return covered;
        };
        for dimension in Dimension::ALL {
            if let Some(node) = fields.get(dimension.as_str()) {
                *covered.of_mut(dimension) = self.cover(node, dimension);
            }
        }
        if covered.set().is_empty() && self.complete && self.diagnostics.errors() == errors_before {
            self.diagnostics.report_with_hint(
                Code::NoBehaviour,
                node.at,
                "the rule covers no behaviour, so it would never do anything",
                "for example behaviours: { file: all }",
            );
        }
        covered
    }

    fn cover(&mut self, node: &Node, dimension: Dimension) -> Cover {
        let in_dimension = Some(dimension);
        match &node.value {
            Value::Scalar { text, .. } if text == "all" => Cover::All,
            Value::Scalar { .. } => {
                if let Some(text) = self.scalar(node, "a dimension") {
                    let message = format!(
                        "{} is neither \"all\" nor a list of behaviours",
                        quote(text)
                    );
                    let hint = "write all, a list in [ ], or { except: [ ] }";
                    self.diagnostics
                        .report_with_hint(Code::UnknownValue, node.at, message, hint);
                }
                Cover::Nothing
            }
            Value::Mapping(_) => {
                let Some(fields) = self.fields(node, "a dimension", COVER_FIELDS) else {
                    return Cover::Nothing;
                };
                let except = self.required(&fields, "except", "[mount]");
                let set = except.and_then(|node| self.behaviours(node, in_dimension));
                set.map_or(Cover::Nothing, Cover::Except)
            }
            _ => {
                let set = self.behaviours(node, in_dimension);
                set.map_or(Cover::Nothing, Cover::Only)
            }
        }
    }

    /// A list of behaviours, of one dimension or of any.
    fn behaviours(&mut self, node: &Node, dimension: Option<Dimension>) -> Option<BehaviourSet> {
        let hint = "name at least one behaviour, or leave the list out";
        let items = self.filled_list(node, "the list of behaviours", VALUES_MAX, hint)?;
        let mut set = BehaviourSet::EMPTY;
        for item in items {
            let Some(behaviour) = self.behaviour(item, dimension) else {
                continue;
            };
            if set.contains(behaviour) {
                let message = format!("\"{behaviour}\" stands in this list already");
                self.diagnostics.report_with_hint(
                    Code::RepeatedValue,
                    item.at,
                    message,
                    "remove it",
                );
            }
            set.insert(behaviour);
        }
        (!set.is_empty()).then_some(set)
    }

    fn behaviour(&mut self, node: &Node, dimension: Option<Dimension>) -> Option<Behaviour> {
        let text = self.scalar(node, "a behaviour")?;
        let fits = |behaviour: Behaviour| dimension.is_none_or(|d| behaviour.dimension() == d);
        let hint = match (Behaviour::from_name(text), dimension) {
            (Some(behaviour), _) if fits(behaviour) => return Some(behaviour),
            (Some(behaviour), _) => format!("it belongs under {}", behaviour.dimension()),
            (None, _) => {
                let all = Behaviour::ALL.iter().copied();
                let known: Vec<&str> = all.filter(|b| fits(*b)).map(Behaviour::as_str).collect();
                let near = nearest(text, known.iter().copied())
                    .or_else(|| nearest(text, Behaviour::ALL.iter().map(|b| b.as_str())));
                match near {
                    Some(near) => format!("did you mean \"{near}\"?"),
                    None => format!("one of {}", known.join(", ")),
                }
            }
        };
        let of = dimension.map_or_else(String::new, |d| format!(" of dimension {d}"));
        let message = format!("{} is no behaviour{of}", quote(text));
        self.diagnostics
            .report_with_hint(Code::UnknownValue, node.at, message, hint);
        None
    }

    fn defence_allow(&mut self, node: &Node, covered: &Covered) -> Option<DefenceAllow> {
        let errors_before = self.diagnostics.errors();
        let fields = self.fields(node, "an entry of an allow list", ALLOW_FIELDS)?;
        let mut pattern = |name, what| {
            let node = fields.get(name)?;
            self.path_pattern(node, what)
        };
        let mut entry = DefenceAllow {
            process: pattern("process", "a process"),
            parent: pattern("parent", "a parent"),
            ancestor: pattern("ancestor", "an ancestor"),
            file: pattern("file", "a file"),
            ..DefenceAllow::default()
        };
        entry.image = fields
            .get("image")
            .and_then(|node| self.image_pattern(node));
        entry.expires = fields.get("expires").and_then(|node| self.expiry(node));
        entry.reason = self.optional_text(&fields, "reason", TextKind::Prose);
        if let Some(node) = fields.get("behaviours") {
            entry.behaviours = self.behaviours(node, None);
            self.check_entry_behaviours(node, entry.behaviours, covered);
        }
        if !entry.names_something() && self.complete && self.diagnostics.errors() == errors_before {
            self.diagnostics.report_with_hint(
                Code::EmptyEntry,
                node.at,
                "the entry names no process, parent, ancestor, file or image, so it would let everything through",
                "name what may do it, or take the behaviours out of the rule",
            );
        }
        Some(entry)
    }

    fn check_entry_behaviours(
        &mut self,
        node: &Node,
        behaviours: Option<BehaviourSet>,
        covered: &Covered,
    ) {
        let set = covered.set();
        // Of a rule whose behaviours could not be read nothing can be said.
        let unused = behaviours.is_some_and(|b| b.0 & set.0 == 0) && !set.is_empty();
        if unused {
            let message = "the entry has no effect: the rule covers none of its behaviours";
            self.diagnostics
                .report_with_hint(Code::NoEffect, node.at, message, "remove it");
        }
    }

    fn image_pattern(&mut self, node: &Node) -> Option<ImagePattern> {
        let text = self.scalar(node, "an image")?;
        ImagePattern::new(text)
            .map_err(|error| {
                let message = format!("image {} can never match: {error}", quote(text));
                let hint = "write a whole reference, such as docker.io/library/nginx:*";
                self.diagnostics
                    .report_with_hint(Code::BadPattern, node.at, message, hint);
            })
            .ok()
    }

    fn fuse(&mut self, node: &Node) -> Option<Fuse> {
        if let Value::Scalar { .. } = &node.value {
            return self.choice(
                node,
                "fuse; write restarts and within, or off",
                &[("off", Fuse::Off)],
            );
        }
        let fields = self.fields(node, "a fuse", FUSE_FIELDS)?;
        let restarts = self
            .required(&fields, "restarts", "3")
            .and_then(|node| self.number(node, "restarts", 1, u64::from(Fuse::RESTARTS_MAX)));
        let within = self
            .required(&fields, "within", "10m")
            .and_then(|node| self.span(node, "within", Fuse::WITHIN_MAX));
        Some(Fuse::After {
            restarts: u32::try_from(restarts?).ok()?,
            within: within?,
        })
    }

    fn span(&mut self, node: &Node, what: &str, max: Span) -> Option<Span> {
        let text = self.scalar(node, what)?;
        let problem = match Span::new(text) {
            Ok(span) if span.seconds() > 0 && span <= max => return Some(span),
            Ok(_) => format!("{what} is from 1s to {max}, not {}", quote(text)),
            Err(error) => format!("{} is {error}", quote(text)),
        };
        self.diagnostics.report(Code::BadSpan, node.at, problem);
        None
    }

    /// Everything of a rule on images beside its name and action.
    fn image_parts(&mut self, fields: &Fields<'_>, rule: &mut AtRiskImageRule) {
        let errors_before = self.diagnostics.errors();
        if let Some(node) = fields.get("enabled") {
            rule.enabled = self.boolean(node, "enabled").unwrap_or(true);
        }
        if let Some(node) = fields.get("scope") {
            rule.scope = self.scope(node);
        }
        let hint = "leave it out, or name at least one";
        if let Some(node) = fields.get("images") {
            let items = self.filled_list(node, "the list of images", VALUES_MAX, hint);
            let items = items.unwrap_or_default().iter();
            rule.images = items.filter_map(|node| self.image_pattern(node)).collect();
        }
        if let Some(node) = fields.get("digests") {
            let items = self.filled_list(node, "the list of digests", VALUES_MAX, hint);
            let items = items.unwrap_or_default().iter();
            rule.digests = items.filter_map(|node| self.image_digest(node)).collect();
        }
        if let Some(node) = fields.get("scan_older_than") {
            rule.scan_older_than = self.span(node, "scan_older_than", AtRiskImageRule::AGE_MAX);
        }
        rule.owner = self.optional_text(fields, "owner", TextKind::Name);
        rule.reason = self.optional_text(fields, "reason", TextKind::Prose);
        rule.expires = fields.get("expires").and_then(|node| self.expiry(node));
        let empty = rule.images.is_empty() && rule.digests.is_empty();
        let nothing = empty && rule.scan_older_than.is_none();
        if nothing && self.complete && self.diagnostics.errors() == errors_before {
            self.diagnostics.report_with_hint(
                Code::NoCriterion,
                fields.at,
                "the rule says of no image that it is at risk, so it would never match",
                "give it images, digests or scan_older_than",
            );
        }
    }

    fn image_digest(&mut self, node: &Node) -> Option<Sha256> {
        let text = self.scalar(node, "a digest")?;
        let digest = text
            .strip_prefix("sha256:")
            .and_then(|digits| digits.parse().ok());
        if digest.is_none() {
            let message = format!("{} is no SHA-256 digest", quote(text));
            let hint = "write sha256: and 64 hexadecimal digits";
            self.diagnostics
                .report_with_hint(Code::BadDigest, node.at, message, hint);
        }
        digest
    }
}
