//! Logging in at an identity provider: its settings, and the way there and back. Who becomes whom is in `people`.

mod people;

use super::sessions;
use super::users::check_scope;
use crate::auth::{Caller, LOG_IN_LASTS, Pending, Provider, Relying, Seal, same};
use crate::clock;
use crate::http::dto::access::SessionBody;
use crate::http::dto::oidc::{LogInMeans, OidcAnswer, OidcBody, OidcDraft, OidcMeans};
use crate::http::{Problem, etag};
use crate::start::Center;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::net::IpAddr;
use std::time::Instant;
use yagura_event::{WallTime, with_causes};
use yagura_store::{DocumentKind, StoreError, UpdateError, Version};

/// The id of the document that holds the settings.
const SETTINGS: &str = "oidc";
/// Name under which the provider's secret is kept.
const CLIENT_SECRET: &str = "oidc-client-secret";
/// Name under which the key is kept that seals what browsers carry.
const SEAL_KEY: &str = "oidc-seal";
/// What is sealed.
const PURPOSE: &str = "oidc log-in";
/// Where the log-in begins, and where the provider leads back to.
pub(crate) const BEGIN: &str = "/api/v1/session/oidc";
/// See [`BEGIN`].
const CALLBACK: &str = "/api/v1/session/oidc/callback";
/// Characters of a label.
const LABEL_CHARS_MAX: usize = 64;
/// Characters of an address.
const ADDRESS_CHARS_MAX: usize = 2048;
/// Characters of a claim's name or value, and of a client's id.
const WORD_CHARS_MAX: usize = 256;
/// Characters of the provider's secret.
const SECRET_CHARS_MAX: usize = 4096;
/// Scopes.
const SCOPES_MAX: usize = 20;
/// Entries of the mapping.
const ROLES_MAX: usize = 100;
/// Bytes of certificates.
const CA_BYTES_MAX: usize = 64 * 1024;
/// Characters of a code.
const CODE_CHARS_MAX: usize = 4096;
/// Characters of a path to return to.
const RETURN_CHARS_MAX: usize = 1024;

/// Why somebody who comes back from the provider is not logged in. The console says it in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The log-in was not begun in this browser, or too long ago.
    Expired,
    /// The provider says no, or what it says is not valid.
    Provider,
    /// No role is for them, or an admin disabled them, or their name is another's.
    NotAllowed,
    /// There were too many attempts.
    TooMany,
    /// The center can't say now.
    Unavailable,
}

impl Refusal {
    /// The word in the address that the browser is sent to.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Refusal::Expired => "expired",
            Refusal::Provider => "provider",
            Refusal::NotAllowed => "not-allowed",
            Refusal::TooMany => "too-many",
            Refusal::Unavailable => "unavailable",
        }
    }
}

impl From<Problem> for Refusal {
    fn from(_: Problem) -> Refusal {
        Refusal::Unavailable
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Refusal {
        tracing::warn!(error = ?error, "nobody can be logged in");
        Refusal::Unavailable
    }
}

/// What a browser carries while its user is at the provider.
#[derive(Serialize, Deserialize)]
struct Carried {
    pending: Pending,
    return_to: String,
    expires: i64,
}

async fn stored(center: &Center) -> Result<(Version, Option<OidcDraft>), StoreError> {
    let settings = center.store().documents(DocumentKind::Setting);
    let Some(document) = settings.get(SETTINGS).await? else {
        return Ok((Version(0), None));
    };
    let settings = serde_json::from_value(document.body);
    let settings = settings
        .inspect_err(|error| tracing::error!(error = %error, "the stored provider can't be read"))
        .ok();
    Ok((document.version, settings))
}

async fn secret(center: &Center) -> Result<Option<String>, StoreError> {
    let bytes = center.store().secrets().get(CLIENT_SECRET).await?;
    let secret = bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Ok(secret.filter(|secret| !secret.trim().is_empty()))
}

fn redirect_uri(center: &Center) -> String {
    format!("{}{CALLBACK}", center.public_url().trim_end_matches('/'))
}

/// By what means people log in.
///
/// # Errors
/// [`Problem`] if the database is away.
pub(crate) async fn means(center: &Center) -> Result<LogInMeans, Problem> {
    let (_, settings) = stored(center).await?;
    let oidc = settings
        .filter(|settings| settings.enabled)
        .map(|settings| OidcMeans {
            label: settings.label,
            path: BEGIN.to_owned(),
        });
    Ok(LogInMeans {
        password: true,
        oidc,
    })
}

/// The settings, without the secret.
///
/// # Errors
/// [`Problem`] if the database is away.
pub(crate) async fn get(center: &Center) -> Result<(Version, OidcBody), Problem> {
    let (version, settings) = stored(center).await?;
    let body = OidcBody {
        etag: etag(version.0),
        settings,
        has_client_secret: secret(center).await?.is_some(),
        redirect_uri: redirect_uri(center),
    };
    Ok((version, body))
}

/// Saves the settings. A provider that people are to log in at has to answer.
///
/// # Errors
/// [`Problem`] if they can't be used, or somebody changed them meanwhile.
pub(crate) async fn save(
    center: &Center,
    caller: &Caller,
    expected: Version,
    draft: &OidcDraft,
) -> Result<(Version, OidcBody), Problem> {
    check(draft)?;
    if draft.enabled {
        let relying = relying(center, draft, None);
        let found = Provider::discover(relying).await;
        found.map_err(|error| Problem::invalid("issuer", with_causes(&error)))?;
    }
    let body = serde_json::to_value(draft).unwrap_or_default();
    let settings = center.store().documents(DocumentKind::Setting);
    let (actor, now) = (caller.actor(), clock::now());
    let saved = match expected.0 {
        0 => settings.create(SETTINGS, &body, "", &actor, now).await,
        _ => {
            settings
                .update(SETTINGS, expected, &body, "", &actor, now)
                .await
        }
    };
    match saved {
        Ok(_) => {}
        Err(UpdateError::Exists | UpdateError::Stale { .. } | UpdateError::NotFound) => {
            let (_, current) = get(center).await?;
            let current = serde_json::to_value(current).unwrap_or_default();
            return Err(Problem::stale(current));
        }
        Err(error) => return Err(Problem::of_update(error, "provider", |_| Value::Null)),
    }
    if let Some(secret) = &draft.client_secret {
        // A secret has at least a byte; a space stands for none.
        let kept = if secret.is_empty() { " " } else { secret };
        let secrets = center.store().secrets();
        secrets
            .replace(CLIENT_SECRET, kept.as_bytes(), &actor, now)
            .await?;
    }
    get(center).await
}

fn check(draft: &OidcDraft) -> Result<(), Problem> {
    for (field, text, most) in [
        ("label", &draft.label, LABEL_CHARS_MAX),
        ("issuer", &draft.issuer, ADDRESS_CHARS_MAX),
        ("client_id", &draft.client_id, WORD_CHARS_MAX),
        ("name_claim", &draft.name_claim, WORD_CHARS_MAX),
        ("roles_claim", &draft.roles_claim, WORD_CHARS_MAX),
    ] {
        if text.trim().is_empty() || text.chars().count() > most {
            let message = format!("has not 1 to {most} characters");
            return Err(Problem::invalid(field, message));
        }
    }
    check_issuer(&draft.issuer)?;
    let secret = draft.client_secret.as_deref().unwrap_or_default();
    if secret.chars().count() > SECRET_CHARS_MAX {
        return Err(Problem::invalid("client_secret", "is too long"));
    }
    let scope = |text: &String| {
        !text.is_empty()
            && text.len() <= WORD_CHARS_MAX
            && text.bytes().all(|b| b.is_ascii_graphic())
    };
    if draft.scopes.len() > SCOPES_MAX || !draft.scopes.iter().all(scope) {
        return Err(Problem::invalid("scopes", "are not at most 20 words"));
    }
    if draft.roles.len() > ROLES_MAX {
        return Err(Problem::invalid("roles", "are more than 100"));
    }
    for role in &draft.roles {
        if role.value.is_empty() || role.value.chars().count() > WORD_CHARS_MAX {
            return Err(Problem::invalid("roles", "hold an empty or overlong value"));
        }
        check_scope(&role.scope)?;
    }
    match draft.ca_pem.len() > CA_BYTES_MAX {
        true => Err(Problem::invalid("ca_pem", "has more than 64 KiB")),
        false => Ok(()),
    }
}

/// Codes and secrets travel in the open over http: that is for loopback alone.
fn check_issuer(issuer: &str) -> Result<(), Problem> {
    let url = reqwest::Url::parse(issuer);
    let url = url.map_err(|_| Problem::invalid("issuer", "is no address"))?;
    let host = url.host_str().unwrap_or_default();
    let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    let loopback = host == "localhost" || address.is_some_and(|address| address.is_loopback());
    match (url.scheme(), loopback) {
        ("https", _) | ("http", true) => Ok(()),
        _ => Err(Problem::invalid("issuer", "is no https address")),
    }
}

fn relying(center: &Center, settings: &OidcDraft, secret: Option<String>) -> Relying {
    Relying {
        issuer: settings.issuer.clone(),
        client_id: settings.client_id.clone(),
        client_secret: secret,
        scopes: settings.scopes.clone(),
        ca_pem: settings.ca_pem.clone(),
        redirect: redirect_uri(center),
    }
}

async fn seal(center: &Center) -> Result<Seal, Refusal> {
    let secrets = center.store().secrets();
    let key = match secrets.get(SEAL_KEY).await? {
        Some(key) => key,
        None => {
            let new = Seal::new_key().ok_or(Refusal::Unavailable)?;
            secrets.get_or_insert(SEAL_KEY, &new, clock::now()).await?
        }
    };
    Seal::new(&key).ok_or(Refusal::Unavailable)
}

async fn provider(center: &Center) -> Result<(OidcDraft, Provider), Refusal> {
    let (_, settings) = stored(center).await?;
    let settings = settings.filter(|settings| settings.enabled);
    let settings = settings.ok_or(Refusal::NotAllowed)?;
    let relying = relying(center, &settings, secret(center).await?);
    let provider = Provider::discover(relying).await.map_err(|error| {
        tracing::warn!(
            error = with_causes(&error),
            "the identity provider can't be used"
        );
        Refusal::Unavailable
    })?;
    Ok((settings, provider))
}

fn throttle(center: &Center, from: IpAddr) -> Result<(), Refusal> {
    let attempt = center.log_in_throttle().attempt(from, Instant::now());
    attempt.map_err(|_| {
        center.counters().throttled_logins.count();
        Refusal::TooMany
    })
}

/// Begins a log-in: the address that the browser is sent to, and what it carries meanwhile.
///
/// # Errors
/// Why not.
pub(crate) async fn begin(
    center: &Center,
    return_to: Option<&str>,
    from: IpAddr,
) -> Result<(String, String), Refusal> {
    throttle(center, from)?;
    let (_, provider) = provider(center).await?;
    let (url, pending) = provider.begin().map_err(|_| Refusal::Unavailable)?;
    let carried = Carried {
        pending,
        return_to: return_to
            .filter(|path| is_own(path))
            .unwrap_or("/")
            .to_owned(),
        expires: clock::plus(clock::now(), LOG_IN_LASTS).0,
    };
    let text = serde_json::to_string(&carried).map_err(|_| Refusal::Unavailable)?;
    let sealed = seal(center).await?.close(PURPOSE, &text);
    Ok((url, sealed.ok_or(Refusal::Unavailable)?))
}

/// Whether it is a path of the console: nobody is led to another site from here.
fn is_own(path: &str) -> bool {
    path.starts_with('/')
        && !path.starts_with("//")
        && path.len() <= RETURN_CHARS_MAX
        && path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
}

/// Ends a log-in: the session, its cookie's secret, and the path to return to.
///
/// # Errors
/// Why not.
pub(crate) async fn finish(
    center: &Center,
    answer: OidcAnswer,
    carried: Option<&str>,
    from: IpAddr,
    agent: &str,
) -> Result<(SessionBody, String, String), Refusal> {
    throttle(center, from)?;
    let text = seal(center)
        .await?
        .open(PURPOSE, carried.unwrap_or_default());
    let carried: Option<Carried> = text.and_then(|text| serde_json::from_str(&text).ok());
    let carried = carried.filter(|carried| WallTime(carried.expires) > clock::now());
    let carried = carried.ok_or(Refusal::Expired)?;
    let state = answer.state.unwrap_or_default();
    if !same(&state, &carried.pending.state) {
        return Err(Refusal::Expired);
    }
    let code = answer
        .code
        .filter(|code| answer.error.is_none() && code.len() <= CODE_CHARS_MAX);
    let code = code.ok_or(Refusal::Provider)?;
    let (settings, provider) = provider(center).await?;
    if answer.iss.is_some_and(|issuer| issuer != settings.issuer) {
        return Err(Refusal::Provider);
    }
    let wanted = [settings.name_claim.as_str(), settings.roles_claim.as_str()];
    let vouched = provider.finish(code, carried.pending, &wanted).await;
    let vouched = vouched.map_err(|error| {
        center.counters().failed_logins.count();
        tracing::warn!(
            error = with_causes(&error),
            "a log-in at the provider failed"
        );
        Refusal::Provider
    })?;
    let user = people::user(center, &settings, &vouched, from).await?;
    let (session, secret) = sessions::begin(center, &user, from, agent).await?;
    Ok((session, secret, carried.return_to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_to_another_site() {
        assert!(is_own("/alerts?status=unhandled"));
        for other in [
            "",
            "alerts",
            "//evil.example",
            "/\\evil",
            "https://evil",
            "/a b",
            "/a\r\nx: y",
        ] {
            assert!(!is_own(other), "{other}");
        }
    }

    #[test]
    fn providers_are_spoken_to_in_private() {
        for good in [
            "https://id.example",
            "http://127.0.0.1:3000/x",
            "http://[::1]:1",
            "http://localhost",
        ] {
            assert!(check_issuer(good).is_ok(), "{good}");
        }
        for bad in [
            "http://id.example",
            "http://127.0.0.1.evil.example",
            "ftp://localhost",
            "x",
            "",
        ] {
            assert!(check_issuer(bad).is_err(), "{bad}");
        }
    }
}
