//! The container protection settings over HTTP.

use super::dto::settings::{ProtectionChange, ProtectionSettings};
use super::problem::Problem;
use super::reply::Tagged;
use super::request::{Body, IfMatch};
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
            Access::Needs(Permission::SettingsRead),
            routes!(get_protection_settings),
        )
        .add(
            Access::Needs(Permission::SettingsWrite),
            routes!(save_protection_settings),
        )
}

/// Shows the container protection settings.
#[utoipa::path(get, path = "/protection-settings", tag = "protection", responses((status = 200, body = ProtectionSettings)))]
async fn get_protection_settings(
    State(center): State<Center>,
    caller: Caller,
) -> Result<Tagged<ProtectionSettings>, Problem> {
    let (version, settings) = app::protection::get(&center, &caller).await?;
    Ok(Tagged(version.0, settings))
}

/// Changes them; refuses a switch whose prerequisites are missing.
#[utoipa::path(put, path = "/protection-settings", tag = "protection", request_body = ProtectionChange, params(("If-Match" = String, Header)), responses((status = 200, body = ProtectionSettings)))]
async fn save_protection_settings(
    State(center): State<Center>,
    caller: Caller,
    expected: IfMatch,
    Body(body): Body<ProtectionChange>,
) -> Result<Tagged<ProtectionSettings>, Problem> {
    let (version, settings) = app::protection::save(&center, &caller, expected.0, &body).await?;
    Ok(Tagged(version.0, settings))
}
