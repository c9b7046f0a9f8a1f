//! What detection, outputs and the API remember.

use crate::fixture::{Connected, NOW, alert, at, contracts, feed};
use std::time::Duration;
use yagura_store::{
    AuditKey, AuditMemory, BATCH_ITEMS_MAX, Begun, FeedPosition, Hit, HitKind, MEMORY_BYTES_MAX,
    Retention, StoreError,
};

contracts![
    audit_events_are_judged_once,
    replicas_judge_in_turn,
    what_changed_is_remembered,
    memories_are_bounded,
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

fn memory(rule: &str, subject: &str, memory: &str) -> AuditMemory {
    AuditMemory {
        subject: subject.as_bytes().to_vec(),
        rule: rule.to_owned(),
        memory: memory.to_owned(),
    }
}

async fn audit_events_are_judged_once(fixture: Connected) {
    let audit = fixture.store.kubernetes_audit();
    let mut twice = keys(0, 4);
    twice.push(twice[0].clone());
    let judged = audit.judged("tokyo", 0, &twice, &[], NOW).await.unwrap();
    assert_eq!(judged, Some(1));
    let judged = audit.judged("tokyo", 1, &keys(3, 5), &[], at(1)).await;
    assert_eq!(judged.unwrap(), Some(2));
    let judged = audit.judged("osaka", 0, &keys(0, 1), &[], NOW).await;
    assert_eq!(judged.unwrap(), Some(1));
    assert_eq!(
        audit.seen("tokyo", &keys(2, 6)).await.unwrap(),
        [true, true, true, false]
    );
    assert_eq!(audit.seen("nara", &keys(0, 1)).await.unwrap(), [false]);
    let progress = audit.progress().await.unwrap();
    let told: Vec<_> = progress
        .iter()
        .map(|of| (of.cluster.as_str(), of.generation, of.events, of.last))
        .collect();
    assert_eq!(told, [("osaka", 1, 1, NOW), ("tokyo", 2, 6, at(1))]);
    let done = fixture
        .store
        .maintain(&Retention::default(), at(2 * 24 * 3_600))
        .await
        .unwrap();
    assert_eq!(done.kubernetes_audit, 6);
    let many = vec![keys(0, 1).remove(0); BATCH_ITEMS_MAX + 1];
    assert!(matches!(
        audit.judged("tokyo", 2, &many, &[], NOW).await,
        Err(StoreError::TooMany { .. })
    ));
}

/// Each takes what is remembered, adds to it, and does it again if another one was faster: none overwrites another.
async fn replicas_judge_in_turn(fixture: Connected) {
    let mut tasks = Vec::new();
    for replica in 0..4 {
        let store = fixture.store.clone();
        tasks.push(tokio::spawn(async move {
            let audit = store.kubernetes_audit();
            let mut refused = 0;
            for batch in 0..10 {
                let from = replica * 1_000 + batch * 10;
                loop {
                    let known = audit.memories("tokyo", 0).await.unwrap();
                    let count: u32 = known
                        .changed
                        .first()
                        .map_or(0, |text| text.parse().unwrap());
                    let next = memory("r", "count", &(count + 1).to_string());
                    let judged = audit
                        .judged(
                            "tokyo",
                            known.generation,
                            &keys(from, from + 10),
                            &[next],
                            NOW,
                        )
                        .await
                        .unwrap();
                    match judged {
                        Some(_) => break,
                        None => refused += 1,
                    }
                }
            }
            refused
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let audit = fixture.store.kubernetes_audit();
    let known = audit.memories("tokyo", 0).await.unwrap();
    assert_eq!(
        (known.generation, known.changed),
        (40, vec!["40".to_owned()])
    );
    let events = audit.progress().await.unwrap()[0].events;
    assert_eq!(events, 400);
    // Who comes too late leaves nothing behind.
    let late = audit
        .judged(
            "tokyo",
            39,
            &keys(9_000, 9_001),
            &[memory("r", "x", "1")],
            NOW,
        )
        .await;
    assert_eq!(late.unwrap(), None);
    assert_eq!(
        audit.seen("tokyo", &keys(9_000, 9_001)).await.unwrap(),
        [false]
    );
    assert_eq!(audit.memories("tokyo", 39).await.unwrap().changed, ["40"]);
}

async fn what_changed_is_remembered(fixture: Connected) {
    let audit = fixture.store.kubernetes_audit();
    let long = "subject ".repeat(1_000);
    let first = [
        memory("a", "s", "a1"),
        memory("b", "s", "b1"),
        memory("b", &long, "long \0"),
    ];
    let batches = [
        &first[..],
        &[memory("a", "s", "a2")],
        &[],
        &[memory("a", "s", "a3"), memory("a", "s", "a4")],
    ];
    for (generation, changed) in (0..).zip(batches) {
        let judged = audit.judged("tokyo", generation, &[], changed, NOW).await;
        assert_eq!(judged.unwrap(), Some(generation + 1));
    }
    let all = audit.memories("tokyo", 0).await.unwrap();
    assert_eq!((all.generation, all.changed.len()), (4, 3));
    assert_eq!(all.changed[2], "a4", "what changed last is told last");
    assert_eq!(audit.memories("tokyo", 1).await.unwrap().changed, ["a4"]);
    assert_eq!(audit.memories("tokyo", 4).await.unwrap().changed.len(), 0);
    let other = audit.memories("osaka", 0).await.unwrap();
    assert_eq!((other.generation, other.changed.len()), (0, 0));
    let long = memory("a", "s", &"x".repeat(MEMORY_BYTES_MAX + 1));
    assert!(matches!(
        audit.judged("tokyo", 4, &[], &[long], NOW).await,
        Err(StoreError::TooLarge { .. })
    ));
}

async fn memories_are_bounded(fixture: Connected) {
    const KEPT: usize = 8_192;
    let audit = fixture.store.kubernetes_audit();
    let many: Vec<AuditMemory> = (0..KEPT + 5)
        .map(|number| memory("many", &number.to_string(), &number.to_string()))
        .collect();
    for (generation, part) in many.chunks(4_000).enumerate() {
        let generation = i64::try_from(generation).unwrap();
        let few = [part, &[memory("few", "s", "few")]].concat();
        audit
            .judged("tokyo", generation, &[], &few, NOW)
            .await
            .unwrap()
            .unwrap();
    }
    let done = fixture
        .store
        .maintain(&Retention::default(), NOW)
        .await
        .unwrap();
    assert_eq!(done.audit_memories, 5);
    let kept = audit.memories("tokyo", 0).await.unwrap().changed;
    assert_eq!(kept.len(), KEPT + 1);
    assert!(kept.contains(&"few".to_owned()));
    assert!(kept.contains(&(KEPT + 4).to_string()), "the newest stay");
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
