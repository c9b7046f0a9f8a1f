//! Settings of outputs: which there are, and whether they can be used.

use super::template::{Given, Makes, Template, TemplateError};
use super::{address, trust};
use crate::app::outputs::Configured;
use crate::http::Problem;
use crate::http::dto::settings::OutputDraft;
use crate::http::dto::words::OutputKind;
use lettre::message::Mailbox;
use std::net::IpAddr;

/// Alerts that wait for one output at most, where its settings don't say.
const BACKLOG_DEFAULT: u64 = 1_000_000;
/// The same, bounded: fewer would lose alerts while a receiver restarts.
const BACKLOG_RANGE: std::ops::RangeInclusive<u64> = 100..=10_000_000;
/// Alerts of one delivery.
pub(super) const BATCH_MAX: usize = 100;
/// Bytes of one setting; the largest are certificates.
const SETTING_BYTES_MAX: usize = 64 * 1024;

/// Settings that every kind has.
const COMMON: [&str; 1] = ["backlog_max"];

/// The names of a kind's settings: those it needs, those it may have.
fn names(kind: OutputKind) -> (&'static [&'static str], &'static [&'static str]) {
    match kind {
        OutputKind::JsonLines => (&["path"], &["template"]),
        OutputKind::Syslog => (&["address"], &["protocol", "ca", "template"]),
        OutputKind::Webhook => (&[], &["url", "ca", "template", "content_type", "batch_max"]),
        OutputKind::Falco | OutputKind::Alertmanager | OutputKind::Otlp => {
            (&[], &["url", "ca", "template"])
        }
        OutputKind::Email => (
            &["server", "from", "to"],
            &[
                "port",
                "tls",
                "user",
                "ca",
                "template",
                "subject",
                "batch_max",
            ],
        ),
    }
}

/// The names of a kind's secrets.
fn secret_names(kind: OutputKind) -> &'static [&'static str] {
    match kind {
        OutputKind::JsonLines | OutputKind::Syslog => &[],
        OutputKind::Webhook => &["url", "secret", "token"],
        OutputKind::Falco | OutputKind::Alertmanager | OutputKind::Otlp => &["url", "token"],
        OutputKind::Email => &["password"],
    }
}

fn is_http(kind: OutputKind) -> bool {
    matches!(
        kind,
        OutputKind::Webhook | OutputKind::Falco | OutputKind::Alertmanager | OutputKind::Otlp
    )
}

/// Whether settings can be used, as far as that can be told without sending. The draft holds all secrets that the output
/// will have.
///
/// # Errors
/// [`Problem`] that names the setting.
pub(crate) fn check(draft: &OutputDraft) -> Result<(), Problem> {
    let (needed, others) = names(draft.kind);
    for (name, value) in &draft.settings {
        let known = [needed, others, &COMMON].concat().contains(&name.as_str());
        if !known {
            let message = format!("{} has no such setting", draft.kind);
            return Err(invalid(name, message));
        }
        if value.len() > SETTING_BYTES_MAX {
            return Err(invalid(
                name,
                format!("has more than {SETTING_BYTES_MAX} bytes"),
            ));
        }
    }
    for name in needed {
        if draft.settings.get(*name).is_none_or(String::is_empty) {
            return Err(invalid(name, "is missing"));
        }
    }
    for (name, value) in &draft.secrets {
        let field = format!("secrets.{name}");
        if !secret_names(draft.kind).contains(&name.as_str()) {
            return Err(Problem::invalid(
                field,
                format!("{} has no such secret", draft.kind),
            ));
        }
        if value.len() > SETTING_BYTES_MAX {
            return Err(Problem::invalid(field, "is too long"));
        }
    }
    if is_http(draft.kind) && text(draft, "url").is_empty() && secret(draft, "url").is_empty() {
        return Err(invalid("url", "is missing"));
    }
    check_values(draft)?;
    texts(draft).map(drop)
}

fn invalid(name: &str, message: impl Into<String>) -> Problem {
    Problem::invalid(format!("settings.{name}"), message)
}

fn text<'a>(draft: &'a OutputDraft, name: &str) -> &'a str {
    draft.settings.get(name).map_or("", String::as_str)
}

fn secret<'a>(draft: &'a OutputDraft, name: &str) -> &'a str {
    draft.secrets.get(name).map_or("", String::as_str)
}

fn check_values(draft: &OutputDraft) -> Result<(), Problem> {
    check_url("settings.url", text(draft, "url"))?;
    check_url("secrets.url", secret(draft, "url"))?;
    check_path(text(draft, "path"))?;
    check_words(draft, "protocol", &["udp", "tcp", "tls"])?;
    check_words(draft, "tls", &["starttls", "implicit", "none"])?;
    let content_type = text(draft, "content_type");
    let plain = |c: char| c.is_ascii_alphanumeric() || "/+-.;= ".contains(c);
    let is_media_type = content_type.contains('/') && content_type.chars().all(plain);
    if !content_type.is_empty() && !is_media_type {
        return Err(invalid("content_type", "is no media type"));
    }
    for name in ["address", "server"] {
        check_host(name, text(draft, name))?;
    }
    let port = text(draft, "port");
    if !port.is_empty() && !port.parse::<u16>().is_ok_and(|port| port > 0) {
        return Err(invalid("port", "is no port"));
    }
    for name in ["from", "to"] {
        let addresses = text(draft, name);
        let good = |one: &str| one.trim().parse::<Mailbox>().is_ok();
        if !addresses.is_empty() && !addresses.split(',').all(good) {
            return Err(invalid(name, "is no e-mail address"));
        }
    }
    let ca = text(draft, "ca");
    if !ca.is_empty()
        && let Err(error) = trust::client_config(ca)
    {
        return Err(invalid("ca", error.to_string()));
    }
    check_number(draft, "batch_max", 1..=BATCH_MAX as u64)?;
    check_number(draft, "backlog_max", BACKLOG_RANGE)
}

fn check_words(draft: &OutputDraft, name: &str, words: &[&str]) -> Result<(), Problem> {
    let word = text(draft, name);
    match word.is_empty() || words.contains(&word) {
        true => Ok(()),
        false => Err(invalid(name, format!("is none of {}", words.join(", ")))),
    }
}

fn check_number(
    draft: &OutputDraft,
    name: &str,
    range: std::ops::RangeInclusive<u64>,
) -> Result<(), Problem> {
    let number = text(draft, name);
    let good = number.is_empty() || number.parse().is_ok_and(|number| range.contains(&number));
    match good {
        true => Ok(()),
        false => {
            let (least, most) = (range.start(), range.end());
            Err(invalid(
                name,
                format!("is no number from {least} to {most}"),
            ))
        }
    }
}

fn check_url(field: &str, url: &str) -> Result<(), Problem> {
    if url.is_empty() {
        return Ok(());
    }
    let Ok(url) = reqwest::Url::parse(url) else {
        return Err(Problem::invalid(field, "is no http or https URL"));
    };
    if !["http", "https"].contains(&url.scheme()) {
        return Err(Problem::invalid(field, "is no http or https URL"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        let message = "has a user or password in it: use secrets.token";
        return Err(Problem::invalid(field, message));
    }
    let host = url.host_str().unwrap_or_default();
    check_address(field, host.trim_matches(['[', ']']))
}

fn check_host(name: &str, address: &str) -> Result<(), Problem> {
    if address.is_empty() {
        return Ok(());
    }
    let (host, port) = match name {
        "address" => address.rsplit_once(':').unwrap_or((address, "")),
        _ => (address, "1"),
    };
    let host = host.trim_matches(['[', ']']);
    let named = |c: char| c.is_ascii_alphanumeric() || ".-_:".contains(c);
    if host.is_empty() || !host.chars().all(named) || port.parse::<u16>().is_err() {
        let wanted = if name == "address" {
            "host:port"
        } else {
            "host"
        };
        return Err(invalid(name, format!("is no {wanted}")));
    }
    check_address(&format!("settings.{name}"), host)
}

fn check_address(field: &str, host: &str) -> Result<(), Problem> {
    match host.parse::<IpAddr>() {
        Ok(ip) if address::is_forbidden(ip) => Err(Problem::invalid(
            field,
            "is a link-local, unspecified or multicast address, where outputs don't go",
        )),
        Ok(_) | Err(_) => Ok(()),
    }
}

fn check_path(path: &str) -> Result<(), Problem> {
    let plain = std::path::Path::new(path).components().count() <= 1
        && !path.contains(['/', '\\', '\0'])
        && !path.starts_with('.');
    match plain {
        true => Ok(()),
        false => Err(invalid("path", "is a file's name, without a folder")),
    }
}

/// The templates of an output.
#[derive(Debug, Default)]
pub(super) struct Texts {
    template: Option<Template>,
    subject: Option<Template>,
}

impl Texts {
    /// What is sent.
    pub(super) fn template(&self) -> Option<&Template> {
        self.template.as_ref()
    }

    /// The subject of an e-mail.
    pub(super) fn subject(&self) -> Option<&Template> {
        self.subject.as_ref()
    }
}

/// Reads the templates of an output.
///
/// # Errors
/// [`Problem`] with line and hint.
pub(super) fn texts(draft: &OutputDraft) -> Result<Texts, Problem> {
    let given = match draft.kind {
        OutputKind::Webhook | OutputKind::Email => Given::Several,
        _ => Given::One,
    };
    let json = draft.kind == OutputKind::Webhook && content_type(draft).contains("json");
    let makes = if json { Makes::Json } else { Makes::Text };
    let read = |name: &str, makes| -> Result<Option<Template>, Problem> {
        let source = text(draft, name);
        if source.is_empty() {
            return Ok(None);
        }
        let refused = |error: TemplateError| invalid(name, error.to_string());
        Template::new(source, given, makes)
            .map(Some)
            .map_err(refused)
    };
    Ok(Texts {
        template: read("template", makes)?,
        subject: read("subject", Makes::Text)?,
    })
}

/// The media type of a webhook's body.
pub(super) fn content_type(draft: &OutputDraft) -> &str {
    match text(draft, "content_type") {
        "" => "application/json",
        other => other,
    }
}

/// Where an output sends: secrets belong to that place, and to no other.
pub(crate) fn receiver(draft: &OutputDraft) -> String {
    let url = Some(text(draft, "url")).filter(|url| !url.is_empty());
    let url = reqwest::Url::parse(url.unwrap_or(secret(draft, "url"))).ok();
    let origin = url.map(|url| url.origin().ascii_serialization());
    format!(
        "{} {} {} {}",
        draft.kind,
        origin.unwrap_or_default(),
        text(draft, "server"),
        text(draft, "port")
    )
}

/// Alerts that wait for an output at most.
pub(super) fn backlog_max(output: &Configured) -> u64 {
    let number = text(&output.draft, "backlog_max").parse();
    number.unwrap_or(BACKLOG_DEFAULT)
}

/// Alerts that go out together.
pub(super) fn batch_max(output: &Configured) -> usize {
    let number = text(&output.draft, "batch_max").parse();
    number.unwrap_or(BATCH_MAX)
}
