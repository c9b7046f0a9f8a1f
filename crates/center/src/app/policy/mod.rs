//! Policies between callers, files and decisions.
//!
//! Whatever a caller sends becomes a file in the notation of `docs/reference` and goes through the one parser there is:
//! no form of a policy is checked less than another. What is stored is the file as the printer writes it.

pub(crate) mod kept;
mod shown;
mod written;

pub(crate) use shown::{
    check_result, defence_body, diff_shown, diff_shown_drift, drift_body, has_warnings,
};
pub(crate) use written::{Placing, defence_file, drift_file};

use crate::http::Problem;
use crate::http::dto::common::DiagnosticDto;
use crate::http::dto::policy::{DefencePolicyDraft, DriftPolicyDraft};
use crate::start::Center;
use crate::{auth::Caller, clock};
use serde_json::{Value, json};
use yagura_policy::PolicySet;
use yagura_policy::drift::{self, DriftPolicy};
use yagura_policy::set;
use yagura_store::{Document, DocumentKind, UpdateError, Version};

/// The id of the one document of a kind that is in force.
pub(crate) const CURRENT: &str = "current";
/// What a file is called in diagnostics.
const FILE: &str = "policy";
/// Characters of a comment on a version.
const COMMENT_CHARS_MAX: usize = 2000;

/// What a draft turned out to be.
#[derive(Debug)]
pub(crate) struct Read<T> {
    /// The policy; `None` if there are errors.
    pub(crate) policy: Option<T>,
    /// What is wrong or doubtful.
    pub(crate) diagnostics: Vec<DiagnosticDto>,
}

impl<T> Read<T> {
    /// The policy.
    ///
    /// # Errors
    /// [`Problem`] with the diagnostics if there are errors.
    pub(crate) fn usable(self) -> Result<(T, Vec<DiagnosticDto>), Problem> {
        match self.policy {
            Some(policy) => Ok((policy, self.diagnostics)),
            None => Err(Problem::diagnosed(self.diagnostics)),
        }
    }
}

/// Reads a draft of the drift policy.
///
/// # Errors
/// [`Problem`] if it holds both forms or none.
pub(crate) fn read_drift(draft: &DriftPolicyDraft) -> Result<Read<DriftPolicy>, Problem> {
    let (text, placing) = match (&draft.policy, &draft.yaml) {
        (Some(body), None) => (drift_file(body), Placing::DriftRules),
        (None, Some(text)) => (text.clone(), Placing::File),
        _ => {
            return Err(Problem::invalid(
                "policy",
                "give exactly one of policy and yaml",
            ));
        }
    };
    let parsed = drift::parse(FILE, text.as_bytes());
    Ok(Read {
        diagnostics: shown::diagnostics(&parsed.diagnostics, placing),
        policy: parsed.policy,
    })
}

/// Reads a draft of defence rules.
///
/// # Errors
/// As [`read_drift`].
pub(crate) fn read_defence(draft: &DefencePolicyDraft) -> Result<Read<PolicySet>, Problem> {
    let (text, placing) = match (&draft.policy, &draft.yaml) {
        (Some(body), None) => (defence_file(body), Placing::Documents),
        (None, Some(text)) => (text.clone(), Placing::File),
        _ => {
            return Err(Problem::invalid(
                "policy",
                "give exactly one of policy and yaml",
            ));
        }
    };
    // No rules at all are a policy; an empty file is a mistake only where somebody wrote one.
    if text.trim().is_empty() {
        return Ok(Read {
            policy: Some(PolicySet::default()),
            diagnostics: Vec::new(),
        });
    }
    let parsed = set::parse(FILE, text.as_bytes());
    if parsed
        .set
        .as_ref()
        .is_some_and(|set| set.own_drift().is_some())
    {
        return Err(Problem::invalid(
            "yaml",
            "holds a DriftPolicy, which is saved by itself",
        ));
    }
    Ok(Read {
        diagnostics: shown::diagnostics(&parsed.diagnostics, placing),
        policy: parsed.set,
    })
}

/// A stored version's file.
pub(crate) fn file_of(document: &Document) -> &str {
    document
        .body
        .get("yaml")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The drift policy of a stored version; the built-in one if nobody saved any.
///
/// # Errors
/// [`Problem`] if what is stored can't be read.
pub(crate) fn stored_drift(document: Option<&Document>) -> Result<DriftPolicy, Problem> {
    let Some(document) = document else {
        return Ok(DriftPolicy::built_in());
    };
    let parsed = drift::parse(FILE, file_of(document).as_bytes());
    parsed.policy.ok_or_else(|| {
        tracing::error!(
            version = document.version.0,
            "the stored drift policy can't be read"
        );
        Problem::internal()
    })
}

/// The defence rules of a stored version; none if nobody saved any.
///
/// # Errors
/// [`Problem`] if what is stored can't be read.
pub(crate) fn stored_defence(document: Option<&Document>) -> Result<PolicySet, Problem> {
    let text = document.map(file_of).unwrap_or_default();
    if text.trim().is_empty() {
        return Ok(PolicySet::default());
    }
    set::parse(FILE, text.as_bytes()).set.ok_or_else(|| {
        tracing::error!("the stored defence rules can't be read");
        Problem::internal()
    })
}

/// What is stored of a kind of policy.
///
/// # Errors
/// [`Problem`] if the database is away.
pub(crate) async fn stored(
    center: &Center,
    kind: DocumentKind,
) -> Result<Option<Document>, Problem> {
    Ok(center.store().documents(kind).get(CURRENT).await?)
}

/// Saves a new version. Version 0 is what is in force before anybody saved one.
///
/// # Errors
/// [`Problem`] if somebody else saved one meanwhile: it then holds what `show` makes of theirs.
pub(crate) async fn save(
    center: &Center,
    caller: &Caller,
    kind: DocumentKind,
    expected: Version,
    yaml: &str,
    comment: &str,
    show: impl FnOnce(&Document) -> Value,
) -> Result<Document, Problem> {
    if comment.chars().count() > COMMENT_CHARS_MAX {
        return Err(Problem::invalid(
            "comment",
            "has more than 2,000 characters",
        ));
    }
    let documents = center.store().documents(kind);
    let body = json!({ "yaml": yaml });
    let (actor, now) = (caller.actor(), clock::now());
    let saved = match expected.0 {
        0 => documents.create(CURRENT, &body, comment, &actor, now).await,
        _ => {
            documents
                .update(CURRENT, expected, &body, comment, &actor, now)
                .await
        }
    };
    match saved {
        Ok(document) => Ok(document),
        Err(UpdateError::Exists) => match documents.get(CURRENT).await? {
            Some(current) => Err(Problem::stale(show(&current))),
            None => Err(Problem::internal()),
        },
        Err(UpdateError::NotFound) => Err(Problem::stale(Value::Null)),
        Err(error) => Err(Problem::of_update(error, "policy", show)),
    }
}

/// A version's number.
pub(crate) fn number(version: Version) -> u64 {
    u64::try_from(version.0).unwrap_or_default()
}

#[cfg(test)]
mod tests;
