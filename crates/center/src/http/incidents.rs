//! Incidents over HTTP.

use super::dto::incident::{IncidentDetail, IncidentPage, IncidentQuery};
use super::problem::Problem;
use super::reply::Json;
use super::request::{Parameters, Path};
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
            routes!(list_incidents),
        )
        .add(Access::Needs(Permission::AlertsRead), routes!(get_incident))
}

/// Lists incidents, those seen last first.
#[utoipa::path(get, path = "/incidents", tag = "incidents", params(IncidentQuery), responses((status = 200, body = IncidentPage)))]
async fn list_incidents(
    State(center): State<Center>,
    caller: Caller,
    Parameters(query): Parameters<IncidentQuery>,
) -> Result<Json<IncidentPage>, Problem> {
    app::incidents::list(&center, &caller, &query)
        .await
        .map(Json)
}

/// Tells the story of an incident.
#[utoipa::path(get, path = "/incidents/{id}", tag = "incidents", params(("id" = String, Path)), responses((status = 200, body = IncidentDetail)))]
async fn get_incident(
    State(center): State<Center>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<IncidentDetail>, Problem> {
    app::incidents::get(&center, &caller, &id).await.map(Json)
}
