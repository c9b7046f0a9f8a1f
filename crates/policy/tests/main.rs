//! The public interface, as the sensor and the command line use it.

#![expect(
    clippy::expect_used,
    reason = "helpers of tests stop at the first surprise"
)]

mod cases;
mod defence;
mod diagnostics;
mod differences;
mod explanations;
mod shipped;

use yagura_policy::drift::{DriftPolicy, parse};

/// The policy of a text without errors.
fn policy_of(text: &str) -> DriftPolicy {
    let parsed = parse("policy.yaml", text.as_bytes());
    let shown: Vec<String> = parsed.diagnostics.iter().map(ToString::to_string).collect();
    parsed
        .policy
        .unwrap_or_else(|| panic!("{}", shown.join("\n")))
}

/// A policy with these rules, each indented by four spaces.
fn with_rules(rules: &str, default: &str) -> String {
    format!(
        "apiVersion: yagura.dev/v1\nkind: DriftPolicy\nspec:\n  rules:\n{rules}\n  default: {{ action: {default} }}\n"
    )
}
