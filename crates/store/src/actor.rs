//! Who changes something.

use crate::StoreError;
use std::fmt;

/// What kind of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ActorKind {
    /// A person with a session.
    User,
    /// A program with an API token.
    Token,
    /// A sensor with a certificate.
    Sensor,
    /// The center itself.
    System,
}

impl ActorKind {
    /// Every kind.
    pub const ALL: [ActorKind; 4] = [
        ActorKind::User,
        ActorKind::Token,
        ActorKind::Sensor,
        ActorKind::System,
    ];

    /// The name in the audit log.
    pub fn as_str(self) -> &'static str {
        match self {
            ActorKind::User => "user",
            ActorKind::Token => "token",
            ActorKind::Sensor => "sensor",
            ActorKind::System => "system",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<ActorKind> {
        ActorKind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == name)
    }
}

/// Who changes something, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// What kind.
    pub kind: ActorKind,
    /// Name of the user, the token or the node.
    pub name: String,
    /// Network address that the request came from; empty for the center itself.
    pub address: String,
}

impl Actor {
    /// The center itself.
    pub fn system() -> Actor {
        Actor {
            kind: ActorKind::System,
            name: "center".to_owned(),
            address: String::new(),
        }
    }

    pub(crate) fn read(kind: &str, name: String, address: String) -> Result<Actor, StoreError> {
        let kind = ActorKind::from_name(kind)
            .ok_or_else(|| StoreError::damaged(format!("no kind of actor is called {kind}")))?;
        Ok(Actor {
            kind,
            name,
            address,
        })
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.as_str(), self.name)
    }
}
