//! What both policies have in common: versions of a file of which the newest is in force.

use super::{CURRENT, Read, check_result, has_warnings, number};
use crate::auth::Caller;
use crate::clock;
use crate::http::dto::catalogue::CheckResult;
use crate::http::dto::common::{DiagnosticDto, PageQuery};
use crate::http::dto::policy::{
    PolicyDiffBody, PolicyRollback, PolicyVersionPage, PolicyVersionSummary,
};
use crate::http::{Problem, etag, page};
use crate::start::Center;
use serde::Serialize;
use yagura_store::{Document, DocumentKind, Version};

/// A policy that is kept with its versions.
pub(crate) trait Kept: Sized {
    /// Where it is stored.
    const KIND: DocumentKind;
    /// What callers send.
    type Draft;
    /// What callers are shown.
    type Shown: Serialize;

    /// Reads a draft.
    ///
    /// # Errors
    /// [`Problem`] if it holds both forms or none.
    fn read(draft: &Self::Draft) -> Result<Read<Self>, Problem>;

    /// Reads a stored version; what holds before anybody saved one if there is none.
    ///
    /// # Errors
    /// [`Problem`] if what is stored can't be read.
    fn stored(document: Option<&Document>) -> Result<Self, Problem>;

    /// Whether a draft is saved in spite of warnings, and its author's comment.
    fn saving(draft: &Self::Draft) -> (bool, &str);

    /// Writes the file.
    fn print(&self) -> String;

    /// What is doubtful about a file.
    ///
    /// # Errors
    /// [`Problem`] if it can't be read.
    fn doubts(yaml: &str) -> Result<Vec<DiagnosticDto>, Problem>;

    /// What a newer one changes.
    fn diff(&self, new: &Self) -> PolicyDiffBody;

    /// A version as callers are shown it.
    fn shown(&self, saved: Saved) -> Self::Shown;
}

/// What is known of a version beside its rules.
pub(crate) struct Saved {
    pub(crate) version: u64,
    pub(crate) etag: String,
    pub(crate) saved_by: String,
    pub(crate) saved_at: String,
    pub(crate) comment: String,
    pub(crate) yaml: String,
    pub(crate) diagnostics: Vec<DiagnosticDto>,
}

fn shown<K: Kept>(document: Option<&Document>) -> Result<(Version, K::Shown), Problem> {
    let policy = K::stored(document)?;
    let version = document.map_or(Version(0), |document| document.version);
    let time = document.map_or(yagura_event::WallTime(0), |document| document.time);
    let yaml = policy.print();
    let saved = Saved {
        version: number(version),
        etag: etag(version.0),
        saved_by: document
            .map(|document| document.author.name.clone())
            .unwrap_or_default(),
        saved_at: clock::shown(time),
        comment: document
            .map(|document| document.reason.clone())
            .unwrap_or_default(),
        diagnostics: K::doubts(&yaml)?,
        yaml,
    };
    Ok((version, policy.shown(saved)))
}

fn seen<K: Kept>(document: &Document) -> serde_json::Value {
    let body = shown::<K>(Some(document)).map(|(_, body)| body).ok();
    serde_json::to_value(body).unwrap_or_default()
}

/// What is in force. Version 0 is what holds before anybody saved one.
///
/// # Errors
/// [`Problem`] if the database is away.
pub(crate) async fn current<K: Kept>(center: &Center) -> Result<(Version, K::Shown), Problem> {
    let document = super::stored(center, K::KIND).await?;
    shown::<K>(document.as_ref())
}

/// What is in force, to be asked.
///
/// # Errors
/// [`Problem`] if the database is away.
pub(crate) async fn in_force<K: Kept>(center: &Center) -> Result<K, Problem> {
    let document = super::stored(center, K::KIND).await?;
    K::stored(document.as_ref())
}

/// A draft, or what is in force if there is none.
///
/// # Errors
/// [`Problem`] if the draft has errors.
pub(crate) async fn drafted<K: Kept>(
    center: &Center,
    draft: Option<&K::Draft>,
) -> Result<K, Problem> {
    match draft {
        Some(draft) => Ok(K::read(draft)?.usable()?.0),
        None => in_force(center).await,
    }
}

/// Saves a new version.
///
/// # Errors
/// [`Problem`] if it has errors, warnings that were not accepted, or somebody saved one meanwhile.
pub(crate) async fn save<K: Kept>(
    center: &Center,
    caller: &Caller,
    expected: Version,
    draft: &K::Draft,
) -> Result<(Version, K::Shown), Problem> {
    let (policy, diagnostics) = K::read(draft)?.usable()?;
    let (accept_warnings, comment) = K::saving(draft);
    if has_warnings(&diagnostics) && !accept_warnings {
        return Err(Problem::warned(diagnostics));
    }
    let yaml = policy.print();
    let (kind, seen) = (K::KIND, seen::<K>);
    let saved = super::save(center, caller, kind, expected, &yaml, comment, seen).await?;
    center.policies_changed();
    shown::<K>(Some(&saved))
}

/// Says what is wrong or doubtful.
///
/// # Errors
/// [`Problem`] if there is nothing to check.
pub(crate) fn check<K: Kept>(draft: &K::Draft) -> Result<CheckResult, Problem> {
    let read = K::read(draft)?;
    Ok(check_result(read.policy.is_some(), read.diagnostics))
}

/// Compares a draft with what is in force.
///
/// # Errors
/// [`Problem`] if the draft has errors.
pub(crate) async fn diff<K: Kept>(
    center: &Center,
    draft: &K::Draft,
) -> Result<PolicyDiffBody, Problem> {
    let old: K = in_force(center).await?;
    let (new, _) = K::read(draft)?.usable()?;
    Ok(old.diff(&new))
}

/// Versions, the newest first.
///
/// # Errors
/// [`Problem`] if the database is away.
pub(crate) async fn versions<K: Kept>(
    center: &Center,
    query: &PageQuery,
) -> Result<PolicyVersionPage, Problem> {
    let documents = center.store().documents(K::KIND);
    let page = documents.history(CURRENT, &page(query)?).await?;
    let summary = |document: Document| PolicyVersionSummary {
        version: number(document.version),
        saved_by: document.author.name,
        saved_at: clock::shown(document.time),
        comment: document.reason,
    };
    Ok(PolicyVersionPage {
        items: page.items.into_iter().map(summary).collect(),
        next_cursor: page.next.map(|cursor| cursor.to_string()),
    })
}

async fn earlier<K: Kept>(center: &Center, number: u64) -> Result<Document, Problem> {
    let number = i64::try_from(number).map_err(|_| Problem::not_found("version"))?;
    let documents = center.store().documents(K::KIND);
    let document = documents.version(CURRENT, Version(number)).await?;
    document.ok_or_else(|| Problem::not_found("version"))
}

/// An earlier version.
///
/// # Errors
/// [`Problem`] if there is none.
pub(crate) async fn version<K: Kept>(center: &Center, number: u64) -> Result<K::Shown, Problem> {
    let document = earlier::<K>(center, number).await?;
    Ok(shown::<K>(Some(&document))?.1)
}

/// Makes an earlier version the newest.
///
/// # Errors
/// [`Problem`] if there is none, or somebody saved one meanwhile.
pub(crate) async fn rollback<K: Kept>(
    center: &Center,
    caller: &Caller,
    expected: Version,
    asked: &PolicyRollback,
) -> Result<(Version, K::Shown), Problem> {
    let old = earlier::<K>(center, asked.version).await?;
    let (kind, yaml, comment) = (K::KIND, super::file_of(&old), &asked.comment);
    let saved = super::save(center, caller, kind, expected, yaml, comment, seen::<K>).await?;
    center.policies_changed();
    shown::<K>(Some(&saved))
}
