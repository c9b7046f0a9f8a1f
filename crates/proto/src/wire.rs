//! What the contract's compiler made of it: messages, the service, its client.
#![expect(
    missing_docs,
    clippy::too_many_lines,
    reason = "generated; the contract holds the descriptions"
)]

tonic::include_proto!("yagura.link.v1");
