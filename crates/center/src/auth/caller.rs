//! Whose a request is.

use super::secret::hex;
use super::{Access, Permission};
use crate::clock;
use crate::http::Problem;
use crate::http::dto::common::AccessScope;
use crate::http::dto::words::Role;
use crate::start::Center;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use ring::hmac;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use yagura_event::WallTime;
use yagura_store::{Actor, ActorKind, Scope, Session, TokenHash};

/// How long a session lasts without a request.
pub(crate) const SESSION_IDLE: Duration = Duration::from_secs(12 * 60 * 60);
/// How long a session lasts at most: a stolen cookie ends some day.
const SESSION_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// A session's end is not moved more often than this, so that reading costs no write.
const TOUCH_EVERY: Duration = Duration::from_secs(5 * 60);
/// A name that no cluster and no namespace has. The empty one will not do: it is that of whatever is in none.
const NOWHERE: &str = "\u{1}nowhere";
/// Bytes of a cookie header or token that are looked at.
const CREDENTIAL_BYTES_MAX: usize = 4096;

/// What a user or token may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rights {
    /// The role.
    pub(crate) role: Role,
    /// What it is limited to.
    #[serde(default)]
    pub(crate) scope: AccessScope,
}

impl Rights {
    /// As they are stored. What can't be read gives nothing but reading, of nothing.
    pub(crate) fn read(stored: &serde_json::Value) -> Rights {
        serde_json::from_value(stored.clone()).unwrap_or_else(|error| {
            tracing::error!(error = %error, "stored rights can't be read");
            Rights {
                role: Role::Reader,
                scope: AccessScope {
                    clusters: vec![NOWHERE.to_owned()],
                    namespaces: Vec::new(),
                },
            }
        })
    }

    /// To be stored.
    pub(crate) fn to_stored(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// No more than both allow: a token whose owner was limited meanwhile is limited, too.
    fn within(self, owner: Rights) -> Rights {
        let role = match owner.role.covers(self.role) {
            true => self.role,
            false => owner.role,
        };
        Rights {
            role,
            scope: AccessScope {
                clusters: narrower(self.scope.clusters, owner.scope.clusters),
                namespaces: narrower(self.scope.namespaces, owner.scope.namespaces),
            },
        }
    }

    /// Whether everything that the other allows is allowed.
    pub(crate) fn cover(&self, other: &Rights) -> bool {
        let wide = |own: &[String], others: &[String]| {
            own.is_empty() || (!others.is_empty() && others.iter().all(|name| own.contains(name)))
        };
        self.role.covers(other.role)
            && wide(&self.scope.clusters, &other.scope.clusters)
            && wide(&self.scope.namespaces, &other.scope.namespaces)
    }
}

/// The names in both lists, where an empty list stands for all. If nothing is in both, a name that nothing has.
fn narrower(own: Vec<String>, owner: Vec<String>) -> Vec<String> {
    if owner.is_empty() {
        return own;
    }
    if own.is_empty() {
        return owner;
    }
    let both: Vec<String> = own
        .into_iter()
        .filter(|name| owner.contains(name))
        .collect();
    match both.is_empty() {
        true => vec![NOWHERE.to_owned()],
        false => both,
    }
}

/// What somebody showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Credential {
    /// A session's cookie.
    Session(TokenHash),
    /// An API token.
    Token,
}

/// Who makes a request.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// Id of the user.
    pub(crate) user: String,
    /// Name of the user.
    pub(crate) name: String,
    /// Name of the API token; empty in a session.
    pub(crate) token: String,
    /// What they may do.
    pub(crate) rights: Rights,
    /// What was shown.
    pub(crate) credential: Credential,
    /// When the session ends.
    pub(crate) expires: Option<WallTime>,
    /// The session's token against forged requests; empty for an API token.
    pub(crate) csrf: String,
    /// Whether a password has to be set first.
    pub(crate) must_change_password: bool,
    /// Where the request came from.
    pub(crate) address: String,
}

impl Caller {
    /// As the audit log names them.
    pub(crate) fn actor(&self) -> Actor {
        let (kind, name) = match self.credential {
            Credential::Session(_) => (ActorKind::User, self.name.clone()),
            Credential::Token => (ActorKind::Token, format!("{}/{}", self.name, self.token)),
        };
        Actor {
            kind,
            name,
            address: self.address.clone(),
        }
    }

    /// What of the stored things they may see; `None` for all.
    pub(crate) fn scope(&self) -> Option<Scope> {
        let scope = &self.rights.scope;
        (!scope.is_everything()).then(|| Scope {
            clusters: scope.clusters.clone(),
            namespaces: scope.namespaces.clone(),
        })
    }

    /// Whether they may see what is in this cluster and namespace.
    pub(crate) fn sees(&self, cluster: &str, namespace: &str) -> bool {
        let within = |names: &[String], name: &str| {
            names.is_empty() || names.iter().any(|known| known == name)
        };
        let scope = &self.rights.scope;
        within(&scope.clusters, cluster) && within(&scope.namespaces, namespace)
    }

    /// Whether they may see what is in this cluster, in some namespace of it.
    pub(crate) fn sees_cluster(&self, cluster: &str) -> bool {
        let clusters = &self.rights.scope.clusters;
        clusters.is_empty() || clusters.iter().any(|known| known == cluster)
    }

    /// Whether they have a permission.
    pub(crate) fn may(&self, permission: Permission) -> bool {
        self.rights.role.allows(permission)
            && (permission.can_be_limited() || self.rights.scope.is_everything())
    }

    /// Checks what an endpoint asks for.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn check(&self, access: Access) -> Result<(), Problem> {
        let Access::Needs(permission) = access else {
            return Ok(());
        };
        if self.must_change_password {
            return Err(Problem::password_change_required());
        }
        match self.may(permission) {
            true => Ok(()),
            false => Err(Problem::forbidden(format!(
                "this needs the permission {permission}, which {} does not have{}",
                self.rights.role,
                match self.rights.role.allows(permission) {
                    true => " where it is limited to clusters or namespaces",
                    false => "",
                }
            ))),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Caller, Problem> {
        let caller = parts.extensions.get::<Caller>().cloned();
        caller.ok_or_else(|| {
            tracing::error!(path = parts.uri.path(), "an endpoint has no guard");
            Problem::internal()
        })
    }
}

/// Finds out who makes a request.
///
/// # Errors
/// [`Problem`] if nobody is shown, what is shown does not count, or a change in a session lacks its token.
pub(crate) async fn authenticate(
    center: &Center,
    method: &Method,
    headers: &HeaderMap,
    address: &str,
) -> Result<Caller, Problem> {
    if let Some(authorization) = headers.get(header::AUTHORIZATION) {
        let text = authorization.to_str().unwrap_or_default();
        let (scheme, secret) = text.split_once(' ').unwrap_or_default();
        if !scheme.eq_ignore_ascii_case("bearer") || secret.len() > CREDENTIAL_BYTES_MAX {
            return Err(Problem::unauthenticated("the API takes Bearer tokens"));
        }
        return by_token(center, secret.trim(), address).await;
    }
    let secret = session_secret(headers, center.secure_cookies());
    let secret = secret.ok_or_else(|| Problem::unauthenticated("there is no session"))?;
    let caller = by_session(center, secret, address).await?;
    let safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(method);
    let shown = headers
        .get("x-csrf-token")
        .and_then(|token| token.to_str().ok());
    if !safe && !shown.is_some_and(|shown| super::same(shown, &caller.csrf)) {
        return Err(Problem::forbidden(
            "X-CSRF-Token is missing or not that of this session",
        ));
    }
    Ok(caller)
}

async fn by_token(center: &Center, secret: &str, address: &str) -> Result<Caller, Problem> {
    let now = clock::now();
    let unknown = || Problem::unauthenticated("the token is unknown, revoked or expired");
    let tokens = center.store().api_tokens();
    let token = tokens
        .find(&TokenHash::of(secret), now)
        .await?
        .ok_or_else(unknown)?;
    let user = center
        .store()
        .users()
        .get(&token.user)
        .await?
        .ok_or_else(unknown)?;
    if user.disabled {
        return Err(unknown());
    }
    let last = token.last_used.map_or(i64::MIN, |time| time.0);
    if clock::plus(WallTime(last), TOUCH_EVERY) < now {
        tokens.used(&token.id, now).await?;
    }
    Ok(Caller {
        user: user.id,
        name: user.name,
        token: token.name,
        rights: Rights::read(&token.scopes).within(Rights::read(&user.roles)),
        credential: Credential::Token,
        expires: token.expires,
        csrf: String::new(),
        must_change_password: user.must_change_password,
        address: address.to_owned(),
    })
}

async fn by_session(center: &Center, secret: &str, address: &str) -> Result<Caller, Problem> {
    let now = clock::now();
    let ended = || Problem::unauthenticated("the session has ended");
    let hash = TokenHash::of(secret);
    let session = center
        .store()
        .sessions()
        .get(&hash, now)
        .await?
        .ok_or_else(ended)?;
    let user = center
        .store()
        .users()
        .get(&session.user)
        .await?
        .ok_or_else(ended)?;
    if user.disabled {
        return Err(ended());
    }
    if clock::plus(session.last_seen, TOUCH_EVERY) < now {
        let expires = expiry(&session, now);
        center.store().sessions().touch(&hash, now, expires).await?;
    }
    Ok(Caller {
        user: user.id,
        name: user.name,
        token: String::new(),
        rights: Rights::read(&user.roles),
        credential: Credential::Session(hash),
        expires: Some(session.expires),
        csrf: csrf_of(secret),
        must_change_password: user.must_change_password,
        address: address.to_owned(),
    })
}

fn expiry(session: &Session, now: WallTime) -> WallTime {
    let idle = clock::plus(now, SESSION_IDLE);
    idle.min(clock::plus(session.created, SESSION_MAX))
}

/// A session's token against forged requests: it follows from the session's secret, which pages can't read.
pub(crate) fn csrf_of(session_secret: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, session_secret.as_bytes());
    hex(hmac::sign(&key, b"yagura csrf").as_ref())
}

/// The cookie's name. Over TLS its prefix binds it to this host (RFC 6265bis, section 4.1.3).
fn cookie_name(secure: bool) -> &'static str {
    match secure {
        true => "__Host-yagura_session",
        false => "yagura_session",
    }
}

/// A cookie that sets a session, or ends it if `secret` is `None`.
pub(crate) fn cookie(secret: Option<&str>, secure: bool) -> String {
    let name = cookie_name(secure);
    let secure = if secure { "; Secure" } else { "" };
    let (value, age) = match secret {
        Some(secret) => (secret, SESSION_MAX.as_secs()),
        None => ("", 0),
    };
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={age}{secure}")
}

/// How long somebody may take to log in at a provider.
pub(crate) const LOG_IN_LASTS: Duration = Duration::from_secs(10 * 60);

/// The name of the cookie that a browser carries while its user logs in at a provider.
fn log_in_cookie_name(secure: bool) -> &'static str {
    match secure {
        true => "__Host-yagura_log_in",
        false => "yagura_log_in",
    }
}

/// A cookie for a log-in at a provider, or its end if `sealed` is `None`. `Lax`, since the provider's page leads back here.
pub(crate) fn log_in_cookie(sealed: Option<&str>, secure: bool) -> String {
    let name = log_in_cookie_name(secure);
    let secure = if secure { "; Secure" } else { "" };
    let (value, age) = match sealed {
        Some(sealed) => (sealed, LOG_IN_LASTS.as_secs()),
        None => ("", 0),
    };
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{secure}")
}

/// What a browser carries of a log-in at a provider.
pub(crate) fn pending_log_in(headers: &HeaderMap, secure: bool) -> Option<&str> {
    cookie_value(headers, log_in_cookie_name(secure))
}

fn session_secret(headers: &HeaderMap, secure: bool) -> Option<&str> {
    cookie_value(headers, cookie_name(secure))
}

fn cookie_value<'h>(headers: &'h HeaderMap, wanted: &str) -> Option<&'h str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .filter(|text| text.len() <= CREDENTIAL_BYTES_MAX)
        .flat_map(|text| text.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == wanted)
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights(role: Role, clusters: &[&str]) -> Rights {
        Rights {
            role,
            scope: AccessScope {
                clusters: clusters.iter().map(|name| (*name).to_owned()).collect(),
                namespaces: Vec::new(),
            },
        }
    }

    #[test]
    fn a_token_never_has_more_than_its_owner() {
        let token = rights(Role::Admin, &["a", "b"]);
        let now = token.clone().within(rights(Role::Reader, &["b", "c"]));
        assert_eq!(now, rights(Role::Reader, &["b"]));
        let nothing = token.within(rights(Role::Admin, &["c"]));
        assert_eq!(nothing.scope.clusters, [NOWHERE]);
    }

    #[test]
    fn rights_cover_what_is_narrower() {
        let all = rights(Role::Admin, &[]);
        assert!(all.cover(&rights(Role::Reader, &["a"])));
        assert!(!rights(Role::Admin, &["a"]).cover(&all));
        assert!(!rights(Role::Reader, &[]).cover(&all));
    }

    #[test]
    fn cookies_are_closed_to_scripts_and_other_sites() {
        let plain = cookie(Some("s"), false);
        assert!(plain.starts_with("yagura_session=s; Path=/; HttpOnly; SameSite=Strict"));
        let secure = cookie(None, true);
        assert!(secure.starts_with("__Host-yagura_session=; "));
        assert!(secure.ends_with("Max-Age=0; Secure"));
    }

    #[test]
    fn unreadable_rights_see_nothing() {
        let rights = Rights::read(&serde_json::json!({"role": "root"}));
        assert_eq!(rights.role, Role::Reader);
        assert!(!rights.scope.is_everything());
    }
}
