//! The canonical form of a policy: reading it gives the same policy again.

use super::{DriftPolicy, DriftRule, ProvenanceSet};
use crate::allow_list::{AllowEntry, ProcessPattern};
use crate::printer::{Printer, quoted};
use crate::scope::Scope;

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
}
