//! The Kubernetes audit webhook, and its credentials over the API.
//!
//! An API server sends what got another answer than a good one again only if it is told when: refusals that pass carry
//! `Retry-After`.

use super::dto::settings::{AuditWebhookCreate, AuditWebhookList, AuditWebhookSecret};
use super::problem::Problem;
use super::reply::{Json, NoContent, Secret};
use super::request::{Body, Path, header_text};
use super::routes::Routes;
use crate::app;
use crate::auth::{Access, Caller, Permission};
use crate::start::Center;
use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use flate2::read::MultiGzDecoder;
use std::io::Read as _;
use std::time::Duration;
use tokio::time::timeout;
use utoipa_axum::routes;

/// Bytes of a batch of audit events as it comes: the API server's own bound is 10 MiB.
const BATCH_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bytes of a batch unpacked: a few kilobytes of gzip can't fill memory.
const UNPACKED_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How long a batch may take to come: it holds a place meanwhile.
const BODY_MAX: Duration = Duration::from_secs(30);

/// Declares its routes.
pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .add(
            Access::Needs(Permission::SettingsRead),
            routes!(list_audit_webhooks),
        )
        .add(
            Access::Needs(Permission::SettingsWrite),
            routes!(create_audit_webhook),
        )
        .add(
            Access::Needs(Permission::SettingsWrite),
            routes!(delete_audit_webhook),
        )
}

/// Lists clusters that may send audit events.
#[utoipa::path(get, path = "/k8s-audit-webhooks", tag = "k8s-audit", responses((status = 200, body = AuditWebhookList)))]
async fn list_audit_webhooks(
    State(center): State<Center>,
    caller: Caller,
) -> Result<Json<AuditWebhookList>, Problem> {
    app::k8s_audit::list(&center, &caller).await.map(Json)
}

/// Makes a credential for a cluster, or replaces it.
#[utoipa::path(post, path = "/k8s-audit-webhooks", tag = "k8s-audit", request_body = AuditWebhookCreate, responses((status = 201, body = AuditWebhookSecret)))]
async fn create_audit_webhook(
    State(center): State<Center>,
    caller: Caller,
    Body(body): Body<AuditWebhookCreate>,
) -> Result<Secret<AuditWebhookSecret>, Problem> {
    app::k8s_audit::create(&center, &caller, &body.cluster)
        .await
        .map(Secret::made)
}

/// Takes the credential of a cluster away.
#[utoipa::path(delete, path = "/k8s-audit-webhooks/{cluster}", tag = "k8s-audit", params(("cluster" = String, Path)), responses((status = 204)))]
async fn delete_audit_webhook(
    State(center): State<Center>,
    caller: Caller,
    Path(cluster): Path<String>,
) -> Result<NoContent, Problem> {
    app::k8s_audit::delete(&center, &caller, &cluster).await?;
    Ok(NoContent)
}

/// Takes audit events of a cluster. Nothing is read before the credential is known to be that cluster's.
pub(super) async fn take_batch(
    State(center): State<Center>,
    axum::extract::Path(cluster): axum::extract::Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers();
    let authorization = header_text(headers, header::AUTHORIZATION).unwrap_or_default();
    let secret = authorization.strip_prefix("Bearer ").unwrap_or_default();
    if let Err(problem) = app::k8s_audit::authorise(&center, &cluster, secret.trim()).await {
        center.counters().refused_audit_batches.count();
        return Err(problem);
    }
    let gzip = match header_text(headers, header::CONTENT_ENCODING) {
        None => false,
        Some(encoding) if encoding.eq_ignore_ascii_case("gzip") => true,
        Some(encoding) if encoding.eq_ignore_ascii_case("identity") => false,
        Some(_) => return Err(Problem::unsupported_media_type()),
    };
    let place = app::k8s_audit::place(&center).await?;
    let body = axum::body::to_bytes(request.into_body(), BATCH_BYTES_MAX);
    let body = match timeout(BODY_MAX, body).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return Err(Problem::too_large(BATCH_BYTES_MAX)),
        Err(_) => return Err(Problem::unavailable("the batch did not come in time")),
    };
    // On its own: a client that breaks off must not leave a batch judged in part.
    let task = tokio::spawn(async move {
        let body = match gzip {
            true => unpacked(&body)?,
            false => body.to_vec(),
        };
        let taken = app::k8s_audit::take(&center, &cluster, body).await;
        drop(place);
        taken
    });
    let taken = task.await.map_err(|_| Problem::internal())??;
    let told = serde_json::json!({
        "judged": taken.judged,
        "repeated": taken.repeated,
        "skipped": taken.skipped,
    });
    Ok(axum::Json(told).into_response())
}

fn unpacked(body: &[u8]) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    let read = MultiGzDecoder::new(body)
        .take(UNPACKED_BYTES_MAX as u64 + 1)
        .read_to_end(&mut bytes);
    if read.is_err() {
        return Err(Problem::bad_request("the body is no gzip"));
    }
    match bytes.len() > UNPACKED_BYTES_MAX {
        true => Err(Problem::too_large(UNPACKED_BYTES_MAX)),
        false => Ok(bytes),
    }
}
