//! Why the center refuses a sensor: words that both sides know, beside the text for a person.

use std::fmt;

/// The key under which a refusal's word travels in a status.
pub(crate) const METADATA_KEY: &str = "yagura-refusal";

/// Why something is refused. Asking again changes nothing, unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// No certificate was shown where one is needed.
    NoCertificate,
    /// The certificate is not of this center's authority.
    ForeignCertificate,
    /// The certificate has ended.
    Expired,
    /// The certificate was revoked, or its sensor removed.
    Revoked,
    /// The sensor has begun another session.
    Replaced,
    /// No such token.
    TokenUnknown,
    /// The token has ended.
    TokenExpired,
    /// The token was used already, by another key.
    TokenUsed,
    /// The token is for another cluster or node.
    TokenElsewhere,
    /// What the sensor says of itself differs from its certificate.
    WrongIdentity,
    /// The center does not take this.
    Unsupported,
    /// The message breaks the contract or its bounds.
    Malformed,
    /// Too many attempts; later ones may succeed.
    TooMany,
}

impl Refusal {
    /// Every refusal.
    pub const ALL: [Refusal; 13] = [
        Refusal::NoCertificate,
        Refusal::ForeignCertificate,
        Refusal::Expired,
        Refusal::Revoked,
        Refusal::Replaced,
        Refusal::TokenUnknown,
        Refusal::TokenExpired,
        Refusal::TokenUsed,
        Refusal::TokenElsewhere,
        Refusal::WrongIdentity,
        Refusal::Unsupported,
        Refusal::Malformed,
        Refusal::TooMany,
    ];

    /// The word on the wire, in metrics and in the audit log.
    pub fn as_str(self) -> &'static str {
        match self {
            Refusal::NoCertificate => "no-certificate",
            Refusal::ForeignCertificate => "foreign-certificate",
            Refusal::Expired => "expired",
            Refusal::Revoked => "revoked",
            Refusal::Replaced => "replaced",
            Refusal::TokenUnknown => "token-unknown",
            Refusal::TokenExpired => "token-expired",
            Refusal::TokenUsed => "token-used",
            Refusal::TokenElsewhere => "token-elsewhere",
            Refusal::WrongIdentity => "wrong-identity",
            Refusal::Unsupported => "unsupported",
            Refusal::Malformed => "malformed",
            Refusal::TooMany => "too-many",
        }
    }

    /// The refusal of that word.
    pub fn from_name(name: &str) -> Option<Refusal> {
        Refusal::ALL
            .into_iter()
            .find(|refusal| refusal.as_str() == name)
    }

    /// One sentence for a person.
    fn text(self) -> &'static str {
        match self {
            Refusal::NoCertificate => "this call needs a sensor's certificate",
            Refusal::ForeignCertificate => "the certificate is not of this center's authority",
            Refusal::Expired => "the sensor's certificate has ended",
            Refusal::Revoked => "the sensor's certificate was revoked",
            Refusal::Replaced => "the sensor has another session",
            Refusal::TokenUnknown => "the center knows no such enrolment token",
            Refusal::TokenExpired => "the enrolment token has ended",
            Refusal::TokenUsed => "the enrolment token was used already",
            Refusal::TokenElsewhere => "the enrolment token is for another cluster or node",
            Refusal::WrongIdentity => "what the sensor says of itself differs from its certificate",
            Refusal::Unsupported => "the center does not take this",
            Refusal::Malformed => "the message breaks the contract",
            Refusal::TooMany => "too many attempts; try again later",
        }
    }

    fn code(self) -> tonic::Code {
        match self {
            Refusal::NoCertificate
            | Refusal::ForeignCertificate
            | Refusal::Expired
            | Refusal::Revoked
            | Refusal::Replaced => tonic::Code::Unauthenticated,
            Refusal::TokenUnknown
            | Refusal::TokenExpired
            | Refusal::TokenUsed
            | Refusal::TokenElsewhere
            | Refusal::WrongIdentity => tonic::Code::PermissionDenied,
            Refusal::Unsupported => tonic::Code::Unimplemented,
            Refusal::Malformed => tonic::Code::InvalidArgument,
            Refusal::TooMany => tonic::Code::ResourceExhausted,
        }
    }

    /// The refusal as a sensor is told it.
    pub(crate) fn status(self) -> tonic::Status {
        let mut status = tonic::Status::new(self.code(), self.text());
        let word = tonic::metadata::MetadataValue::from_static(self.as_str());
        status.metadata_mut().insert(METADATA_KEY, word);
        status
    }

    /// The refusal that a status tells of, if it is one.
    pub fn of_status(status: &tonic::Status) -> Option<Refusal> {
        let word = status.metadata().get(METADATA_KEY)?;
        Refusal::from_name(word.to_str().ok()?)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_comes_back_from_its_status() {
        for refusal in Refusal::ALL {
            assert_eq!(Refusal::of_status(&refusal.status()), Some(refusal));
        }
        assert_eq!(Refusal::of_status(&tonic::Status::internal("x")), None);
    }
}
