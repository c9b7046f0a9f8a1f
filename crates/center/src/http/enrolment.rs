//! Tokens by which sensors enrol over HTTP.

use super::dto::fleet::{EnrolmentTokenCreate, EnrolmentTokenList, EnrolmentTokenSecret};
use super::problem::Problem;
use super::reply::{Json, NoContent, Secret};
use super::request::{Body, Path};
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
            Access::Needs(Permission::FleetWrite),
            routes!(list_enrolment_tokens),
        )
        .add(
            Access::Needs(Permission::FleetWrite),
            routes!(create_enrolment_token),
        )
        .add(
            Access::Needs(Permission::FleetWrite),
            routes!(revoke_enrolment_token),
        )
}

/// Lists tokens by which sensors enrol.
#[utoipa::path(get, path = "/enrolment-tokens", tag = "enrolment", responses((status = 200, body = EnrolmentTokenList)))]
async fn list_enrolment_tokens(
    State(center): State<Center>,
) -> Result<Json<EnrolmentTokenList>, Problem> {
    app::enrolment::list(&center).await.map(Json)
}

/// Makes such a token, with commands to copy.
#[utoipa::path(post, path = "/enrolment-tokens", tag = "enrolment", request_body = EnrolmentTokenCreate, responses((status = 201, body = EnrolmentTokenSecret)))]
async fn create_enrolment_token(
    State(center): State<Center>,
    caller: Caller,
    Body(body): Body<EnrolmentTokenCreate>,
) -> Result<Secret<EnrolmentTokenSecret>, Problem> {
    app::enrolment::create(&center, &caller, &body)
        .await
        .map(Secret::made)
}

/// Revokes such a token.
#[utoipa::path(delete, path = "/enrolment-tokens/{id}", tag = "enrolment", params(("id" = String, Path)), responses((status = 204)))]
async fn revoke_enrolment_token(
    State(center): State<Center>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<NoContent, Problem> {
    app::enrolment::revoke(&center, &caller, &id).await?;
    Ok(NoContent)
}
