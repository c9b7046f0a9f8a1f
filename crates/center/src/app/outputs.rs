//! Outputs as they are configured.

use super::alert_view;
use crate::auth::{Caller, Credential, Rights, new_id};
use crate::clock;
use crate::http::dto::settings::{
    DeliveryBody, OutputBody, OutputDraft, OutputList, OutputTestResult,
};
use crate::http::dto::words::{DeliveryState, Role};
use crate::http::{Problem, etag};
use crate::outputs::{SendError, Sender, check, receiver, sample};
use crate::start::Center;
use serde_json::Value;
use std::path::PathBuf;
use std::time::Instant;
use yagura_store::{
    Alert, AlertFilter, Document, DocumentKind, OutputState, StoreError, UpdateError, Version,
};

/// Outputs of one center.
const OUTPUTS_MAX: usize = 100;
/// Waiting alerts are counted up to here: what is shown beyond is "at least".
const WAITING_COUNTED_MAX: u64 = 100_000;
/// Characters of a name.
const NAME_CHARS_MAX: usize = 128;
/// Stands in the audit log in place of a secret.
const SECRET_PREFIX: &str = "output-secret:";

/// An output with what is needed to send.
#[derive(Debug, Clone)]
pub(crate) struct Configured {
    /// Id.
    pub(crate) id: String,
    /// Version of its configuration.
    pub(crate) version: Version,
    /// The configuration, its secrets among it.
    pub(crate) draft: OutputDraft,
    /// Which alerts.
    filter: AlertFilter,
    /// The console's address, for links.
    pub(crate) console: String,
    /// Where files go.
    pub(crate) folder: PathBuf,
}

impl Configured {
    /// Whether an alert is to be sent.
    pub(crate) fn wants(&self, alert: &Alert) -> bool {
        fn within<T: PartialEq>(wanted: &[T], found: &T) -> bool {
            wanted.is_empty() || wanted.contains(found)
        }
        let filter = &self.filter;
        within(&filter.statuses, &alert.status)
            && within(&filter.severities, &alert.severity)
            && within(&filter.categories, &alert.category)
            && within(&filter.rules, &alert.rule)
            && within(&filter.keys, &alert.key)
            && within(&filter.nodes, &alert.node)
            && within(&filter.clusters, &alert.cluster)
            && within(&filter.namespaces, &alert.namespace)
            && within(&filter.pods, &alert.pod)
            && within(&filter.containers, &alert.container)
            && within(&filter.images, &alert.image)
    }
}

/// Somebody who sees everything: what an output sends is its admin's choice.
fn everything() -> Caller {
    Caller {
        user: String::new(),
        name: String::new(),
        token: String::new(),
        rights: Rights {
            role: Role::Reader,
            scope: crate::http::dto::common::AccessScope::default(),
        },
        credential: Credential::Token,
        expires: None,
        csrf: String::new(),
        must_change_password: false,
        address: String::new(),
    }
}

async fn with_secrets(
    center: &Center,
    document: &Document,
) -> Result<Option<Configured>, StoreError> {
    let Ok(mut draft) = serde_json::from_value::<OutputDraft>(document.body.clone()) else {
        tracing::error!(output = document.id, "a stored output can't be read");
        return Ok(None);
    };
    let stored = center
        .store()
        .secrets()
        .get(&secret_name(&document.id))
        .await?;
    draft.secrets = stored
        .and_then(|stored| serde_json::from_slice(&stored).ok())
        .unwrap_or_default();
    Ok(Some(Configured {
        id: document.id.clone(),
        version: document.version,
        filter: alert_view::filter(&draft.filter, &everything()).unwrap_or_default(),
        draft,
        console: center.public_url().to_owned(),
        folder: center.output_folder().to_owned(),
    }))
}

fn secret_name(id: &str) -> String {
    format!("{SECRET_PREFIX}{id}")
}

/// Every output.
///
/// # Errors
/// [`StoreError`]
pub(crate) async fn configured(center: &Center) -> Result<Vec<Configured>, StoreError> {
    let documents = center.store().documents(DocumentKind::Output).all().await?;
    let mut outputs = Vec::with_capacity(documents.len());
    for document in &documents {
        outputs.extend(with_secrets(center, document).await?);
    }
    Ok(outputs)
}

fn shown(output: Configured, state: Option<&OutputState>, waiting: u64) -> OutputBody {
    OutputBody {
        delivery: delivery(output.draft.enabled, state, waiting),
        id: output.id,
        etag: etag(output.version.0),
        name: output.draft.name,
        kind: output.draft.kind,
        enabled: output.draft.enabled,
        filter: output.draft.filter,
        settings: output.draft.settings,
        secrets: output.draft.secrets.into_keys().collect(),
    }
}

fn delivery(enabled: bool, state: Option<&OutputState>, waiting: u64) -> DeliveryBody {
    let count = |count: i64| u64::try_from(count).unwrap_or_default();
    let word = match state {
        _ if !enabled => DeliveryState::Disabled,
        Some(state) if state.consecutive_failures > 0 => DeliveryState::Retrying,
        Some(state) if state.delivered > 0 => DeliveryState::Delivering,
        _ => DeliveryState::Idle,
    };
    DeliveryBody {
        state: word,
        waiting,
        delivered: state.map_or(0, |state| count(state.delivered)),
        failed: state.map_or(0, |state| count(state.failed)),
        dropped: state.map_or(0, |state| count(state.dropped)),
        last_success: state.and_then(|state| state.last_success).map(clock::shown),
        last_failure: state.and_then(|state| state.last_failure).map(clock::shown),
        last_error: state
            .map(|state| state.last_error.clone())
            .unwrap_or_default(),
        retry_at: state.and_then(|state| state.retry_at).map(clock::shown),
    }
}

/// Every output with how it fares, by name.
///
/// # Errors
/// [`Problem`] if the database is away.
pub(crate) async fn list(center: &Center) -> Result<OutputList, Problem> {
    let states = center.store().outputs().states().await?;
    let state = |id: &str| states.iter().find(|state| state.output == id);
    let mut items = Vec::new();
    for output in configured(center).await? {
        let state = state(&output.id);
        let waiting = waiting(center, &output, state).await?;
        items.push(shown(output, state, waiting));
    }
    items.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(OutputList { items })
}

/// Alerts that were stored since what an output sent last, whether or not it wants them.
async fn waiting(
    center: &Center,
    output: &Configured,
    state: Option<&OutputState>,
) -> Result<u64, StoreError> {
    match state.filter(|_| output.draft.enabled) {
        Some(state) => {
            let alerts = center.store().alerts();
            alerts
                .feed_waiting(state.position, WAITING_COUNTED_MAX)
                .await
        }
        None => Ok(0),
    }
}

async fn find(center: &Center, id: &str) -> Result<Configured, Problem> {
    let document = center
        .store()
        .documents(DocumentKind::Output)
        .get(id)
        .await?;
    let document = document.ok_or_else(|| Problem::not_found("output"))?;
    let output = with_secrets(center, &document).await?;
    output.ok_or_else(Problem::internal)
}

/// One output.
///
/// # Errors
/// [`Problem`] if there is none.
pub(crate) async fn get(center: &Center, id: &str) -> Result<(Version, OutputBody), Problem> {
    let output = find(center, id).await?;
    let state = center.store().outputs().state(id).await?;
    let waiting = waiting(center, &output, state.as_ref()).await?;
    Ok((output.version, shown(output, state.as_ref(), waiting)))
}

fn checked(draft: &OutputDraft) -> Result<(), Problem> {
    if draft.name.is_empty() || draft.name.chars().count() > NAME_CHARS_MAX {
        return Err(Problem::invalid("name", "has 1 to 128 characters"));
    }
    alert_view::filter(&draft.filter, &everything())?;
    if draft.filter.q.is_some() || draft.filter.from.is_some() || draft.filter.to.is_some() {
        return Err(Problem::invalid(
            "filter",
            "q, from and to are for lists alone",
        ));
    }
    check(draft)
}

/// The draft without its secrets, which are kept apart and never read back.
fn public(draft: &OutputDraft) -> Value {
    let mut public = draft.clone();
    public.secrets.clear();
    serde_json::to_value(public).unwrap_or_default()
}

fn refused(error: UpdateError<Document>) -> Problem {
    Problem::of_update(error, "output", |current| current.body.clone())
}

async fn keep_secrets(
    center: &Center,
    caller: &Caller,
    id: &str,
    secrets: &std::collections::BTreeMap<String, String>,
) -> Result<(), Problem> {
    let kept: std::collections::BTreeMap<_, _> = secrets
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let bytes = serde_json::to_vec(&kept).unwrap_or_default();
    let store = center.store().secrets();
    store
        .replace(&secret_name(id), &bytes, &caller.actor(), clock::now())
        .await?;
    Ok(())
}

/// Makes an output.
///
/// # Errors
/// [`Problem`] if it can't be used.
pub(crate) async fn create(
    center: &Center,
    caller: &Caller,
    draft: OutputDraft,
) -> Result<OutputBody, Problem> {
    checked(&draft)?;
    let documents = center.store().documents(DocumentKind::Output);
    if documents.all().await?.len() >= OUTPUTS_MAX {
        return Err(Problem::conflict("there are 100 outputs already"));
    }
    let id = new_id()?;
    keep_secrets(center, caller, &id, &draft.secrets).await?;
    let (actor, now) = (caller.actor(), clock::now());
    let made = documents
        .create(&id, &public(&draft), "", &actor, now)
        .await;
    made.map_err(refused)?;
    let end = center.store().alerts().feed_end().await?;
    center.store().outputs().start_at(&id, end).await?;
    Ok(get(center, &id).await?.1)
}

/// Changes an output.
///
/// # Errors
/// [`Problem`] if it can't be used, or was changed meanwhile.
pub(crate) async fn update(
    center: &Center,
    caller: &Caller,
    id: &str,
    expected: Version,
    draft: OutputDraft,
) -> Result<(Version, OutputBody), Problem> {
    let former = find(center, id).await?.draft;
    let mut draft = draft;
    let changes_secrets = !draft.secrets.is_empty();
    let given = std::mem::take(&mut draft.secrets);
    draft.secrets.clone_from(&former.secrets);
    draft.secrets.extend(given.clone());
    draft.secrets.retain(|_, value| !value.is_empty());
    let moved = receiver(&former) != receiver(&draft);
    if moved && let Some(name) = draft.secrets.keys().find(|name| !given.contains_key(*name)) {
        // Else whoever may change outputs could have secrets sent to a receiver of their own.
        return Err(Problem::invalid(
            format!("secrets.{name}"),
            "must be given again: the output would send it to another receiver than before",
        ));
    }
    checked(&draft)?;
    let secrets = draft.secrets.clone();
    let documents = center.store().documents(DocumentKind::Output);
    documents
        .update(
            id,
            expected,
            &public(&draft),
            "",
            &caller.actor(),
            clock::now(),
        )
        .await
        .map_err(refused)?;
    if changes_secrets {
        keep_secrets(center, caller, id, &secrets).await?;
    }
    get(center, id).await
}

/// Removes an output.
///
/// # Errors
/// [`Problem`] if there is none.
pub(crate) async fn delete(center: &Center, caller: &Caller, id: &str) -> Result<(), Problem> {
    let output = find(center, id).await?;
    let documents = center.store().documents(DocumentKind::Output);
    documents
        .delete(id, output.version, "", &caller.actor(), clock::now())
        .await
        .map_err(refused)?;
    keep_secrets(center, caller, id, &std::collections::BTreeMap::new()).await?;
    center.store().outputs().forget(id).await?;
    Ok(())
}

/// Sends a test alert now.
///
/// # Errors
/// [`Problem`] if there is no such output.
pub(crate) async fn test(center: &Center, id: &str) -> Result<OutputTestResult, Problem> {
    let output = find(center, id).await?;
    let began = Instant::now();
    let sent = Sender::new(&output).send(&[&sample()]).await.stopped;
    let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let error = match sent {
        None => String::new(),
        Some(SendError::Later { reason, .. } | SendError::Never(reason)) => reason,
    };
    Ok(OutputTestResult {
        delivered: error.is_empty(),
        duration_ms,
        error,
    })
}
