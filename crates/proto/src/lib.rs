//! The link between sensors and the center.
//!
//! Does: state the contract (`proto/yagura/link/v1/link.proto`), be the authority that sensors' identities come from,
//! serve the contract over mutual TLS for whoever implements [`server::Fleet`], and be the sensor's side of it, with a
//! spool on disk for what the center has not stored yet.
//! Never: stores anything of the center's, knows what a policy or an alert means beyond whose it is, or carries out a
//! command.
//!
//! Reading order: the contract; [`identity`], [`token`] and [`authority`] (who is who); [`document`] and [`command`]
//! (what goes down); [`server`]; [`spool`] and [`client`].

pub mod authority;
pub mod client;
pub mod command;
pub mod document;
pub mod identity;
pub mod limits;
pub mod refusal;
pub mod server;
pub mod spool;
pub mod token;
pub mod wire;

mod clock;
mod files;
mod hex;
mod tls;

pub use clock::UnixMs;

/// Bytes of a message as it goes over the wire.
pub fn encoded_len(message: &impl prost::Message) -> usize {
    message.encoded_len()
}
