//! Alerts from the store to hands that handle them.

use crate::support::{Site, day, drift_alert, store};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn alerts_are_found_handled_and_taken_back() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let alerts: Vec<Value> = (1..=5).map(|number| drift_alert(number, "shop")).collect();
    store(&site, "prod", &alerts).await;
    store(&site, "prod", &alerts).await;
    let page = admin
        .get("/alerts?status=unhandled&severity=urgent&limit=3")
        .await
        .1;
    assert_eq!(page["items"].as_array().unwrap().len(), 3);
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = admin
        .get(&format!(
            "/alerts?status=unhandled&severity=urgent&limit=3&cursor={cursor}"
        ))
        .await
        .1;
    assert_eq!(
        rest["items"].as_array().unwrap().len(),
        2,
        "stored once each: {rest}"
    );
    let id = page["items"][0]["id"].as_str().unwrap();
    let detail = admin.get(&format!("/alerts/{id}")).await.1;
    assert_eq!(detail["document"]["drift"]["vector"], "written");
    let action =
        json!({ "verb": "mark-handled", "selection": { "same_kind_as": id }, "note": "fixed" });
    let preview = admin.post("/alerts/actions/preview", &action).await.1;
    assert_eq!(
        (&preview["selected"], &preview["changes"]),
        (&json!(5), &json!(5))
    );
    let done = admin.post("/alerts/actions", &action).await.1;
    assert_eq!(done["changed"], 5, "{done}");
    let undone = admin.post("/alerts/undo", &json!({ "ids": [id] })).await.1;
    assert_eq!(undone["changed"], 1);
    assert_eq!(
        admin.get(&format!("/alerts/{id}")).await.1["summary"]["status"],
        "unhandled"
    );
    let comment = json!({ "text": "looks odd" });
    assert_eq!(
        admin
            .post(&format!("/alerts/{id}/comments"), &comment)
            .await
            .0,
        201
    );
    let history = admin.get(&format!("/alerts/{id}/history")).await.1;
    assert_eq!(history["items"].as_array().unwrap().len(), 3, "{history}");
    let (from, to) = (day(4), day(2));
    let span = format!("/overview?from={from}T00:00:00Z&to={to}T00:00:00Z");
    let overview = admin.get(&span).await;
    assert_eq!(overview.0, 200, "{}", overview.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_limited_sees_no_others() {
    let site = Site::start().await;
    let admin = site.admin().await;
    store(
        &site,
        "prod",
        &[drift_alert(1, "shop"), drift_alert(2, "bank")],
    )
    .await;
    store(&site, "test", &[drift_alert(3, "shop")]).await;
    let scope = json!({ "clusters": ["prod"], "namespaces": ["shop"] });
    let limited = site.user(&admin, "lo", "security-operator", scope).await;
    let page = limited.get("/alerts").await.1;
    assert_eq!(page["items"].as_array().unwrap().len(), 1, "{page}");
    for number in [2, 3] {
        let id = format!("{number:032x}");
        assert_eq!(limited.get(&format!("/alerts/{id}")).await.0, 404);
        let action = json!({ "verb": "ignore", "selection": { "ids": [id] } });
        assert_eq!(limited.post("/alerts/actions", &action).await.0, 404);
    }
    let all = json!({ "verb": "ignore", "selection": { "filter": {} } });
    assert_eq!(limited.post("/alerts/actions", &all).await.1["changed"], 1);
    assert_eq!(
        admin.get("/alerts?status=unhandled").await.1["items"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whitelist_rule_silences_what_it_covers_and_counts() {
    let site = Site::start().await;
    let admin = site.admin().await;
    store(&site, "prod", &[drift_alert(1, "shop")]).await;
    let id = format!("{:032x}", 1);
    let proposal = admin
        .get(&format!("/alerts/{id}/whitelist-proposal"))
        .await
        .1;
    let mut draft = proposal["draft"].clone();
    assert!(draft["conditions"].as_array().unwrap().len() > 3, "{draft}");
    draft["conditions"] = json!([{ "field": "namespace", "operator": "equals", "value": "shop" }]);
    let preview = admin.post("/whitelist-rules/preview", &draft).await.1;
    assert_eq!(preview["silenced"], 1, "{preview}");
    assert_eq!(admin.post("/whitelist-rules", &draft).await.0, 201);
    assert_eq!(
        admin.get(&format!("/alerts/{id}")).await.1["summary"]["status"],
        "whitelisted"
    );
    store(
        &site,
        "prod",
        &[drift_alert(2, "shop"), drift_alert(3, "bank")],
    )
    .await;
    let open = admin.get("/alerts?status=unhandled").await.1;
    assert_eq!(open["items"].as_array().unwrap().len(), 1);
    let rules = admin.get("/whitelist-rules").await.1;
    assert_eq!(rules["items"][0]["hits"], 1, "{rules}");
    let broken = json!({ "rule": "R", "conditions": [{ "field": "namespace", "operator": "regex", "value": "(" }] });
    assert_eq!(admin.post("/whitelist-rules", &broken).await.0, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_gets_every_alert_that_it_wants() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let draft = json!({ "name": "file", "kind": "json-lines", "enabled": true, "settings": { "path": "alerts.jsonl" },
        "filter": { "namespace": "shop" } });
    let (status, output) = admin.post("/outputs", &draft).await;
    assert_eq!(status, 201, "{output}");
    let outside = json!({ "name": "f", "kind": "json-lines", "enabled": true, "settings": { "path": "../x" } });
    assert_eq!(admin.post("/outputs", &outside).await.0, 422);
    let test = format!("/outputs/{}/test", output["id"].as_str().unwrap());
    assert_eq!(admin.send("POST", &test, None).await.1["delivered"], true);
    store(
        &site,
        "prod",
        &[drift_alert(1, "shop"), drift_alert(2, "bank")],
    )
    .await;
    let path = site.folder.join("outputs/alerts.jsonl");
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        if text.lines().count() == 2 {
            assert!(text.contains("/tmp/x1"));
            break;
        }
        assert!(Instant::now() < deadline, "{text}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whitelist_rule_is_proposed_with_what_a_name_stands_for() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let named = |number: u32, name: &str| {
        let mut alert = drift_alert(number, "shop");
        alert["drift"] = Value::Null;
        alert["detection"] =
            json!({ "source": "syscall", "events": [{ "facts": { "fd.name": name } }] });
        alert
    };
    let socket = "10.0.0.1:4000->192.0.2.7:443";
    let alerts = [named(1, "/etc/ld.so.preload"), named(2, socket)];
    store(&site, "prod", &alerts).await;
    let mut proposed = Vec::new();
    for number in [1, 2] {
        let path = format!("/alerts/{number:032x}/whitelist-proposal");
        let (status, proposal) = admin.get(&path).await;
        assert_eq!(status, 200, "{proposal}");
        let conditions = proposal["candidates"].as_array().unwrap().iter();
        let value = |field: &str| {
            let mut of_field = conditions.clone().filter(|one| one["field"] == field);
            of_field.next().map(|one| one["value"].clone())
        };
        proposed.push((value("file-path"), value("remote-address")));
    }
    assert_eq!(proposed[0], (Some(json!("/etc/ld.so.preload")), None));
    assert_eq!(proposed[1], (None, Some(json!(socket))));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_has_every_alert_once_whenever_it_happened() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let limited = json!({ "namespaces": ["shop"] });
    let limited = site.user(&admin, "lo", "security-reader", limited).await;
    store(&site, "prod", &[drift_alert(1, "shop")]).await;
    let start = admin.get("/alerts/feed").await.1;
    assert_eq!(start["items"], json!([]), "{start}");
    let after = |feed: &Value| format!("/alerts/feed?after={}", feed["position"].as_str().unwrap());
    // The second is of a node that was cut off: it happened before all others.
    let alerts = [(9, "shop"), (2, "bank"), (5, "shop")];
    for (number, namespace) in alerts {
        store(&site, "prod", &[drift_alert(number, namespace)]).await;
    }
    store(&site, "prod", &[drift_alert(9, "shop")]).await;
    let ids = |feed: &Value| -> Vec<u64> {
        let items = feed["items"].as_array().unwrap().iter();
        let id = |item: &Value| u64::from_str_radix(item["id"].as_str().unwrap(), 16).unwrap();
        items.map(id).collect()
    };
    let news = admin.get(&after(&start)).await.1;
    assert_eq!((ids(&news), &news["more"]), (vec![9, 2, 5], &json!(false)));
    let rest = admin.get(&after(&news)).await.1;
    assert_eq!((ids(&rest), &rest["position"]), (vec![], &news["position"]));
    assert_eq!(ids(&limited.get(&after(&start)).await.1), [9, 5]);
    let none = admin
        .get(&format!("{}&severity=reminder", after(&start)))
        .await;
    assert_eq!(ids(&none.1), [0; 0]);
    for wrong in [
        "after=x",
        "after=-1-2",
        "after=1-2&severity=loud",
        "before=1",
    ] {
        let (status, problem) = admin.get(&format!("/alerts/feed?{wrong}")).await;
        assert!((400..500).contains(&status), "{wrong}: {problem}");
    }
}
