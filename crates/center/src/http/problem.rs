//! What callers are told when something went wrong (RFC 9457).
//!
//! Internal text goes to the log; callers get what they can act on.

use super::dto::common::{DiagnosticDto, ProblemBody, ProblemField};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::time::Duration;
use yagura_store::{StoreError, UpdateError};

/// An answer that says what went wrong.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    retry_after: Option<Duration>,
    body: Box<ProblemBody>,
}

impl Problem {
    fn new(status: StatusCode, kind: &str, title: &str, detail: impl Into<String>) -> Problem {
        Problem {
            status,
            retry_after: None,
            body: Box::new(ProblemBody {
                kind: format!("urn:yagura:problem:{kind}"),
                title: title.to_owned(),
                status: status.as_u16(),
                detail: detail.into(),
                ..ProblemBody::default()
            }),
        }
    }

    /// The request can't be understood.
    pub(crate) fn bad_request(detail: impl Into<String>) -> Problem {
        let title = "The request can't be understood";
        Problem::new(StatusCode::BAD_REQUEST, "bad-request", title, detail)
    }

    /// Nobody is logged in.
    pub(crate) fn unauthenticated(detail: impl Into<String>) -> Problem {
        let title = "Log in first";
        Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", title, detail)
    }

    /// Name or password is wrong. Which one, is not said.
    pub(crate) fn wrong_credentials() -> Problem {
        let detail = "name or password is wrong, or the account is locked";
        let title = "Log-in refused";
        Problem::new(StatusCode::UNAUTHORIZED, "wrong-credentials", title, detail)
    }

    /// The caller may not.
    pub(crate) fn forbidden(detail: impl Into<String>) -> Problem {
        let title = "Not allowed";
        Problem::new(StatusCode::FORBIDDEN, "forbidden", title, detail)
    }

    /// A password has to be set first.
    pub(crate) fn password_change_required() -> Problem {
        let detail = "a one-time password allows nothing but to set a password";
        let title = "Set a password first";
        Problem::new(
            StatusCode::FORBIDDEN,
            "password-change-required",
            title,
            detail,
        )
    }

    /// There is no such thing, or the caller may not see it.
    pub(crate) fn not_found(what: &str) -> Problem {
        let detail = format!("there is no such {what}");
        Problem::new(StatusCode::NOT_FOUND, "not-found", "Not found", detail)
    }

    /// It contradicts what is there.
    pub(crate) fn conflict(detail: impl Into<String>) -> Problem {
        let title = "Contradicts what is there";
        Problem::new(StatusCode::CONFLICT, "conflict", title, detail)
    }

    /// Somebody else changed it meanwhile; `current` is how it is now.
    pub(crate) fn stale(current: serde_json::Value) -> Problem {
        let detail = "it was changed since you read it; nothing was saved";
        let title = "Changed by somebody else";
        let mut problem =
            Problem::new(StatusCode::PRECONDITION_FAILED, "stale-etag", title, detail);
        problem.body.current = Some(current);
        problem
    }

    /// `If-Match` is missing.
    pub(crate) fn precondition_required() -> Problem {
        let detail = "send the ETag that you read as If-Match, so that no change of others is lost";
        let title = "If-Match is missing";
        Problem::new(
            StatusCode::PRECONDITION_REQUIRED,
            "precondition-required",
            title,
            detail,
        )
    }

    /// The body is too long.
    pub(crate) fn too_large(bytes_max: usize) -> Problem {
        let detail = format!("the body has more than {bytes_max} bytes");
        let title = "Too large";
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", title, detail)
    }

    /// The body is no JSON.
    pub(crate) fn unsupported_media_type() -> Problem {
        let detail = "send the body as application/json";
        let title = "Not JSON";
        Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            title,
            detail,
        )
    }

    /// A value is not one that can be used.
    pub(crate) fn invalid(field: impl Into<String>, message: impl Into<String>) -> Problem {
        let message = message.into();
        let field = field.into();
        let title = "Can't be used";
        let detail = format!("{field}: {message}");
        let mut problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", title, detail);
        problem.body.errors.push(ProblemField { field, message });
        problem
    }

    /// A policy or rules have errors.
    pub(crate) fn diagnosed(diagnostics: Vec<DiagnosticDto>) -> Problem {
        let title = "Can't be used";
        let detail = "see the diagnostics; nothing was saved";
        let mut problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", title, detail);
        problem.body.diagnostics = diagnostics;
        problem
    }

    /// A policy has warnings that were not accepted.
    pub(crate) fn warned(diagnostics: Vec<DiagnosticDto>) -> Problem {
        let title = "Probably not what you want";
        let detail = "see the diagnostics; nothing was saved: to save all the same, say so with accept_warnings";
        let mut problem = Problem::new(StatusCode::CONFLICT, "warnings", title, detail);
        problem.body.diagnostics = diagnostics;
        problem
    }

    /// Too many requests.
    pub(crate) fn too_many(retry_after: Duration) -> Problem {
        let detail = format!("wait {} seconds", retry_after.as_secs().max(1));
        let title = "Too many requests";
        let mut problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many", title, detail);
        problem.retry_after = Some(retry_after);
        problem
    }

    /// The database or something else that is needed is away.
    pub(crate) fn unavailable(detail: impl Into<String>) -> Problem {
        let title = "Not available now";
        let mut problem = Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            title,
            detail,
        );
        problem.retry_after = Some(Duration::from_secs(1));
        problem
    }

    /// A mistake of the center's. The reason is in the log.
    pub(crate) fn internal() -> Problem {
        let title = "The center made a mistake";
        let detail = "the center's log says more";
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", title, detail)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        match error {
            StoreError::InvalidCursor => Problem::invalid("cursor", "is not one of this list"),
            StoreError::TooLarge { .. } | StoreError::TooMany { .. } => {
                Problem::bad_request(error.to_string())
            }
            error if error.is_retryable() => {
                tracing::warn!(error = ?error, "the database is not available");
                Problem::unavailable("the database is not available")
            }
            error => {
                tracing::error!(error = ?error, "the database failed");
                Problem::internal()
            }
        }
    }
}

impl Problem {
    /// What became of a change. `what` names the thing, `show` makes of the stored thing what the caller sees.
    pub(crate) fn of_update<T>(
        error: UpdateError<T>,
        what: &str,
        show: impl FnOnce(&T) -> serde_json::Value,
    ) -> Problem {
        match error {
            UpdateError::NotFound => Problem::not_found(what),
            UpdateError::Exists => Problem::conflict(format!("there is such a {what} already")),
            UpdateError::Stale { current, .. } => Problem::stale(show(&current)),
            UpdateError::Store(error) => error.into(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self.body).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(after) = self.retry_after {
            headers.insert(
                header::RETRY_AFTER,
                HeaderValue::from(after.as_secs().max(1)),
            );
        }
        response
    }
}
