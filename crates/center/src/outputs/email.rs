//! E-mail on its way: SMTP with STARTTLS, with TLS from the start, or in the open.

use super::send::{SendError, later};
use super::{address, trust};
use crate::http::dto::settings::OutputDraft;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use std::time::Duration;

/// Time for one answer of the server.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Ports where settings name none: submission (RFC 6409), its TLS form (RFC 8314), and SMTP.
const PORTS: [(&str, u16); 3] = [("starttls", 587), ("implicit", 465), ("none", 25)];

/// Sends a message.
///
/// # Errors
/// [`SendError`]: never, if the server refuses this one for what is in it.
pub(super) async fn send(
    draft: &OutputDraft,
    subject: String,
    body: String,
) -> Result<(), SendError> {
    let setting = |name: &str| draft.settings.get(name).map_or("", String::as_str);
    let from: Mailbox = setting("from").trim().parse().map_err(later)?;
    let mut message = Message::builder()
        .from(from)
        .subject(subject)
        .message_id(None)
        .header(ContentType::TEXT_PLAIN);
    for to in setting("to").split(',') {
        message = message.to(to.trim().parse().map_err(later)?);
    }
    let message = message.body(body).map_err(later)?;
    let (server, kind) = (setting("server"), setting("tls"));
    let kind = if kind.is_empty() { "starttls" } else { kind };
    let usual = PORTS.iter().find(|(name, _)| *name == kind);
    let port = setting("port").parse().ok();
    let port = port.or(usual.map(|(_, port)| *port)).unwrap_or(587);
    // Looked up before, so that a name that leads where outputs don't go is refused.
    let host = server.trim_matches(['[', ']']);
    let found = address::resolve(&joined(host, port)).await;
    found.map_err(later)?;
    let tls = match kind {
        "none" => Tls::None,
        "implicit" => Tls::Wrapper(parameters(host, setting("ca"))?),
        // Required, not merely tried: somebody in between could say that there is none.
        _ => Tls::Required(parameters(host, setting("ca"))?),
    };
    let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
        .port(port)
        .timeout(Some(ANSWER_MAX))
        .tls(tls);
    if let Some(password) = draft
        .secrets
        .get("password")
        .filter(|word| !word.is_empty())
    {
        let user = setting("user").to_owned();
        transport = transport.credentials(Credentials::new(user, password.clone()));
    }
    match transport.build().send(message).await {
        Ok(_) => Ok(()),
        Err(error) => Err(refused(&error)),
    }
}

fn joined(host: &str, port: u16) -> String {
    match host.contains(':') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    }
}

/// 552 is too large, 554 what the server won't take: RFC 5321, section 4.2.2. Everything else may be mended.
fn refused(error: &lettre::transport::smtp::Error) -> SendError {
    let code = error.status().map(|code| code.to_string());
    match code.as_deref() {
        Some("552" | "554") => SendError::Never(format!("refused with {error}")),
        _ => later(match std::error::Error::source(error) {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        }),
    }
}

fn parameters(host: &str, ca: &str) -> Result<TlsParameters, SendError> {
    let mut parameters = TlsParameters::builder(host.to_owned());
    if !ca.is_empty() {
        parameters = parameters.certificate_store(CertificateStore::None);
        for certificate in trust::certificates(ca).map_err(later)? {
            let certificate = Certificate::from_der(certificate.to_vec()).map_err(later)?;
            parameters = parameters.add_root_certificate(certificate);
        }
    }
    parameters.build_rustls().map_err(later)
}
