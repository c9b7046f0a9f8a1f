//! The audit log over HTTP.

use super::dto::settings::{AuditLogQuery, AuditPage, AuditVerdictBody};
use super::problem::Problem;
use super::reply::Json;
use super::request::Parameters;
use super::routes::Routes;
use crate::app;
use crate::auth::{Access, Permission};
use crate::start::Center;
use axum::extract::State;
use utoipa_axum::routes;

/// Declares its routes.
pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .add(
            Access::Needs(Permission::AuditRead),
            routes!(list_audit_log),
        )
        .add(
            Access::Needs(Permission::AuditRead),
            routes!(verify_audit_log),
        )
}

/// Lists who changed what.
#[utoipa::path(get, path = "/audit-log", tag = "audit-log", params(AuditLogQuery), responses((status = 200, body = AuditPage)))]
async fn list_audit_log(
    State(center): State<Center>,
    Parameters(query): Parameters<AuditLogQuery>,
) -> Result<Json<AuditPage>, Problem> {
    app::audit_log::list(&center, &query).await.map(Json)
}

/// Checks that nothing in the audit log was changed.
#[utoipa::path(get, path = "/audit-log/verify", tag = "audit-log", responses((status = 200, body = AuditVerdictBody)))]
async fn verify_audit_log(State(center): State<Center>) -> Result<Json<AuditVerdictBody>, Problem> {
    app::audit_log::verify(&center).await.map(Json)
}
