//! API tokens over HTTP.

use super::dto::access::{TokenCreate, TokenList, TokenSecret};
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
            Access::Needs(Permission::TokensManage),
            routes!(list_tokens),
        )
        .add(
            Access::Needs(Permission::TokensManage),
            routes!(create_token),
        )
        .add(
            Access::Needs(Permission::TokensManage),
            routes!(revoke_token),
        )
}

/// Lists the caller's API tokens; for admins everybody's.
#[utoipa::path(get, path = "/tokens", tag = "tokens", responses((status = 200, body = TokenList)))]
async fn list_tokens(
    State(center): State<Center>,
    caller: Caller,
) -> Result<Json<TokenList>, Problem> {
    app::tokens::list(&center, &caller).await.map(Json)
}

/// Makes an API token.
#[utoipa::path(post, path = "/tokens", tag = "tokens", request_body = TokenCreate, responses((status = 201, body = TokenSecret)))]
async fn create_token(
    State(center): State<Center>,
    caller: Caller,
    Body(body): Body<TokenCreate>,
) -> Result<Secret<TokenSecret>, Problem> {
    app::tokens::create(&center, &caller, body)
        .await
        .map(Secret::made)
}

/// Revokes an API token.
#[utoipa::path(delete, path = "/tokens/{id}", tag = "tokens", params(("id" = String, Path)), responses((status = 204)))]
async fn revoke_token(
    State(center): State<Center>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<NoContent, Problem> {
    app::tokens::revoke(&center, &caller, &id).await?;
    Ok(NoContent)
}
