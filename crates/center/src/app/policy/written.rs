//! Objects of callers as policy files. Every rule gets lines of its own, so that a diagnostic's line tells the rule.

use crate::http::dto::policy::{
    CoverBody, DefenceAllowBody, DefencePolicyBody, DefenceRuleBody, DriftPolicyBody,
    DriftRuleBody, FuseBody, ImageRuleBody,
};
use serde::Serialize;
use serde_json::{Map, Value, json};
use yagura_policy::at_risk::AtRiskImageRule;
use yagura_policy::defence::DefenceRule;
use yagura_policy::drift::DriftPolicy;

/// Where rules stand in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placing {
    /// Anywhere: a person wrote it.
    File,
    /// As [`drift_file`] writes them.
    DriftRules,
    /// As [`defence_file`] writes them.
    Documents,
}

/// Lines before the first rule of a drift policy.
const DRIFT_HEAD_LINES: usize = 4;
/// Lines of a document of a defence rule, with the line between two.
const DOCUMENT_LINES: usize = 5;

impl Placing {
    /// The position of the rule that stands on a line, the first line being 1.
    pub(crate) fn rule_at(self, line: usize) -> Option<usize> {
        match self {
            Placing::File => None,
            Placing::DriftRules => line.checked_sub(DRIFT_HEAD_LINES + 1),
            Placing::Documents => Some(line.checked_sub(1)? / DOCUMENT_LINES),
        }
    }
}

/// The drift policy as a file.
pub(crate) fn drift_file(policy: &DriftPolicyBody) -> String {
    let (api, kind) = (DriftPolicy::API_VERSION, DriftPolicy::KIND);
    let mut text = format!("apiVersion: {api}\nkind: {kind}\nspec:\n");
    match policy.rules.is_empty() {
        true => text.push_str("  rules: []\n"),
        false => text.push_str("  rules:\n"),
    }
    for rule in &policy.rules {
        text.push_str(&format!("    - {}\n", drift_rule(rule)));
    }
    text.push_str(&format!(
        "  default: {}\n",
        json!({ "action": policy.default_action })
    ));
    text
}

fn drift_rule(rule: &DriftRuleBody) -> Value {
    let mut object = object(rule);
    drop_defaults(&mut object);
    Value::Object(object)
}

fn object(value: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(object)) => object,
        _ => Map::new(),
    }
}

/// Leaves out what a file leaves out: what has no effect in a rule is warned of where it stands.
fn drop_defaults(object: &mut Map<String, Value>) {
    let is_default = |name: &str, value: &Value| match name {
        "observe" => *value == json!(false),
        "nodes_percent" => *value == json!(100),
        "scope" => value.as_object().is_none_or(Map::is_empty),
        _ => value.is_null(),
    };
    object.retain(|name, value| !is_default(name, value));
}

/// Defence rules and rules on images as a file; empty if there are none.
pub(crate) fn defence_file(policy: &DefencePolicyBody) -> String {
    let rules = policy
        .rules
        .iter()
        .map(|rule| (DefenceRule::KIND, &rule.name, defence_spec(rule)));
    let images = policy
        .image_rules
        .iter()
        .map(|rule| (AtRiskImageRule::KIND, &rule.name, image_spec(rule)));
    let documents: Vec<String> = rules
        .chain(images)
        .map(|(kind, name, spec)| {
            let api = DriftPolicy::API_VERSION;
            let name = json!({ "name": name });
            format!("apiVersion: {api}\nkind: {kind}\nmetadata: {name}\nspec: {spec}\n")
        })
        .collect();
    documents.join("---\n")
}

fn defence_spec(rule: &DefenceRuleBody) -> Value {
    let mut spec = Map::new();
    let mut set = |name: &str, value: Value| spec.insert(name.to_owned(), value);
    set("action", json!(rule.action));
    set("enabled", json!(rule.enabled));
    set("observe", json!(rule.observe));
    set("nodes_percent", json!(rule.nodes_percent));
    set("scope", json!(rule.scope));
    let dimensions = [
        ("process", &rule.process),
        ("file", &rule.file),
        ("syscall", &rule.syscall),
    ];
    let covered = dimensions
        .into_iter()
        .filter_map(|(name, cover)| Some((name.to_owned(), covered(cover)?)));
    set("behaviours", Value::Object(covered.collect()));
    if !rule.allow.is_empty() {
        let entries = rule.allow.iter().map(allow_entry);
        set("allow", entries.collect());
    }
    set("owner", json!(rule.owner));
    set("reason", json!(rule.reason));
    set("expires", json!(rule.expires));
    set("fuse", rule.fuse.as_ref().map_or(Value::Null, fuse));
    drop_defaults(&mut spec);
    Value::Object(spec)
}

fn covered(cover: &CoverBody) -> Option<Value> {
    match cover.mode.as_str() {
        "" | "none" => None,
        "only" => Some(json!(cover.behaviours)),
        "except" => Some(json!({ "except": cover.behaviours })),
        // `all`, and what is none of the words, which the parser then names.
        other => Some(json!(other)),
    }
}

fn allow_entry(entry: &DefenceAllowBody) -> Value {
    let mut object = object(entry);
    drop_defaults(&mut object);
    Value::Object(object)
}

fn fuse(fuse: &FuseBody) -> Value {
    match fuse.enabled {
        true => json!({ "restarts": fuse.restarts, "within": fuse.within }),
        false => json!("off"),
    }
}

fn image_spec(rule: &ImageRuleBody) -> Value {
    let mut spec = object(rule);
    spec.remove("name");
    drop_defaults(&mut spec);
    Value::Object(spec)
}
