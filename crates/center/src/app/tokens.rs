//! API tokens.

use crate::auth::{Caller, Permission, Rights, SecretKind, new_id, new_secret};
use crate::clock;
use crate::http::Problem;
use crate::http::dto::access::{TokenBody, TokenCreate, TokenList, TokenSecret};
use crate::start::Center;
use std::collections::HashMap;
use std::time::Duration;
use yagura_store::{ApiToken, NewApiToken, PAGE_ROWS_MAX, PageRequest, TokenHash};

/// Characters of a token's name.
const NAME_CHARS_MAX: usize = 128;
/// Days that a token lasts, at most.
const DAYS_MAX: u32 = 365;

/// The caller's tokens; everybody's for those who manage users.
///
/// # Errors
/// [`Problem`] if the database is away.
pub(crate) async fn list(center: &Center, caller: &Caller) -> Result<TokenList, Problem> {
    let all = caller.may(Permission::UsersManage);
    let owner = (!all).then_some(caller.user.as_str());
    let mut names = HashMap::new();
    let mut items = Vec::new();
    let mut request = PageRequest::first(PAGE_ROWS_MAX);
    loop {
        let page = center.store().api_tokens().list(owner, &request).await?;
        for token in page.items.iter().filter(|token| !token.revoked) {
            if !names.contains_key(&token.user) {
                let user = center.store().users().get(&token.user).await?;
                let name = user.map(|user| user.name).unwrap_or_default();
                names.insert(token.user.clone(), name);
            }
            let name = names.get(&token.user).cloned().unwrap_or_default();
            items.push(shown(token, name));
        }
        match page.next {
            Some(next) => request = PageRequest::after(PAGE_ROWS_MAX, next),
            None => return Ok(TokenList { items }),
        }
    }
}

fn shown(token: &ApiToken, owner: String) -> TokenBody {
    let rights = Rights::read(&token.scopes);
    TokenBody {
        id: token.id.clone(),
        name: token.name.clone(),
        owner,
        role: rights.role,
        scope: rights.scope,
        created_at: clock::shown(token.created),
        expires_at: token.expires.map(clock::shown).unwrap_or_default(),
        last_used_at: token.last_used.map(clock::shown),
    }
}

/// Makes a token that allows no more than its maker may.
///
/// # Errors
/// [`Problem`] if it would allow more, or a value can't be used.
pub(crate) async fn create(
    center: &Center,
    caller: &Caller,
    asked: TokenCreate,
) -> Result<TokenSecret, Problem> {
    if asked.name.is_empty() || asked.name.chars().count() > NAME_CHARS_MAX {
        return Err(Problem::invalid("name", "has 1 to 128 characters"));
    }
    if !(1..=DAYS_MAX).contains(&asked.days) {
        return Err(Problem::invalid("days", "is not between 1 and 365"));
    }
    super::users::check_scope(&asked.scope)?;
    let rights = Rights {
        role: asked.role,
        scope: asked.scope,
    };
    if !caller.rights.cover(&rights) {
        return Err(Problem::forbidden(
            "a token can't allow more than its owner may",
        ));
    }
    let secret = new_secret(SecretKind::ApiToken)?;
    let now = clock::now();
    let days = Duration::from_secs(u64::from(asked.days) * 24 * 60 * 60);
    let token = NewApiToken {
        id: new_id()?,
        hash: TokenHash::of(&secret),
        user: caller.user.clone(),
        name: asked.name,
        scopes: rights.to_stored(),
        expires: Some(clock::plus(now, days)),
    };
    let tokens = center.store().api_tokens();
    let made = tokens.create(&token, &caller.actor(), now).await;
    let made =
        made.map_err(|error| Problem::of_update(error, "token", |_| serde_json::Value::Null))?;
    Ok(TokenSecret {
        token: shown(&made, caller.name.clone()),
        secret,
    })
}

/// Revokes a token of the caller's, or for those who manage users anybody's.
///
/// # Errors
/// [`Problem`] if there is none that the caller may revoke.
pub(crate) async fn revoke(center: &Center, caller: &Caller, id: &str) -> Result<(), Problem> {
    let own = list(center, caller).await?;
    if !own.items.iter().any(|token| token.id == id) {
        return Err(Problem::not_found("token"));
    }
    let tokens = center.store().api_tokens();
    tokens.revoke(id, &caller.actor(), clock::now()).await?;
    Ok(())
}
