//! The overview over HTTP.

use super::dto::common::SpanQuery;
use super::dto::overview::OverviewBody;
use super::problem::Problem;
use super::reply::Json;
use super::request::Parameters;
use super::routes::Routes;
use crate::app;
use crate::auth::{Access, Caller, Permission};
use crate::start::Center;
use axum::extract::State;
use utoipa_axum::routes;

/// Declares its routes.
pub(super) fn routes(routes: Routes) -> Routes {
    routes.add(Access::Needs(Permission::AlertsRead), routes!(overview))
}

/// Says how things stand.
#[utoipa::path(get, path = "/overview", tag = "overview", params(SpanQuery), responses((status = 200, body = OverviewBody)))]
async fn overview(
    State(center): State<Center>,
    caller: Caller,
    Parameters(query): Parameters<SpanQuery>,
) -> Result<Json<OverviewBody>, Problem> {
    app::overview::overview(&center, &caller, &query)
        .await
        .map(Json)
}
