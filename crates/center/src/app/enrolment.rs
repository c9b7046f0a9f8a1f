//! Tokens by which sensors enrol.

use crate::auth::{Caller, new_id};
use crate::clock;
use crate::http::Problem;
use crate::http::dto::fleet::{
    CommandToCopy, EnrolmentTokenBody, EnrolmentTokenCreate, EnrolmentTokenList,
    EnrolmentTokenSecret,
};
use crate::start::Center;
use std::time::Duration;
use yagura_store::{EnrolmentToken, NewEnrolmentToken, PAGE_ROWS_MAX, PageRequest, TokenHash};

/// Hours that a token lasts: a year.
const HOURS_MAX: u32 = 8760;
/// Characters of a cluster's or region's name.
const NAME_CHARS_MAX: usize = 128;

fn shown(token: EnrolmentToken) -> EnrolmentTokenBody {
    EnrolmentTokenBody {
        id: token.id,
        cluster: token.cluster,
        region: token.region,
        one_time: token.one_time,
        uses: u64::try_from(token.uses).unwrap_or_default(),
        created_at: clock::shown(token.created),
        expires_at: clock::shown(token.expires),
        created_by: token.created_by,
        revoked: token.revoked,
    }
}

/// All tokens.
///
/// # Errors
/// [`Problem`] if the database is away.
pub(crate) async fn list(center: &Center) -> Result<EnrolmentTokenList, Problem> {
    let request = PageRequest::first(PAGE_ROWS_MAX);
    let page = center.store().enrolment().list(&request).await?;
    Ok(EnrolmentTokenList {
        items: page.items.into_iter().map(shown).collect(),
    })
}

/// Makes a token.
///
/// # Errors
/// [`Problem`] if a value can't be used, or this center takes no sensors.
pub(crate) async fn create(
    center: &Center,
    caller: &Caller,
    asked: &EnrolmentTokenCreate,
) -> Result<EnrolmentTokenSecret, Problem> {
    if !(1..=HOURS_MAX).contains(&asked.hours) {
        return Err(Problem::invalid("hours", "is not between 1 and 8,760"));
    }
    for (field, name) in [("cluster", &asked.cluster), ("region", &asked.region)] {
        let printable = name.chars().all(|c| !c.is_control());
        if name.chars().count() > NAME_CHARS_MAX || !printable {
            return Err(Problem::invalid(field, "is too long, or not printable"));
        }
    }
    let secret = center
        .enrolment_secret()
        .ok_or_else(|| Problem::conflict("this center takes no sensors"))?;
    let now = clock::now();
    let hours = Duration::from_secs(u64::from(asked.hours) * 60 * 60);
    let token = NewEnrolmentToken {
        id: new_id()?,
        hash: TokenHash::of(&secret.stored),
        cluster: asked.cluster.clone(),
        region: asked.region.clone(),
        one_time: asked.one_time,
        expires: clock::plus(now, hours),
    };
    let enrolment = center.store().enrolment();
    let made = enrolment.create(&token, &caller.actor(), now).await;
    let made =
        made.map_err(|error| Problem::of_update(error, "token", |_| serde_json::Value::Null))?;
    Ok(EnrolmentTokenSecret {
        token: shown(made),
        commands: commands(center.sensor_address(), &secret.shown),
        secret: secret.shown,
    })
}

fn commands(address: &str, token: &str) -> Vec<CommandToCopy> {
    let command = |platform: &str, command: String| CommandToCopy {
        platform: platform.to_owned(),
        command,
    };
    vec![
        command(
            "linux",
            format!("yagura sensor --center {address} --token {token}"),
        ),
        command(
            "kubernetes",
            format!(
                "helm install yagura-sensor deploy/helm/yagura --namespace yagura --create-namespace --set center.enabled=false --set sensor.center={address} --set sensor.token={token}"
            ),
        ),
    ]
}

/// Revokes a token. Sensors that enrolled by it stay.
///
/// # Errors
/// [`Problem`] if there is none.
pub(crate) async fn revoke(center: &Center, caller: &Caller, id: &str) -> Result<(), Problem> {
    let enrolment = center.store().enrolment();
    match enrolment.revoke(id, &caller.actor(), clock::now()).await? {
        true => Ok(()),
        false => Err(Problem::not_found("token")),
    }
}
