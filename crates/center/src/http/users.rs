//! Users and roles over HTTP.

use super::dto::access::{RoleList, UserBody, UserCreate, UserList, UserSecret, UserUpdate};
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
        .add(Access::Needs(Permission::UsersManage), routes!(list_users))
        .add(Access::Needs(Permission::UsersManage), routes!(create_user))
        .add(Access::Needs(Permission::UsersManage), routes!(get_user))
        .add(Access::Needs(Permission::UsersManage), routes!(update_user))
        .add(Access::Needs(Permission::UsersManage), routes!(delete_user))
        .add(
            Access::Needs(Permission::UsersManage),
            routes!(reset_password),
        )
        .add(Access::Needs(Permission::UsersManage), routes!(unlock_user))
        .add(Access::LoggedIn, routes!(list_roles))
}

/// Lists users.
#[utoipa::path(get, path = "/users", tag = "users", responses((status = 200, body = UserList)))]
async fn list_users(State(center): State<Center>) -> Result<Json<UserList>, Problem> {
    app::users::list(&center).await.map(Json)
}

/// Makes a user with a one-time password.
#[utoipa::path(post, path = "/users", tag = "users", request_body = UserCreate, responses((status = 201, body = UserSecret)))]
async fn create_user(
    State(center): State<Center>,
    caller: Caller,
    Body(body): Body<UserCreate>,
) -> Result<Secret<UserSecret>, Problem> {
    app::users::create(&center, &caller, body)
        .await
        .map(Secret::made)
}

/// Tells of a user.
#[utoipa::path(get, path = "/users/{id}", tag = "users", params(("id" = String, Path)), responses((status = 200, body = UserBody)))]
async fn get_user(
    State(center): State<Center>,
    Path(id): Path<String>,
) -> Result<Json<UserBody>, Problem> {
    app::users::get(&center, &id).await.map(Json)
}

/// Changes role, scope, or whether the user may log in.
#[utoipa::path(patch, path = "/users/{id}", tag = "users", request_body = UserUpdate, params(("id" = String, Path)), responses((status = 200, body = UserBody)))]
async fn update_user(
    State(center): State<Center>,
    caller: Caller,
    Path(id): Path<String>,
    Body(body): Body<UserUpdate>,
) -> Result<Json<UserBody>, Problem> {
    app::users::update(&center, &caller, &id, body)
        .await
        .map(Json)
}

/// Removes a user, with sessions and tokens.
#[utoipa::path(delete, path = "/users/{id}", tag = "users", params(("id" = String, Path)), responses((status = 204)))]
async fn delete_user(
    State(center): State<Center>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<NoContent, Problem> {
    app::users::delete(&center, &caller, &id).await?;
    Ok(NoContent)
}

/// Gives a user a new one-time password, and ends all sessions of theirs.
#[utoipa::path(post, path = "/users/{id}/password-reset", tag = "users", params(("id" = String, Path)), responses((status = 200, body = UserSecret)))]
async fn reset_password(
    State(center): State<Center>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Secret<UserSecret>, Problem> {
    app::users::reset_password(&center, &caller, &id)
        .await
        .map(Secret::shown)
}

/// Lifts a lock after wrong passwords.
#[utoipa::path(post, path = "/users/{id}/unlock", tag = "users", params(("id" = String, Path)), responses((status = 200, body = UserBody)))]
async fn unlock_user(
    State(center): State<Center>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<UserBody>, Problem> {
    app::users::unlock(&center, &caller, &id).await.map(Json)
}

/// Lists roles and what they allow.
#[utoipa::path(get, path = "/roles", tag = "users", responses((status = 200, body = RoleList)))]
async fn list_roles() -> Result<Json<RoleList>, Problem> {
    Ok(Json(app::users::roles()))
}
