//! Parts of requests. What can't be taken is answered with a problem that says why.

use super::dto::common::PageQuery;
use super::problem::Problem;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::{CONTENT_TYPE, HeaderName, IF_MATCH};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use yagura_event::escape;
use yagura_store::{Cursor, PageRequest, Version};

/// Bytes of a request's body: a policy of ten thousand rules fits, and nobody fills memory.
pub(crate) const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Entries of a page where the caller does not say.
const PAGE_ENTRIES: u32 = 50;
/// Characters of a message about a request that quotes it: nobody makes the center repeat a megabyte.
const MESSAGE_CHARS_MAX: usize = 500;

/// A body of JSON.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let kind = request.headers().get(CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/json") {
            return Err(Problem::unsupported_media_type());
        }
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|_| Problem::too_large(BODY_BYTES_MAX))?;
        let value = serde_json::from_slice(&bytes);
        value.map(Body).map_err(|error| {
            let message = bounded(&error.to_string());
            match error.is_data() {
                true => Problem::invalid("body", message),
                false => Problem::bad_request(message),
            }
        })
    }
}

/// Parameters of the query.
#[derive(Debug)]
pub(super) struct Parameters<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        axum::extract::Query::<T>::try_from_uri(&parts.uri)
            .map(|query| Parameters(query.0))
            .map_err(|error| Problem::bad_request(bounded(&error.body_text())))
    }
}

/// Parameters of the query, with those of a page among them.
#[derive(Debug)]
pub(super) struct Paged<T>(pub(super) T, pub(super) PageQuery);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Paged<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let all = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|error| Problem::bad_request(bounded(&error.body_text())))?;
        let mut page = PageQuery::default();
        let mut others = BTreeMap::new();
        for (name, value) in all.0 {
            match name.as_str() {
                "cursor" => page.cursor = Some(value),
                "limit" => {
                    let limit = value.parse();
                    page.limit =
                        Some(limit.map_err(|_| Problem::bad_request("limit is not a number"))?);
                }
                _ => {
                    if others
                        .insert(name, serde_json::Value::String(value))
                        .is_some()
                    {
                        return Err(Problem::bad_request("a parameter is given twice"));
                    }
                }
            }
        }
        let others = serde_json::Value::Object(others.into_iter().collect());
        let own = serde_json::from_value(others)
            .map_err(|error| Problem::bad_request(bounded(&error.to_string())))?;
        Ok(Paged(own, page))
    }
}

/// A part of the path.
#[derive(Debug)]
pub(super) struct Path<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        axum::extract::Path::<T>::from_request_parts(parts, state)
            .await
            .map(|path| Path(path.0))
            .map_err(|error| Problem::bad_request(bounded(&error.body_text())))
    }
}

/// The version that the caller read.
#[derive(Debug, Clone, Copy)]
pub(super) struct IfMatch(pub(super) Version);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let header = parts.headers.get(IF_MATCH);
        let header = header.ok_or_else(Problem::precondition_required)?;
        let text = header.to_str().unwrap_or_default().trim();
        let version = text.trim_matches('"').parse();
        version
            .map(|number| IfMatch(Version(number)))
            .map_err(|_| Problem::bad_request("If-Match is not an ETag of this API"))
    }
}

/// The part of a list that is wanted.
///
/// # Errors
/// A problem if the cursor is none, or the number is out of range.
pub(crate) fn page(query: &PageQuery) -> Result<PageRequest, Problem> {
    let limit = query.limit.unwrap_or(PAGE_ENTRIES);
    if !(1..=yagura_store::PAGE_ROWS_MAX).contains(&limit) {
        return Err(Problem::bad_request(format!(
            "limit is not between 1 and {}",
            yagura_store::PAGE_ROWS_MAX
        )));
    }
    let cursor = query.cursor.as_deref().filter(|text| !text.is_empty());
    let after = cursor.map(str::parse::<Cursor>).transpose()?;
    Ok(PageRequest { limit, after })
}

/// A header's text, if it is there and is text.
pub(crate) fn header_text(
    headers: &axum::http::HeaderMap,
    name: impl Into<HeaderName>,
) -> Option<&str> {
    headers
        .get(name.into())
        .and_then(|value| value.to_str().ok())
}

fn bounded(text: &str) -> String {
    let head: String = text.chars().take(MESSAGE_CHARS_MAX).collect();
    escape(head.as_bytes()).into_owned()
}
