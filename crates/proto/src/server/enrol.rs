//! Certificates: the first for a token, every further one for the one before.

use super::fleet::{EnrolmentClaim, Fleet, FleetError, IssuedCertificate};
use super::service::{Caller, Service, unavailable};
use crate::authority::{SignError, SignedCertificate, SigningRequest};
use crate::identity::{SensorId, is_name};
use crate::limits::TEXT_BYTES_MAX;
use crate::refusal::Refusal;
use crate::token::sha256;
use crate::{UnixMs, wire};
use bytes::Bytes;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tonic::Status;

/// Failed attempts at enrolment that one address may make in [`ATTEMPTS_TIME`]. Many nodes may share an address, and
/// succeed as often as they like.
const ATTEMPTS_MAX: u32 = 10;
const ATTEMPTS_TIME: Duration = Duration::from_secs(60);
/// Addresses whose failures are counted.
const ADDRESSES_MAX: usize = 4096;

/// Failed attempts at enrolment, by address.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    by_address: Mutex<HashMap<IpAddr, (UnixMs, u32)>>,
}

impl Attempts {
    fn has_too_many(&self, address: IpAddr, now: UnixMs) -> bool {
        let attempts = self
            .by_address
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        attempts.get(&address).is_some_and(|(since, count)| {
            *count >= ATTEMPTS_MAX && now.since(*since) < ATTEMPTS_TIME
        })
    }

    fn failed(&self, address: IpAddr, now: UnixMs) {
        let mut attempts = self
            .by_address
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if attempts.len() >= ADDRESSES_MAX {
            attempts.retain(|_, (since, _)| now.since(*since) < ATTEMPTS_TIME);
        }
        if attempts.len() >= ADDRESSES_MAX {
            // A flood from everywhere: tokens can't be guessed, so forgetting some costs nothing.
            attempts.clear();
        }
        let (since, count) = attempts.entry(address).or_insert((now, 0));
        if now.since(*since) >= ATTEMPTS_TIME {
            (*since, *count) = (now, 0);
        }
        *count += 1;
    }
}

impl<F: Fleet> Service<F> {
    pub(super) async fn enrol_sensor(
        &self,
        request: wire::EnrolRequest,
        address: SocketAddr,
    ) -> Result<wire::EnrolResponse, Status> {
        let now = self.fleet.now();
        if self.attempts.has_too_many(address.ip(), now) {
            return Err(self.refuse(address, None, Refusal::TooMany));
        }
        let refuse = |refusal| {
            self.attempts.failed(address.ip(), now);
            self.refuse(address, None, refusal)
        };
        let node = request.node.unwrap_or_default();
        let request_is_bounded =
            is_node(&node) && request.version.len() <= TEXT_BYTES_MAX && request.token.len() == 32;
        let signing = SigningRequest::parse(&request.signing_request);
        let (true, Ok(signing)) = (request_is_bounded, signing) else {
            return Err(refuse(Refusal::Malformed));
        };
        let claim = EnrolmentClaim {
            token_sha256: sha256(&request.token),
            key_sha256: signing.key_sha256,
            node,
            version: request.version,
            peer: address,
        };
        let admission = self
            .fleet
            .redeem(claim)
            .await
            .map_err(|error| match error {
                FleetError::Refused(refusal) => refuse(refusal),
                FleetError::Unavailable(source) => unavailable(&*source),
            })?;
        let signed = self.sign(
            &signing,
            &admission.sensor,
            &admission.node,
            &admission.cluster,
        )?;
        let issued = IssuedCertificate {
            identity: signed.identity.clone(),
            renews: None,
        };
        self.fleet
            .issued(issued)
            .await
            .map_err(|error| match error {
                FleetError::Refused(refusal) => refuse(refusal),
                FleetError::Unavailable(source) => unavailable(&*source),
            })?;
        tracing::info!(sensor = %admission.sensor, node = admission.node, %address, "sensor enrolled");
        Ok(wire::EnrolResponse {
            credentials: Some(self.credentials(signed)),
            sensor_id: admission.sensor.as_str().to_owned(),
            time_ms: self.fleet.now().0,
        })
    }

    pub(super) async fn renew_certificate(
        &self,
        caller: &Caller,
        request: &wire::RenewRequest,
    ) -> Result<wire::RenewResponse, Status> {
        let signing = SigningRequest::parse(&request.signing_request)
            .map_err(|_| self.refuse_caller(caller, Refusal::Malformed))?;
        let sensor = &caller.sensor;
        let signed = self.sign(&signing, &sensor.id, &sensor.node, &sensor.cluster)?;
        let issued = IssuedCertificate {
            identity: signed.identity.clone(),
            renews: Some(sensor.serial.clone()),
        };
        let noted = self.fleet.issued(issued).await;
        noted.map_err(|error| self.status(caller, error))?;
        Ok(wire::RenewResponse {
            credentials: Some(self.credentials(signed)),
            time_ms: self.fleet.now().0,
        })
    }

    fn sign(
        &self,
        request: &SigningRequest,
        sensor: &SensorId,
        node: &str,
        cluster: &str,
    ) -> Result<SignedCertificate, Status> {
        let life = self.options.sensor_life;
        let signed = self
            .authority
            .sign(request, sensor, node, cluster, self.fleet.now(), life);
        signed.map_err(|error: SignError| {
            tracing::error!(%error, "certificate cannot be made");
            Status::internal("certificate cannot be made")
        })
    }

    fn credentials(&self, signed: SignedCertificate) -> wire::Credentials {
        let command_key = self.authority.commands().public_key();
        wire::Credentials {
            certificate: signed.der.into(),
            authority: Bytes::copy_from_slice(self.authority.certificate()),
            command_keys: vec![Bytes::copy_from_slice(&command_key)],
        }
    }
}

/// Whether a node's names are within bounds.
fn is_node(node: &wire::Node) -> bool {
    let is_optional = |text: &str| text.is_empty() || is_name(text);
    is_name(&node.name)
        && [&node.cluster, &node.provider, &node.account]
            .into_iter()
            .all(|text| is_optional(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_failures_close_one_address_for_a_while() {
        let attempts = Attempts::default();
        let (one, two) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let now = UnixMs(1_000_000);
        for _ in 0..ATTEMPTS_MAX {
            assert!(!attempts.has_too_many(one, now));
            attempts.failed(one, now);
        }
        assert!(attempts.has_too_many(one, now) && !attempts.has_too_many(two, now));
        let later = now.plus(ATTEMPTS_TIME);
        assert!(!attempts.has_too_many(one, later));
        attempts.failed(one, later);
        assert!(!attempts.has_too_many(one, later));
    }
}
