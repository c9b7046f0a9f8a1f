//! "Allow this": the narrowest entry that lets the program of a drift alert run, with its effect.

use super::alert_view::document;
use super::alerts::find;
use super::policy;
use super::simulation;
use crate::auth::Caller;
use crate::http::dto::document::{AlertDocument, AlertDrift};
use crate::http::dto::policy::{
    AllowBody, ConditionBody, DriftAllowProposal, DriftPolicyDraft, DriftRuleBody, ScopeBody,
};
use crate::http::{Problem, etag};
use crate::start::Center;
use yagura_store::{Alert, DocumentKind, Version};

/// Days of history by which the effect is shown.
const DAYS: u32 = 7;
/// Characters of a rule's name.
const NAME_CHARS_MAX: usize = 128;

/// Proposes an entry for an alert.
///
/// # Errors
/// [`Problem`] if there is no such alert, or it is not about drift.
pub(crate) async fn propose(
    center: &Center,
    caller: &Caller,
    id: &str,
) -> Result<DriftAllowProposal, Problem> {
    let alert = find(center, caller, id).await?;
    let found = document(&alert);
    let Some(drift) = &found.drift else {
        return Err(Problem::conflict("the alert is not about drift"));
    };
    let stored = policy::stored(center, DocumentKind::DriftPolicy).await?;
    let old = policy::stored_drift(stored.as_ref())?;
    let mut body = policy::drift_body(&old);
    let entry = entry(&found, drift, &alert);
    let decided = found.policy.as_ref().map(|policy| policy.rule.clone());
    let position = body
        .rules
        .iter()
        .position(|rule| Some(&rule.name) == decided.as_ref());
    let (rule_index, rule) = match position.and_then(|at| Some((at, body.rules.get_mut(at)?))) {
        Some((at, rule)) => {
            rule.allow.push(entry.clone());
            (u32::try_from(at).ok(), rule.name.clone())
        }
        None => {
            let rule = new_rule(&alert, &found, drift, &entry);
            let name = rule.name.clone();
            body.rules.push(rule);
            (None, name)
        }
    };
    let draft = DriftPolicyDraft {
        policy: Some(body.clone()),
        ..DriftPolicyDraft::default()
    };
    let (new, _) = policy::read_drift(&draft)?.usable()?;
    let version = stored.map_or(Version(0), |document| document.version);
    Ok(DriftAllowProposal {
        rule_index,
        rule,
        entry,
        policy: body,
        etag: etag(version.0),
        effect: simulation::drift(center, caller, &old, &new, DAYS).await?,
    })
}

/// The content itself where it is known, its path otherwise; only under the program that started it.
fn entry(document: &AlertDocument, drift: &AlertDrift, alert: &Alert) -> AllowBody {
    let parent = document
        .process
        .as_ref()
        .and_then(|process| process.ancestors.first());
    AllowBody {
        process: match &drift.sha256 {
            Some(digest) => format!("sha256:{digest}"),
            None => drift.path.clone(),
        },
        parent: parent
            .map(|parent| parent.exe.clone())
            .filter(|exe| exe.starts_with('/')),
        ancestor: None,
        reason: Some(format!(
            "{} in {}, alert {}",
            drift.path, alert.container, alert.id
        )),
    }
}

/// A rule in front of the default one, for the alert's image and namespace alone.
fn new_rule(
    alert: &Alert,
    document: &AlertDocument,
    drift: &AlertDrift,
    entry: &AllowBody,
) -> DriftRuleBody {
    let fields = [
        ("image-name", &alert.image),
        ("namespace", &alert.namespace),
        ("cluster-name", &alert.cluster),
    ];
    let conditions = fields.into_iter().filter(|(_, value)| !value.is_empty());
    let name = format!("Allow {} in {}", drift.path, alert.container);
    let action = document.policy.as_ref().map(|policy| policy.action.clone());
    DriftRuleBody {
        name: name.chars().take(NAME_CHARS_MAX).collect(),
        action: action.unwrap_or_else(|| "alert".to_owned()),
        enabled: true,
        scope: ScopeBody {
            conditions: conditions
                .map(|(field, value)| ConditionBody {
                    field: field.to_owned(),
                    key: None,
                    operator: "equals".to_owned(),
                    values: vec![value.clone()],
                })
                .collect(),
            ..ScopeBody::default()
        },
        kinds: Some(vec![plural(&drift.kind).to_owned()]),
        provenances: None,
        allow: vec![entry.clone()],
        owner: None,
        reason: None,
        expires: None,
        observe: false,
        nodes_percent: 100,
    }
}

fn plural(kind: &str) -> &'static str {
    match kind {
        "library" => "libraries",
        "script" => "scripts",
        _ => "binaries",
    }
}
