//! What sensors are asked to do over HTTP.

use super::dto::fleet::{CommandBody, CommandCreate, CommandOutput, CommandPage, CommandQuery};
use super::problem::Problem;
use super::reply::{Created, Json};
use super::request::{Body, Parameters, Path};
use super::routes::Routes;
use crate::app;
use crate::auth::{Access, Caller, Permission};
use crate::start::Center;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use utoipa_axum::routes;

/// Declares its routes.
pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .add(Access::Needs(Permission::FleetRead), routes!(list_commands))
        .add(
            Access::Needs(Permission::CommandsSend),
            routes!(create_command),
        )
        .add(Access::Needs(Permission::FleetRead), routes!(get_command))
        .add(
            Access::Needs(Permission::CommandsSend),
            routes!(get_command_output),
        )
}

/// Lists what sensors were asked to do.
#[utoipa::path(get, path = "/commands", tag = "commands", params(CommandQuery), responses((status = 200, body = CommandPage)))]
async fn list_commands(
    State(center): State<Center>,
    caller: Caller,
    Parameters(query): Parameters<CommandQuery>,
) -> Result<Json<CommandPage>, Problem> {
    app::commands::list(&center, &caller, &query)
        .await
        .map(Json)
}

/// Asks a sensor to do something.
#[utoipa::path(post, path = "/commands", tag = "commands", request_body = CommandCreate, responses((status = 201, body = CommandBody)))]
async fn create_command(
    State(center): State<Center>,
    caller: Caller,
    Body(body): Body<CommandCreate>,
) -> Result<Created<CommandBody>, Problem> {
    app::commands::create(&center, &caller, &body)
        .await
        .map(Created)
}

/// Tells how far a command has come.
#[utoipa::path(get, path = "/commands/{id}", tag = "commands", params(("id" = String, Path)), responses((status = 200, body = CommandBody)))]
async fn get_command(
    State(center): State<Center>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<CommandBody>, Problem> {
    app::commands::get(&center, &caller, &id).await.map(Json)
}

/// Gives what a command brought: a recording.
#[utoipa::path(get, path = "/commands/{id}/output", tag = "commands", params(("id" = String, Path)), responses((status = 200, body = CommandOutput, content_type = "application/octet-stream")))]
async fn get_command_output(
    State(center): State<Center>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let parts = app::commands::output(&center, &caller, &id).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"yagura.capture\"",
        ),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, axum::body::Body::from_stream(parts)).into_response())
}
