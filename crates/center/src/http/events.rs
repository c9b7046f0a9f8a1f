//! What changes, as server-sent events.

use super::dto::settings::EventBody;
use super::problem::Problem;
use super::routes::Routes;
use crate::app;
use crate::auth::{Access, Caller, Permission};
use crate::start::Center;
use axum::extract::State;
use axum::response::Response;
use utoipa_axum::routes;

/// Declares its routes.
pub(super) fn routes(routes: Routes) -> Routes {
    routes.add(Access::Needs(Permission::AlertsRead), routes!(watch_events))
}

/// Tells of changes as they happen, as server-sent events whose data is an `EventBody`.
#[utoipa::path(get, path = "/events", tag = "events", responses((status = 200, body = EventBody, content_type = "text/event-stream")))]
async fn watch_events(State(center): State<Center>, caller: Caller) -> Result<Response, Problem> {
    Ok(app::events::watch(&center, &caller))
}
