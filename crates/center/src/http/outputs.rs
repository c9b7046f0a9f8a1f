//! Outputs over HTTP.

use super::dto::settings::{OutputBody, OutputDraft, OutputList, OutputTestResult};
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
            Access::Needs(Permission::OutputsRead),
            routes!(list_outputs),
        )
        .add(
            Access::Needs(Permission::OutputsWrite),
            routes!(create_output),
        )
        .add(Access::Needs(Permission::OutputsRead), routes!(get_output))
        .add(
            Access::Needs(Permission::OutputsWrite),
            routes!(update_output),
        )
        .add(
            Access::Needs(Permission::OutputsWrite),
            routes!(delete_output),
        )
        .add(
            Access::Needs(Permission::OutputsWrite),
            routes!(test_output),
        )
}

/// Lists outputs and how they fare.
#[utoipa::path(get, path = "/outputs", tag = "outputs", responses((status = 200, body = OutputList)))]
async fn list_outputs(State(center): State<Center>) -> Result<Json<OutputList>, Problem> {
    app::outputs::list(&center).await.map(Json)
}

/// Makes an output.
#[utoipa::path(post, path = "/outputs", tag = "outputs", request_body = OutputDraft, responses((status = 201, body = OutputBody)))]
async fn create_output(
    State(center): State<Center>,
    caller: Caller,
    Body(body): Body<OutputDraft>,
) -> Result<Created<OutputBody>, Problem> {
    app::outputs::create(&center, &caller, body)
        .await
        .map(Created)
}

/// Tells of an output.
#[utoipa::path(get, path = "/outputs/{id}", tag = "outputs", params(("id" = String, Path)), responses((status = 200, body = OutputBody)))]
async fn get_output(
    State(center): State<Center>,
    Path(id): Path<String>,
) -> Result<Tagged<OutputBody>, Problem> {
    let (version, output) = app::outputs::get(&center, &id).await?;
    Ok(Tagged(version.0, output))
}

/// Changes an output.
#[utoipa::path(put, path = "/outputs/{id}", tag = "outputs", request_body = OutputDraft, params(("id" = String, Path), ("If-Match" = String, Header)), responses((status = 200, body = OutputBody)))]
async fn update_output(
    State(center): State<Center>,
    caller: Caller,
    Path(id): Path<String>,
    expected: IfMatch,
    Body(body): Body<OutputDraft>,
) -> Result<Tagged<OutputBody>, Problem> {
    let (version, output) = app::outputs::update(&center, &caller, &id, expected.0, body).await?;
    Ok(Tagged(version.0, output))
}

/// Removes an output.
#[utoipa::path(delete, path = "/outputs/{id}", tag = "outputs", params(("id" = String, Path)), responses((status = 204)))]
async fn delete_output(
    State(center): State<Center>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<NoContent, Problem> {
    app::outputs::delete(&center, &caller, &id).await?;
    Ok(NoContent)
}

/// Sends a test alert now.
#[utoipa::path(post, path = "/outputs/{id}/test", tag = "outputs", params(("id" = String, Path)), responses((status = 200, body = OutputTestResult)))]
async fn test_output(
    State(center): State<Center>,
    Path(id): Path<String>,
) -> Result<Json<OutputTestResult>, Problem> {
    app::outputs::test(&center, &id).await.map(Json)
}
