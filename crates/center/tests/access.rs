//! Who gets in.

use crate::support::{PASSWORD, Site};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_one_time_password_opens_nothing_but_its_own_change() {
    let site = Site::start().await;
    let (name, one_time) = site.running.first_admin.clone().unwrap();
    let mut caller = site.anonymous();
    assert_eq!(caller.get("/alerts").await.0, 401);
    let session = caller.log_in(&name, &one_time).await;
    assert_eq!(session["must_change_password"], true);
    let (status, problem) = caller.get("/alerts").await;
    assert_eq!(status, 403);
    assert_eq!(
        problem["type"],
        "urn:yagura:problem:password-change-required"
    );
    let short = json!({ "current": one_time, "new": "short" });
    assert_eq!(caller.put("/session/password", &short).await.0, 422);
    let change = json!({ "current": one_time, "new": PASSWORD });
    assert_eq!(caller.put("/session/password", &change).await.0, 204);
    assert_eq!(caller.get("/alerts").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_in_a_session_need_its_token_and_log_out_ends_it() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let forged = admin.with("x-csrf-token", "0000");
    let asked = json!({ "name": "eve", "role": "security-admin" });
    assert_eq!(forged.post("/users", &asked).await.0, 403);
    assert_eq!(admin.send("DELETE", "/session", None).await.0, 204);
    assert_eq!(admin.get("/alerts").await.0, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_passwords_lock_an_account_and_an_admin_unlocks_it() {
    let site = Site::start().await;
    let admin = site.admin().await;
    site.user(&admin, "rita", "security-reader", json!({}))
        .await;
    let anonymous = site.anonymous();
    let wrong = json!({ "name": "rita", "password": "not this one, no" });
    let right = json!({ "name": "rita", "password": PASSWORD });
    for _ in 0..5 {
        assert_eq!(anonymous.post("/session", &wrong).await.0, 401);
    }
    assert_eq!(anonymous.post("/session", &right).await.0, 401, "locked");
    let users = admin.get("/users").await.1;
    let rita = users["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|u| u["name"] == "rita")
        .unwrap();
    assert!(rita["locked_until"].is_string());
    let unlock = format!("/users/{}/unlock", rita["id"].as_str().unwrap());
    assert_eq!(admin.send("POST", &unlock, None).await.0, 200);
    assert_eq!(anonymous.post("/session", &right).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_allow_no_more_than_their_owner_and_end_when_revoked() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let reader = site
        .user(&admin, "rita", "security-reader", json!({}))
        .await;
    let asked = json!({ "name": "t", "role": "security-admin", "days": 1 });
    assert_eq!(reader.post("/tokens", &asked).await.0, 403);
    let (status, made) = admin.post("/tokens", &asked).await;
    assert_eq!(status, 201);
    let bearer = format!("Bearer {}", made["secret"].as_str().unwrap());
    let script = site.anonymous().with("authorization", &bearer);
    assert_eq!(script.get("/users").await.0, 200);
    let path = format!("/tokens/{}", made["token"]["id"].as_str().unwrap());
    assert_eq!(
        reader.send("DELETE", &path, None).await.0,
        404,
        "not the reader's"
    );
    assert_eq!(admin.send("DELETE", &path, None).await.0, 204);
    assert_eq!(script.get("/users").await.0, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_admin_stays_and_everything_is_in_the_audit_log() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let me = admin.get("/session").await.1["user"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/users/{me}");
    assert_eq!(admin.send("DELETE", &path, None).await.0, 409);
    let demote = json!({ "role": "security-reader" });
    assert_eq!(admin.send("PATCH", &path, Some(&demote)).await.0, 409);
    site.user(&admin, "rita", "security-reader", json!({}))
        .await;
    let log = admin.get("/audit-log").await.1;
    let text = log["items"].to_string();
    assert!(text.contains("rita"), "{text}");
    assert!(!text.contains("argon2"), "hashes are no part of the log");
    let verdict = admin.get("/audit-log/verify").await.1;
    assert_eq!(verdict["intact"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_requests_get_problems() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let unknown = json!({ "name": "x", "role": "security-reader", "is_root": true });
    let (status, problem) = admin.post("/users", &unknown).await;
    assert_eq!(status, 422, "{problem}");
    assert!(
        problem["type"]
            .as_str()
            .unwrap()
            .starts_with("urn:yagura:problem:")
    );
    assert_eq!(admin.get("/alerts?limit=0").await.0, 400);
    assert_eq!(admin.get("/alerts?cursor=nonsense").await.0, 422);
    assert_eq!(admin.get("/alerts?colour=red").await.0, 400);
    assert_eq!(admin.get("/nowhere").await.0, 404);
    let long = json!({ "name": "x".repeat(5 * 1024 * 1024), "role": "security-reader" });
    assert_eq!(admin.post("/users", &long).await.0, 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_is_done_once() {
    let site = Site::start().await;
    let admin = site.admin().await.with("idempotency-key", "k1");
    let rule = json!({ "rule": "R", "conditions": [{"field": "namespace", "operator": "equals", "value": "a"}] });
    let (first, made) = admin.post("/whitelist-rules", &rule).await;
    let (second, again) = admin.post("/whitelist-rules", &rule).await;
    assert_eq!((first, second), (201, 201));
    assert_eq!(made["id"], again["id"]);
    let other = json!({ "rule": "S", "conditions": [{"field": "namespace", "operator": "equals", "value": "a"}] });
    assert_eq!(admin.post("/whitelist-rules", &other).await.0, 422);
    assert_eq!(
        admin.get("/whitelist-rules").await.1["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}
