//! `yagura k8s`: what a Kubernetes API server needs to send its audit events to a center.

use super::client::{CenterArguments, Client};
use crate::exit::{Failure, Outcome};
use crate::output;
use anyhow::Context as _;
use serde_json::{Value, json};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Set Kubernetes clusters up
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Write the audit policy and the webhook's kubeconfig for an API server
    ///
    /// Makes a credential for the cluster; a former one ends. The files are for --audit-policy-file and
    /// --audit-webhook-config-file.
    AuditConfig {
        #[command(flatten)]
        center: CenterArguments,
        /// Name of the cluster
        cluster: String,
        /// Folder that the files go to
        #[arg(long, default_value = ".")]
        folder: PathBuf,
    },
}

/// Runs one of the commands.
///
/// # Errors
/// [`Failure`] if the center refuses, or a file can't be written.
pub(crate) fn run(command: &Command) -> Result<Outcome, Failure> {
    let Command::AuditConfig {
        center,
        cluster,
        folder,
    } = command;
    let asked = json!({ "cluster": cluster });
    let made = Client::new(center)?.ask("POST", "/k8s-audit-webhooks", &[], Some(&asked))?;
    for (name, field) in [
        ("yagura-audit-policy.yaml", "audit_policy"),
        ("yagura-audit-webhook.yaml", "kubeconfig"),
    ] {
        let text = made
            .body
            .get(field)
            .and_then(Value::as_str)
            .unwrap_or_default();
        let path = folder.join(name);
        write(&path, text).map_err(Failure::Failed)?;
        output::print(&format!("{}\n", path.display()))?;
    }
    Ok(Outcome::Done)
}

/// Writes a file that only this user reads: one holds a secret.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let shown = || format!("{}", path.display());
    let file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path);
    file.with_context(shown)?
        .write_all(text.as_bytes())
        .with_context(shown)
}
