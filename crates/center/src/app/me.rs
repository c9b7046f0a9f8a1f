//! What people keep for themselves: preferences and views.

use crate::auth::{Caller, new_id};
use crate::clock;
use crate::http::dto::me::{Preferences, ViewBody, ViewDraft, ViewList};
use crate::http::{Problem, etag};
use crate::start::Center;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use yagura_store::{Document, DocumentKind, UpdateError, Version};

/// Preferences of one person: they are no place to keep files.
const PREFERENCES_MAX: usize = 100;
/// Characters of a preference's name.
const PREFERENCE_NAME_CHARS_MAX: usize = 64;
/// Characters of a preference, and of a view's query.
const VALUE_CHARS_MAX: usize = 4096;
/// Views of one person: nobody fills the store.
const VIEWS_MAX: usize = 100;
/// Characters of a view's name.
const VIEW_NAME_CHARS_MAX: usize = 128;
/// Characters of a page's name.
const PAGE_CHARS_MAX: usize = 64;

/// A view as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Stored {
    owner: String,
    owner_name: String,
    view: ViewDraft,
}

/// The caller's preferences.
///
/// # Errors
/// [`Problem`] if the user is gone.
pub(crate) async fn preferences(center: &Center, caller: &Caller) -> Result<Preferences, Problem> {
    let user = center.store().users().get(&caller.user).await?;
    let user = user.ok_or_else(|| Problem::unauthenticated("the user is gone"))?;
    // What an older version kept otherwise counts as nothing kept.
    Ok(serde_json::from_value(user.preferences).unwrap_or_default())
}

/// Saves the caller's preferences.
///
/// # Errors
/// [`Problem`] if there are too many, or one is too long.
pub(crate) async fn save_preferences(
    center: &Center,
    caller: &Caller,
    preferences: Preferences,
) -> Result<Preferences, Problem> {
    if preferences.values.len() > PREFERENCES_MAX {
        return Err(Problem::invalid("values", "are more than 100"));
    }
    for (name, value) in &preferences.values {
        if name.is_empty() || name.chars().count() > PREFERENCE_NAME_CHARS_MAX {
            let message = "holds a name that has not 1 to 64 characters";
            return Err(Problem::invalid("values", message));
        }
        if value.chars().count() > VALUE_CHARS_MAX {
            let field = format!("values.{name}");
            return Err(Problem::invalid(field, "has more than 4,096 characters"));
        }
    }
    let stored = serde_json::to_value(&preferences).unwrap_or_default();
    let users = center.store().users();
    match users.set_preferences(&caller.user, &stored).await? {
        true => Ok(preferences),
        false => Err(Problem::unauthenticated("the user is gone")),
    }
}

async fn all(center: &Center) -> Result<Vec<(Document, Stored)>, Problem> {
    let documents = center.store().documents(DocumentKind::SavedView);
    let readable = |document: Document| {
        let stored = serde_json::from_value(document.body.clone()).ok()?;
        Some((document, stored))
    };
    Ok(documents
        .all()
        .await?
        .into_iter()
        .filter_map(readable)
        .collect())
}

fn shown(document: &Document, stored: Stored, caller: &Caller) -> ViewBody {
    ViewBody {
        id: document.id.clone(),
        etag: etag(document.version.0),
        own: stored.owner == caller.user,
        name: stored.view.name,
        page: stored.view.page,
        query: stored.view.query,
        shared: stored.view.shared,
        owner: stored.owner_name,
    }
}

fn refused(error: UpdateError<Document>, caller: &Caller) -> Problem {
    Problem::of_update(error, "view", |current| {
        let stored = serde_json::from_value(current.body.clone()).ok();
        let current = stored.map(|stored| shown(current, stored, caller));
        serde_json::to_value(current).unwrap_or(Value::Null)
    })
}

/// The caller's views and the shared ones.
///
/// # Errors
/// [`Problem`] if the database is away.
pub(crate) async fn views(center: &Center, caller: &Caller) -> Result<ViewList, Problem> {
    let mut items: Vec<ViewBody> = all(center)
        .await?
        .into_iter()
        .filter(|(_, stored)| stored.view.shared || stored.owner == caller.user)
        .map(|(document, stored)| shown(&document, stored, caller))
        .collect();
    items.sort_by(|a, b| a.name.cmp(&b.name).then_with(|| a.id.cmp(&b.id)));
    Ok(ViewList { items })
}

fn check(view: &ViewDraft) -> Result<(), Problem> {
    if view.name.is_empty() || view.name.chars().count() > VIEW_NAME_CHARS_MAX {
        return Err(Problem::invalid("name", "has 1 to 128 characters"));
    }
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if view.page.is_empty() || view.page.len() > PAGE_CHARS_MAX || !view.page.chars().all(good) {
        return Err(Problem::invalid("page", "is no name of a page"));
    }
    match view.query.chars().count() > VALUE_CHARS_MAX {
        true => Err(Problem::invalid("query", "has more than 4,096 characters")),
        false => Ok(()),
    }
}

fn stored(view: &ViewDraft, caller: &Caller) -> Value {
    let stored = Stored {
        owner: caller.user.clone(),
        owner_name: caller.name.clone(),
        view: view.clone(),
    };
    serde_json::to_value(stored).unwrap_or_default()
}

/// Keeps a view.
///
/// # Errors
/// [`Problem`] if a value can't be used, or the caller has too many.
pub(crate) async fn create_view(
    center: &Center,
    caller: &Caller,
    view: &ViewDraft,
) -> Result<ViewBody, Problem> {
    check(view)?;
    let own = all(center).await?;
    let own = own.iter().filter(|(_, stored)| stored.owner == caller.user);
    if own.count() >= VIEWS_MAX {
        return Err(Problem::conflict("you have 100 views; remove one first"));
    }
    let documents = center.store().documents(DocumentKind::SavedView);
    let (actor, now) = (caller.actor(), clock::now());
    let body = stored(view, caller);
    let made = documents
        .create(&new_id()?, &body, "", &actor, now)
        .await
        .map_err(|error| refused(error, caller))?;
    find(center, caller, &made.id).await.map(|(_, view)| view)
}

/// A view of the caller's own. That somebody else has one of that id is not told.
async fn find(center: &Center, caller: &Caller, id: &str) -> Result<(Version, ViewBody), Problem> {
    let documents = center.store().documents(DocumentKind::SavedView);
    let found = documents.get(id).await?.and_then(|document| {
        let stored: Stored = serde_json::from_value(document.body.clone()).ok()?;
        (stored.owner == caller.user).then_some((document, stored))
    });
    let (document, stored) = found.ok_or_else(|| Problem::not_found("view"))?;
    Ok((document.version, shown(&document, stored, caller)))
}

/// Changes a view of the caller's.
///
/// # Errors
/// [`Problem`] if there is none, or it was changed meanwhile.
pub(crate) async fn update_view(
    center: &Center,
    caller: &Caller,
    id: &str,
    expected: Version,
    view: &ViewDraft,
) -> Result<(Version, ViewBody), Problem> {
    check(view)?;
    find(center, caller, id).await?;
    let documents = center.store().documents(DocumentKind::SavedView);
    let (actor, now) = (caller.actor(), clock::now());
    documents
        .update(id, expected, &stored(view, caller), "", &actor, now)
        .await
        .map_err(|error| refused(error, caller))?;
    find(center, caller, id).await
}

/// Forgets a view of the caller's.
///
/// # Errors
/// [`Problem`] if there is none.
pub(crate) async fn delete_view(center: &Center, caller: &Caller, id: &str) -> Result<(), Problem> {
    let (version, _) = find(center, caller, id).await?;
    let documents = center.store().documents(DocumentKind::SavedView);
    let (actor, now) = (caller.actor(), clock::now());
    documents
        .delete(id, version, "", &actor, now)
        .await
        .map_err(|error| refused(error, caller))?;
    Ok(())
}
