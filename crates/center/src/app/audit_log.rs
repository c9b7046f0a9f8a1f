//! The audit log.

use crate::clock;
use crate::http::dto::common::PageQuery;
use crate::http::dto::settings::{AuditEntryBody, AuditLogQuery, AuditPage, AuditVerdictBody};
use crate::http::{Problem, page};
use crate::start::Center;
use yagura_store::{AuditEntry, AuditFilter};

/// Entries, the newest first.
///
/// # Errors
/// [`Problem`] if the query can't be used.
pub(crate) async fn list(center: &Center, query: &AuditLogQuery) -> Result<AuditPage, Problem> {
    let names = |name: &Option<String>| name.iter().filter(|n| !n.is_empty()).cloned().collect();
    let filter = AuditFilter {
        actors: names(&query.actor),
        actions: names(&query.action),
        object_kinds: names(&query.object_kind),
        object_ids: names(&query.object_id),
        from: clock::read_optional("from", query.from.as_deref())?,
        to: clock::read_optional("to", query.to.as_deref())?,
    };
    let request = page(&PageQuery {
        cursor: query.cursor.clone(),
        limit: query.limit,
    })?;
    let page = center.store().audit_log().list(&filter, &request).await?;
    Ok(AuditPage {
        items: page.items.into_iter().map(shown).collect(),
        next_cursor: page.next.map(|cursor| cursor.to_string()),
    })
}

fn shown(entry: AuditEntry) -> AuditEntryBody {
    AuditEntryBody {
        number: u64::try_from(entry.seq).unwrap_or_default(),
        time: clock::shown(entry.time),
        actor_kind: entry.actor.kind.as_str().to_owned(),
        actor: entry.actor.name,
        address: entry.actor.address,
        action: entry.action,
        object_kind: entry.object_kind,
        object_id: entry.object_id,
        before: entry.before,
        after: entry.after,
        hash: entry.hash,
    }
}

/// Checks that nothing was changed.
///
/// # Errors
/// [`Problem`] if the database is away.
pub(crate) async fn verify(center: &Center) -> Result<AuditVerdictBody, Problem> {
    let verdict = center.store().audit_log().verify().await?;
    Ok(AuditVerdictBody {
        intact: verdict.broken.is_none(),
        entries: verdict.entries,
        head: verdict.head,
        broken_at: verdict
            .broken
            .map(|seq| u64::try_from(seq).unwrap_or_default()),
    })
}
