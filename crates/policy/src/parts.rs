//! Reading what every kind of policy has: scopes, patterns, expiries.

use crate::allow_list::ProcessPattern;
use crate::diagnostic::Code;
use crate::expiry::Expiry;
use crate::limits::{ACCOUNTS_MAX, CLOUDS_MAX, CONDITIONS_MAX, VALUES_MAX};
use crate::pattern::PathPattern;
use crate::reader::{Fields, Reader, TextKind};
use crate::rollout::PERCENT_MAX;
use crate::scope::{CloudScope, Condition, Field, Operator, Scope};
use yagura_event::Provider;
use yagura_yaml::{Node, Value, quote};

const SCOPE_FIELDS: &[&str] = &["description", "clouds", "conditions"];
const CLOUD_FIELDS: &[&str] = &["provider", "accounts"];
const CONDITION_FIELDS: &[&str] = &["field", "operator", "values", "key"];

impl Reader {
    pub(crate) fn expect_word(
        &mut self,
        fields: &Fields<'_>,
        name: &'static str,
        word: &'static str,
    ) {
        if let Some(node) = self.required(fields, name, word) {
            self.choice(node, name, &[(word, ())]);
        }
    }

    pub(crate) fn warn_of_no_effect(&mut self, fields: &Fields<'_>, name: &str, why: &str) {
        if let Some(at) = fields.position_of(name) {
            let message = format!("\"{name}\" has no effect here: {why}");
            self.diagnostics
                .report_with_hint(Code::NoEffect, at, message, "remove it");
        }
    }

    pub(crate) fn scope(&mut self, node: &Node) -> Scope {
        let Some(fields) = self.fields(node, "a scope", SCOPE_FIELDS) else {
            return Scope::default();
        };
        let description = self.optional_text(&fields, "description", TextKind::Prose);
        let clouds = fields.get("clouds").and_then(|node| {
            let hint = "leave it out: the rule then applies in every cloud";
            self.filled_list(node, "the list of clouds", CLOUDS_MAX, hint)
        });
        let conditions = fields.get("conditions").and_then(|node| {
            let hint = "leave it out: the rule then applies to every container";
            self.filled_list(node, "the list of conditions", CONDITIONS_MAX, hint)
        });
        let clouds = clouds.unwrap_or_default().iter();
        let conditions = conditions.unwrap_or_default().iter();
        Scope {
            description,
            clouds: clouds.filter_map(|node| self.cloud(node)).collect(),
            conditions: conditions.filter_map(|node| self.condition(node)).collect(),
        }
    }

    fn cloud(&mut self, node: &Node) -> Option<CloudScope> {
        let fields = self.fields(node, "a cloud", CLOUD_FIELDS)?;
        let provider = self
            .required(&fields, "provider", "azure")
            .and_then(|node| {
                self.choice(node, "provider", &Provider::ALL.map(|p| (p.as_str(), p)))
            });
        let accounts = fields.get("accounts").map(|node| {
            let hint = "leave it out: the rule then covers the whole provider";
            let items = self.filled_list(node, "the list of accounts", ACCOUNTS_MAX, hint);
            self.texts(items.unwrap_or_default(), "an account", TextKind::Compared)
        });
        Some(CloudScope {
            provider: provider?,
            accounts,
        })
    }

    fn condition(&mut self, node: &Node) -> Option<Condition> {
        let fields = self.fields(node, "a condition", CONDITION_FIELDS)?;
        let field = self
            .required(&fields, "field", "namespace")
            .and_then(|node| self.choice(node, "field", &Field::NAMES.map(|name| (name, name))));
        let field = field.and_then(|name| self.field(&fields, name));
        let operator = self
            .required(&fields, "operator", "equals")
            .and_then(|node| {
                self.choice(node, "operator", &Operator::ALL.map(|o| (o.as_str(), o)))
            });
        let values = self
            .required(&fields, "values", "[kube-system]")
            .and_then(|node| {
                self.filled_list(
                    node,
                    "the list of values",
                    VALUES_MAX,
                    "name at least one value",
                )
            });
        let values = self.texts(values.unwrap_or_default(), "a value", TextKind::Compared);
        Some(Condition {
            field: field?,
            operator: operator?,
            values,
        })
    }

    /// A condition's field with its label key.
    fn field(&mut self, fields: &Fields<'_>, name: &'static str) -> Option<Field> {
        let key = fields.get("key");
        let field = match name {
            "pod-label" => {
                let Some(node) = key else {
                    self.label_key_missing(fields);
                    return None;
                };
                let key = self.text(node, "a label's key", TextKind::Compared)?;
                return Some(Field::PodLabel(key));
            }
            "container-name" => Field::ContainerName,
            "image-name" => Field::ImageName,
            "namespace" => Field::Namespace,
            "pod-name" => Field::PodName,
            _ => Field::ClusterName,
        };
        if let Some(at) = fields.position_of("key") {
            self.diagnostics.report_with_hint(
                Code::LabelKeyUnexpected,
                at,
                format!("a condition on {name} takes no \"key\""),
                "remove it, or write field: pod-label",
            );
        }
        Some(field)
    }

    fn label_key_missing(&mut self, fields: &Fields<'_>) {
        if self.complete {
            self.diagnostics.report_with_hint(
                Code::LabelKeyMissing,
                fields.at,
                "a condition on pod-label needs the field \"key\"",
                "for example key: app",
            );
        }
    }

    pub(crate) fn process_pattern(&mut self, node: &Node) -> Option<ProcessPattern> {
        let text = self.scalar(node, "process")?;
        let Some(digits) = digest_digits(text) else {
            return self.path_pattern(node, "process").map(ProcessPattern::Path);
        };
        match (
            text.starts_with(ProcessPattern::DIGEST_PREFIX),
            digits.parse(),
        ) {
            (true, Ok(digest)) => Some(ProcessPattern::Sha256(digest)),
            _ => {
                self.diagnostics.report_with_hint(
                    Code::BadDigest,
                    node.at,
                    format!("{} is no SHA-256 digest", quote(text)),
                    "write sha256: and 64 hexadecimal digits",
                );
                None
            }
        }
    }

    pub(crate) fn path_pattern(&mut self, node: &Node, what: &str) -> Option<PathPattern> {
        let text = self.scalar(node, what)?;
        if what != "process" && digest_digits(text).is_some() {
            let message = format!("{what} is a path or name, not a digest");
            self.diagnostics.report(Code::BadPattern, node.at, message);
            return None;
        }
        match PathPattern::new(text) {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                let message = format!("{what} {} can never match: {error}", quote(text));
                self.diagnostics.report_with_hint(
                    Code::BadPattern,
                    node.at,
                    message,
                    "write a base name, a whole path beginning with /, or a wildcard such as */bin/tool",
                );
                None
            }
        }
    }

    /// A share of nodes; all of them if it can't be read.
    pub(crate) fn nodes_percent(&mut self, node: &Node) -> u8 {
        let number = self.number(node, "nodes_percent", 1, u64::from(PERCENT_MAX));
        let percent = number.and_then(|n| u8::try_from(n).ok());
        percent.unwrap_or(PERCENT_MAX)
    }

    pub(crate) fn expiry(&mut self, node: &Node) -> Option<Expiry> {
        let text = self.scalar(node, "expires")?;
        Expiry::new(text)
            .map_err(|error| {
                self.diagnostics.report_with_hint(
                    Code::BadDate,
                    node.at,
                    format!("{} is {error}", quote(text)),
                    "for example 2026-12-31 or 2026-12-31T18:00:00Z",
                );
            })
            .ok()
    }
}

/// What stands behind `sha256:`, in whatever case that is written.
fn digest_digits(text: &str) -> Option<&str> {
    let (head, digits) = text.split_at_checked(ProcessPattern::DIGEST_PREFIX.len())?;
    head.eq_ignore_ascii_case(ProcessPattern::DIGEST_PREFIX)
        .then_some(digits)
}

/// Whether a scope says "everywhere" rather than being broken.
pub(crate) fn is_readable(scope: &Node) -> bool {
    match &scope.value {
        Value::Mapping(entries) => entries.iter().all(|(key, _)| key.text == "description"),
        _ => false,
    }
}
