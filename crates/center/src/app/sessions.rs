//! Logging in and out.

use super::users;
use crate::auth::{
    Caller, Credential, Permission, Rights, SESSION_IDLE, SecretKind, csrf_of, hash_password,
    new_secret, verify_password,
};
use crate::clock;
use crate::http::Problem;
use crate::http::dto::access::{LogIn, PasswordChange, SessionBody};
use crate::start::Center;
use serde_json::{Value, json};
use std::net::IpAddr;
use std::time::{Duration, Instant};
use yagura_event::WallTime;
use yagura_store::{Actor, ActorKind, NewAuditEntry, Session, TokenHash, User};

/// Wrong passwords in a row that lock an account: guessing gets nowhere.
const FAILED_LOGINS_MAX: u32 = 5;
/// How long a lock lasts: long enough against guessing, short enough that locking others out is no use.
const LOCKED_FOR: Duration = Duration::from_secs(15 * 60);
/// Characters of a browser's name that are kept.
const AGENT_CHARS_MAX: usize = 200;

/// Begins a session; returns it and the cookie's secret.
///
/// # Errors
/// [`Problem`] that does not say what of name, password and lock was wrong.
pub(crate) async fn log_in(
    center: &Center,
    asked: LogIn,
    from: IpAddr,
    agent: &str,
) -> Result<(SessionBody, String), Problem> {
    if let Err(wait) = center.log_in_throttle().attempt(from, Instant::now()) {
        center.counters().throttled_logins.count();
        return Err(Problem::too_many(wait));
    }
    let now = clock::now();
    let user = center.store().users().by_name(&asked.name).await?;
    let locked = |user: &User| user.locked_until.is_some_and(|until| until > now);
    let usable = user.filter(|user| !user.disabled && !locked(user));
    let hash = usable.as_ref().and_then(|user| user.password_hash.clone());
    let right = verify_password(asked.password, hash).await;
    let Some(user) = usable else {
        center.counters().failed_logins.count();
        return Err(Problem::wrong_credentials());
    };
    if !right {
        center.counters().failed_logins.count();
        let users = center.store().users();
        users
            .login_failed(&user.id, FAILED_LOGINS_MAX, LOCKED_FOR, now)
            .await?;
        let actor = Actor {
            kind: ActorKind::User,
            name: user.name.clone(),
            address: from.to_string(),
        };
        note(center, "session.refuse", &user, &actor, now).await?;
        return Err(Problem::wrong_credentials());
    }
    begin(center, &user, from, agent).await
}

/// Begins a session of somebody who showed who they are; returns it and the cookie's secret.
///
/// # Errors
/// [`Problem`] if the database is away.
pub(crate) async fn begin(
    center: &Center,
    user: &User,
    from: IpAddr,
    agent: &str,
) -> Result<(SessionBody, String), Problem> {
    let now = clock::now();
    let actor = Actor {
        kind: ActorKind::User,
        name: user.name.clone(),
        address: from.to_string(),
    };
    let users = center.store().users();
    users.login_succeeded(&user.id, now).await?;
    let secret = new_secret(SecretKind::Session)?;
    let csrf = csrf_of(&secret);
    let session = Session {
        hash: TokenHash::of(&secret),
        user: user.id.clone(),
        csrf_hash: TokenHash::of(&csrf),
        created: now,
        expires: clock::plus(now, SESSION_IDLE),
        last_seen: now,
        address: from.to_string(),
        agent: agent.chars().take(AGENT_CHARS_MAX).collect(),
    };
    center
        .store()
        .sessions()
        .create(&session)
        .await
        .map_err(|error| Problem::of_update(error, "session", |_| Value::Null))?;
    note(center, "session.begin", user, &actor, now).await?;
    let rights = Rights::read(&user.roles);
    Ok((body(user, rights, csrf, Some(session.expires)), secret))
}

async fn note(
    center: &Center,
    action: &str,
    user: &User,
    actor: &Actor,
    now: WallTime,
) -> Result<(), Problem> {
    let entry = NewAuditEntry {
        action: action.to_owned(),
        object_kind: "user".to_owned(),
        object_id: user.id.clone(),
        before: Value::Null,
        after: json!({ "name": user.name }),
    };
    center
        .store()
        .audit_log()
        .append(&entry, actor, now)
        .await?;
    Ok(())
}

fn body(user: &User, rights: Rights, csrf_token: String, expires: Option<WallTime>) -> SessionBody {
    let unlimited = rights.scope.is_everything();
    let may = |permission: &Permission| {
        rights.role.allows(*permission) && (unlimited || permission.can_be_limited())
    };
    let permissions = Permission::ALL.into_iter().filter(may);
    SessionBody {
        permissions: permissions.map(|p| p.as_str().to_owned()).collect(),
        csrf_token,
        expires_at: expires.map(clock::shown),
        must_change_password: user.must_change_password,
        center_version: env!("CARGO_PKG_VERSION").to_owned(),
        user: users::shown(user, Some(rights)),
    }
}

/// Says who the caller is.
///
/// # Errors
/// [`Problem`] if the user is gone.
pub(crate) async fn current(center: &Center, caller: &Caller) -> Result<SessionBody, Problem> {
    let user = center.store().users().get(&caller.user).await?;
    let user = user.ok_or_else(|| Problem::unauthenticated("the user is gone"))?;
    let rights = caller.rights.clone();
    Ok(body(&user, rights, caller.csrf.clone(), caller.expires))
}

/// Ends the caller's session.
///
/// # Errors
/// [`Problem`] for a caller with an API token.
pub(crate) async fn log_out(center: &Center, caller: &Caller) -> Result<(), Problem> {
    let Credential::Session(hash) = &caller.credential else {
        return Err(Problem::conflict("an API token has no session to end"));
    };
    center.store().sessions().end(hash).await?;
    Ok(())
}

/// Changes the caller's password.
///
/// # Errors
/// [`Problem`] if the one so far is wrong, or the new one can't be used.
pub(crate) async fn change_password(
    center: &Center,
    caller: &Caller,
    change: PasswordChange,
) -> Result<(), Problem> {
    let Credential::Session(hash) = &caller.credential else {
        return Err(Problem::forbidden("passwords are changed in a session"));
    };
    let user = center.store().users().get(&caller.user).await?;
    let user = user.ok_or_else(|| Problem::unauthenticated("the user is gone"))?;
    let now = clock::now();
    if user.locked_until.is_some_and(|until| until > now) {
        return Err(Problem::wrong_credentials());
    }
    if !verify_password(change.current.clone(), user.password_hash).await {
        let users = center.store().users();
        users
            .login_failed(&caller.user, FAILED_LOGINS_MAX, LOCKED_FOR, now)
            .await?;
        return Err(Problem::invalid("current", "is not the password"));
    }
    if change.current == change.new {
        return Err(Problem::invalid("new", "is the password so far"));
    }
    let new_hash = hash_password(change.new)
        .await
        .map_err(|error| Problem::invalid("new", error.to_string()))?;
    let users = center.store().users();
    users
        .set_password(&caller.user, &new_hash, false, &caller.actor(), now)
        .await
        .map_err(|error| Problem::of_update(error, "user", |_| Value::Null))?;
    center
        .store()
        .sessions()
        .end_all(&caller.user, Some(hash))
        .await?;
    Ok(())
}
