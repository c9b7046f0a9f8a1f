//! Bringing alerts away, by each kind of output.

use super::settings::{Texts, batch_max, content_type, texts};
use super::template::Template;
use super::{address, email, formats, syslog, trust};
use crate::app::outputs::Configured;
use crate::auth::hex;
use crate::http::dto::words::OutputKind;
use ring::hmac;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt as _;
use tokio::time::{Instant, timeout};
use yagura_event::with_causes;
use yagura_store::Alert;

/// Time for one delivery: a receiver that hangs holds up no more than its own output.
pub(super) const SEND_MAX: Duration = Duration::from_secs(15);
/// How long alerts go out one by one before it is noted how far that came.
const SINGLES_MAX: Duration = Duration::from_secs(5);
/// Characters of an error that are kept.
const REASON_CHARS_MAX: usize = 500;
/// The longest that a receiver may ask to be left alone.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(5 * 60);

/// Why alerts did not go out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SendError {
    /// Not now.
    Later {
        /// Why.
        reason: String,
        /// When the receiver said.
        after: Option<Duration>,
    },
    /// Never: they are given up.
    Never(String),
}

/// Not now, because of an error.
pub(super) fn later(error: impl std::fmt::Display) -> SendError {
    SendError::Later {
        reason: error.to_string().chars().take(REASON_CHARS_MAX).collect(),
        after: None,
    }
}

/// How far a delivery came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    /// How many alerts went out, from the first on.
    pub(crate) count: usize,
    /// What became of the next one; `None` if there was none, or it is for the next delivery.
    pub(crate) stopped: Option<SendError>,
}

/// Sends to one output.
#[derive(Debug)]
pub(crate) struct Sender {
    output: Configured,
    client: Result<reqwest::Client, String>,
    texts: Arc<Texts>,
    template_failures: std::sync::atomic::AtomicU64,
}

impl Sender {
    /// For an output as it is configured.
    pub(crate) fn new(output: &Configured) -> Sender {
        Sender {
            client: client(output),
            // What was stored was checked; if a later version refuses it, the alert goes out in its usual form.
            texts: Arc::new(texts(&output.draft).unwrap_or_default()),
            output: output.clone(),
            template_failures: std::sync::atomic::AtomicU64::new(0),
        }
    }

    /// How many texts could not be made with a template and went out in their usual form, since this was asked last.
    pub(super) fn take_template_failures(&self) -> u64 {
        let failures = &self.template_failures;
        failures.swap(0, std::sync::atomic::Ordering::Relaxed)
    }

    fn setting(&self, name: &str) -> &str {
        let settings = &self.output.draft.settings;
        settings.get(name).map_or("", String::as_str)
    }

    fn secret(&self, name: &str) -> Option<&str> {
        let secret = self.output.draft.secrets.get(name).map(String::as_str);
        secret.filter(|secret| !secret.is_empty())
    }

    /// Sends alerts, as many as go out together.
    pub(crate) async fn send(&self, alerts: &[&Alert]) -> Sent {
        let together = alerts.get(..batch_max(&self.output)).unwrap_or(alerts);
        if self.output.draft.kind == OutputKind::Falco {
            return self.send_singly(together).await;
        }
        match within(SEND_MAX, self.send_together(together)).await {
            Ok(()) => Sent {
                count: together.len(),
                stopped: None,
            },
            Err(error) => Sent {
                count: 0,
                stopped: Some(error),
            },
        }
    }

    /// Sends one after the other: falcosidekick takes one alert a request.
    async fn send_singly(&self, alerts: &[&Alert]) -> Sent {
        let began = Instant::now();
        for (count, alert) in alerts.iter().enumerate() {
            if began.elapsed() > SINGLES_MAX {
                return Sent {
                    count,
                    stopped: None,
                };
            }
            let output = self.text_of(alert).await;
            let body = formats::falco(alert, output);
            if let Err(error) = within(SEND_MAX, self.post_json(&body)).await {
                return Sent {
                    count,
                    stopped: Some(error),
                };
            }
        }
        Sent {
            count: alerts.len(),
            stopped: None,
        }
    }

    async fn send_together(&self, alerts: &[&Alert]) -> Result<(), SendError> {
        let console = &self.output.console;
        match self.output.draft.kind {
            OutputKind::JsonLines => self.append(alerts).await,
            OutputKind::Syslog => {
                let mut lines = Vec::with_capacity(alerts.len());
                for (alert, text) in alerts.iter().zip(self.texts_of(alerts).await) {
                    lines.push(formats::syslog(alert, text.as_deref()));
                }
                let (address, protocol) = (self.setting("address"), self.setting("protocol"));
                syslog::send(address, protocol, self.setting("ca"), &lines).await
            }
            OutputKind::Webhook => self.webhook(alerts).await,
            OutputKind::Falco => Ok(()),
            OutputKind::Alertmanager => {
                let texts = self.texts_of(alerts).await;
                let each = alerts.iter().zip(texts);
                let list = each.map(|(alert, text)| formats::alertmanager(alert, console, text));
                self.post_json(&list.collect()).await
            }
            OutputKind::Otlp => {
                let texts = self.texts_of(alerts).await;
                self.post_json(&formats::otlp(alerts, &texts)).await
            }
            OutputKind::Email => {
                let subject = self.made(Texts::subject, alerts).await;
                let body = self.made(Texts::template, alerts).await;
                let (subject, body) = formats::message(alerts, console, subject, body);
                email::send(&self.output.draft, subject, body).await
            }
        }
    }

    /// What the template makes of each alert; `None` for the usual form.
    async fn texts_of(&self, alerts: &[&Alert]) -> Vec<Option<String>> {
        let mut texts = Vec::with_capacity(alerts.len());
        for alert in alerts {
            texts.push(self.text_of(alert).await);
        }
        texts
    }

    async fn text_of(&self, alert: &Alert) -> Option<String> {
        self.made(Texts::template, &[alert]).await
    }

    /// What a template makes. An attacker chooses what alerts hold: one on which the template fails goes out in its usual
    /// form, and holds up nothing.
    async fn made(
        &self,
        which: impl Fn(&Texts) -> Option<&Template> + Send + 'static,
        alerts: &[&Alert],
    ) -> Option<String> {
        which(&self.texts)?;
        let alerts: Vec<Alert> = alerts.iter().map(|alert| (*alert).clone()).collect();
        let (texts, console) = (Arc::clone(&self.texts), self.output.console.clone());
        let made = tokio::task::spawn_blocking(move || {
            let alerts: Vec<&Alert> = alerts.iter().collect();
            which(&texts).map(|template| template.render(&alerts, &console))
        });
        match made.await.ok().flatten()? {
            Ok(text) => Some(text),
            Err(error) => {
                tracing::debug!(output = self.output.id, error = %error, "a template failed");
                let failures = &self.template_failures;
                failures.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                None
            }
        }
    }

    async fn webhook(&self, alerts: &[&Alert]) -> Result<(), SendError> {
        if let Some(body) = self.made(Texts::template, alerts).await {
            return self.post(body, content_type(&self.output.draft)).await;
        }
        let list: Vec<Value> = alerts
            .iter()
            .map(|alert| formats::document(alert))
            .collect();
        self.post_json(&serde_json::json!({ "alerts": list })).await
    }

    async fn post_json(&self, value: &Value) -> Result<(), SendError> {
        self.post(value.to_string(), "application/json").await
    }

    async fn post(&self, body: String, content_type: &str) -> Result<(), SendError> {
        let url = Some(self.setting("url")).filter(|url| !url.is_empty());
        let url = url.or_else(|| self.secret("url")).unwrap_or_default();
        let client = self.client.as_ref().map_err(later)?;
        let mut request = client.post(url).header("content-type", content_type);
        if let Some(token) = self.secret("token") {
            request = request.bearer_auth(token);
        }
        if let Some(secret) = self.secret("secret") {
            let time = (crate::clock::now().0 / 1_000_000_000).to_string();
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
            // The time is signed, too: a recorded request can't be sent again later.
            let signature = hmac::sign(&key, format!("{time}.{body}").as_bytes());
            request = request.header("x-yagura-timestamp", time).header(
                "x-yagura-signature",
                format!("sha256={}", hex(signature.as_ref())),
            );
        }
        let answer = request.body(body).send().await;
        let answer = answer.map_err(|error| later(with_causes(&error.without_url())))?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            // What the receiver will never take must not keep the next ones from it.
            status if [400, 413, 422].contains(&status.as_u16()) => {
                Err(SendError::Never(format!("refused with {status}")))
            }
            status => Err(SendError::Later {
                reason: format!("answered with {status}"),
                after: retry_after(answer.headers()),
            }),
        }
    }

    async fn append(&self, alerts: &[&Alert]) -> Result<(), SendError> {
        let mut lines = String::new();
        for (alert, text) in alerts.iter().zip(self.texts_of(alerts).await) {
            match text {
                Some(text) => lines.push_str(&formats::one_line(&text, usize::MAX)),
                None => lines.push_str(&formats::document(alert).to_string()),
            }
            lines.push('\n');
        }
        let folder = &self.output.folder;
        tokio::fs::create_dir_all(folder).await.map_err(later)?;
        // Opened anew each time: whoever rotates files only has to rename.
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(folder.join(self.setting("path")))
            .await;
        let mut file = file.map_err(later)?;
        let before = file.metadata().await.map_err(later)?.len();
        let written = append_all(&mut file, lines.as_bytes()).await;
        if written.is_err() {
            // What was written in part comes again as a whole.
            file.set_len(before).await.map_err(later)?;
        }
        written.map_err(later)
    }
}

async fn append_all(file: &mut File, bytes: &[u8]) -> std::io::Result<()> {
    file.write_all(bytes).await?;
    file.flush().await?;
    file.sync_data().await
}

async fn within(
    time: Duration,
    sent: impl Future<Output = Result<(), SendError>>,
) -> Result<(), SendError> {
    let sent = timeout(time, sent).await;
    sent.unwrap_or_else(|_| Err(later("no answer in time")))
}

/// When a receiver wants to be asked again: RFC 9110, section 10.2.3, in seconds.
fn retry_after(headers: &reqwest::header::HeaderMap) -> Option<Duration> {
    let seconds = headers.get("retry-after")?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

fn client(output: &Configured) -> Result<reqwest::Client, String> {
    let ca = output.draft.settings.get("ca").map_or("", String::as_str);
    let tls = trust::client_config(ca).map_err(|error| format!("ca {error}"))?;
    reqwest::Client::builder()
        .timeout(SEND_MAX)
        .redirect(reqwest::redirect::Policy::none())
        .dns_resolver(Arc::new(address::Resolver))
        .tls_backend_preconfigured(tls)
        .user_agent(concat!("yagura/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| with_causes(&error))
}
