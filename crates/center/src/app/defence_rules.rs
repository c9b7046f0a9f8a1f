//! Defence rules and rules on images: in force, drafted, tried.

use super::policy::kept::{self, Kept, Saved};
use super::policy::{self, Read};
use super::simulation::{self, Subject};
use crate::auth::Caller;
use crate::http::Problem;
use crate::http::dto::common::DiagnosticDto;
use crate::http::dto::policy::{
    BehaviourBody, BehaviourList, DefencePolicyDraft, DefencePolicyVersion, PolicyDiffBody,
};
use crate::http::dto::trial::{
    DefenceSimulate, DefenceTest, SimulationResult, TestResult, TestStep,
};
use crate::start::Center;
use yagura_event::{Behaviour, CellAction};
use yagura_policy::PolicySet;
use yagura_policy::defence::{self, Explanation};
use yagura_policy::set;
use yagura_store::{Document, DocumentKind};

impl Kept for PolicySet {
    const KIND: DocumentKind = DocumentKind::DefencePolicy;
    type Draft = DefencePolicyDraft;
    type Shown = DefencePolicyVersion;

    fn read(draft: &DefencePolicyDraft) -> Result<Read<PolicySet>, Problem> {
        policy::read_defence(draft)
    }

    fn stored(document: Option<&Document>) -> Result<PolicySet, Problem> {
        policy::stored_defence(document)
    }

    fn saving(draft: &DefencePolicyDraft) -> (bool, &str) {
        (draft.accept_warnings, &draft.comment)
    }

    fn print(&self) -> String {
        set::print(self)
    }

    fn doubts(yaml: &str) -> Result<Vec<DiagnosticDto>, Problem> {
        let draft = DefencePolicyDraft {
            yaml: Some(yaml.to_owned()),
            ..DefencePolicyDraft::default()
        };
        Ok(policy::read_defence(&draft)?.diagnostics)
    }

    fn diff(&self, new: &PolicySet) -> PolicyDiffBody {
        policy::diff_shown(&set::diff(self, new))
    }

    fn shown(&self, saved: Saved) -> DefencePolicyVersion {
        DefencePolicyVersion {
            version: saved.version,
            etag: saved.etag,
            saved_by: saved.saved_by,
            saved_at: saved.saved_at,
            comment: saved.comment,
            policy: policy::defence_body(self),
            yaml: saved.yaml,
            diagnostics: saved.diagnostics,
        }
    }
}

/// Says which rule decides, and why.
///
/// # Errors
/// [`Problem`] if the draft or the subject can't be used.
pub(crate) async fn test(center: &Center, asked: &DefenceTest) -> Result<TestResult, Problem> {
    let policy: PolicySet = kept::drafted(center, asked.draft.as_ref()).await?;
    let subject = Subject::read(&asked.subject)?;
    subject.defence(|asked| told(&defence::explain(policy.defence(), asked)))
}

fn told(explanation: &Explanation<'_>) -> TestResult {
    let decision = &explanation.decision;
    let index = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
    let verdict = match decision.action {
        CellAction::Deny => "deny",
        CellAction::Watch => "watch",
        CellAction::None if decision.allowed.is_some() => "allowed",
        CellAction::None => "nothing",
    };
    let rule = decision
        .rule
        .or(decision.allowed.map(|allowed| allowed.rule));
    TestResult {
        verdict: verdict.to_owned(),
        rule: rule.map(|rule| rule.name.to_owned()).unwrap_or_default(),
        index: rule.map(|rule| index(rule.index)),
        steps: explanation
            .steps
            .iter()
            .map(|step| TestStep {
                index: index(step.rule.index),
                rule: step.rule.name.to_owned(),
                action: step.action.as_str().to_owned(),
                matched: matches!(step.outcome, defence::Outcome::Matched { .. }),
                reason: step.outcome.to_string(),
            })
            .collect(),
    }
}

/// Judges stored history anew.
///
/// # Errors
/// [`Problem`] if the draft has errors.
pub(crate) async fn simulate(
    center: &Center,
    caller: &Caller,
    asked: &DefenceSimulate,
) -> Result<SimulationResult, Problem> {
    let (new, _) = policy::read_defence(&asked.draft)?.usable()?;
    let old = kept::in_force(center).await?;
    simulation::defence(center, caller, &old, &new, asked.days).await
}

/// Every behaviour that rules can name.
pub(crate) fn behaviours() -> BehaviourList {
    let shown = |behaviour: &Behaviour| BehaviourBody {
        name: behaviour.as_str().to_owned(),
        dimension: behaviour.dimension().as_str().to_owned(),
        covers: behaviour.covers().to_owned(),
    };
    BehaviourList {
        items: Behaviour::ALL.iter().map(shown).collect(),
    }
}
