//! The drift policy: in force, drafted, tried.

use super::policy::kept::{self, Kept, Saved};
use super::policy::{self, Read};
use super::simulation::{self, Subject};
use crate::auth::Caller;
use crate::http::Problem;
use crate::http::dto::common::DiagnosticDto;
use crate::http::dto::policy::{DriftPolicyDraft, DriftPolicyVersion, PolicyDiffBody};
use crate::http::dto::trial::{DriftSimulate, DriftTest, SimulationResult, TestResult, TestStep};
use crate::start::Center;
use yagura_policy::drift::{self, DriftPolicy, Explanation};
use yagura_store::{Document, DocumentKind};

impl Kept for DriftPolicy {
    const KIND: DocumentKind = DocumentKind::DriftPolicy;
    type Draft = DriftPolicyDraft;
    type Shown = DriftPolicyVersion;

    fn read(draft: &DriftPolicyDraft) -> Result<Read<DriftPolicy>, Problem> {
        policy::read_drift(draft)
    }

    fn stored(document: Option<&Document>) -> Result<DriftPolicy, Problem> {
        policy::stored_drift(document)
    }

    fn saving(draft: &DriftPolicyDraft) -> (bool, &str) {
        (draft.accept_warnings, &draft.comment)
    }

    fn print(&self) -> String {
        drift::print(self)
    }

    fn doubts(yaml: &str) -> Result<Vec<DiagnosticDto>, Problem> {
        let draft = DriftPolicyDraft {
            yaml: Some(yaml.to_owned()),
            ..DriftPolicyDraft::default()
        };
        Ok(policy::read_drift(&draft)?.diagnostics)
    }

    fn diff(&self, new: &DriftPolicy) -> PolicyDiffBody {
        policy::diff_shown_drift(&drift::diff(self, new))
    }

    fn shown(&self, saved: Saved) -> DriftPolicyVersion {
        DriftPolicyVersion {
            version: saved.version,
            etag: saved.etag,
            saved_by: saved.saved_by,
            saved_at: saved.saved_at,
            comment: saved.comment,
            policy: policy::drift_body(self),
            yaml: saved.yaml,
            diagnostics: saved.diagnostics,
        }
    }
}

/// Says which rule decides, and why.
///
/// # Errors
/// [`Problem`] if the draft or the subject can't be used.
pub(crate) async fn test(center: &Center, asked: &DriftTest) -> Result<TestResult, Problem> {
    let policy: DriftPolicy = kept::drafted(center, asked.draft.as_ref()).await?;
    let subject = Subject::read(&asked.subject)?;
    Ok(subject.drift(|asked| told(&drift::explain(&policy, asked))))
}

fn told(explanation: &Explanation<'_>) -> TestResult {
    let decision = &explanation.decision;
    let index = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
    TestResult {
        verdict: decision.verdict.as_str().to_owned(),
        rule: decision.rule.name.to_owned(),
        index: Some(index(decision.rule.index)),
        steps: explanation
            .steps
            .iter()
            .map(|step| TestStep {
                index: index(step.rule.index),
                rule: step.rule.name.to_owned(),
                action: step.action.as_str().to_owned(),
                matched: matches!(step.outcome, drift::Outcome::Matched { .. }),
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
    asked: &DriftSimulate,
) -> Result<SimulationResult, Problem> {
    let (new, _) = policy::read_drift(&asked.draft)?.usable()?;
    let old = kept::in_force(center).await?;
    simulation::drift(center, caller, &old, &new, asked.days).await
}
