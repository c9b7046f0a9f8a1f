//! Policies, their problems and their differences as callers see them.

use super::Placing;
use crate::http::dto::catalogue::CheckResult;
use crate::http::dto::common::DiagnosticDto;
use crate::http::dto::policy::{
    AllowBody, CloudScopeBody, ConditionBody, CoverBody, DefenceAllowBody, DefencePolicyBody,
    DefenceRuleBody, DriftPolicyBody, DriftRuleBody, FieldChangeBody, FuseBody, ImageRuleBody,
    PolicyDiffBody, RuleChangeBody, RuleMoveBody, RulePlaceBody, ScopeBody,
};
use crate::http::dto::words::{CloudProvider, DiagnosticSeverity};
use yagura_event::BehaviourSet;
use yagura_policy::at_risk::AtRiskImageRule;
use yagura_policy::defence::{Cover, DefenceAllow, DefenceRule, Fuse, RulesDiff};
use yagura_policy::drift::{
    DriftPolicy, DriftRule, FieldChange, PolicyDiff, RuleChange, RulePlace,
};
use yagura_policy::set::SetDiff;
use yagura_policy::{AllowEntry, Diagnostic, Field, PolicySet, Scope, Severity};

/// Problems as callers see them.
pub(super) fn diagnostics(found: &[Diagnostic], placing: Placing) -> Vec<DiagnosticDto> {
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let shown = |diagnostic: &Diagnostic| {
        let (line, column) = match placing {
            Placing::File => (diagnostic.line, diagnostic.column),
            // The caller sent no lines.
            Placing::DriftRules | Placing::Documents => (0, 0),
        };
        DiagnosticDto {
            code: diagnostic.code.as_str().to_owned(),
            severity: match diagnostic.severity {
                Severity::Error => DiagnosticSeverity::Error,
                Severity::Warning => DiagnosticSeverity::Warning,
            },
            message: diagnostic.message.clone(),
            hint: diagnostic.hint.clone(),
            line: number(line),
            column: number(column),
            rule: placing.rule_at(diagnostic.line).map(number),
        }
    };
    found.iter().map(shown).collect()
}

/// Whether any of them is a warning.
pub(crate) fn has_warnings(diagnostics: &[DiagnosticDto]) -> bool {
    let warning = |found: &DiagnosticDto| found.severity == DiagnosticSeverity::Warning;
    diagnostics.iter().any(warning)
}

/// What a check found.
pub(crate) fn check_result(usable: bool, diagnostics: Vec<DiagnosticDto>) -> CheckResult {
    CheckResult {
        usable,
        diagnostics,
    }
}

/// The drift policy.
pub(crate) fn drift_body(policy: &DriftPolicy) -> DriftPolicyBody {
    DriftPolicyBody {
        rules: policy.rules().iter().map(drift_rule).collect(),
        default_action: policy.default_action().as_str().to_owned(),
    }
}

fn drift_rule(rule: &DriftRule) -> DriftRuleBody {
    DriftRuleBody {
        name: rule.name.clone(),
        action: rule.action.as_str().to_owned(),
        enabled: rule.enabled,
        scope: scope(&rule.scope),
        kinds: Some(
            rule.kinds
                .iter()
                .map(|kind| kind.as_str().to_owned())
                .collect(),
        ),
        provenances: Some(
            rule.provenances
                .iter()
                .map(|provenance| provenance.as_str().to_owned())
                .collect(),
        ),
        allow: rule.allow.iter().map(allow).collect(),
        owner: rule.owner.clone(),
        reason: rule.reason.clone(),
        expires: rule
            .expires
            .as_ref()
            .map(|expires| expires.as_str().to_owned()),
        observe: rule.observe,
        nodes_percent: rule.nodes_percent,
    }
}

fn allow(entry: &AllowEntry) -> AllowBody {
    let process = match &entry.process {
        yagura_policy::ProcessPattern::Path(pattern) => pattern.as_str().to_owned(),
        yagura_policy::ProcessPattern::Sha256(digest) => format!("sha256:{digest}"),
    };
    AllowBody {
        process,
        parent: entry
            .parent
            .as_ref()
            .map(|pattern| pattern.as_str().to_owned()),
        ancestor: entry
            .ancestor
            .as_ref()
            .map(|pattern| pattern.as_str().to_owned()),
        reason: entry.reason.clone(),
    }
}

fn scope(scope: &Scope) -> ScopeBody {
    ScopeBody {
        description: scope.description.clone(),
        clouds: scope
            .clouds
            .iter()
            .map(|cloud| CloudScopeBody {
                provider: provider(cloud.provider),
                accounts: cloud.accounts.clone(),
            })
            .collect(),
        conditions: scope
            .conditions
            .iter()
            .map(|condition| ConditionBody {
                field: condition.field.name().to_owned(),
                key: match &condition.field {
                    Field::PodLabel(key) => Some(key.clone()),
                    _ => None,
                },
                operator: condition.operator.as_str().to_owned(),
                values: condition.values.clone(),
            })
            .collect(),
    }
}

fn provider(provider: yagura_event::Provider) -> CloudProvider {
    match provider {
        yagura_event::Provider::Azure => CloudProvider::Azure,
        yagura_event::Provider::Aws => CloudProvider::Aws,
        yagura_event::Provider::Gcp => CloudProvider::Gcp,
        yagura_event::Provider::OnPremises => CloudProvider::OnPremises,
    }
}

/// Defence rules and rules on images.
pub(crate) fn defence_body(set: &PolicySet) -> DefencePolicyBody {
    DefencePolicyBody {
        rules: set.defence().iter().map(defence_rule).collect(),
        image_rules: set.images().iter().map(image_rule).collect(),
    }
}

fn defence_rule(rule: &DefenceRule) -> DefenceRuleBody {
    DefenceRuleBody {
        name: rule.name.clone(),
        action: rule.action.as_str().to_owned(),
        enabled: rule.enabled,
        observe: rule.observe,
        nodes_percent: rule.nodes_percent,
        scope: scope(&rule.scope),
        process: cover(rule.behaviours.process),
        file: cover(rule.behaviours.file),
        syscall: cover(rule.behaviours.syscall),
        allow: rule.allow.iter().map(defence_allow).collect(),
        owner: rule.owner.clone(),
        reason: rule.reason.clone(),
        expires: rule
            .expires
            .as_ref()
            .map(|expires| expires.as_str().to_owned()),
        fuse: fuse(rule.fuse),
    }
}

fn names(set: BehaviourSet) -> Vec<String> {
    set.iter()
        .map(|behaviour| behaviour.as_str().to_owned())
        .collect()
}

fn cover(cover: Cover) -> CoverBody {
    let (mode, behaviours) = match cover {
        Cover::Nothing => ("none", Vec::new()),
        Cover::All => ("all", Vec::new()),
        Cover::Only(set) => ("only", names(set)),
        Cover::Except(set) => ("except", names(set)),
    };
    CoverBody {
        mode: mode.to_owned(),
        behaviours,
    }
}

fn defence_allow(entry: &DefenceAllow) -> DefenceAllowBody {
    let path = |pattern: &Option<yagura_policy::PathPattern>| {
        pattern.as_ref().map(|pattern| pattern.as_str().to_owned())
    };
    DefenceAllowBody {
        process: path(&entry.process),
        parent: path(&entry.parent),
        ancestor: path(&entry.ancestor),
        file: path(&entry.file),
        image: entry.image.as_ref().map(|image| image.as_str().to_owned()),
        behaviours: entry.behaviours.map(names),
        expires: entry
            .expires
            .as_ref()
            .map(|expires| expires.as_str().to_owned()),
        reason: entry.reason.clone(),
    }
}

fn fuse(fuse: Fuse) -> Option<FuseBody> {
    match fuse {
        fuse if fuse == Fuse::DEFAULT => None,
        Fuse::Off => Some(FuseBody {
            enabled: false,
            restarts: 3,
            within: "10m".to_owned(),
        }),
        Fuse::After { restarts, within } => Some(FuseBody {
            enabled: true,
            restarts,
            within: within.to_string(),
        }),
    }
}

fn image_rule(rule: &AtRiskImageRule) -> ImageRuleBody {
    ImageRuleBody {
        name: rule.name.clone(),
        action: rule.action.as_str().to_owned(),
        enabled: rule.enabled,
        scope: scope(&rule.scope),
        images: rule
            .images
            .iter()
            .map(|image| image.as_str().to_owned())
            .collect(),
        digests: rule
            .digests
            .iter()
            .map(|digest| format!("sha256:{digest}"))
            .collect(),
        scan_older_than: rule.scan_older_than.map(|span| span.to_string()),
        owner: rule.owner.clone(),
        reason: rule.reason.clone(),
        expires: rule
            .expires
            .as_ref()
            .map(|expires| expires.as_str().to_owned()),
    }
}

fn index(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

fn field(change: &FieldChange) -> FieldChangeBody {
    FieldChangeBody {
        field: change.field.to_owned(),
        before: change.before.clone(),
        after: change.after.clone(),
    }
}

fn place(kind: &str, place: &RulePlace) -> RulePlaceBody {
    RulePlaceBody {
        kind: kind.to_owned(),
        index: index(place.index),
        name: place.name.clone(),
        fields: place
            .fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect(),
    }
}

fn change(kind: &str, change: &RuleChange) -> RuleChangeBody {
    RuleChangeBody {
        kind: kind.to_owned(),
        name: change.name.clone(),
        index: index(change.index),
        fields: change.fields.iter().map(field).collect(),
    }
}

/// Differences between drift policies.
pub(crate) fn diff_shown_drift(diff: &PolicyDiff) -> PolicyDiffBody {
    PolicyDiffBody {
        is_empty: diff.is_empty(),
        policy: diff.policy.iter().map(field).collect(),
        removed: diff
            .removed
            .iter()
            .map(|rule| place("drift", rule))
            .collect(),
        added: diff.added.iter().map(|rule| place("drift", rule)).collect(),
        moved: diff
            .moved
            .iter()
            .map(|rule| RuleMoveBody {
                name: rule.name.clone(),
                from: index(rule.from),
                to: index(rule.to),
            })
            .collect(),
        changed: diff
            .changed
            .iter()
            .map(|rule| change("drift", rule))
            .collect(),
        text: diff.to_string(),
    }
}

/// Differences between defence rules and rules on images.
pub(crate) fn diff_shown(diff: &SetDiff) -> PolicyDiffBody {
    let mut body = PolicyDiffBody {
        is_empty: diff.is_empty(),
        text: diff.to_string(),
        ..PolicyDiffBody::default()
    };
    let mut add = |kind: &str, rules: &RulesDiff| {
        body.removed
            .extend(rules.removed.iter().map(|rule| place(kind, rule)));
        body.added
            .extend(rules.added.iter().map(|rule| place(kind, rule)));
        body.changed
            .extend(rules.changed.iter().map(|rule| change(kind, rule)));
    };
    add("defence", &diff.defence);
    add("image", &diff.images);
    body
}
