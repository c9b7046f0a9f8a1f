//! Whitelist rules over HTTP.

use super::dto::whitelist::{
    WhitelistDraft, WhitelistPreview, WhitelistRuleBody, WhitelistRuleList,
};
use super::problem::Problem;
use super::reply::{Created, Json, NoContent, Tagged};
use super::request::{Body, IfMatch, Path};
use super::routes::Routes;
use crate::app;
use crate::auth::{Access, Caller, Permission};
use crate::start::Center;
use axum::extract::State;
use utoipa_axum::routes;

/// Declares its routes.
pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .add(
            Access::Needs(Permission::AlertsRead),
            routes!(list_whitelist_rules),
        )
        .add(
            Access::Needs(Permission::WhitelistWrite),
            routes!(create_whitelist_rule),
        )
        .add(
            Access::Needs(Permission::AlertsRead),
            routes!(preview_whitelist_rule),
        )
        .add(
            Access::Needs(Permission::AlertsRead),
            routes!(get_whitelist_rule),
        )
        .add(
            Access::Needs(Permission::WhitelistWrite),
            routes!(update_whitelist_rule),
        )
        .add(
            Access::Needs(Permission::WhitelistWrite),
            routes!(delete_whitelist_rule),
        )
}

/// Lists whitelist rules with their hits.
#[utoipa::path(get, path = "/whitelist-rules", tag = "whitelist", responses((status = 200, body = WhitelistRuleList)))]
async fn list_whitelist_rules(
    State(center): State<Center>,
) -> Result<Json<WhitelistRuleList>, Problem> {
    app::whitelist::list(&center).await.map(Json)
}

/// Makes a whitelist rule.
#[utoipa::path(post, path = "/whitelist-rules", tag = "whitelist", request_body = WhitelistDraft, responses((status = 201, body = WhitelistRuleBody)))]
async fn create_whitelist_rule(
    State(center): State<Center>,
    caller: Caller,
    Body(body): Body<WhitelistDraft>,
) -> Result<Created<WhitelistRuleBody>, Problem> {
    app::whitelist::create(&center, &caller, body)
        .await
        .map(Created)
}

/// Says which past alerts a rule would have silenced.
#[utoipa::path(post, path = "/whitelist-rules/preview", tag = "whitelist", request_body = WhitelistDraft, responses((status = 200, body = WhitelistPreview)))]
async fn preview_whitelist_rule(
    State(center): State<Center>,
    caller: Caller,
    Body(body): Body<WhitelistDraft>,
) -> Result<Json<WhitelistPreview>, Problem> {
    app::whitelist::preview(&center, &caller, &body)
        .await
        .map(Json)
}

/// Tells of a whitelist rule.
#[utoipa::path(get, path = "/whitelist-rules/{id}", tag = "whitelist", params(("id" = String, Path)), responses((status = 200, body = WhitelistRuleBody)))]
async fn get_whitelist_rule(
    State(center): State<Center>,
    Path(id): Path<String>,
) -> Result<Tagged<WhitelistRuleBody>, Problem> {
    let (version, rule) = app::whitelist::get(&center, &id).await?;
    Ok(Tagged(version.0, rule))
}

/// Changes a whitelist rule.
#[utoipa::path(put, path = "/whitelist-rules/{id}", tag = "whitelist", request_body = WhitelistDraft, params(("id" = String, Path), ("If-Match" = String, Header)), responses((status = 200, body = WhitelistRuleBody)))]
async fn update_whitelist_rule(
    State(center): State<Center>,
    caller: Caller,
    Path(id): Path<String>,
    expected: IfMatch,
    Body(body): Body<WhitelistDraft>,
) -> Result<Tagged<WhitelistRuleBody>, Problem> {
    let (version, rule) = app::whitelist::update(&center, &caller, &id, expected.0, body).await?;
    Ok(Tagged(version.0, rule))
}

/// Removes a whitelist rule.
#[utoipa::path(delete, path = "/whitelist-rules/{id}", tag = "whitelist", params(("id" = String, Path)), responses((status = 204)))]
async fn delete_whitelist_rule(
    State(center): State<Center>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<NoContent, Problem> {
    app::whitelist::delete(&center, &caller, &id).await?;
    Ok(NoContent)
}
