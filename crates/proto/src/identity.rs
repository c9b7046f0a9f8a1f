//! Who a sensor is, as its certificate says.

use crate::limits::NAME_BYTES_MAX;
use crate::{UnixMs, hex, wire};
use std::fmt;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// A sensor, as the center named it when it enrolled: 32 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SensorId(String);

impl SensorId {
    /// A new one that nobody can guess.
    ///
    /// # Errors
    /// If the system gives no random bytes.
    pub fn generate() -> Result<SensorId, ring::error::Unspecified> {
        Ok(SensorId(hex::encode(&crate::token::random::<16>()?)))
    }

    /// The id that is written so.
    pub fn parse(text: &str) -> Option<SensorId> {
        hex::decode::<16>(text).map(|_| SensorId(text.to_owned()))
    }

    /// The 32 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SensorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Serial number of a certificate: 16 random bytes, as 32 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial(String);

impl Serial {
    pub(crate) fn of_bytes(bytes: &[u8]) -> Serial {
        // X.509 writes a leading zero where the first bit is set, and none where bytes are zero.
        let start = bytes.iter().position(|byte| *byte != 0);
        let significant = bytes
            .get(start.unwrap_or(bytes.len())..)
            .unwrap_or_default();
        Serial(format!("{:0>32}", hex::encode(significant)))
    }

    /// The serial number that is written so.
    pub fn parse(text: &str) -> Option<Serial> {
        hex::decode::<16>(text).map(|_| Serial(text.to_owned()))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a sensor's certificate says. Only made of certificates that the authority signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SensorIdentity {
    /// The sensor.
    pub id: SensorId,
    /// Name of its node.
    pub node: String,
    /// Name of its cluster; empty if it has none.
    pub cluster: String,
    /// Serial number of the certificate.
    pub serial: Serial,
    /// When the certificate begins to be valid.
    pub not_before: UnixMs,
    /// When it ends.
    pub not_after: UnixMs,
}

/// Why a certificate is no sensor's.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// Not a certificate at all.
    #[error("certificate cannot be read")]
    Certificate(#[source] x509_parser::nom::Err<x509_parser::error::X509Error>),
    /// A part that every sensor's certificate has is missing or malformed.
    #[error("certificate has no valid {0}")]
    Missing(&'static str),
}

impl SensorIdentity {
    /// Reads a certificate whose signature was checked before.
    ///
    /// # Errors
    /// [`IdentityError`] if it names no sensor.
    pub fn of_certificate(der: &[u8]) -> Result<SensorIdentity, IdentityError> {
        let (_, certificate) =
            X509Certificate::from_der(der).map_err(IdentityError::Certificate)?;
        let subject = certificate.subject();
        let id = only(subject.iter_common_name())
            .and_then(SensorId::parse)
            .ok_or(IdentityError::Missing("sensor id"))?;
        let node = only(subject.iter_organizational_unit())
            .filter(|node| is_name(node))
            .ok_or(IdentityError::Missing("node name"))?;
        let cluster = only(subject.iter_organization()).unwrap_or_default();
        if !cluster.is_empty() && !is_name(cluster) {
            return Err(IdentityError::Missing("cluster name"));
        }
        let validity = certificate.validity();
        let ms = |seconds: i64| UnixMs(u64::try_from(seconds).unwrap_or(0).saturating_mul(1000));
        Ok(SensorIdentity {
            id,
            node: node.to_owned(),
            cluster: cluster.to_owned(),
            serial: Serial::of_bytes(certificate.raw_serial()),
            not_before: ms(validity.not_before.timestamp()),
            not_after: ms(validity.not_after.timestamp()),
        })
    }

    /// Whether the certificate has ended by then.
    pub fn has_expired(&self, now: UnixMs) -> bool {
        now > self.not_after
    }

    /// Whether that is this sensor's node.
    pub fn is_node(&self, node: &wire::Node) -> bool {
        self.node == node.name && self.cluster == node.cluster
    }

    /// When two thirds of the certificate's life are over, and a new one is due.
    pub fn renewal_due(&self) -> UnixMs {
        let life = self.not_after.0.saturating_sub(self.not_before.0);
        UnixMs(self.not_before.0.saturating_add(life / 3 * 2))
    }
}

/// The one attribute of a kind; a certificate with two of them is not one of ours.
fn only<'n>(
    mut attributes: impl Iterator<Item = &'n x509_parser::x509::AttributeTypeAndValue<'n>>,
) -> Option<&'n str> {
    let first = attributes.next()?;
    match attributes.next() {
        None => first.as_str().ok(),
        Some(_) => None,
    }
}

/// Whether a text may name a node, cluster or account: printable, and of a name's length.
pub fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= NAME_BYTES_MAX
        && !text.chars().any(char::is_control)
        && text.trim() == text
}
