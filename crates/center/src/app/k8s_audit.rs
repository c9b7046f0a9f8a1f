//! Kubernetes audit events: credentials of clusters, and detection in what they send (`judge`).

mod judge;
mod memory;

pub(crate) use judge::{AuditDetection, place, take};

use crate::auth::{Caller, SecretKind, new_secret, same};
use crate::clock;
use crate::http::Problem;
use crate::http::dto::settings::{AuditWebhookBody, AuditWebhookList, AuditWebhookSecret};
use crate::start::Center;
use serde_json::{Value, json};
use yagura_store::{DocumentKind, PAGE_ROWS_MAX, TokenHash};

/// The audit policy that the catalogue's rules need.
pub const AUDIT_POLICY: &str = include_str!("audit_policy.yaml");

/// Whether a secret is that of a cluster.
///
/// # Errors
/// [`Problem`] if it is not, or there is none for that cluster.
pub(crate) async fn authorise(center: &Center, cluster: &str, secret: &str) -> Result<(), Problem> {
    let stored = center
        .store()
        .documents(DocumentKind::Cluster)
        .get(cluster)
        .await?;
    let stored = stored.and_then(|document| {
        let hash = document
            .body
            .get("audit_secret_sha256")?
            .as_str()?
            .to_owned();
        Some(hash)
    });
    let shown = digest(secret);
    // The same comparison whether or not there is such a cluster.
    match same(stored.as_deref().unwrap_or_default(), &shown) {
        true => Ok(()),
        false => Err(Problem::unauthenticated(
            "the credential is not that of this cluster",
        )),
    }
}

fn digest(secret: &str) -> String {
    crate::auth::hex(TokenHash::of(secret).as_bytes())
}

/// Clusters that may send audit events.
///
/// # Errors
/// [`Problem`] if the database is away.
pub(crate) async fn list(center: &Center, caller: &Caller) -> Result<AuditWebhookList, Problem> {
    let documents = center
        .store()
        .documents(DocumentKind::Cluster)
        .all()
        .await?;
    let progress = center.store().kubernetes_audit().progress().await?;
    let mut items = Vec::new();
    for document in documents {
        if !caller.sees_cluster(&document.id) {
            continue;
        }
        let progress = progress.iter().find(|of| of.cluster == document.id);
        items.push(AuditWebhookBody {
            cluster: document.id,
            created_by: document.author.name,
            created_at: clock::shown(document.time),
            last_event_at: progress.map(|of| clock::shown(of.last)),
            events: progress.map_or(0, |of| u64::try_from(of.events).unwrap_or_default()),
        });
    }
    items.truncate(PAGE_ROWS_MAX as usize);
    Ok(AuditWebhookList { items })
}

/// Makes a credential for a cluster; a former one ends.
///
/// # Errors
/// [`Problem`] if the name can't be used.
pub(crate) async fn create(
    center: &Center,
    caller: &Caller,
    cluster: &str,
) -> Result<AuditWebhookSecret, Problem> {
    let good = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let starts = cluster
        .chars()
        .next()
        .is_some_and(|c| c.is_ascii_alphanumeric());
    if cluster.len() > 128 || !starts || !cluster.chars().all(good) {
        return Err(Problem::invalid(
            "cluster",
            "has 1 to 128 letters, digits, '.', '_', '-', the first a letter or digit",
        ));
    }
    let secret = new_secret(SecretKind::AuditWebhook)?;
    let body = json!({ "audit_secret_sha256": digest(&secret) });
    let documents = center.store().documents(DocumentKind::Cluster);
    let document = documents
        .put(
            cluster,
            &body,
            "audit webhook",
            &caller.actor(),
            clock::now(),
        )
        .await
        .map_err(|error| Problem::of_update(error, "cluster", |_| Value::Null))?;
    Ok(AuditWebhookSecret {
        kubeconfig: kubeconfig(center.public_url(), center.trusted_pem(), cluster, &secret),
        audit_policy: AUDIT_POLICY.to_owned(),
        webhook: AuditWebhookBody {
            cluster: cluster.to_owned(),
            created_by: document.author.name,
            created_at: clock::shown(document.time),
            last_event_at: None,
            events: 0,
        },
    })
}

/// What the API server reads to send its events here.
fn kubeconfig(url: &str, authority_pem: Option<&str>, cluster: &str, secret: &str) -> String {
    use base64::Engine as _;
    let server = format!("{url}/k8s/audit/{cluster}");
    let at = match authority_pem {
        None => json!({ "server": server }),
        Some(pem) => {
            let encoded = base64::engine::general_purpose::STANDARD.encode(pem);
            json!({ "server": server, "certificate-authority-data": encoded })
        }
    };
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "yagura", "cluster": at }],
        "users": [{ "name": "api-server", "user": { "token": secret } }],
        "contexts": [{ "name": "webhook", "context": { "cluster": "yagura", "user": "api-server" } }],
        "current-context": "webhook",
    });
    // JSON is YAML.
    serde_json::to_string_pretty(&config).unwrap_or_default() + "\n"
}

/// Takes a cluster's credential away.
///
/// # Errors
/// [`Problem`] if there is none.
pub(crate) async fn delete(center: &Center, caller: &Caller, cluster: &str) -> Result<(), Problem> {
    let documents = center.store().documents(DocumentKind::Cluster);
    let document = documents.get(cluster).await?;
    let document = document.ok_or_else(|| Problem::not_found("cluster"))?;
    documents
        .delete(cluster, document.version, "", &caller.actor(), clock::now())
        .await
        .map_err(|error| Problem::of_update(error, "cluster", |_| Value::Null))?;
    Ok(())
}
