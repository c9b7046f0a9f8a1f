//! Forms of answers.

use super::guard::HoldsSecret;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// A value as JSON.
#[derive(Debug)]
pub(super) struct Json<T>(pub(super) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        let mut response = axum::Json(self.0).into_response();
        let no_store = HeaderValue::from_static("no-store");
        response
            .headers_mut()
            .insert(header::CACHE_CONTROL, no_store);
        response
    }
}

/// Something that was made.
#[derive(Debug)]
pub(super) struct Created<T>(pub(super) T);

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, Json(self.0).into_response()).into_response()
    }
}

/// An answer that holds a secret: nobody keeps it.
#[derive(Debug)]
pub(super) struct Secret<T>(StatusCode, T);

impl<T> Secret<T> {
    /// Of something that was made.
    pub(super) fn made(value: T) -> Secret<T> {
        Secret(StatusCode::CREATED, value)
    }

    /// Of something that was there.
    pub(super) fn shown(value: T) -> Secret<T> {
        Secret(StatusCode::OK, value)
    }
}

impl<T: Serialize> IntoResponse for Secret<T> {
    fn into_response(self) -> Response {
        let mut response = (self.0, Json(self.1).into_response()).into_response();
        response.extensions_mut().insert(HoldsSecret);
        response
    }
}

/// A value with the version that `If-Match` takes.
#[derive(Debug)]
pub(super) struct Tagged<T>(pub(super) i64, pub(super) T);

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.1).into_response();
        if let Ok(tag) = HeaderValue::from_str(&etag(self.0)) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }
}

/// A version as an ETag.
pub(crate) fn etag(version: i64) -> String {
    format!("\"{version}\"")
}

/// Nothing to say.
#[derive(Debug)]
pub(super) struct NoContent;

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}
