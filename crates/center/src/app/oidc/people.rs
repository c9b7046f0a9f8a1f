//! Who of a provider's people becomes whom here.

use super::Refusal;
use crate::auth::{Rights, Vouched, new_id};
use crate::clock;
use crate::http::dto::common::AccessScope;
use crate::http::dto::oidc::OidcDraft;
use crate::start::Center;
use serde_json::{Map, Value};
use std::net::IpAddr;
use yagura_store::{Actor, NewUser, UpdateError, User, UserChange};

/// Characters of a user's name.
const NAME_CHARS_MAX: usize = 64;
/// Groups of one person that are looked at.
const GROUPS_MAX: usize = 1000;

/// The rights that somebody's claims lead to; `None` if they have none.
fn rights(settings: &OidcDraft, claims: &Map<String, Value>) -> Option<Rights> {
    let groups = words(claims.get(&settings.roles_claim));
    let fits = settings
        .roles
        .iter()
        .find(|entry| groups.contains(&entry.value.as_str()));
    match (fits, settings.default_role) {
        (Some(entry), _) => Some(Rights {
            role: entry.role,
            scope: entry.scope.clone(),
        }),
        (None, Some(role)) => Some(Rights {
            role,
            scope: AccessScope::default(),
        }),
        (None, None) => None,
    }
}

/// A claim's words: one, or a list.
fn words(claim: Option<&Value>) -> Vec<&str> {
    match claim {
        Some(Value::String(word)) => vec![word],
        Some(Value::Array(list)) => list
            .iter()
            .take(GROUPS_MAX)
            .filter_map(Value::as_str)
            .collect(),
        _ => Vec::new(),
    }
}

/// The name that somebody's claims give.
fn name(settings: &OidcDraft, vouched: &Vouched) -> String {
    let claim = |name: &str| vouched.claims.get(name).and_then(Value::as_str);
    let name = claim(&settings.name_claim).or_else(|| claim("email"));
    let good = |c: &char| c.is_ascii_alphanumeric() || "._-@".contains(*c);
    let name: String = name
        .unwrap_or(&vouched.subject)
        .chars()
        .filter(good)
        .take(NAME_CHARS_MAX)
        .collect();
    match name.is_empty() {
        true => "unnamed".to_owned(),
        false => name,
    }
}

/// The user that the provider vouches for, with the rights that it gives them now. Known by what the provider calls them:
/// a name that is another's opens nothing.
///
/// # Errors
/// [`Refusal`] if they may not log in.
pub(super) async fn user(
    center: &Center,
    settings: &OidcDraft,
    vouched: &Vouched,
    from: IpAddr,
) -> Result<User, Refusal> {
    let Some(rights) = rights(settings, &vouched.claims) else {
        center.counters().failed_logins.count();
        tracing::warn!(
            subject = vouched.subject,
            "no role is for this user of the provider"
        );
        return Err(Refusal::NotAllowed);
    };
    let users = center.store().users();
    let now = clock::now();
    let actor = Actor {
        address: from.to_string(),
        ..Actor::system()
    };
    let known = users.by_subject(&settings.issuer, &vouched.subject).await?;
    let Some(known) = known else {
        return create(center, settings, vouched, &rights, &actor).await;
    };
    if known.disabled {
        center.counters().failed_logins.count();
        return Err(Refusal::NotAllowed);
    }
    if Rights::read(&known.roles) == rights {
        return Ok(known);
    }
    let change = UserChange {
        roles: Some(rights.to_stored()),
        ..UserChange::default()
    };
    let changed = users.update(&known.id, None, &change, &actor, now).await;
    changed.map_err(|_| Refusal::Unavailable)
}

async fn create(
    center: &Center,
    settings: &OidcDraft,
    vouched: &Vouched,
    rights: &Rights,
    actor: &Actor,
) -> Result<User, Refusal> {
    let new = NewUser {
        id: new_id().map_err(|_| Refusal::Unavailable)?,
        name: name(settings, vouched),
        display_name: String::new(),
        email: String::new(),
        provider: settings.issuer.clone(),
        subject: vouched.subject.clone(),
        password_hash: None,
        must_change_password: false,
        roles: rights.to_stored(),
    };
    let users = center.store().users();
    match users.create(&new, actor, clock::now()).await {
        Ok(user) => Ok(user),
        Err(UpdateError::Exists) => {
            tracing::warn!(
                name = new.name,
                "the name of a user of the provider is taken"
            );
            Err(Refusal::NotAllowed)
        }
        Err(_) => Err(Refusal::Unavailable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::dto::words::Role;
    use serde_json::json;

    fn settings(default_role: Option<&str>) -> OidcDraft {
        serde_json::from_value(json!({
            "enabled": true, "label": "x", "issuer": "https://id.example", "client_id": "yagura",
            "roles": [
                { "value": "sec-admins", "role": "security-admin" },
                { "value": "team-a", "role": "security-operator", "scope": { "namespaces": ["a"] } },
            ],
            "default_role": default_role,
        }))
        .unwrap()
    }

    fn claims(groups: Value) -> Map<String, Value> {
        Map::from_iter([("groups".to_owned(), groups)])
    }

    #[test]
    fn the_first_entry_that_fits_counts() {
        let of = |groups: Value| rights(&settings(None), &claims(groups));
        assert_eq!(
            of(json!(["team-a", "sec-admins"])).unwrap().role,
            Role::Admin
        );
        let limited = of(json!("team-a")).unwrap();
        assert_eq!(limited.scope.namespaces, ["a"]);
        for none in [
            json!([]),
            json!(null),
            json!({"team-a": 1}),
            json!("TEAM-A"),
            json!([["team-a"]]),
        ] {
            assert_eq!(of(none), None);
        }
        let reader = rights(&settings(Some("security-reader")), &Map::new());
        assert_eq!(reader.unwrap().role, Role::Reader);
    }

    #[test]
    fn names_hold_nothing_strange() {
        let of = |claims: Value| {
            let vouched = Vouched {
                subject: "s-1".to_owned(),
                claims: claims.as_object().cloned().unwrap_or_default(),
            };
            name(&settings(None), &vouched)
        };
        assert_eq!(
            of(json!({"preferred_username": "ann", "email": "a@x"})),
            "ann"
        );
        assert_eq!(of(json!({"email": "a@x"})), "a@x");
        assert_eq!(of(json!({"preferred_username": 7})), "s-1");
        assert_eq!(of(json!({"preferred_username": "a\u{1b}[31m b/"})), "a31mb");
        assert_eq!(of(json!({"preferred_username": "日本"})), "unnamed");
    }
}
