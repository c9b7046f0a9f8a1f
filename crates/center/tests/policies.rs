//! Policies: saved, compared, tried, rolled back.

use crate::support::{Site, drift_alert, store};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_update_is_refused_with_both_versions() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let first = admin.get("/drift-policy").await.1;
    assert_eq!(first["version"], 0);
    let policy = first["policy"].clone();
    assert_eq!(policy["rules"][0]["name"], "Alert on Kube-System namespace");
    let draft = json!({ "policy": policy, "comment": "one" });
    assert_eq!(admin.put("/drift-policy", &draft).await.0, 428);
    let based = admin.with("if-match", "\"0\"");
    assert_eq!(based.put("/drift-policy", &draft).await.0, 200);
    let (status, problem) = based.put("/drift-policy", &draft).await;
    assert_eq!(status, 412);
    assert_eq!(problem["current"]["version"], 1, "{problem}");
    let mut other = policy;
    other["default_action"] = json!("alert");
    let draft = json!({ "policy": other });
    let diff = admin.post("/drift-policy/diff", &draft).await.1;
    assert_eq!(diff["is_empty"], false);
    assert_eq!(
        admin
            .with("if-match", "\"1\"")
            .put("/drift-policy", &draft)
            .await
            .0,
        200
    );
    let back = json!({ "version": 1, "comment": "back" });
    let (status, third) = admin
        .with("if-match", "\"2\"")
        .post("/drift-policy/rollback", &back)
        .await;
    assert_eq!((status, &third["version"]), (200, &json!(3)));
    assert_eq!(third["policy"]["default_action"], "ignore");
    assert_eq!(
        admin.get("/drift-policy/versions").await.1["items"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn warnings_have_to_be_accepted_and_errors_name_their_rule() {
    let site = Site::start().await;
    let admin = site.admin().await.with("if-match", "\"0\"");
    let everywhere =
        json!({ "rules": [{ "name": "all", "action": "block" }], "default_action": "ignore" });
    let (status, problem) = admin
        .put("/drift-policy", &json!({ "policy": everywhere }))
        .await;
    assert_eq!(
        (status, &problem["type"]),
        (409, &json!("urn:yagura:problem:warnings")),
        "{problem}"
    );
    let broken =
        json!({ "rules": [{ "name": "x", "action": "explode" }], "default_action": "ignore" });
    let (status, problem) = admin
        .put("/drift-policy", &json!({ "policy": broken }))
        .await;
    assert_eq!(
        (status, &problem["diagnostics"][0]["rule"]),
        (422, &json!(0)),
        "{problem}"
    );
    let accepted = json!({ "policy": everywhere, "accept_warnings": true });
    assert_eq!(admin.put("/drift-policy", &accepted).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_tried_on_questions_and_on_history() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let now = jiff_now();
    let mut alert = drift_alert(1, "shop");
    alert["time"] = json!(now);
    alert["last_time"] = json!(now);
    store(&site, "prod", &[alert]).await;
    let loud = json!({ "rules": [{ "name": "Everything", "action": "alert" }], "default_action": "ignore" });
    let saved = admin
        .with("if-match", "\"0\"")
        .put(
            "/drift-policy",
            &json!({ "policy": loud, "accept_warnings": true }),
        )
        .await;
    assert_eq!(saved.0, 200, "{}", saved.1);
    let quiet = json!({ "rules": [{ "name": "Everything", "action": "alert",
        "allow": [{ "process": "/tmp/*" }] }], "default_action": "ignore" });
    let result = admin
        .post(
            "/drift-policy/simulate",
            &json!({ "draft": { "policy": quiet }, "days": 7 }),
        )
        .await
        .1;
    assert_eq!(
        (&result["examined"], &result["vanish"]),
        (&json!(1), &json!(1)),
        "{result}"
    );
    let subject =
        json!({ "namespace": "shop", "process": "/tmp/x", "container": "web", "image": "nginx" });
    let told = admin
        .post(
            "/drift-policy/test",
            &json!({ "subject": subject, "draft": { "policy": quiet } }),
        )
        .await
        .1;
    assert_eq!(told["verdict"], "allowed", "{told}");
    let proposal = admin
        .get(&format!("/alerts/{:032x}/drift-allow-proposal", 1))
        .await
        .1;
    assert_eq!(proposal["rule"], "Everything", "{proposal}");
    assert_eq!(proposal["effect"]["vanish"], 1);
}

fn jiff_now() -> String {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    yagura_event::json::rfc3339(yagura_event::WallTime(
        i64::try_from(since.as_nanos()).unwrap(),
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn escape_prevention_has_its_prerequisites() {
    let site = Site::start().await;
    let admin = site.admin().await.with("if-match", "\"0\"");
    let alone = json!({ "switches": { "k8s_threat_detection": true, "container_escape_prevention": true,
        "malicious_host_behaviour": false, "website_backdoor": false } });
    assert_eq!(admin.put("/protection-settings", &alone).await.0, 422);
    let with_host = json!({ "switches": { "k8s_threat_detection": true, "container_escape_prevention": true,
        "malicious_host_behaviour": true, "website_backdoor": false }, "create_offered_rule": true });
    let (status, settings) = admin.put("/protection-settings", &with_host).await;
    assert_eq!(
        (status, &settings["needs_defence_rule"]),
        (200, &json!(false)),
        "{settings}"
    );
    let rules = admin.get("/defence-rules").await.1;
    assert_eq!(rules["policy"]["rules"][0]["observe"], true);
    let subject = json!({ "process": "/bin/x", "behaviour": "kernel-module", "container": "web", "image": "nginx" });
    let told = admin
        .post("/defence-rules/test", &json!({ "subject": subject }))
        .await
        .1;
    assert_eq!(told["verdict"], "watch", "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_switched_and_own_ones_checked() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let catalogue = admin.get("/catalogue").await.1;
    assert_eq!(catalogue["items"].as_array().unwrap().len(), 52);
    let rule = catalogue["items"][0]["rules"][0]["name"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/catalogue/rules/{}/switch", rule.replace(' ', "%20"));
    let off = admin.put(&path, &json!({ "enabled": false })).await;
    assert_eq!(
        (off.0, &off.1["enabled"]),
        (200, &json!(false)),
        "{}",
        off.1
    );
    let broken = json!({ "text": "- rule: x\n  condition: nonsense.field = 1\n" });
    let check = admin.post("/catalogue/user-rules/check", &broken).await.1;
    assert_eq!(check["usable"], false, "{check}");
    assert_eq!(
        admin
            .with("if-match", "\"0\"")
            .put("/catalogue/user-rules", &broken)
            .await
            .0,
        422
    );
}
