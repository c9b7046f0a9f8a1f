//! News of changes, in this process and, with PostgreSQL, from other replicas.

use crate::fixture::{Connected, NOW, admin, alert, connect, contracts};
use serde_json::json;
use std::time::Duration;
use yagura_store::{
    Change, ChangeKind, Dialect, DocumentKind, Notice, StatusChange, Subscription, Version,
};

contracts![
    changes_are_told_with_their_version,
    what_is_refused_is_not_told,
    a_slow_subscriber_is_told_to_read_anew,
];

async fn next(subscription: &mut Subscription) -> Notice {
    tokio::time::timeout(Duration::from_secs(20), subscription.next())
        .await
        .expect("a notice in time")
        .expect("an open store")
}

async fn changes_are_told_with_their_version(fixture: Connected) {
    // Another replica, where there can be one.
    let other = match fixture.store.dialect() {
        Dialect::Postgres => connect(&fixture.target).await,
        Dialect::Sqlite => fixture.store.clone(),
    };
    let mut subscriptions = [fixture.store.subscribe(), other.subscribe()];
    let policy = other.documents(DocumentKind::DriftPolicy);
    policy
        .create("default", &json!(1), "", &admin(), NOW)
        .await
        .unwrap();
    policy
        .update("default", Version(1), &json!(2), "", &admin(), NOW)
        .await
        .unwrap();
    other
        .alerts()
        .insert(&[alert(1), alert(2)], NOW)
        .await
        .unwrap();
    let change = StatusChange {
        status: yagura_store::AlertStatus::Handled,
        note: String::new(),
        reference: String::new(),
    };
    other
        .alerts()
        .set_status(&alert(1).id, None, &change, &admin(), NOW)
        .await
        .unwrap();
    for subscription in &mut subscriptions {
        for (kind, id, version) in [
            (
                ChangeKind::Document(DocumentKind::DriftPolicy),
                "default",
                1,
            ),
            (
                ChangeKind::Document(DocumentKind::DriftPolicy),
                "default",
                2,
            ),
            (ChangeKind::Alerts, "", 2),
            (ChangeKind::Alert, alert(1).id.as_str(), 2),
        ] {
            let change = Change {
                kind,
                id: id.to_owned(),
                version,
            };
            assert_eq!(next(subscription).await, Notice::Change(change));
        }
    }
    other.close().await;
}

async fn what_is_refused_is_not_told(fixture: Connected) {
    let policy = fixture.store.documents(DocumentKind::DriftPolicy);
    policy
        .create("default", &json!(1), "", &admin(), NOW)
        .await
        .unwrap();
    let mut subscription = fixture.store.subscribe();
    policy
        .update("default", Version(9), &json!(2), "", &admin(), NOW)
        .await
        .unwrap_err();
    fixture
        .store
        .alerts()
        .insert(&[alert(1)], NOW)
        .await
        .unwrap();
    loop {
        match next(&mut subscription).await {
            Notice::Change(Change {
                kind: ChangeKind::Alerts,
                ..
            }) => break,
            // With a server, what was committed before may be told after.
            Notice::Change(change) => assert_eq!(change.version, 1),
            Notice::Missed => panic!("nothing was missed"),
        }
    }
}

async fn a_slow_subscriber_is_told_to_read_anew(fixture: Connected) {
    let mut subscription = fixture.store.subscribe();
    let report = |number: u32| yagura_store::ContainerReport {
        node: "n".to_owned(),
        id: format!("c{number}"),
        name: String::new(),
        image: String::new(),
        image_digest: String::new(),
        namespace: String::new(),
        pod: String::new(),
        cluster: String::new(),
        running: true,
        document: json!({}),
    };
    // Inventory makes no notices; gaps make one each.
    fixture
        .store
        .inventory()
        .report(&[report(1)], NOW)
        .await
        .unwrap();
    for number in 0..1_100 {
        fixture
            .store
            .coverage()
            .open_gap(&format!("n{number}"), "drops", &json!({}), NOW)
            .await
            .unwrap();
    }
    fixture.store.ping().await.unwrap();
    assert_eq!(next(&mut subscription).await, Notice::Missed);
    assert!(matches!(next(&mut subscription).await, Notice::Change(_)));
}
