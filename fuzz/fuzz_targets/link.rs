//! Feeds what the link takes from the other side: batches of alerts, documents, signing requests and certificates. The
//! first byte says which.

#![no_main]

use libfuzzer_sys::fuzz_target;
use prost::Message as _;
use yagura_proto::UnixMs;
use yagura_proto::authority::SigningRequest;
use yagura_proto::document::Document;
use yagura_proto::identity::{SensorId, SensorIdentity, Serial};
use yagura_proto::limits::{BATCH_ALERTS_MAX, DOCUMENT_BYTES_MAX};
use yagura_proto::server::decode_batch;
use yagura_proto::wire::DocumentUpdate;

const ID: &str = "00000000000000000000000000000001";

fn sensor() -> Option<SensorIdentity> {
    Some(SensorIdentity {
        id: SensorId::parse(ID)?,
        node: "node".to_owned(),
        cluster: String::new(),
        serial: Serial::parse(ID)?,
        not_before: UnixMs(0),
        not_after: UnixMs(u64::MAX),
    })
}

fuzz_target!(|bytes: &[u8]| {
    let Some((which, rest)) = bytes.split_first() else {
        return;
    };
    match which % 4 {
        0 => {
            let sensor = sensor().expect("constants");
            let batch = decode_batch(rest, &sensor);
            assert!(batch.alerts.len() <= BATCH_ALERTS_MAX);
        }
        1 => {
            let update = DocumentUpdate::decode(rest).unwrap_or_default();
            if let Ok(document) = Document::of_update(&update, None) {
                assert!(document.content.len() <= DOCUMENT_BYTES_MAX && document.version > 0);
            }
        }
        2 => drop(SigningRequest::parse(rest)),
        _ => drop(SensorIdentity::of_certificate(rest)),
    }
});
