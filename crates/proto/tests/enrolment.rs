//! Who gets a certificate, and whose counts.

use crate::support::{Center, Folder, Running, eventually, options, within};
use std::sync::Arc;
use std::time::Duration;
use yagura_proto::UnixMs;
use yagura_proto::authority::{Authority, SigningRequest};
use yagura_proto::client::{
    ConnectError, Credentials, Link, LinkError, LinkStatus, connect, enrol,
};
use yagura_proto::identity::SensorId;
use yagura_proto::refusal::Refusal;
use yagura_proto::token::EnrolmentToken;
use yagura_proto::wire;
use yagura_proto::wire::link_client::LinkClient;

fn refusal<T: std::fmt::Debug>(result: Result<T, ConnectError>) -> Refusal {
    match result {
        Err(ConnectError::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

/// The refusal of a call, or of the connection beneath it.
async fn call(credentials: &Credentials, center: &Center) -> Result<(), Refusal> {
    let channel = match connect(&center.address, credentials).await {
        Ok(channel) => channel,
        Err(ConnectError::Refused(refusal)) => return Err(refusal),
        Err(other) => panic!("{other:?}"),
    };
    let request = wire::RenewRequest::default();
    let status = LinkClient::new(channel)
        .renew(request)
        .await
        .expect_err("an empty request");
    match Refusal::of_status(&status) {
        Some(Refusal::Malformed) => Ok(()),
        Some(refusal) => Err(refusal),
        None => panic!("{status:?}"),
    }
}

/// Writes credentials as the sensor keeps them.
fn credentials(
    authority: &Authority,
    shown: &Authority,
    now: UnixMs,
    life: Duration,
) -> (Folder, Credentials) {
    let folder = Folder::new("credentials");
    let key = rcgen::KeyPair::generate().expect("key");
    let request = rcgen::CertificateParams::default()
        .serialize_request(&key)
        .expect("request");
    let request = SigningRequest::parse(request.der()).expect("request");
    let sensor = SensorId::generate().expect("random");
    let signed = authority
        .sign(&request, &sensor, "node-1", "", now, life)
        .expect("certificate");
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let json = serde_json::json!({
        "certificate": hex(&signed.der),
        "key": hex(&key.serialize_der()),
        "authority": hex(shown.certificate()),
        "command_keys": [hex(&shown.commands().public_key())],
    });
    std::fs::write(folder.path().join("certificate.json"), json.to_string()).expect("write");
    let credentials = Credentials::load(folder.path())
        .expect("load")
        .expect("credentials");
    (folder, credentials)
}

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test(flavor = "multi_thread")]
async fn a_token_gives_a_certificate_once() {
    let center = Center::start().await;
    let token = center.fleet.token(&center.authority, true);
    let (one, two) = (Folder::new("one"), Folder::new("two"));
    let first = enrol(&options(&center.address, one.path(), None), &token)
        .await
        .expect("enrol");
    assert_eq!(first.identity().node, "node-1");
    assert_eq!(call(&first, &center).await, Ok(()));
    let second = enrol(&options(&center.address, two.path(), None), &token).await;
    assert_eq!(refusal(second), Refusal::TokenUsed);
    let loaded = Credentials::load(one.path())
        .expect("load")
        .expect("credentials");
    assert_eq!(loaded.identity(), first.identity());
    assert_eq!(center.fleet.state().issued.len(), 1);
    center.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_token_gives_many_sensors_their_own_certificates() {
    let center = Center::start().await;
    let token = center.fleet.token(&center.authority, false);
    let mut ids = std::collections::BTreeSet::new();
    for _ in 0..3 {
        let folder = Folder::new("cluster");
        let credentials = enrol(&options(&center.address, folder.path(), None), &token)
            .await
            .expect("enrol");
        ids.insert(credentials.identity().id.clone());
    }
    assert_eq!(ids.len(), 3);
    center.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enrolment_whose_answer_was_lost_is_repeated_with_the_same_key() {
    let center = Center::start().await;
    let token = center.fleet.token(&center.authority, true);
    let folder = Folder::new("lost");
    let options = options(&center.address, folder.path(), None);
    // The answer came and was lost before it was kept.
    let first = enrol(&options, &token).await.expect("enrol");
    let key = std::fs::read_to_string(folder.path().join("certificate.json")).expect("read");
    let key: serde_json::Value = serde_json::from_str(&key).expect("json");
    let digits = key["key"].as_str().expect("key");
    let der: Vec<u8> = (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("digit"))
        .collect();
    std::fs::write(folder.path().join("enrolment.key"), der).expect("write");
    std::fs::remove_file(folder.path().join("certificate.json")).expect("remove");
    let again = enrol(&options, &token).await.expect("enrol");
    assert_eq!(again.identity().id, first.identity().id);
    assert_ne!(again.identity().serial, first.identity().serial);
    center.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_center_with_another_authority_never_sees_the_token() {
    let center = Center::start().await;
    let folder = Folder::new("pinned");
    let other = EnrolmentToken::generate([7; 32]).expect("random");
    let enrolled = enrol(&options(&center.address, folder.path(), None), &other).await;
    assert!(
        matches!(enrolled, Err(ConnectError::NotTheCenter(_))),
        "{enrolled:?}"
    );
    assert!(center.fleet.state().refused.is_empty());
    center.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_tokens_ends_soon() {
    let center = Center::start().await;
    let folder = Folder::new("guess");
    let options = options(&center.address, folder.path(), None);
    let mut refusals = Vec::new();
    for _ in 0..12 {
        let guess = EnrolmentToken::generate(center.authority.fingerprint()).expect("random");
        refusals.push(refusal(enrol(&options, &guess).await));
    }
    assert!(
        refusals[..10]
            .iter()
            .all(|refusal| *refusal == Refusal::TokenUnknown),
        "{refusals:?}"
    );
    assert_eq!(refusals[10..], [Refusal::TooMany, Refusal::TooMany]);
    center.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_foreign_and_missing_certificates_are_refused() {
    let center = Center::start().await;
    let other = Authority::of_pem(&Authority::generate().expect("generate")).expect("authority");
    let now = UnixMs::now();
    let long_ago = UnixMs(now.0 - 10 * 86_400_000);
    let (_valid, valid) = credentials(&center.authority, &center.authority, now, DAY);
    assert_eq!(call(&valid, &center).await, Ok(()));
    let (_expired, expired) = credentials(&center.authority, &center.authority, long_ago, DAY);
    assert_eq!(call(&expired, &center).await, Err(Refusal::Expired));
    let (_foreign, foreign) = credentials(&other, &center.authority, now, DAY);
    assert_eq!(
        call(&foreign, &center).await,
        Err(Refusal::ForeignCertificate)
    );
    let told: Vec<Refusal> = center
        .fleet
        .state()
        .refused
        .iter()
        .map(|refused| refused.refusal)
        .collect();
    assert!(
        told.contains(&Refusal::Expired) && told.contains(&Refusal::ForeignCertificate),
        "{told:?}"
    );
    // A sensor of another center does not talk to this one.
    let (_stranger, stranger) = credentials(&other, &other, now, DAY);
    let connected = connect(&center.address, &stranger).await;
    assert!(
        matches!(connected, Err(ConnectError::NotTheCenter(_))),
        "{connected:?}"
    );
    center.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_certificate_ends_the_session_and_opens_no_other() {
    let center = Center::start().await;
    let token = center.fleet.token(&center.authority, true);
    let folder = Folder::new("revoked");
    let mut link = Running::start(options(&center.address, folder.path(), Some(token)));
    link.until("session", |status| {
        matches!(status, LinkStatus::Connected { .. })
    })
    .await;
    let identity = center.fleet.state().issued[0].identity.clone();
    let push = center
        .fleet
        .state()
        .pushes
        .remove(&identity.id)
        .expect("session");
    center.fleet.state().revoked.insert(identity.serial.clone());
    push.send(yagura_proto::server::Push::Disconnect(Refusal::Revoked))
        .await
        .expect("push");
    link.until("refusal", |status| {
        *status == LinkStatus::Refused(Refusal::Revoked)
    })
    .await;
    let loaded = Credentials::load(folder.path())
        .expect("load")
        .expect("credentials");
    assert_eq!(call(&loaded, &center).await, Err(Refusal::Revoked));
    within(link.stop()).await;
    center.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_renewed_before_it_ends() {
    let center = Center::start().await;
    // Backdated by five minutes, so that two thirds of its life are over.
    let (folder, old) = credentials(
        &center.authority,
        &center.authority,
        UnixMs::now(),
        Duration::from_secs(100),
    );
    let mut link = Running::start(options(&center.address, folder.path(), None));
    eventually("renewal", || !center.fleet.state().issued.is_empty()).await;
    let issued = center.fleet.state().issued[0].clone();
    assert_eq!(
        (issued.identity.id.clone(), issued.renews),
        (
            old.identity().id.clone(),
            Some(old.identity().serial.clone())
        )
    );
    link.until("session", |status| {
        matches!(status, LinkStatus::Connected { .. })
    })
    .await;
    eventually("new certificate", || {
        let loaded = Credentials::load(folder.path())
            .expect("load")
            .expect("credentials");
        loaded.identity().serial == issued.identity.serial
    })
    .await;
    within(link.stop()).await;
    center.stop().await;
}

#[test]
fn without_certificate_and_token_there_is_no_link() {
    let folder = Folder::new("nothing");
    let center = yagura_proto::client::CenterAddress::new("127.0.0.1", 1);
    let opened = Link::open(options(&center, folder.path(), None));
    assert!(matches!(opened, Err(LinkError::NoToken)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_with_the_same_authority_takes_over() {
    let center = Center::start().await;
    let text = Arc::clone(&center.authority);
    let other = Center::start_with(Arc::clone(&center.fleet), text, "127.0.0.1:0").await;
    let token = center.fleet.token(&center.authority, true);
    let folder = Folder::new("replica");
    let credentials = enrol(&options(&center.address, folder.path(), None), &token)
        .await
        .expect("enrol");
    center.stop().await;
    assert_eq!(call(&credentials, &other).await, Ok(()));
    other.stop().await;
}
