//! Kubernetes audit events as an API server sends them.

use crate::support::{Caller, Site, day};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

fn exec(id: u32) -> Value {
    json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "RequestResponse", "auditID": format!("id-{id}"),
        "stage": "ResponseComplete", "requestURI": "/api/v1/namespaces/shop/pods/web-1/exec?command=%2Fbin%2Fsh&stdin=true&tty=true",
        "verb": "create", "user": { "username": "eve", "groups": ["system:authenticated"] },
        "sourceIPs": ["203.0.113.7"], "userAgent": "kubectl/v1.31",
        "objectRef": { "resource": "pods", "subresource": "exec", "namespace": "shop", "name": "web-1", "apiVersion": "v1" },
        "responseStatus": { "code": 101 }, "requestReceivedTimestamp": format!("{}T08:00:00.000000Z", day(2)),
        "stageTimestamp": format!("{}T08:00:00.100000Z", day(2)), "annotations": {},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_judged_once_and_only_with_their_clusters_credential() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let (status, made) = admin
        .post("/k8s-audit-webhooks", &json!({ "cluster": "prod" }))
        .await;
    assert_eq!(status, 201, "{made}");
    let config: Value = serde_json::from_str(made["kubeconfig"].as_str().unwrap()).unwrap();
    let token = config["users"][0]["user"]["token"].as_str().unwrap();
    let server = site
        .anonymous()
        .with("authorization", &format!("Bearer {token}"));
    let batch = json!({ "kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": [exec(1), exec(2)] });
    assert_eq!(
        site.anonymous().post("/k8s/audit/prod", &batch).await.0,
        401
    );
    assert_eq!(
        server.post("/k8s/audit/other", &batch).await.0,
        401,
        "another cluster's"
    );
    let (status, taken) = server.post("/k8s/audit/prod", &batch).await;
    assert_eq!((status, &taken["judged"]), (200, &json!(2)), "{taken}");
    let again = server.post("/k8s/audit/prod", &batch).await.1;
    assert_eq!(
        (&again["judged"], &again["repeated"]),
        (&json!(0), &json!(2))
    );
    let alerts = admin.get("/alerts?category=k8s&cluster=prod").await.1;
    assert!(!alerts["items"].as_array().unwrap().is_empty(), "{alerts}");
    let id = alerts["items"][0]["incident"].as_str().unwrap();
    let story = admin.get(&format!("/incidents/{id}")).await.1;
    assert!(
        story["graph"]["nodes"].to_string().contains("eve"),
        "{story}"
    );
}

/// Makes a cluster's credential and returns what the API server would send to: address and token.
async fn webhook(site: &Site, admin: &Caller, cluster: &str) -> (String, String) {
    let asked = json!({ "cluster": cluster });
    let (status, made) = admin.post("/k8s-audit-webhooks", &asked).await;
    assert_eq!(status, 201, "{made}");
    let config: Value = serde_json::from_str(made["kubeconfig"].as_str().unwrap()).unwrap();
    let token = config["users"][0]["user"]["token"].as_str().unwrap();
    let server = config["clusters"][0]["cluster"]["server"].as_str().unwrap();
    assert_eq!(
        server,
        format!("{}/k8s/audit/{cluster}", site.running.url())
    );
    (server.to_owned(), token.to_owned())
}

fn list(items: &[Value]) -> Value {
    json!({ "kind": "EventList", "apiVersion": "audit.k8s.io/v1", "metadata": {}, "items": items })
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Sends a file with curl; returns the status and the body.
fn curl(url: &str, token: &str, file: &Path, more: &[&str]) -> (u16, String) {
    let output = Command::new("curl")
        .args([
            "--silent",
            "--noproxy",
            "*",
            "--write-out",
            "\n%{http_code}",
        ])
        .args(["--header", &format!("Authorization: Bearer {token}")])
        .args(["--header", "Content-Type: application/json"])
        .args(more)
        .args(["--data-binary", &format!("@{}", file.display()), url])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (body, status) = text.rsplit_once('\n').unwrap();
    (status.parse().unwrap(), body.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unmodified_client_sends_batches_packed_or_not() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let (url, token) = webhook(&site, &admin, "prod").await;
    let (_, foreign) = webhook(&site, &admin, "other").await;
    let (plain, packed) = (site.folder.join("batch.json"), site.folder.join("batch.gz"));
    // The same event twice in one batch, and a stage of it that is another event.
    let mut received = exec(3);
    received["stage"] = "RequestReceived".into();
    let batch = list(&[exec(3), received, exec(3), exec(4)]).to_string();
    std::fs::write(&plain, &batch).unwrap();
    std::fs::write(&packed, gzipped(batch.as_bytes())).unwrap();
    let gzip = ["--header", "Content-Encoding: gzip"];
    assert_eq!(curl(&url, &foreign, &packed, &gzip).0, 401);
    let (status, answer) = curl(&url, &token, &packed, &gzip);
    assert_eq!(
        (status, answer.as_str()),
        (200, r#"{"judged":3,"repeated":1,"skipped":0}"#)
    );
    let (status, answer) = curl(&url, &token, &plain, &[]);
    assert_eq!(
        (status, answer.as_str()),
        (200, r#"{"judged":0,"repeated":4,"skipped":0}"#)
    );
    let alerts = admin.get("/alerts?category=k8s&cluster=prod").await.1;
    let found = alerts["items"].as_array().unwrap().len();
    assert!(found > 0, "{alerts}");
    assert_eq!(curl(&url, &token, &plain, &gzip).0, 400, "no gzip");
    assert_eq!(
        curl(&url, &token, &plain, &["--header", "Content-Encoding: br"]).0,
        415
    );
    std::fs::write(&plain, "<html>").unwrap();
    assert_eq!(curl(&url, &token, &plain, &[]).0, 400, "no event");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_or_too_much_is_put_off_or_refused() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let (url, token) = webhook(&site, &admin, "prod").await;
    let file = site.folder.join("large");
    std::fs::write(&file, vec![b' '; 17 * 1024 * 1024]).unwrap();
    assert_eq!(curl(&url, &token, &file, &[]).0, 413);
    std::fs::write(&file, gzipped(&vec![b' '; 65 * 1024 * 1024])).unwrap();
    let gzip = ["--header", "Content-Encoding: gzip"];
    assert_eq!(curl(&url, &token, &file, &gzip).0, 413, "unpacked");
    // Clients that never finish hold all places; one without the credential never gets a place.
    let head = format!(
        "POST /k8s/audit/prod HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: 9\r\n\r\n{{"
    );
    let mut slow = Vec::new();
    for _ in 0..4 {
        let mut stream = TcpStream::connect(site.running.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    std::fs::write(&file, list(&[exec(9)]).to_string()).unwrap();
    let (status, head) = curl(&url, &token, &file, &["--include"]);
    assert_eq!(status, 429, "{head}");
    assert!(head.to_lowercase().contains("retry-after: 2"), "{head}");
    // They get their answers, and others get places again.
    for stream in &mut slow {
        stream.write_all(b"\"a\": 1} ").await.unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 400");
    }
    let (status, answer) = curl(&url, &token, &file, &[]);
    assert_eq!(
        (status, answer.as_str()),
        (200, r#"{"judged":1,"repeated":0,"skipped":0}"#)
    );
}

/// A service account reads something of a namespace.
fn read(id: &str, namespace: &str, time: &str) -> Value {
    json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": id, "stage": "ResponseComplete",
        "requestURI": format!("/api/v1/namespaces/{namespace}/secrets/key"), "verb": "get",
        "user": { "username": "system:serviceaccount:shop:web", "groups": ["system:serviceaccounts", "system:authenticated"] },
        "sourceIPs": ["10.1.2.3"], "userAgent": "web/1",
        "objectRef": { "resource": "secrets", "namespace": namespace, "name": "key", "apiVersion": "v1" },
        "responseStatus": { "code": 200 }, "requestReceivedTimestamp": time, "stageTimestamp": time, "annotations": {},
    })
}

/// The namespaces of a rule's alerts.
async fn told_of(admin: &Caller, rule: &str) -> Vec<String> {
    let alerts = admin.get("/alerts?key=k8s.sa_lateral_movement").await.1;
    let mut found: Vec<String> = alerts["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|alert| alert["rule"] == rule)
        .map(|alert| alert["namespace"].as_str().unwrap().to_owned())
        .collect();
    found.sort();
    found
}

const MOVED: &str = "Service account outside its namespace for the first time";

#[tokio::test(flavor = "multi_thread")]
async fn what_a_service_account_did_before_is_known_after_a_restart() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let (_, token) = webhook(&site, &admin, "prod").await;
    let bearer = format!("Bearer {token}");
    let server = site.anonymous().with("authorization", &bearer);
    let learning = list(&[read("a", "shared", &format!("{}T08:00:00.000000Z", day(4)))]);
    assert_eq!(server.post("/k8s/audit/prod", &learning).await.0, 200);
    let site = site.restart().await;
    let mut admin = site.anonymous();
    admin.log_in("admin", crate::support::PASSWORD).await;
    let server = site.anonymous().with("authorization", &bearer);
    // Days later: where it always went, and where it never did.
    let later = list(&[
        read("b", "shared", &format!("{}T08:00:00.000000Z", day(2))),
        read("c", "bank", &format!("{}T08:00:01.000000Z", day(2))),
    ]);
    let (status, taken) = server.post("/k8s/audit/prod", &later).await;
    assert_eq!((status, &taken["judged"]), (200, &json!(2)), "{taken}");
    assert_eq!(told_of(&admin, MOVED).await, ["bank"]);
    // The next start forgets nothing either.
    let site = site.restart().await;
    let mut admin = site.anonymous();
    admin.log_in("admin", crate::support::PASSWORD).await;
    let server = site.anonymous().with("authorization", &bearer);
    let again = list(&[
        read("d", "bank", &format!("{}T08:00:01.000000Z", day(1))),
        read("e", "vault", &format!("{}T08:00:02.000000Z", day(1))),
    ]);
    assert_eq!(server.post("/k8s/audit/prod", &again).await.0, 200);
    assert_eq!(told_of(&admin, MOVED).await, ["bank", "vault"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_began_before_a_restart_goes_on_after_it() {
    let site = Site::start().await;
    let mut admin = site.admin().await;
    let (_, token) = webhook(&site, &admin, "prod").await;
    let bearer = format!("Bearer {token}");
    let step = |id: &str, namespace: &str, minute: u32, address: &str| {
        let mut event = read(
            id,
            namespace,
            &format!("{}T08:{minute:02}:00.000000Z", day(2)),
        );
        event["user"]["extra"] = json!({ "authentication.kubernetes.io/pod-uid": ["a-pod"] });
        event["sourceIPs"] = json!([address]);
        list(&[event])
    };
    let rules = [
        "Application's account leaves its namespace",
        "Token of a pod used from elsewhere",
    ];
    // Each event by itself is nothing; the center is another one each time.
    let mut site = site;
    for (event, told) in [
        (step("a", "shop", 0, "10.1.2.3"), [0, 0]),
        (step("b", "shop", 1, "10.1.2.3"), [0, 0]),
        (step("c", "bank", 5, "10.1.2.3"), [1, 0]),
        (step("d", "shop", 6, "203.0.113.9"), [1, 1]),
        // Both began anew with what was told.
        (step("e", "shop", 7, "203.0.113.9"), [1, 1]),
    ] {
        site = site.restart().await;
        admin = site.anonymous();
        admin.log_in("admin", crate::support::PASSWORD).await;
        let server = site.anonymous().with("authorization", &bearer);
        let (status, taken) = server.post("/k8s/audit/prod", &event).await;
        assert_eq!((status, &taken["judged"]), (200, &json!(1)), "{taken}");
        for (rule, told) in rules.iter().zip(told) {
            assert_eq!(told_of(&admin, rule).await.len(), told, "{rule}: {event}");
        }
    }
    let webhooks = admin.get("/k8s-audit-webhooks").await.1;
    assert_eq!(webhooks["items"][0]["events"], 5, "{webhooks}");
}
