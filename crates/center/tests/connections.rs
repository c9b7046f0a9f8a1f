//! TLS, what the console is served with, and who may open a database.

use crate::support::{Site, config};
use base64::Engine as _;
use serde_json::json;
use yagura_center::{Center, Running, StartError, Tls};
use yagura_testkit::ScratchDir;

/// A client that trusts that authority alone.
fn trusting(pem: &str) -> reqwest::Client {
    let certificate = reqwest::Certificate::from_pem(pem.as_bytes()).unwrap();
    reqwest::Client::builder()
        .tls_certs_only([certificate])
        .build()
        .unwrap()
}

async fn log_in(http: &reqwest::Client, running: &Running) -> reqwest::Response {
    let (name, password) = running.first_admin.clone().unwrap();
    http.post(format!("{}/api/v1/session", running.url()))
        .header("content-type", "application/json")
        .body(json!({ "name": name, "password": password }).to_string())
        .send()
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_centers_own_certificate_is_trusted_through_its_authority_alone() {
    let folder = ScratchDir::new().unwrap();
    let mut own = config(&folder);
    own.tls = Tls::OwnAuthority;
    let running = Center::start(own).await.unwrap();
    assert!(running.url().starts_with("https://127.0.0.1:"));
    let answer = log_in(&trusting(running.center.authority_pem()), &running).await;
    assert_eq!(answer.status(), 200);
    let cookie = answer.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-yagura_session="), "{cookie}");
    assert!(cookie.ends_with("; Secure"), "{cookie}");
    let health = format!("{}/healthz", running.url());
    let machine = reqwest::Client::new().get(&health).send().await;
    assert!(machine.is_err(), "nobody else vouches for it");
    let open = health.replace("https://", "http://");
    assert!(reqwest::Client::new().get(open).send().await.is_err());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_ones_own_is_taken_from_files() {
    let folder = ScratchDir::new().unwrap();
    let first = Center::start(config(&folder)).await.unwrap();
    let authority = first.center.authority();
    let names = ["127.0.0.1".to_owned()];
    let issued = authority
        .issue_server(&names, yagura_proto::UnixMs::now())
        .unwrap();
    let pem = |label: &str, der: &[u8]| {
        let body = base64::engine::general_purpose::STANDARD.encode(der);
        format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
    };
    let chain: String = issued
        .chain
        .iter()
        .map(|der| pem("CERTIFICATE", der))
        .collect();
    let (certificate, key) = (folder.join("tls.crt"), folder.join("tls.key"));
    std::fs::write(&certificate, chain).unwrap();
    std::fs::write(&key, pem("PRIVATE KEY", issued.key.secret_der())).unwrap();
    let trusted = first.center.authority_pem().to_owned();
    first.stop().await;
    let mut files = config(&folder);
    files.tls = Tls::Files { certificate, key };
    let running = Center::start(files.clone()).await.unwrap();
    assert_eq!(log_in(&trusting(&trusted), &running).await.status(), 200);
    running.stop().await;
    std::fs::write(folder.join("tls.key"), "no key").unwrap();
    let refused = Center::start(files).await.map(drop);
    assert!(
        matches!(refused, Err(StartError::Certificate(_))),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_never_travel_in_the_open_beyond_loopback() {
    let folder = ScratchDir::new().unwrap();
    let mut open = config(&folder);
    open.listen = "0.0.0.0:0".parse().unwrap();
    let refused = Center::start(open).await.map(drop);
    assert!(matches!(refused, Err(StartError::PlainBeyondLoopback(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_has_one_center() {
    let site = Site::start().await;
    let second = Center::start(config(&site.folder)).await.map(drop);
    assert!(
        matches!(second, Err(StartError::InUse { .. })),
        "{second:?}"
    );
    let again = site.restart().await;
    assert_eq!(again.anonymous().get("/session/means").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_hardened_and_live_views_are_kept_alive() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let get = |path: &str| admin.http.get(format!("{}{path}", admin.base));
    let page = get("/alerts/42").send().await.unwrap();
    assert_eq!(page.status(), 200);
    assert_eq!(page.headers()["cache-control"], "no-store");
    for answer in [page, get("/api/v1/alerts").send().await.unwrap()] {
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        let policy = header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'"));
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("x-frame-options"), "DENY");
    }
    let mut events = get("/api/v1/events");
    for (name, value) in &admin.headers {
        events = events.header(name, value);
    }
    let mut events = events.send().await.unwrap();
    assert_eq!(events.headers()["content-type"], "text/event-stream");
    let rule = json!({ "rule": "R", "conditions": [{"field": "namespace", "operator": "equals", "value": "a"}] });
    assert_eq!(admin.post("/whitelist-rules", &rule).await.0, 201);
    let told = events.chunk().await.unwrap().unwrap();
    let told = String::from_utf8(told.to_vec()).unwrap();
    assert!(told.contains("event: change\ndata: {"), "{told}");
    assert!(told.contains("whitelist-rule"), "{told}");
}
