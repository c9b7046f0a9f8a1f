//! Who becomes a sensor.

use crate::clock;
use serde_json::{Value, json};
use std::time::Duration;
use yagura_proto::identity::SensorId;
use yagura_proto::refusal::Refusal;
use yagura_proto::server::{Admission, EnrolmentClaim, FleetError};
use yagura_proto::token;
use yagura_store::{Begun, EnrolmentRefused, NodeReport, Store, TokenHash};

/// Whose answers are remembered.
const OWNER: &str = "enrolment";
/// How long the same key may ask again with a token that it has used.
const REPEATED_MAX: Duration = Duration::from_secs(600);
/// Status of an answer that is remembered; it is no HTTP answer.
const ADMITTED: u16 = 200;

/// The sensor of a node: the same whenever the node enrols, so that its history stays together.
fn sensor_of(cluster: &str, node: &str) -> Option<SensorId> {
    let digest = token::sha256(format!("yagura node\0{cluster}\0{node}").as_bytes());
    SensorId::parse(token::lookup_key(&digest).get(..32)?)
}

/// Redeems a token, once for each key.
pub(super) async fn redeem(
    store: &Store,
    claim: EnrolmentClaim,
    replica: &str,
) -> Result<Admission, FleetError> {
    let secret = token::lookup_key(&claim.token_sha256);
    let key = format!("{secret}{}", token::lookup_key(&claim.key_sha256));
    let fingerprint = format!("{}\0{}", claim.node.cluster, claim.node.name);
    let fingerprint = token::lookup_key(&token::sha256(fingerprint.as_bytes()));
    let answers = store.idempotency();
    let begun = answers
        .begin(OWNER, &key, &fingerprint, REPEATED_MAX, clock::now())
        .await;
    match begun.map_err(super::fleet::unavailable)? {
        Begun::New => {}
        Begun::Done { body, .. } => return admission(&body),
        Begun::Running => return Err(busy()),
        Begun::Mismatch => return Err(Refusal::TokenUsed.into()),
    }
    let admitted = admit(store, &claim, &secret, replica).await;
    let noted = match &admitted {
        Ok(admission) => {
            let body = json!({
                "sensor": admission.sensor.as_str(), "node": admission.node, "cluster": admission.cluster,
            });
            answers
                .finish(OWNER, &key, ADMITTED, &body.to_string())
                .await
        }
        Err(_) => answers.abandon(OWNER, &key).await,
    };
    noted.map_err(super::fleet::unavailable)?;
    admitted
}

fn busy() -> FleetError {
    FleetError::Unavailable("the same enrolment is under way".into())
}

fn admission(body: &str) -> Result<Admission, FleetError> {
    let body: Value =
        serde_json::from_str(body).map_err(|error| FleetError::Unavailable(error.into()))?;
    let word = |name: &str| {
        body.get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    Ok(Admission {
        sensor: SensorId::parse(&word("sensor")).ok_or_else(busy)?,
        node: word("node"),
        cluster: word("cluster"),
    })
}

async fn admit(
    store: &Store,
    claim: &EnrolmentClaim,
    secret: &str,
    replica: &str,
) -> Result<Admission, FleetError> {
    let now = clock::now();
    let used = store
        .enrolment()
        .use_token(&TokenHash::of(secret), now)
        .await;
    let token = used.map_err(|error| match error {
        EnrolmentRefused::Unknown => Refusal::TokenUnknown.into(),
        EnrolmentRefused::Expired | EnrolmentRefused::Revoked => Refusal::TokenExpired.into(),
        EnrolmentRefused::Used => Refusal::TokenUsed.into(),
        EnrolmentRefused::Store(error) => super::fleet::unavailable(error),
    })?;
    let claimed = &claim.node.cluster;
    if !token.cluster.is_empty() && !claimed.is_empty() && *claimed != token.cluster {
        return Err(Refusal::TokenElsewhere.into());
    }
    let cluster = if token.cluster.is_empty() {
        claimed.clone()
    } else {
        token.cluster
    };
    let node = claim.node.name.clone();
    let sensor = sensor_of(&cluster, &node).ok_or_else(busy)?;
    let report = NodeReport {
        id: sensor.as_str().to_owned(),
        name: node.clone(),
        cluster: cluster.clone(),
        region: token.region,
        provider: claim.node.provider.clone(),
        account: claim.node.account.clone(),
        labels: json!({}),
        sensor_version: claim.version.clone(),
        backend: String::new(),
        kernel: String::new(),
        policy_versions: json!({}),
        health: json!({}),
        replica: replica.to_owned(),
    };
    let nodes = store.nodes();
    nodes
        .report(&report, now)
        .await
        .map_err(super::fleet::unavailable)?;
    // It is known, and not in session yet.
    let noted = nodes
        .disconnected(std::slice::from_ref(&report.id), replica, None, now)
        .await;
    noted.map_err(super::fleet::unavailable)?;
    Ok(Admission {
        sensor,
        node,
        cluster,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_the_same_sensor_whenever_it_enrols() {
        assert_eq!(sensor_of("a", "b"), sensor_of("a", "b"));
        assert_ne!(sensor_of("a", "b"), sensor_of("ab", ""));
        assert_ne!(sensor_of("a", "b"), sensor_of("", "a\0b"));
        assert!(sensor_of("", "n").is_some());
    }
}
