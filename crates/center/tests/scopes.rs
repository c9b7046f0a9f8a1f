//! Who is limited to clusters or namespaces learns nothing of others.

use crate::support::{Caller, Site, drift_alert, store};
use serde_json::{Value, json};
use yagura_event::WallTime;
use yagura_store::{CanaryResult, ContainerReport, NodeReport};

/// Now, as sensors tell it.
fn now() -> WallTime {
    let now = jiff::Timestamp::now().as_nanosecond();
    WallTime(i64::try_from(now).unwrap())
}

/// A node with a canary, a gap, and two containers in two namespaces, each of an image of its own.
async fn node(site: &Site, id: &str, cluster: &str) {
    let store = site.running.center.store();
    let report = NodeReport {
        id: id.to_owned(),
        name: "node-1".to_owned(),
        cluster: cluster.to_owned(),
        region: String::new(),
        provider: String::new(),
        account: String::new(),
        labels: json!({}),
        sensor_version: "1".to_owned(),
        backend: "bpf-lsm".to_owned(),
        kernel: "6.1".to_owned(),
        policy_versions: json!({}),
        health: json!({}),
        replica: "r".to_owned(),
    };
    store.nodes().report(&report, now()).await.unwrap();
    let canary = CanaryResult {
        node: id.to_owned(),
        kind: "drift".to_owned(),
        time: now(),
        seen: true,
        blocked: false,
        latency_ns: 1,
        detail: json!({}),
    };
    let coverage = store.coverage();
    coverage.record_canary(&canary).await.unwrap();
    let detail = json!({});
    let gap = coverage.open_gap(id, "reduced-coverage", &detail, now());
    gap.await.unwrap();
    let container = |namespace: &str| ContainerReport {
        node: id.to_owned(),
        id: format!("{id}-{namespace}"),
        name: namespace.to_owned(),
        image: format!("{cluster}/{namespace}"),
        image_digest: format!("sha256:{cluster}-{namespace}"),
        namespace: namespace.to_owned(),
        pod: String::new(),
        cluster: cluster.to_owned(),
        running: true,
        document: json!({}),
    };
    let containers = ["shop", "bank"].map(container);
    store.inventory().report(&containers, now()).await.unwrap();
}

async fn items(caller: &Caller, path: &str) -> Vec<Value> {
    let (status, page) = caller.get(path).await;
    assert_eq!(status, 200, "{path}: {page}");
    page["items"].as_array().unwrap().clone()
}

async fn site() -> (Site, Caller) {
    let site = Site::start().await;
    let admin = site.admin().await;
    node(&site, "prod-node", "prod").await;
    node(&site, "test-node", "test").await;
    (site, admin)
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_the_fleet_are_cut_to_what_a_caller_may_see() {
    let (site, admin) = site().await;
    for cluster in ["prod", "test"] {
        let webhook = json!({ "cluster": cluster });
        let (status, _) = admin.post("/k8s-audit-webhooks", &webhook).await;
        assert_eq!(status, 201);
    }
    let scope = json!({ "clusters": ["prod"], "namespaces": ["shop"] });
    let limited = site.user(&admin, "lo", "security-reader", scope).await;
    for (path, all) in [
        ("/nodes", 2),
        ("/canaries", 2),
        ("/coverage-gaps", 2),
        ("/containers", 4),
        ("/images", 4),
        ("/clusters", 2),
        ("/k8s-audit-webhooks", 2),
    ] {
        assert_eq!(items(&admin, path).await.len(), all, "{path}");
        let seen = items(&limited, path).await;
        assert_eq!(seen.len(), 1, "{path}: {seen:?}");
        assert!(
            !json!(seen).to_string().contains("test"),
            "{path}: {seen:?}"
        );
        assert!(
            !json!(seen).to_string().contains("bank"),
            "{path}: {seen:?}"
        );
    }
    assert_eq!(items(&limited, "/images").await[0]["containers"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_for_containers_of_others_are_neither_given_nor_seen() {
    let (site, admin) = site().await;
    let scope = json!({ "clusters": ["prod"], "namespaces": ["shop"] });
    let limited = site.user(&admin, "lo", "security-operator", scope).await;
    let pause = |node: &str, container: &str| json!({ "node": node, "kind": "pause-container", "arguments": { "container": container } });
    for (node, container) in [
        ("prod-node", "prod-node-bank"),
        ("test-node", "test-node-shop"),
        ("prod-node", "test-node-shop"),
        ("prod-node", "unknown"),
    ] {
        let (status, problem) = limited.post("/commands", &pause(node, container)).await;
        assert_eq!(status, 403, "{problem}");
    }
    let others = pause("prod-node", "prod-node-bank");
    let (status, other) = admin.post("/commands", &others).await;
    assert_eq!(status, 201, "{other}");
    let own = pause("prod-node", "prod-node-shop");
    let (status, own) = limited.post("/commands", &own).await;
    assert_eq!(status, 201, "{own}");
    let seen = items(&limited, "/commands").await;
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(seen[0]["id"], own["id"]);
    let path = |command: &Value| format!("/commands/{}", command["id"].as_str().unwrap());
    assert_eq!(limited.get(&path(&own)).await.0, 200);
    assert_eq!(limited.get(&path(&other)).await.0, 404);
    assert_eq!(items(&admin, "/commands").await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_counts_only_the_alerts_that_a_caller_may_see() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let mut alerts = [drift_alert(1, "shop"), drift_alert(2, "bank")];
    for alert in &mut alerts {
        alert["incident"] = json!("one-story");
    }
    store(&site, "prod", &alerts).await;
    let scope = json!({ "namespaces": ["shop"] });
    let limited = site.user(&admin, "lo", "security-reader", scope).await;
    for (caller, alerts) in [(&admin, 2), (&limited, 1)] {
        let (status, story) = caller.get("/incidents/one-story").await;
        assert_eq!(status, 200, "{story}");
        assert_eq!(story["summary"]["alerts"], alerts, "{story}");
        assert_eq!(story["alerts"].as_array().unwrap().len(), alerts);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_acts_on_a_node_reaches_that_of_the_alerts_cluster() {
    let (site, admin) = site().await;
    // In no cluster, where nothing is enrolled: a node of that name elsewhere is another one.
    for (number, cluster, status) in [(1, "prod", 200), (2, "", 409)] {
        store(&site, cluster, &[drift_alert(number, "shop")]).await;
        let id = format!("{number:032x}");
        let action = json!({ "verb": "kill-process", "selection": { "ids": [id] } });
        let (answered, result) = admin.post("/alerts/actions", &action).await;
        assert_eq!(answered, status, "{result}");
    }
    let commands = items(&admin, "/commands").await;
    assert_eq!(commands.len(), 1, "{commands:?}");
    assert_eq!(commands[0]["node"], "prod-node");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_kept_is_not_for_a_narrower_token_of_the_same_user() {
    let site = Site::start().await;
    let admin = site.admin().await;
    store(
        &site,
        "prod",
        &[drift_alert(1, "shop"), drift_alert(2, "bank")],
    )
    .await;
    let asked = json!({
        "name": "t", "role": "security-operator", "days": 1, "scope": { "namespaces": ["shop"] },
    });
    let (status, made) = admin.post("/tokens", &asked).await;
    assert_eq!(status, 201, "{made}");
    let bearer = format!("Bearer {}", made["secret"].as_str().unwrap());
    let token = site.anonymous().with("authorization", &bearer);
    let preview = json!({ "verb": "ignore", "selection": { "filter": {} } });
    let path = "/alerts/actions/preview";
    let once = |caller: &Caller| caller.with("idempotency-key", "k");
    let (status, whole) = once(&admin).post(path, &preview).await;
    assert_eq!((status, &whole["selected"]), (200, &json!(2)), "{whole}");
    let (status, problem) = once(&token).post(path, &preview).await;
    assert_eq!(status, 422, "{problem}");
    assert_eq!(token.post(path, &preview).await.1["selected"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_shares_nothing_with_its_owner_sees_nothing() {
    let site = Site::start().await;
    let admin = site.admin().await;
    // Of a node in no cluster, and of a container in no namespace.
    store(&site, "", &[drift_alert(1, "")]).await;
    let scope = json!({ "clusters": ["prod"] });
    let owner = site.user(&admin, "lo", "security-reader", scope).await;
    let asked = json!({
        "name": "t", "role": "security-reader", "days": 1, "scope": { "clusters": ["prod"] },
    });
    let (status, made) = owner.post("/tokens", &asked).await;
    assert_eq!(status, 201, "{made}");
    let users = items(&admin, "/users").await;
    let owner = users.iter().find(|user| user["name"] == "lo").unwrap();
    let path = format!("/users/{}", owner["id"].as_str().unwrap());
    let elsewhere = json!({ "scope": { "clusters": ["test"] } });
    assert_eq!(admin.send("PATCH", &path, Some(&elsewhere)).await.0, 200);
    let bearer = format!("Bearer {}", made["secret"].as_str().unwrap());
    let token = site.anonymous().with("authorization", &bearer);
    assert_eq!(items(&admin, "/alerts").await.len(), 1);
    assert_eq!(items(&token, "/alerts").await.len(), 0);
}
