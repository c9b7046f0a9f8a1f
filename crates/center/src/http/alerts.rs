//! Alerts over HTTP.

use super::dto::alert::{
    AlertAction, AlertActionPreview, AlertActionResult, AlertCounts, AlertDetail, AlertFeed,
    AlertFeedQuery, AlertFilter, AlertHistory, AlertPage, AlertUndo, CommentBody, CommentCreate,
    CommentList,
};
use super::dto::common::PageQuery;
use super::dto::policy::DriftAllowProposal;
use super::dto::whitelist::WhitelistProposal;
use super::problem::Problem;
use super::reply::{Created, Json};
use super::request::{Body, Paged, Parameters, Path};
use super::routes::Routes;
use crate::app;
use crate::auth::{Access, Caller, Permission};
use crate::start::Center;
use axum::extract::State;
use utoipa_axum::routes;

/// Declares its routes.
pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .add(Access::Needs(Permission::AlertsRead), routes!(list_alerts))
        .add(Access::Needs(Permission::AlertsRead), routes!(count_alerts))
        .add(Access::Needs(Permission::AlertsRead), routes!(feed_alerts))
        .add(Access::Needs(Permission::AlertsRead), routes!(get_alert))
        .add(
            Access::Needs(Permission::AlertsHandle),
            routes!(act_on_alerts),
        )
        .add(
            Access::Needs(Permission::AlertsHandle),
            routes!(preview_alert_action),
        )
        .add(
            Access::Needs(Permission::AlertsHandle),
            routes!(undo_alert_actions),
        )
        .add(
            Access::Needs(Permission::AlertsRead),
            routes!(alert_history),
        )
        .add(
            Access::Needs(Permission::AlertsRead),
            routes!(list_comments),
        )
        .add(
            Access::Needs(Permission::AlertsHandle),
            routes!(create_comment),
        )
        .add(
            Access::Needs(Permission::AlertsRead),
            routes!(propose_whitelist_rule),
        )
        .add(
            Access::Needs(Permission::PoliciesRead),
            routes!(propose_drift_allowance),
        )
}

/// Lists alerts, those seen last first.
#[utoipa::path(get, path = "/alerts", tag = "alerts", params(AlertFilter, PageQuery), responses((status = 200, body = AlertPage)))]
async fn list_alerts(
    State(center): State<Center>,
    caller: Caller,
    Paged(filter, page): Paged<AlertFilter>,
) -> Result<Json<AlertPage>, Problem> {
    app::alerts::list(&center, &caller, &filter, &page)
        .await
        .map(Json)
}

/// Counts alerts that a filter finds, up to 10,000.
#[utoipa::path(get, path = "/alerts/counts", tag = "alerts", params(AlertFilter), responses((status = 200, body = AlertCounts)))]
async fn count_alerts(
    State(center): State<Center>,
    caller: Caller,
    Parameters(filter): Parameters<AlertFilter>,
) -> Result<Json<AlertCounts>, Problem> {
    app::alerts::count(&center, &caller, &filter)
        .await
        .map(Json)
}

/// Tells which alerts were stored since an earlier answer, late ones too.
#[utoipa::path(get, path = "/alerts/feed", tag = "alerts", params(AlertFeedQuery), responses((status = 200, body = AlertFeed)))]
async fn feed_alerts(
    State(center): State<Center>,
    caller: Caller,
    Parameters(query): Parameters<AlertFeedQuery>,
) -> Result<Json<AlertFeed>, Problem> {
    app::alerts::feed(&center, &caller, &query).await.map(Json)
}

/// Tells all of an alert.
#[utoipa::path(get, path = "/alerts/{id}", tag = "alerts", params(("id" = String, Path)), responses((status = 200, body = AlertDetail)))]
async fn get_alert(
    State(center): State<Center>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<AlertDetail>, Problem> {
    app::alerts::get(&center, &caller, &id).await.map(Json)
}

/// Does something with alerts: one, many, or all of a kind.
#[utoipa::path(post, path = "/alerts/actions", tag = "alerts", request_body = AlertAction, responses((status = 200, body = AlertActionResult)))]
async fn act_on_alerts(
    State(center): State<Center>,
    caller: Caller,
    Body(body): Body<AlertAction>,
) -> Result<Json<AlertActionResult>, Problem> {
    app::alert_actions::act(&center, &caller, &body)
        .await
        .map(Json)
}

/// Says what that would do, and does nothing.
#[utoipa::path(post, path = "/alerts/actions/preview", tag = "alerts", request_body = AlertAction, responses((status = 200, body = AlertActionPreview)))]
async fn preview_alert_action(
    State(center): State<Center>,
    caller: Caller,
    Body(body): Body<AlertAction>,
) -> Result<Json<AlertActionPreview>, Problem> {
    app::alert_actions::preview(&center, &caller, &body)
        .await
        .map(Json)
}

/// Takes back the last change of status of alerts.
#[utoipa::path(post, path = "/alerts/undo", tag = "alerts", request_body = AlertUndo, responses((status = 200, body = AlertActionResult)))]
async fn undo_alert_actions(
    State(center): State<Center>,
    caller: Caller,
    Body(body): Body<AlertUndo>,
) -> Result<Json<AlertActionResult>, Problem> {
    app::alert_actions::undo(&center, &caller, &body)
        .await
        .map(Json)
}

/// Tells what was done with an alert.
#[utoipa::path(get, path = "/alerts/{id}/history", tag = "alerts", params(("id" = String, Path)), responses((status = 200, body = AlertHistory)))]
async fn alert_history(
    State(center): State<Center>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<AlertHistory>, Problem> {
    app::alerts::history(&center, &caller, &id).await.map(Json)
}

/// Lists comments on an alert.
#[utoipa::path(get, path = "/alerts/{id}/comments", tag = "alerts", params(("id" = String, Path)), responses((status = 200, body = CommentList)))]
async fn list_comments(
    State(center): State<Center>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<CommentList>, Problem> {
    app::alerts::comments(&center, &caller, &id).await.map(Json)
}

/// Comments on an alert.
#[utoipa::path(post, path = "/alerts/{id}/comments", tag = "alerts", request_body = CommentCreate, params(("id" = String, Path)), responses((status = 201, body = CommentBody)))]
async fn create_comment(
    State(center): State<Center>,
    caller: Caller,
    Path(id): Path<String>,
    Body(body): Body<CommentCreate>,
) -> Result<Created<CommentBody>, Problem> {
    app::alerts::comment(&center, &caller, &id, &body)
        .await
        .map(Created)
}

/// Proposes the narrowest whitelist rule for an alert.
#[utoipa::path(get, path = "/alerts/{id}/whitelist-proposal", tag = "alerts", params(("id" = String, Path)), responses((status = 200, body = WhitelistProposal)))]
async fn propose_whitelist_rule(
    State(center): State<Center>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<WhitelistProposal>, Problem> {
    app::whitelist::propose(&center, &caller, &id)
        .await
        .map(Json)
}

/// Proposes the narrowest entry of an allow list for a drift alert, and shows its effect.
#[utoipa::path(get, path = "/alerts/{id}/drift-allow-proposal", tag = "alerts", params(("id" = String, Path)), responses((status = 200, body = DriftAllowProposal)))]
async fn propose_drift_allowance(
    State(center): State<Center>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<DriftAllowProposal>, Problem> {
    app::drift_allow::propose(&center, &caller, &id)
        .await
        .map(Json)
}
