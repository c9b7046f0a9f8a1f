//! Who is logged in over HTTP.

use super::dto::access::{LogIn, PasswordChange, SessionBody};
use super::guard::HoldsSecret;
use super::problem::Problem;
use super::reply::{Json, NoContent};
use super::request::{Body, header_text};
use super::routes::Routes;
use crate::app;
use crate::auth::{Access, Caller, cookie};
use crate::start::{Center, PeerAddress};
use axum::extract::{Extension, State};
use axum::http::header::{SET_COOKIE, USER_AGENT};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use utoipa_axum::routes;

/// Declares its routes.
pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .add(Access::Public, routes!(log_in))
        .add(Access::LoggedIn, routes!(current_session))
        .add(Access::LoggedIn, routes!(log_out))
        .add(Access::LoggedIn, routes!(change_password))
}

/// Begins a session: sets its cookie.
#[utoipa::path(post, path = "/session", tag = "session", request_body = LogIn, responses((status = 200, body = SessionBody)))]
async fn log_in(
    State(center): State<Center>,
    Extension(peer): Extension<PeerAddress>,
    headers: HeaderMap,
    Body(body): Body<LogIn>,
) -> Result<Response, Problem> {
    let agent = header_text(&headers, USER_AGENT).unwrap_or_default();
    let (session, secret) = app::sessions::log_in(&center, body, peer.0.ip(), agent).await?;
    let mut response = Json(session).into_response();
    set_cookie(
        &mut response,
        &cookie(Some(&secret), center.secure_cookies()),
    )?;
    response.extensions_mut().insert(HoldsSecret);
    Ok(response)
}

/// Says who is logged in.
#[utoipa::path(get, path = "/session", tag = "session", responses((status = 200, body = SessionBody)))]
async fn current_session(
    State(center): State<Center>,
    caller: Caller,
) -> Result<Json<SessionBody>, Problem> {
    app::sessions::current(&center, &caller).await.map(Json)
}

/// Ends the session.
#[utoipa::path(delete, path = "/session", tag = "session", responses((status = 204)))]
async fn log_out(State(center): State<Center>, caller: Caller) -> Result<Response, Problem> {
    app::sessions::log_out(&center, &caller).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    set_cookie(&mut response, &cookie(None, center.secure_cookies()))?;
    Ok(response)
}

/// Changes the caller's password; other sessions end.
#[utoipa::path(put, path = "/session/password", tag = "session", request_body = PasswordChange, responses((status = 204)))]
async fn change_password(
    State(center): State<Center>,
    caller: Caller,
    Body(body): Body<PasswordChange>,
) -> Result<NoContent, Problem> {
    app::sessions::change_password(&center, &caller, body).await?;
    Ok(NoContent)
}

/// Sets a cookie beside those that are set already.
pub(super) fn set_cookie(response: &mut Response, cookie: &str) -> Result<(), Problem> {
    let value = HeaderValue::from_str(cookie).map_err(|_| Problem::internal())?;
    response.headers_mut().append(SET_COOKIE, value);
    Ok(())
}
