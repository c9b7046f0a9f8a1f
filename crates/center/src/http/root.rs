//! What is not the API: health, metrics, the Kubernetes audit webhook, and what every answer carries.

use super::console::console;
use crate::link::LinkCounters;
use crate::start::Center;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use std::fmt::Write as _;
use std::sync::atomic::Ordering;

/// What answers may do in a browser: load the console's own files and ask its own server, nothing else. Scripts and styles
/// never stand in a page; the console's page adds its nonce for the styles that its widgets make at run time.
pub(super) const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Routes beside the API.
pub(super) fn routes(document: String) -> Router<Center> {
    let document = Bytes::from(document);
    let json = move || {
        let document = document.clone();
        async move { ([(header::CONTENT_TYPE, "application/json")], document) }
    };
    Router::new()
        .route("/api/v1/openapi.json", get(json))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/k8s/audit/{cluster}", post(super::k8s_audit::take_batch))
        .fallback(console)
}

/// Whether requests can be answered.
async fn ready(State(center): State<Center>) -> Response {
    match center.store().ping().await {
        Ok(()) => "ready\n".into_response(),
        Err(error) => {
            tracing::warn!(error = ?error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "the database is away\n").into_response()
        }
    }
}

async fn metrics(State(center): State<Center>) -> Response {
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    let mut text = center.counters().shown();
    if let Some(link) = center.link_counters() {
        text.push_str(&link_shown(link));
    }
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

fn link_shown(link: &LinkCounters) -> String {
    let (connections, fleet) = (&link.connections, &link.fleet);
    let rows = [
        ("connections", "counter", &connections.accepted),
        (
            "handshakes_broken",
            "counter",
            &connections.broken_handshakes,
        ),
        ("sessions", "gauge", &fleet.sessions),
        ("alerts_malformed", "counter", &fleet.malformed_alerts),
        ("alerts_foreign", "counter", &fleet.foreign_alerts),
        ("calls_refused", "counter", &fleet.refused),
        ("commands_unsendable", "counter", &fleet.unsendable_commands),
    ];
    let mut text = String::new();
    for (name, kind, value) in rows {
        let total = if kind == "counter" { "_total" } else { "" };
        let name = format!("yagura_center_link_{name}{total}");
        let value = value.load(Ordering::Relaxed);
        let _ = write!(text, "# TYPE {name} {kind}\n{name} {value}\n");
    }
    text
}

/// Headers of every answer.
pub(super) async fn harden(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let policy = HeaderValue::from_static(CONTENT_SECURITY_POLICY);
    let headers = response.headers_mut();
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(policy);
    let fixed = [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        (
            "permissions-policy",
            "camera=(), microphone=(), geolocation=()",
        ),
    ];
    for (name, value) in fixed {
        let name = HeaderName::from_static(name);
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}
