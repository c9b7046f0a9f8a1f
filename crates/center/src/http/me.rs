//! What people keep for themselves, over HTTP.

use super::dto::me::{Preferences, ViewBody, ViewDraft, ViewList};
use super::problem::Problem;
use super::reply::{Created, Json, NoContent, Tagged};
use super::request::{Body, IfMatch, Path};
use super::routes::Routes;
use crate::app;
use crate::auth::{Access, Caller, Permission};
use crate::start::Center;
use axum::extract::State;
use utoipa_axum::routes;

/// Declares its routes. Every role may read alerts, so everybody with a password of their own has views.
pub(super) fn routes(routes: Routes) -> Routes {
    let everybody = Access::Needs(Permission::AlertsRead);
    routes
        .add(Access::LoggedIn, routes!(get_preferences))
        .add(Access::LoggedIn, routes!(save_preferences))
        .add(everybody, routes!(list_views))
        .add(everybody, routes!(create_view))
        .add(everybody, routes!(update_view))
        .add(everybody, routes!(delete_view))
}

/// Shows the caller's preferences.
#[utoipa::path(get, path = "/me/preferences", tag = "me", responses((status = 200, body = Preferences)))]
async fn get_preferences(
    State(center): State<Center>,
    caller: Caller,
) -> Result<Json<Preferences>, Problem> {
    app::me::preferences(&center, &caller).await.map(Json)
}

/// Saves the caller's preferences, all at once.
#[utoipa::path(put, path = "/me/preferences", tag = "me", request_body = Preferences, responses((status = 200, body = Preferences)))]
async fn save_preferences(
    State(center): State<Center>,
    caller: Caller,
    Body(body): Body<Preferences>,
) -> Result<Json<Preferences>, Problem> {
    app::me::save_preferences(&center, &caller, body)
        .await
        .map(Json)
}

/// Lists the caller's views and the shared ones.
#[utoipa::path(get, path = "/me/views", tag = "me", responses((status = 200, body = ViewList)))]
async fn list_views(
    State(center): State<Center>,
    caller: Caller,
) -> Result<Json<ViewList>, Problem> {
    app::me::views(&center, &caller).await.map(Json)
}

/// Keeps a view.
#[utoipa::path(post, path = "/me/views", tag = "me", request_body = ViewDraft, responses((status = 201, body = ViewBody)))]
async fn create_view(
    State(center): State<Center>,
    caller: Caller,
    Body(body): Body<ViewDraft>,
) -> Result<Created<ViewBody>, Problem> {
    app::me::create_view(&center, &caller, &body)
        .await
        .map(Created)
}

/// Changes a view of the caller's.
#[utoipa::path(put, path = "/me/views/{id}", tag = "me", request_body = ViewDraft, params(("id" = String, Path), ("If-Match" = String, Header)), responses((status = 200, body = ViewBody)))]
async fn update_view(
    State(center): State<Center>,
    caller: Caller,
    Path(id): Path<String>,
    expected: IfMatch,
    Body(body): Body<ViewDraft>,
) -> Result<Tagged<ViewBody>, Problem> {
    let (version, view) = app::me::update_view(&center, &caller, &id, expected.0, &body).await?;
    Ok(Tagged(version.0, view))
}

/// Forgets a view of the caller's.
#[utoipa::path(delete, path = "/me/views/{id}", tag = "me", params(("id" = String, Path)), responses((status = 204)))]
async fn delete_view(
    State(center): State<Center>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<NoContent, Problem> {
    app::me::delete_view(&center, &caller, &id).await?;
    Ok(NoContent)
}
