//! What detection, outputs and the API remember.

use crate::fixture::{Connected, NOW, alert, at, contracts, feed};
use std::time::Duration;
use yagura_store::{
    AuditKey, BATCH_ITEMS_MAX, Begun, FeedPosition, Hit, HitKind, PageRequest, Retention,
    STATE_BYTES_MAX, StoreError,
};

contracts![
    audit_events_are_judged_once,
    first_sights_are_seen_once,
    states_replace_one_another,
    hits_add_up,
    answers_are_kept_for_requests_that_come_twice,
    one_replica_delivers,
];

fn keys(from: u32, to: u32) -> Vec<AuditKey> {
    (from..to)
        .map(|number| AuditKey {
            audit_id: format!("id-{}", number / 2),
            stage: ["RequestReceived", "ResponseComplete"][usize::from(number % 2 == 1)].to_owned(),
        })
        .collect()
}

async fn audit_events_are_judged_once(fixture: Connected) {
    let audit = fixture.store.kubernetes_audit();
    let mut twice = keys(0, 4);
    twice.push(twice[0].clone());
    let fresh = audit.claim("tokyo", &twice, NOW).await.unwrap();
    assert_eq!(fresh, [true, true, true, true, false]);
    assert_eq!(
        audit.claim("osaka", &keys(0, 1), NOW).await.unwrap(),
        [true]
    );
    assert_eq!(
        audit.seen("tokyo", &keys(2, 6)).await.unwrap(),
        [true, true, false, false]
    );
    assert_eq!(audit.seen("nara", &keys(0, 1)).await.unwrap(), [false]);
    let mut tasks = Vec::new();
    for task in 0..4 {
        let store = fixture.store.clone();
        tasks.push(tokio::spawn(async move {
            let mut batch = keys(100, 300);
            if task % 2 == 0 {
                batch.reverse();
            }
            store
                .kubernetes_audit()
                .claim("tokyo", &batch, NOW)
                .await
                .unwrap()
        }));
    }
    let mut fresh = 0;
    for task in tasks {
        fresh += task
            .await
            .unwrap()
            .into_iter()
            .filter(|fresh| *fresh)
            .count();
    }
    assert_eq!(fresh, 200);
    let done = fixture
        .store
        .maintain(&Retention::default(), at(2 * 24 * 3_600))
        .await
        .unwrap();
    assert_eq!(done.kubernetes_audit, 205);
    let many = vec![keys(0, 1).remove(0); BATCH_ITEMS_MAX + 1];
    assert!(matches!(
        audit.claim("tokyo", &many, NOW).await,
        Err(StoreError::TooMany { .. })
    ));
}

async fn first_sights_are_seen_once(fixture: Connected) {
    let first_seen = fixture.store.first_seen();
    let items: Vec<String> = ["b", "a", "b", "nul\0"].map(str::to_owned).into();
    let fresh = first_seen.observe("sa", &items, NOW).await.unwrap();
    assert_eq!(fresh, [true, true, false, true]);
    assert_eq!(
        first_seen.observe("sa", &items, at(1)).await.unwrap(),
        [false; 4]
    );
    assert_eq!(
        first_seen
            .observe("other", &items[..1], at(1))
            .await
            .unwrap(),
        [true]
    );
    let page = first_seen.list("sa", &PageRequest::first(2)).await.unwrap();
    assert_eq!(page.items, ["a", "b"]);
    let rest = PageRequest::after(2, page.next.unwrap());
    assert_eq!(
        first_seen.list("sa", &rest).await.unwrap().items,
        ["nul\u{fffd}"]
    );
}

async fn states_replace_one_another(fixture: Connected) {
    let states = fixture.store.states();
    assert_eq!(states.load("k8s/tokyo").await.unwrap(), None);
    states.save("k8s/tokyo", &[0, 255], NOW).await.unwrap();
    states.save("k8s/tokyo", &[1, 2, 3], at(1)).await.unwrap();
    assert_eq!(states.load("k8s/tokyo").await.unwrap().unwrap(), [1, 2, 3]);
    assert_eq!(states.saved_at("k8s/tokyo").await.unwrap(), Some(at(1)));
    assert_eq!(states.saved_at("k8s/osaka").await.unwrap(), None);
    let long = vec![0; STATE_BYTES_MAX + 1];
    assert!(matches!(
        states.save("x", &long, NOW).await,
        Err(StoreError::TooLarge { .. })
    ));
}

async fn hits_add_up(fixture: Connected) {
    let hits = fixture.store.hits();
    let hit = |id: &str, count: i64, seconds: i64| Hit {
        kind: HitKind::Rule,
        id: id.to_owned(),
        hits: count,
        last: at(seconds),
    };
    hits.add(&[hit("b", 2, 5), hit("a", 1, 1)]).await.unwrap();
    hits.add(&[hit("b", 3, 4), hit("b", 1, 9)]).await.unwrap();
    assert_eq!(
        hits.list(HitKind::Rule).await.unwrap(),
        [hit("a", 1, 1), hit("b", 6, 9)]
    );
    assert!(hits.list(HitKind::Whitelist).await.unwrap().is_empty());
    hits.reset(HitKind::Rule, "a").await.unwrap();
    assert_eq!(hits.list(HitKind::Rule).await.unwrap().len(), 1);
}

async fn answers_are_kept_for_requests_that_come_twice(fixture: Connected) {
    let keep = Duration::from_secs(100);
    let mut tasks = Vec::new();
    for _ in 0..5 {
        let store = fixture.store.clone();
        tasks.push(tokio::spawn(async move {
            store
                .idempotency()
                .begin("alice", "k1", "POST /x", keep, NOW)
                .await
                .unwrap()
        }));
    }
    let mut begun = Vec::new();
    for task in tasks {
        begun.push(task.await.unwrap());
    }
    assert_eq!(
        begun.iter().filter(|begun| **begun == Begun::New).count(),
        1
    );
    assert_eq!(
        begun
            .iter()
            .filter(|begun| **begun == Begun::Running)
            .count(),
        4
    );
    let keys = fixture.store.idempotency();
    let begin = |owner: &'static str, print: &'static str, seconds: i64| async move {
        keys.begin(owner, "k1", print, keep, at(seconds))
            .await
            .unwrap()
    };
    assert_eq!(begin("alice", "POST /y", 1).await, Begun::Mismatch);
    assert_eq!(begin("bob", "POST /y", 1).await, Begun::New);
    keys.finish("alice", "k1", 201, "{\"id\":1}").await.unwrap();
    let done = Begun::Done {
        status: 201,
        body: "{\"id\":1}".to_owned(),
    };
    assert_eq!(begin("alice", "POST /x", 2).await, done);
    keys.abandon("alice", "k1").await.unwrap();
    assert_eq!(
        begin("alice", "POST /x", 3).await,
        done,
        "what is done can't be abandoned"
    );
    assert_eq!(begin("alice", "POST /z", 100).await, Begun::New, "keys end");
    keys.abandon("bob", "k1").await.unwrap();
    assert_eq!(begin("bob", "POST /y", 4).await, Begun::New);
}

async fn one_replica_delivers(fixture: Connected) {
    let (outputs, alerts) = (fixture.store.outputs(), fixture.store.alerts());
    assert_eq!(outputs.state("siem").await.unwrap(), None);
    outputs
        .start_at("siem", FeedPosition::default())
        .await
        .unwrap();
    assert!(outputs.claim("siem", "r1", at(10), NOW).await.unwrap());
    assert!(!outputs.claim("siem", "r2", at(10), at(9)).await.unwrap());
    assert!(outputs.claim("siem", "r1", at(20), at(9)).await.unwrap());
    assert!(
        outputs.claim("siem", "r2", at(30), at(20)).await.unwrap(),
        "of one that is gone"
    );
    let batch: Vec<_> = (0..3).map(alert).collect();
    alerts.insert(&batch, NOW).await.unwrap();
    let first = feed(&fixture.store, FeedPosition::default(), 2, 2).await;
    outputs
        .failed("siem", &"e".repeat(100_000), at(5), at(4))
        .await
        .unwrap();
    outputs
        .failed("siem", "refused", at(9), at(6))
        .await
        .unwrap();
    let state = outputs.state("siem").await.unwrap().unwrap();
    assert_eq!(
        (state.failed, state.consecutive_failures, state.retry_at),
        (2, 2, Some(at(9)))
    );
    outputs
        .delivered("siem", first.position, 2, at(9))
        .await
        .unwrap();
    let state = outputs.states().await.unwrap().remove(0);
    assert_eq!(
        (state.delivered, state.consecutive_failures, state.retry_at),
        (2, 0, None)
    );
    assert_eq!(
        (state.last_error.as_str(), state.position),
        ("refused", first.position)
    );
    let rest = feed(&fixture.store, state.position, 10, 1).await;
    outputs
        .dropped("siem", rest.position, 1, "spool is full", at(11))
        .await
        .unwrap();
    assert_eq!(outputs.state("siem").await.unwrap().unwrap().dropped, 1);
    outputs.forget("siem").await.unwrap();
    assert!(outputs.states().await.unwrap().is_empty());
}
