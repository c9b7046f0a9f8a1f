//! Log-in at an identity provider over HTTP.

use super::dto::oidc::{LogInMeans, OidcAnswer, OidcBegin, OidcBody, OidcDraft};
use super::problem::Problem;
use super::reply::{Json, Tagged};
use super::request::{Body, IfMatch, Parameters, header_text};
use super::routes::Routes;
use super::session::set_cookie;
use crate::app;
use crate::app::oidc::Refusal;
use crate::auth::{Access, Caller, Permission, cookie, log_in_cookie, pending_log_in};
use crate::start::{Center, PeerAddress};
use axum::extract::{Extension, State};
use axum::http::header::{CACHE_CONTROL, USER_AGENT};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse as _, Redirect, Response};
use utoipa_axum::routes;

/// Declares its routes.
pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .add(Access::Public, routes!(log_in_means))
        .add(Access::Public, routes!(begin_oidc))
        .add(Access::Public, routes!(finish_oidc))
        .add(
            Access::Needs(Permission::UsersManage),
            routes!(get_oidc_settings),
        )
        .add(
            Access::Needs(Permission::UsersManage),
            routes!(save_oidc_settings),
        )
}

/// Says by what means people log in.
#[utoipa::path(get, path = "/session/means", tag = "session", responses((status = 200, body = LogInMeans)))]
async fn log_in_means(State(center): State<Center>) -> Result<Json<LogInMeans>, Problem> {
    app::oidc::means(&center).await.map(Json)
}

/// Sends a browser to the identity provider. Where that can't be done it goes to the console's first page, with the reason
/// in `log_in_refused`.
#[utoipa::path(get, path = "/session/oidc", tag = "session", params(OidcBegin), responses((status = 303, description = "On to the identity provider, or back to the console")))]
async fn begin_oidc(
    State(center): State<Center>,
    Extension(peer): Extension<PeerAddress>,
    Parameters(asked): Parameters<OidcBegin>,
) -> Result<Response, Problem> {
    let begun = app::oidc::begin(&center, asked.return_to.as_deref(), peer.0.ip()).await;
    match begun {
        Err(refusal) => Ok(back(refusal)),
        Ok((url, sealed)) => {
            let mut response = redirect(&url);
            let carried = log_in_cookie(Some(&sealed), center.secure_cookies());
            set_cookie(&mut response, &carried)?;
            Ok(response)
        }
    }
}

/// Takes a browser back from the identity provider: begins a session, or says in `log_in_refused` why there is none:
/// `expired`, `provider`, `not-allowed`, `too-many` or `unavailable`.
#[utoipa::path(get, path = "/session/oidc/callback", tag = "session", params(OidcAnswer), responses((status = 303, description = "Back to the console")))]
async fn finish_oidc(
    State(center): State<Center>,
    Extension(peer): Extension<PeerAddress>,
    headers: HeaderMap,
    Parameters(answer): Parameters<OidcAnswer>,
) -> Result<Response, Problem> {
    let secure = center.secure_cookies();
    let carried = pending_log_in(&headers, secure);
    let agent = header_text(&headers, USER_AGENT).unwrap_or_default();
    let finished = app::oidc::finish(&center, answer, carried, peer.0.ip(), agent).await;
    let mut response = match finished {
        Err(refusal) => back(refusal),
        Ok((_, secret, return_to)) => {
            let mut response = redirect(&return_to);
            set_cookie(&mut response, &cookie(Some(&secret), secure))?;
            response
        }
    };
    // What was carried counts once.
    set_cookie(&mut response, &log_in_cookie(None, secure))?;
    Ok(response)
}

fn back(refusal: Refusal) -> Response {
    redirect(&format!("/?log_in_refused={}", refusal.as_str()))
}

fn redirect(to: &str) -> Response {
    let mut response = Redirect::to(to).into_response();
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(CACHE_CONTROL, no_store);
    response
}

/// Shows the identity provider that people log in at, without its secret.
#[utoipa::path(get, path = "/oidc-settings", tag = "users", responses((status = 200, body = OidcBody)))]
async fn get_oidc_settings(State(center): State<Center>) -> Result<Tagged<OidcBody>, Problem> {
    let (version, body) = app::oidc::get(&center).await?;
    Ok(Tagged(version.0, body))
}

/// Sets the identity provider. One that is enabled has to answer.
#[utoipa::path(put, path = "/oidc-settings", tag = "users", request_body = OidcDraft, params(("If-Match" = String, Header)), responses((status = 200, body = OidcBody)))]
async fn save_oidc_settings(
    State(center): State<Center>,
    caller: Caller,
    expected: IfMatch,
    Body(body): Body<OidcDraft>,
) -> Result<Tagged<OidcBody>, Problem> {
    let (version, body) = app::oidc::save(&center, &caller, expected.0, &body).await?;
    Ok(Tagged(version.0, body))
}
