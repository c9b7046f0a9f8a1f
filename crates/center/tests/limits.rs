//! Lost updates, repeated requests, too many attempts.

use crate::support::Site;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_update_is_refused_with_what_is_there_wherever_versions_are_asked_for() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let rule = json!({ "rule": "R", "conditions": [{"field": "namespace", "operator": "equals", "value": "a"}] });
    let made = admin.post("/whitelist-rules", &rule).await.1;
    let rule_path = format!("/whitelist-rules/{}", made["id"].as_str().unwrap());
    let switches = json!({ "switches": {
        "k8s_threat_detection": true, "container_escape_prevention": false,
        "malicious_host_behaviour": true, "website_backdoor": false } });
    let rules = json!({ "text": "" });
    let policy = json!({ "yaml": admin.get("/drift-policy").await.1["yaml"] });
    let defence = json!({ "yaml": admin.get("/defence-rules").await.1["yaml"] });
    let provider =
        json!({ "enabled": false, "label": "x", "issuer": "https://id.example", "client_id": "y" });
    let cases: [(&str, &str, &Value); 6] = [
        ("\"1\"", &rule_path, &rule),
        ("\"0\"", "/protection-settings", &switches),
        ("\"0\"", "/catalogue/user-rules", &rules),
        ("\"0\"", "/drift-policy", &policy),
        ("\"0\"", "/defence-rules", &defence),
        ("\"0\"", "/oidc-settings", &provider),
    ];
    for (version, path, body) in cases {
        assert_eq!(admin.put(path, body).await.0, 428, "{path}");
        let based = admin.with("if-match", version);
        let (status, saved) = based.put(path, body).await;
        assert_eq!(status, 200, "{path}: {saved}");
        let (status, problem) = based.put(path, body).await;
        assert_eq!(status, 412, "{path}: {problem}");
        assert_eq!(problem["type"], "urn:yagura:problem:stale-etag", "{path}");
        assert_eq!(problem["current"], admin.get(path).await.1, "{path}");
        let wrong = admin.with("if-match", "W/\"x\"");
        assert_eq!(wrong.put(path, body).await.0, 400, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_is_its_callers_and_keeps_no_secret() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let other = site.user(&admin, "olga", "security-admin", json!({})).await;
    let (admin, other) = (
        admin.with("idempotency-key", "k"),
        other.with("idempotency-key", "k"),
    );
    let asked = |name: &str| json!({ "name": name, "role": "security-reader", "days": 1 });
    assert_eq!(admin.post("/tokens", &asked("t")).await.0, 201);
    let (status, again) = admin.post("/tokens", &asked("t")).await;
    assert_eq!(status, 409, "{again}");
    assert!(!again.to_string().contains("ygt_"));
    assert_eq!(
        other.post("/tokens", &asked("u")).await.0,
        201,
        "another's key"
    );
    let long = admin.with("idempotency-key", &"k".repeat(129));
    assert_eq!(long.post("/tokens", &asked("t")).await.0, 400);
    let tokens = admin.get("/tokens").await.1;
    assert_eq!(tokens["items"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn log_ins_are_slowed_down_whatever_name_is_tried() {
    let site = Site::start().await;
    let anonymous = site.anonymous();
    let mut refused = 0;
    for attempt in 0..25 {
        let wrong = json!({ "name": format!("nobody-{attempt}"), "password": "not this one" });
        let answer = anonymous
            .http
            .post(format!("{}/api/v1/session", anonymous.base))
            .header("content-type", "application/json")
            .body(wrong.to_string())
            .send()
            .await
            .unwrap();
        if answer.status() == 429 {
            let wait = answer.headers()["retry-after"].to_str().unwrap();
            assert!((1..=3).contains(&wait.parse::<u64>().unwrap()), "{wait}");
            refused += 1;
        }
    }
    assert!((1..=5).contains(&refused), "{refused} of 25");
    let metrics = format!("{}/metrics", anonymous.base);
    let metrics = anonymous.http.get(metrics).send().await.unwrap();
    let metrics = String::from_utf8(metrics.bytes().await.unwrap().to_vec()).unwrap();
    let counted = format!("yagura_center_logins_throttled_total {refused}\n");
    assert!(metrics.contains(&counted), "{metrics}");
}
