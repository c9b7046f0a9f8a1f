use super::*;
use std::os::unix::fs::PermissionsExt as _;

fn authority() -> Authority {
    Authority::of_pem(&Authority::generate().expect("generate")).expect("authority")
}

fn request() -> SigningRequest {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("key");
    let request = CertificateParams::default()
        .serialize_request(&key)
        .expect("request");
    SigningRequest::parse(request.der()).expect("request")
}

#[test]
fn a_certificate_says_whose_it_is_and_for_how_long() {
    let authority = authority();
    let sensor = SensorId::generate().expect("random");
    let now = UnixMs(1_700_000_000_000);
    for cluster in ["", "prod \u{e9}"] {
        let signed = authority
            .sign(&request(), &sensor, "node-1", cluster, now, SENSOR_LIFE)
            .expect("certificate");
        let identity = SensorIdentity::of_certificate(&signed.der).expect("identity");
        assert_eq!(identity, signed.identity);
        assert_eq!(
            (identity.node.as_str(), identity.cluster.as_str()),
            ("node-1", cluster)
        );
        assert_eq!(identity.not_after, now.plus(SENSOR_LIFE));
        assert!(
            !identity.has_expired(now)
                && identity.has_expired(now.plus(SENSOR_LIFE + Duration::from_secs(1)))
        );
        let due = identity.renewal_due().since(now);
        assert!(due > SENSOR_LIFE / 2 && due < SENSOR_LIFE / 4 * 3);
        assert_eq!(identity.serial.as_str().len(), 32);
    }
}

#[test]
fn a_name_that_cannot_be_a_nodes_gets_no_certificate() {
    let authority = authority();
    let sensor = SensorId::generate().expect("random");
    for node in ["", "a\nb", " a", &"x".repeat(254)] {
        let signed = authority.sign(&request(), &sensor, node, "", UnixMs::now(), SENSOR_LIFE);
        assert!(signed.is_err(), "{node:?}");
    }
}

#[test]
fn a_request_must_be_signed_by_its_own_key() {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("key");
    let request = CertificateParams::default()
        .serialize_request(&key)
        .expect("request");
    let mut der = request.der().to_vec();
    // The last byte is the signature's.
    *der.last_mut().expect("byte") ^= 1;
    assert!(matches!(
        SigningRequest::parse(&der),
        Err(SignError::Request(_))
    ));
    assert!(matches!(
        SigningRequest::parse(b"no request"),
        Err(SignError::Request(_))
    ));
    let other = KeyPair::generate_for(&PKCS_ED25519).expect("key");
    let request = CertificateParams::default()
        .serialize_request(&other)
        .expect("request");
    assert!(matches!(
        SigningRequest::parse(request.der()),
        Err(SignError::Request(None))
    ));
}

#[test]
fn a_folder_keeps_its_authority_and_nobody_else_reads_it() {
    let folder = std::env::temp_dir().join(format!(
        "yagura-authority-{}",
        hex::encode(&random::<8>().expect("random"))
    ));
    let made = Authority::load_or_create(&folder).expect("authority");
    let loaded = Authority::load_or_create(&folder).expect("authority");
    assert_eq!(made.fingerprint(), loaded.fingerprint());
    assert_eq!(made.commands().public_key(), loaded.commands().public_key());
    let mode = |path: &Path| {
        std::fs::metadata(path)
            .expect("metadata")
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!((mode(&folder), mode(&folder.join(FILE))), (0o700, 0o600));
    std::fs::write(folder.join(FILE), "damaged").expect("write");
    assert!(matches!(
        Authority::load_or_create(&folder),
        Err(AuthorityError::Damaged(_))
    ));
    assert_eq!(std::fs::read(folder.join(FILE)).expect("read"), b"damaged");
    std::fs::remove_dir_all(&folder).expect("remove");
}

#[test]
fn keys_of_another_authority_are_noticed() {
    let (one, two) = (
        Authority::generate().expect("one"),
        Authority::generate().expect("two"),
    );
    let certificate = one
        .split_inclusive("-----END CERTIFICATE-----")
        .next()
        .expect("certificate");
    let keys = two.split_once("-----END CERTIFICATE-----").expect("keys").1;
    let mixed = format!("{certificate}{keys}");
    assert!(matches!(
        Authority::of_pem(&mixed),
        Err(AuthorityError::Damaged(_))
    ));
}
