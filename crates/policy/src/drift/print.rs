//! The canonical form of a policy: reading it gives the same policy again.

use super::{DriftPolicy, DriftRule, ProvenanceSet};
use crate::allow_list::{AllowEntry, ProcessPattern};
use crate::reader::is_null;
use crate::scope::{CloudScope, Condition, Field, Scope};
use std::fmt::Write as _;
use yagura_event::escape;

/// Prints a policy as YAML. What a rule leaves at its default is left out, except for its kinds.
pub fn print(policy: &DriftPolicy) -> String {
    let mut out = Printer::default();
    out.line(0, "apiVersion", DriftPolicy::API_VERSION);
    out.line(0, "kind", DriftPolicy::KIND);
    if policy.name().is_some() || policy.version().is_some() {
        out.open(0, "metadata");
        out.optional(1, "name", policy.name());
        if let Some(version) = policy.version() {
            out.line(1, "version", &version.to_string());
        }
    }
    out.open(0, "spec");
    if policy.rules().is_empty() {
        out.line(1, "rules", "[]");
    } else {
        out.open(1, "rules");
        policy.rules().iter().for_each(|rule| out.rule(rule));
    }
    out.open(1, "default");
    out.line(2, "action", policy.default_action().as_str());
    out.text
}

/// Writes block-style YAML. An item of a list is one level deeper than its dash, so the dash takes the place of the
/// item's first indentation.
#[derive(Debug, Default)]
struct Printer {
    text: String,
    /// Whether the next line begins an item.
    dash: bool,
}

impl Printer {
    fn rule(&mut self, rule: &DriftRule) {
        const LEVEL: usize = 3;
        self.item();
        self.line(LEVEL, "name", &quoted(&rule.name));
        self.line(LEVEL, "action", rule.action.as_str());
        if !rule.enabled {
            self.line(LEVEL, "enabled", "false");
        }
        if rule.observe {
            self.line(LEVEL, "observe", "true");
        }
        if rule.nodes_percent != DriftRule::NODES_PERCENT_MAX {
            self.line(LEVEL, "nodes_percent", &rule.nodes_percent.to_string());
        }
        if rule.scope != Scope::default() {
            self.open(LEVEL, "scope");
            self.scope(LEVEL + 1, &rule.scope);
        }
        self.line(LEVEL, "kinds", &format!("[{}]", rule.kinds));
        if rule.provenances != ProvenanceSet::ALL {
            self.line(LEVEL, "provenances", &format!("[{}]", rule.provenances));
        }
        if !rule.allow.is_empty() {
            self.open(LEVEL, "allow");
            rule.allow
                .iter()
                .for_each(|entry| self.allow_entry(LEVEL + 2, entry));
        }
        self.optional(LEVEL, "owner", rule.owner.as_deref());
        self.optional(LEVEL, "reason", rule.reason.as_deref());
        self.optional(
            LEVEL,
            "expires",
            rule.expires.as_ref().map(super::Expiry::as_str),
        );
    }

    fn scope(&mut self, level: usize, scope: &Scope) {
        self.optional(level, "description", scope.description.as_deref());
        if !scope.clouds.is_empty() {
            self.open(level, "clouds");
            scope
                .clouds
                .iter()
                .for_each(|cloud| self.cloud(level + 2, cloud));
        }
        if !scope.conditions.is_empty() {
            self.open(level, "conditions");
            scope
                .conditions
                .iter()
                .for_each(|c| self.condition(level + 2, c));
        }
    }

    fn cloud(&mut self, level: usize, cloud: &CloudScope) {
        self.item();
        self.line(level, "provider", cloud.provider.as_str());
        if let Some(accounts) = &cloud.accounts {
            self.line(level, "accounts", &list(accounts));
        }
    }

    fn condition(&mut self, level: usize, condition: &Condition) {
        self.item();
        self.line(level, "field", condition.field.name());
        if let Field::PodLabel(key) = &condition.field {
            self.line(level, "key", &quoted(key));
        }
        self.line(level, "operator", condition.operator.as_str());
        self.line(level, "values", &list(&condition.values));
    }

    fn allow_entry(&mut self, level: usize, entry: &AllowEntry) {
        self.item();
        let process = match &entry.process {
            ProcessPattern::Path(pattern) => quoted(pattern.as_str()),
            digest @ ProcessPattern::Sha256(_) => quoted(&digest.to_string()),
        };
        self.line(level, "process", &process);
        self.optional(level, "parent", entry.parent.as_ref().map(|p| p.as_str()));
        self.optional(
            level,
            "ancestor",
            entry.ancestor.as_ref().map(|p| p.as_str()),
        );
        self.optional(level, "reason", entry.reason.as_deref());
    }

    /// The next line begins an item of a list.
    fn item(&mut self) {
        self.dash = true;
    }

    fn open(&mut self, level: usize, key: &str) {
        self.indent(level);
        self.text.push_str(key);
        self.text.push_str(":\n");
    }

    fn optional(&mut self, level: usize, key: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.line(level, key, &quoted(text));
        }
    }

    fn line(&mut self, level: usize, key: &str, value: &str) {
        self.indent(level);
        self.text.push_str(key);
        self.text.push_str(": ");
        self.text.push_str(value);
        self.text.push('\n');
    }

    fn indent(&mut self, level: usize) {
        let dash = std::mem::take(&mut self.dash);
        let spaces = if dash { level.saturating_sub(1) } else { level };
        for _ in 0..spaces {
            self.text.push_str("  ");
        }
        if dash {
            self.text.push_str("- ");
        }
    }
}

/// Texts as a list in one line.
pub(super) fn list(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", texts.join(", "))
}

/// The text without quotes where no reader of YAML could take it for anything else, otherwise in double quotes with
/// everything escaped that is not plain to see.
pub(super) fn quoted(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if escape(c.encode_utf8(&mut [0; 4]).as_bytes()).starts_with(c) => out.push(c),
            // Writing to a String does not fail.
            c => {
                let _ = write!(out, "\\U{:08x}", u32::from(c));
            }
        }
    }
    out.push('"');
    out
}

/// Whether a text can stand without quotes: it begins with a letter or slash, holds nothing that YAML gives a
/// meaning to, and is no word that some reader takes for a truth value or null.
fn is_plain(text: &str) -> bool {
    const WORDS: [&str; 8] = ["true", "false", "yes", "no", "on", "off", "y", "n"];
    let unusual = |c: char| !(c.is_ascii_alphanumeric() || " ./_-".contains(c));
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && !text.contains(unusual)
        && !text.ends_with(' ')
        && !text.contains("  ")
        && !is_null(text)
        && !WORDS.contains(&text.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn the_built_in_policy_in_canonical_form() {
        expect![[r#"
            apiVersion: yagura.dev/v1
            kind: DriftPolicy
            spec:
              rules:
                - name: Alert on Kube-System namespace
                  action: alert
                  scope:
                    conditions:
                      - field: namespace
                        operator: equals
                        values: [kube-system]
                  kinds: [binaries]
              default:
                action: ignore
        "#]]
        .assert_eq(&print(&DriftPolicy::built_in()));
    }

    #[test]
    fn only_harmless_texts_stand_without_quotes() {
        for text in ["kube-system", "/opt/a b/c_d.e", "Alert on x"] {
            assert_eq!(quoted(text), text);
        }
        for text in [
            "", "yes", "NULL", "a: b", "a #b", "1", "-", "a ", "a  b", "é", "[x]", "*",
        ] {
            assert_eq!(quoted(text), format!("\"{text}\""));
        }
        assert_eq!(quoted("a\u{1b}\"\\\n"), "\"a\\U0000001b\\\"\\\\\\n\"");
    }
}
