use super::*;
use crate::UnixMs;
use crate::identity::{SensorId, Serial};
use proptest::prelude::*;

fn sensor(cluster: &str) -> SensorIdentity {
    SensorIdentity {
        id: SensorId::generate().expect("random"),
        node: "node-1".to_owned(),
        cluster: cluster.to_owned(),
        serial: Serial::parse(&"0".repeat(32)).expect("serial"),
        not_before: UnixMs(0),
        not_after: UnixMs(1),
    }
}

fn batch(documents: &[String]) -> Vec<u8> {
    let documents = documents.iter().cloned().map(Bytes::from).collect();
    let encoded = wire::Alerts { documents }.encode_to_vec();
    zstd::bulk::compress(&encoded, 1).expect("zstd")
}

fn alert(node: &str, cluster: &str) -> String {
    format!(
        r#"{{"id":"{:032x}","title":"a \"b\"","node":"{node}","cluster":{cluster},"container":{{"id":"x","node":"y"}}}}"#,
        7
    )
}

#[test]
fn alerts_of_the_sender_pass_and_others_are_counted() {
    let own = alert("node-1", "null");
    let documents = [
        own.clone(),
        alert("node-2", "null"),
        alert("node-1", "\"other\""),
        "{}".to_owned(),
        "no".to_owned(),
    ];
    let decoded = decode_batch(&batch(&documents), &sensor(""));
    assert_eq!(
        (decoded.alerts.len(), decoded.foreign, decoded.malformed),
        (1, 2, 2)
    );
    assert_eq!(decoded.alerts[0].json, own);
    assert_eq!(decoded.alerts[0].id, format!("{:032x}", 7));
    let named = decode_batch(
        &batch(&[alert("node-1", "\"prod\""), alert("node-1", "null")]),
        &sensor("prod"),
    );
    assert_eq!((named.alerts.len(), named.foreign), (2, 0));
}

#[test]
fn a_bomb_and_noise_are_malformed() {
    let bomb = zstd::bulk::compress(&vec![0; BATCH_BYTES_MAX + 1], 1).expect("zstd");
    for content in [bomb, b"noise".to_vec()] {
        let decoded = decode_batch(&content, &sensor(""));
        assert_eq!((decoded.alerts.len(), decoded.malformed), (0, 1));
    }
}

#[test]
fn too_many_alerts_are_cut_off_and_counted() {
    let documents = vec![alert("node-1", "null"); BATCH_ALERTS_MAX + 3];
    let decoded = decode_batch(&batch(&documents), &sensor(""));
    assert_eq!(
        (decoded.alerts.len(), decoded.malformed),
        (BATCH_ALERTS_MAX, 3)
    );
}

proptest! {
    #[test]
    fn any_batch_is_taken_apart(content: Vec<u8>, documents: Vec<Vec<u8>>) {
        decode_batch(&content, &sensor(""));
        let count = documents.len();
        let documents = documents.into_iter().map(Bytes::from).collect();
        let encoded = wire::Alerts { documents }.encode_to_vec();
        let decoded = decode_batch(&zstd::bulk::compress(&encoded, 1).expect("zstd"), &sensor(""));
        let left_out = usize::try_from(decoded.malformed + decoded.foreign).expect("few");
        prop_assert_eq!(decoded.alerts.len() + left_out, count);
    }
}
