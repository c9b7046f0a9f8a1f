//! What every request to an endpoint of the API passes: who is it, may they, was it asked before.

use super::problem::Problem;
use super::request::{BODY_BYTES_MAX, header_text};
use crate::auth::{Access, Caller, authenticate};
use crate::clock;
use crate::start::{Center, PeerAddress};
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use ring::digest::{SHA256, digest};
use std::time::Duration;
use yagura_store::Begun;

/// Characters of an idempotency key: what is indexed stays short.
const KEY_CHARS_MAX: usize = 128;
/// How long an answer is kept for somebody who asks again.
const ANSWERS_KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// Marks answers that hold a secret: they are never kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct HoldsSecret;

/// Lets a request through to its endpoint, or answers why not.
pub(super) async fn admit(access: Access, mut request: Request, next: Next) -> Response {
    let Some(center) = request.extensions().get::<Center>().cloned() else {
        tracing::error!("a request came without its center");
        return Problem::internal().into_response();
    };
    if access == Access::Public {
        return next.run(request).await;
    }
    let shown = Shown {
        method: request.method().clone(),
        headers: request.headers().clone(),
        address: peer_address(request.extensions()),
    };
    let caller = match admitted(&center, access, &shown).await {
        Ok(caller) => caller,
        Err(problem) => return problem.into_response(),
    };
    request.extensions_mut().insert(caller.clone());
    let key = match idempotency_key(&request) {
        Ok(key) => key,
        Err(problem) => return problem.into_response(),
    };
    match key {
        None => next.run(request).await,
        Some(key) => match once(&center, &caller, &key, request, next).await {
            Ok(response) => response,
            Err(problem) => problem.into_response(),
        },
    }
}

/// What of a request tells whose it is.
struct Shown {
    method: Method,
    headers: HeaderMap,
    address: String,
}

async fn admitted(center: &Center, access: Access, shown: &Shown) -> Result<Caller, Problem> {
    let caller = authenticate(center, &shown.method, &shown.headers, &shown.address).await?;
    if let Err(problem) = caller.check(access) {
        center.counters().refused_requests.count();
        return Err(problem);
    }
    Ok(caller)
}

/// Where a request came from.
pub(super) fn peer_address(extensions: &axum::http::Extensions) -> String {
    extensions
        .get::<PeerAddress>()
        .map(|peer| peer.0.ip().to_string())
        .unwrap_or_default()
}

fn idempotency_key(request: &Request) -> Result<Option<String>, Problem> {
    if request.method() != Method::POST {
        return Ok(None);
    }
    let Some(key) = header_text(
        request.headers(),
        header::HeaderName::from_static("idempotency-key"),
    ) else {
        return Ok(None);
    };
    match key.chars().count() {
        1..=KEY_CHARS_MAX => Ok(Some(key.to_owned())),
        _ => Err(Problem::bad_request(format!(
            "an idempotency key has 1 to {KEY_CHARS_MAX} characters"
        ))),
    }
}

/// Runs a request whose answer is kept: the same request with the same key gets the same answer, and nothing is done twice.
async fn once(
    center: &Center,
    caller: &Caller,
    key: &str,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, BODY_BYTES_MAX)
        .await
        .map_err(|_| Problem::too_large(BODY_BYTES_MAX))?;
    // With the rights: what a user's session was answered is not for a token of theirs that may see less.
    let rights = caller.rights.to_stored().to_string();
    let query = parts.uri.query().unwrap_or_default();
    let mut asked = Vec::new();
    for part in [parts.uri.path(), query, &rights] {
        asked.extend_from_slice(part.as_bytes());
        asked.push(0);
    }
    asked.extend_from_slice(&body);
    let fingerprint = crate::auth::hex(digest(&SHA256, &asked).as_ref());
    let kept = center.store().idempotency();
    let owner = caller.user.as_str();
    match kept
        .begin(owner, key, &fingerprint, ANSWERS_KEPT, clock::now())
        .await?
    {
        Begun::New => {}
        Begun::Running => {
            return Err(Problem::conflict(
                "the first request with this key still runs",
            ));
        }
        Begun::Mismatch => {
            return Err(Problem::invalid(
                "Idempotency-Key",
                "was used for another request",
            ));
        }
        Begun::Done { status, body } => return Ok(answered(status, body)),
    }
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    if response.status().is_server_error() {
        kept.abandon(owner, key).await?;
        return Ok(response);
    }
    if response.extensions().get::<HoldsSecret>().is_some() {
        let text = r#"{"type":"urn:yagura:problem:conflict","title":"Contradicts what is there","status":409,"detail":"it was done; its answer held a secret and was not kept"}"#;
        kept.finish(owner, key, 409, text).await?;
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, yagura_store::RESPONSE_BYTES_MAX).await else {
        kept.abandon(owner, key).await?;
        return Err(Problem::internal());
    };
    let text = String::from_utf8_lossy(&bytes);
    kept.finish(owner, key, parts.status.as_u16(), &text)
        .await?;
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

fn answered(status: u16, body: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let kind = match status.is_success() {
        true => "application/json",
        false => "application/problem+json",
    };
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert("idempotency-replayed", HeaderValue::from_static("true"));
    response
}
