//! Users and roles.

use crate::auth::{Caller, Permission, Rights, SecretKind, hash_password, new_id, new_secret};
use crate::clock;
use crate::http::Problem;
use crate::http::dto::access::{
    RoleBody, RoleList, UserBody, UserCreate, UserList, UserSecret, UserUpdate,
};
use crate::http::dto::common::AccessScope;
use crate::http::dto::words::Role;
use crate::start::Center;
use serde_json::Value;
use std::time::Duration;
use yagura_store::{
    Actor, Dialect, NewUser, PAGE_ROWS_MAX, PageRequest, StoreError, UpdateError, User, UserChange,
};

/// Characters of a name.
const NAME_CHARS_MAX: usize = 64;
/// Clusters, and likewise namespaces, that a role is limited to.
const SCOPE_NAMES_MAX: usize = 100;
/// Characters of a cluster's or namespace's name.
const SCOPE_NAME_CHARS_MAX: usize = 253;
/// What vouches for users who have a password here.
const LOCAL: &str = "local";
/// Who is there from the start.
const FIRST_ADMIN: &str = "admin";
/// How long the one-time password that the first admin was made with stands, however many replicas start.
const FIRST_START: Duration = Duration::from_secs(120);

/// The roles.
pub(crate) fn roles() -> RoleList {
    let role = |role: &Role| RoleBody {
        role: *role,
        permissions: Permission::ALL
            .into_iter()
            .filter(|permission| role.allows(*permission))
            .map(|permission| permission.as_str().to_owned())
            .collect(),
    };
    RoleList {
        items: Role::ALL.iter().map(role).collect(),
    }
}

/// A user as callers see one.
pub(crate) fn shown(user: &User, rights: Option<Rights>) -> UserBody {
    let rights = rights.unwrap_or_else(|| Rights::read(&user.roles));
    UserBody {
        id: user.id.clone(),
        name: user.name.clone(),
        provider: user.provider.clone(),
        role: rights.role,
        scope: rights.scope,
        enabled: !user.disabled,
        must_change_password: user.must_change_password,
        locked_until: user
            .locked_until
            .filter(|until| *until > clock::now())
            .map(clock::shown),
        created_at: clock::shown(user.created),
        last_login_at: user.last_login.map(clock::shown),
    }
}

fn seen(user: &User) -> Value {
    serde_json::to_value(shown(user, None)).unwrap_or_default()
}

fn refused(error: UpdateError<User>) -> Problem {
    Problem::of_update(error, "user", seen)
}

async fn find(center: &Center, id: &str) -> Result<User, Problem> {
    let user = center.store().users().get(id).await?;
    user.ok_or_else(|| Problem::not_found("user"))
}

async fn all(center: &Center) -> Result<Vec<User>, StoreError> {
    let mut users = Vec::new();
    let mut request = PageRequest::first(PAGE_ROWS_MAX);
    loop {
        let page = center.store().users().list("", &request).await?;
        users.extend(page.items);
        match page.next {
            Some(next) => request = PageRequest::after(PAGE_ROWS_MAX, next),
            None => return Ok(users),
        }
    }
}

/// Every user, by name.
///
/// # Errors
/// [`Problem`] if the database is away.
pub(crate) async fn list(center: &Center) -> Result<UserList, Problem> {
    let users = all(center).await?;
    Ok(UserList {
        items: users.iter().map(|user| shown(user, None)).collect(),
    })
}

/// One user.
///
/// # Errors
/// [`Problem`] if there is none.
pub(crate) async fn get(center: &Center, id: &str) -> Result<UserBody, Problem> {
    Ok(shown(&find(center, id).await?, None))
}

/// Makes a user.
///
/// # Errors
/// [`Problem`] if the name is taken or none.
pub(crate) async fn create(
    center: &Center,
    caller: &Caller,
    asked: UserCreate,
) -> Result<UserSecret, Problem> {
    let good = |c: char| c.is_ascii_alphanumeric() || "._-@".contains(c);
    if asked.name.is_empty() || asked.name.len() > NAME_CHARS_MAX || !asked.name.chars().all(good) {
        return Err(Problem::invalid(
            "name",
            "has 1 to 64 of letters, digits, '.', '_', '-', '@'",
        ));
    }
    check_scope(&asked.scope)?;
    let rights = Rights {
        role: asked.role,
        scope: asked.scope,
    };
    let (user, one_time_password) = make(center, &asked.name, &rights, &caller.actor()).await?;
    Ok(UserSecret {
        user: shown(&user, None),
        one_time_password,
    })
}

async fn make(
    center: &Center,
    name: &str,
    rights: &Rights,
    actor: &Actor,
) -> Result<(User, String), Problem> {
    let password = new_secret(SecretKind::OneTimePassword)?;
    let hash = hash_password(password.clone())
        .await
        .map_err(|_| Problem::internal())?;
    let user = NewUser {
        id: new_id()?,
        name: name.to_owned(),
        display_name: String::new(),
        email: String::new(),
        provider: LOCAL.to_owned(),
        subject: name.to_owned(),
        password_hash: Some(hash),
        must_change_password: true,
        roles: rights.to_stored(),
    };
    let user = center
        .store()
        .users()
        .create(&user, actor, clock::now())
        .await;
    Ok((user.map_err(refused)?, password))
}

/// Makes the first admin if there is nobody yet; returns name and one-time password. While that password was not used, every
/// start gives a new one, so that one that was lost locks nobody out; but of replicas that start together one tells it.
///
/// # Errors
/// [`Problem`] if the database is away.
pub(crate) async fn bootstrap(center: &Center) -> Result<Option<(String, String)>, Problem> {
    let system = Actor::system();
    if all(center).await?.is_empty() {
        let rights = Rights {
            role: Role::Admin,
            scope: AccessScope::default(),
        };
        match make(center, FIRST_ADMIN, &rights, &system).await {
            Ok((user, password)) => return Ok(Some((user.name, password))),
            // Another replica made it meanwhile, unless it is still missing.
            Err(problem) if all(center).await?.is_empty() => return Err(problem),
            Err(_) => {}
        }
    }
    let users = all(center).await?;
    let [only] = users.as_slice() else {
        return Ok(None);
    };
    if only.name != FIRST_ADMIN || only.last_login.is_some() || !only.must_change_password {
        return Ok(None);
    }
    let age = clock::now().0.saturating_sub(only.created.0);
    let is_new = u128::try_from(age).is_ok_and(|age| age < FIRST_START.as_nanos());
    if is_new && center.store().dialect() == Dialect::Postgres {
        tracing::warn!(
            user = FIRST_ADMIN,
            "the first admin was made a moment ago: the one-time password is the one that was told then, here or by \
             another replica"
        );
        return Ok(None);
    }
    let password = give_password(center, only, &system).await?;
    Ok(Some((only.name.clone(), password)))
}

async fn give_password(center: &Center, user: &User, actor: &Actor) -> Result<String, Problem> {
    let password = new_secret(SecretKind::OneTimePassword)?;
    let hash = hash_password(password.clone())
        .await
        .map_err(|_| Problem::internal())?;
    let users = center.store().users();
    users
        .set_password(&user.id, &hash, true, actor, clock::now())
        .await
        .map_err(refused)?;
    Ok(password)
}

/// Checks what a role is to be limited to.
///
/// # Errors
/// [`Problem`] if there are too many names, or an empty one.
pub(crate) fn check_scope(scope: &AccessScope) -> Result<(), Problem> {
    for (field, names) in [
        ("scope.clusters", &scope.clusters),
        ("scope.namespaces", &scope.namespaces),
    ] {
        if names.len() > SCOPE_NAMES_MAX {
            let message = format!("has more than {SCOPE_NAMES_MAX} names");
            return Err(Problem::invalid(field, message));
        }
        let bad = |name: &String| name.is_empty() || name.len() > SCOPE_NAME_CHARS_MAX;
        if names.iter().any(bad) {
            return Err(Problem::invalid(field, "holds an empty or overlong name"));
        }
    }
    Ok(())
}

/// Changes a user.
///
/// # Errors
/// [`Problem`] if there is none, or if nobody would be left who manages users.
pub(crate) async fn update(
    center: &Center,
    caller: &Caller,
    id: &str,
    asked: UserUpdate,
) -> Result<UserBody, Problem> {
    let user = find(center, id).await?;
    let mut rights = Rights::read(&user.roles);
    let before = rights.clone();
    if let Some(role) = asked.role {
        rights.role = role;
    }
    if let Some(scope) = asked.scope {
        check_scope(&scope)?;
        rights.scope = scope;
    }
    let enabled = asked.enabled.unwrap_or(!user.disabled);
    if !is_admin(&rights) || !enabled {
        keep_an_admin(center, &user.id).await?;
    }
    let change = UserChange {
        roles: (rights != before).then(|| rights.to_stored()),
        disabled: asked.enabled.map(|enabled| !enabled),
        ..UserChange::default()
    };
    let changed = change_as(center, caller, &user, &change).await?;
    if !enabled {
        center.store().sessions().end_all(id, None).await?;
    }
    Ok(shown(&changed, None))
}

/// Changes the user that was looked at, and none that somebody changed meanwhile.
async fn change_as(
    center: &Center,
    caller: &Caller,
    user: &User,
    change: &UserChange,
) -> Result<User, Problem> {
    let users = center.store().users();
    let (known, actor) = (Some(user.version), caller.actor());
    users
        .update(&user.id, known, change, &actor, clock::now())
        .await
        .map_err(refused)
}

fn is_admin(rights: &Rights) -> bool {
    rights.role == Role::Admin && rights.scope.is_everything()
}

/// Refuses to leave nobody who manages users.
async fn keep_an_admin(center: &Center, without: &str) -> Result<(), Problem> {
    let users = all(center).await?;
    let other =
        |user: &User| user.id != without && !user.disabled && is_admin(&Rights::read(&user.roles));
    match users.iter().any(other) {
        true => Ok(()),
        false => Err(Problem::conflict(
            "this is the last admin who is not limited",
        )),
    }
}

/// Removes a user.
///
/// # Errors
/// As [`update`].
pub(crate) async fn delete(center: &Center, caller: &Caller, id: &str) -> Result<(), Problem> {
    let user = find(center, id).await?;
    keep_an_admin(center, id).await?;
    center.store().sessions().end_all(id, None).await?;
    let users = center.store().users();
    users
        .delete(id, Some(user.version), &caller.actor(), clock::now())
        .await
        .map_err(refused)?;
    Ok(())
}

/// Gives a user a new one-time password.
///
/// # Errors
/// [`Problem`] if there is no such user.
pub(crate) async fn reset_password(
    center: &Center,
    caller: &Caller,
    id: &str,
) -> Result<UserSecret, Problem> {
    let user = find(center, id).await?;
    if user.provider != LOCAL {
        return Err(Problem::conflict(
            "this user logs in at an identity provider",
        ));
    }
    let one_time_password = give_password(center, &user, &caller.actor()).await?;
    center.store().sessions().end_all(id, None).await?;
    unlock(center, caller, id).await.map(|user| UserSecret {
        user,
        one_time_password,
    })
}

/// Lifts a lock.
///
/// # Errors
/// [`Problem`] if there is no such user.
pub(crate) async fn unlock(
    center: &Center,
    caller: &Caller,
    id: &str,
) -> Result<UserBody, Problem> {
    let user = find(center, id).await?;
    if user.locked_until.is_none() && user.failed_logins == 0 {
        return Ok(shown(&user, None));
    }
    let change = UserChange {
        unlock: true,
        ..UserChange::default()
    };
    let user = change_as(center, caller, &user, &change).await?;
    Ok(shown(&user, None))
}
