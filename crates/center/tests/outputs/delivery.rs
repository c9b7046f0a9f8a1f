//! What becomes of alerts when receivers are away, hang, or refuse.

use super::receivers::{HttpReceiver, free_address, until};
use super::{Site, create, delivery, ids, numbered, store};
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_comes_back_gets_everything_in_order_even_after_a_restart() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let address = free_address().await;
    let url = format!("http://{address}/");
    let id = create(&admin, "webhook", json!({ "url": url }), json!({})).await;
    store(&site, "prod", &numbered(0..150)).await;
    until("the output waits", || async {
        delivery(&admin, &id).await["state"] == "retrying"
    })
    .await;
    let waits = delivery(&admin, &id).await;
    assert_eq!(
        (&waits["waiting"], &waits["delivered"]),
        (&json!(150), &json!(0)),
        "{waits}"
    );
    assert!(
        waits["last_error"].as_str().unwrap().contains("onnect"),
        "{waits}"
    );
    assert!(waits["retry_at"].is_string());
    let site = site.restart().await;
    store(&site, "prod", &numbered(150..260)).await;
    let receiver = HttpReceiver::at(address, |_| (200, "")).await;
    until("everything came", || async {
        receiver.alert_ids().len() >= 260
    })
    .await;
    assert_eq!(receiver.alert_ids(), ids(0..260));
    let mut caller = site.anonymous();
    caller.log_in("admin", crate::support::PASSWORD).await;
    until("it is noted", || async {
        delivery(&caller, &id).await["delivered"] == 260
    })
    .await;
    let done = delivery(&caller, &id).await;
    assert_eq!(
        (&done["state"], &done["waiting"], &done["dropped"]),
        (&json!("delivering"), &json!(0), &json!(0)),
        "{done}"
    );
    // A receiver that goes away in between loses nothing either.
    drop(receiver);
    store(&site, "prod", &numbered(260..300)).await;
    until("it is away", || async {
        delivery(&caller, &id).await["state"] == "retrying"
    })
    .await;
    let receiver = HttpReceiver::at(address, |_| (200, "")).await;
    until("the rest came", || async {
        receiver.alert_ids().len() >= 40
    })
    .await;
    assert_eq!(receiver.alert_ids(), ids(260..300));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_hangs_holds_up_nobody_else() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let hanging = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = hanging.local_addr().unwrap();
    let receiver = HttpReceiver::start().await;
    for kind in ["webhook", "otlp"] {
        let url = json!({ "url": format!("http://{address}/") });
        create(&admin, kind, url, json!({})).await;
    }
    let good = receiver.url("/");
    create(&admin, "webhook", json!({ "url": good }), json!({})).await;
    store(&site, "prod", &numbered(0..5)).await;
    // The request is there, and never gets an answer.
    let (mut stuck, _) = hanging.accept().await.unwrap();
    let mut head = [0; 16];
    stuck.read_exact(&mut head).await.unwrap();
    assert!(head.starts_with(b"POST / HTTP"));
    for batch in 1..20 {
        store(&site, "prod", &numbered(batch * 5..batch * 5 + 5)).await;
    }
    until("the good one got all", || async {
        receiver.alert_ids().len() == 100
    })
    .await;
    assert_eq!(receiver.alert_ids(), ids(0..100));
    drop(stuck);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_alert_that_is_refused_takes_no_other_with_it() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let poison = format!("{:032x}", 13);
    let receiver = HttpReceiver::at(free_address().await, move |request| {
        match request.body.contains(&poison) {
            true => (422, ""),
            false => (200, ""),
        }
    })
    .await;
    let url = json!({ "url": receiver.url("/") });
    let id = create(&admin, "webhook", url, json!({})).await;
    store(&site, "prod", &numbered(0..40)).await;
    until("the others came", || async {
        receiver.alert_ids().len() == 39
    })
    .await;
    let expected: Vec<String> = ids(0..13).into_iter().chain(ids(14..40)).collect();
    assert_eq!(receiver.alert_ids(), expected);
    until("it is counted", || async {
        delivery(&admin, &id).await["delivered"] == 39
    })
    .await;
    let done = delivery(&admin, &id).await;
    assert_eq!(done["dropped"], 1, "{done}");
    assert!(done["last_error"].as_str().unwrap().contains("422"));
    let metrics = site
        .anonymous()
        .http
        .get(format!("{}/metrics", site.running.url()));
    let metrics = metrics.send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("yagura_center_output_alerts_dropped_total 1\n"));
    assert!(metrics.contains("yagura_center_output_alerts_delivered_total 39\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_says_when_it_wants_to_be_asked_again() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let receiver = HttpReceiver::at(free_address().await, |_| (503, "120")).await;
    let url = json!({ "url": receiver.url("/") });
    let id = create(&admin, "webhook", url, json!({})).await;
    store(&site, "prod", &numbered(0..1)).await;
    until("it failed", || async {
        delivery(&admin, &id).await["failed"] == 1
    })
    .await;
    let state = delivery(&admin, &id).await;
    let time = |name: &str| state[name].as_str().unwrap().parse::<jiff::Timestamp>();
    let wait = time("retry_at").unwrap() - time("last_failure").unwrap();
    assert_eq!(wait.total(jiff::Unit::Second).unwrap().round(), 120.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_bounded_and_what_is_given_up_is_counted() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let address = free_address().await;
    let settings = json!({ "url": format!("http://{address}/"), "backlog_max": "100" });
    let id = create(&admin, "webhook", settings, json!({})).await;
    // More than one page of what is given up.
    store(&site, "prod", &numbered(0..720)).await;
    until("the oldest are given up", || async {
        delivery(&admin, &id).await["dropped"] == 620
    })
    .await;
    let receiver = HttpReceiver::at(address, |_| (200, "")).await;
    until("the newest come", || async {
        receiver.alert_ids().len() >= 100
    })
    .await;
    assert_eq!(receiver.alert_ids(), ids(620..720));
    assert_eq!(delivery(&admin, &id).await["dropped"], 620);
}
