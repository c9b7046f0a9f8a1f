//! A database that goes away and comes back, and a disk that is full: told apart, and nothing is half done.

use crate::fixture::{NOW, admin, alert, connect, runtime, until};
use serde_json::json;
use std::process::Command;
use yagura_store::{
    AlertFilter, ConnectError, DocumentKind, InsertOutcome, NewAlert, Notice, Options, Store,
    StoreError, Target,
};
use yagura_testkit::{Durability, PostgresServer, ScratchDir};

pub(crate) const TESTS: &[(&str, fn())] = &[
    (
        "postgres_is_killed_and_comes_back",
        postgres_is_killed_and_comes_back,
    ),
    ("postgres_is_not_there", postgres_is_not_there),
    ("sqlite_disk_is_full", sqlite_disk_is_full),
    ("sqlite_file_is_no_database", sqlite_file_is_no_database),
];

fn postgres_is_killed_and_comes_back() {
    let mut server = PostgresServer::start(Durability::Synced).unwrap();
    let target = Target::parse(&server.create_database("outage").unwrap());
    runtime().block_on(async {
        let store = connect(&target).await;
        let mut subscription = store.subscribe();
        let batch: Vec<NewAlert> = (0..50).map(alert).collect();
        store.alerts().insert(&batch, NOW).await.unwrap();
        assert!(matches!(subscription.next().await, Some(Notice::Change(_))));

        server.kill();
        let more: Vec<NewAlert> = (40..60).map(alert).collect();
        let refused = store.alerts().insert(&more, NOW).await.unwrap_err();
        assert!(matches!(refused, StoreError::Unavailable(_)), "{refused:?}");
        assert!(refused.is_retryable());
        assert!(store.ping().await.is_err());

        server.start_again().unwrap();
        let inserted = until("the second insert", async || {
            store.alerts().insert(&more, NOW).await.ok()
        })
        .await;
        assert_eq!(
            inserted.count(InsertOutcome::Known),
            10,
            "what was stored is there"
        );
        let all = AlertFilter::default();
        assert_eq!(store.alerts().count_up_to(&all, 999).await.unwrap(), 60);

        // Who keeps copies is told that some news may be lost, and then told of news again.
        until("a notice of the gap", async || {
            (subscription.next().await == Some(Notice::Missed)).then_some(())
        })
        .await;
        let outputs = store.documents(DocumentKind::Output);
        outputs
            .put("x", &json!({}), "", &admin(), NOW)
            .await
            .unwrap();
        until("a notice after it", async || {
            match subscription.next().await {
                Some(Notice::Change(change)) if change.id == "x" => Some(()),
                _ => None,
            }
        })
        .await;
        store.close().await;
    });
}

fn postgres_is_not_there() {
    let scratch = ScratchDir::new().unwrap();
    let url = format!(
        "postgres://postgres@localhost/x?host={}",
        scratch.path().display()
    );
    runtime().block_on(async {
        let options = Options {
            wait: std::time::Duration::from_millis(300),
            ..Options::default()
        };
        let refused = Store::connect(&Target::parse(&url), &options)
            .await
            .unwrap_err();
        let unavailable = matches!(refused, ConnectError::Database(StoreError::Unavailable(_)));
        assert!(unavailable, "{refused:?}");
    });
}

fn sqlite_disk_is_full() {
    let scratch = ScratchDir::new().unwrap();
    let folder = scratch.join("small");
    std::fs::create_dir(&folder).unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"])
        .arg(&folder)
        .status();
    if !mounted.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: a full disk needs a small file system, which root alone can mount");
        return;
    }
    runtime().block_on(async {
        let store = connect(&Target::Sqlite(folder.clone())).await;
        let mut stored = 0;
        let full = loop {
            let batch: Vec<NewAlert> = (stored..stored + 100).map(large).collect();
            match store.alerts().insert(&batch, NOW).await {
                Ok(_) => stored += 100,
                Err(error) => break error,
            }
            assert!(stored < 10_000, "the disk never fills");
        };
        assert!(matches!(full, StoreError::DiskFull(_)), "{full:?}");
        assert!(full.is_retryable());
        let all = AlertFilter::default();
        let count = store.alerts().count_up_to(&all, 99_999).await.unwrap();
        assert_eq!(i64::from(count), stored, "whole batches, or nothing of one");

        let larger = Command::new("mount")
            .args(["-o", "remount,size=64m"])
            .arg(&folder)
            .status();
        assert!(larger.unwrap().success());
        let batch: Vec<NewAlert> = (stored..stored + 100).map(large).collect();
        store.alerts().insert(&batch, NOW).await.unwrap();
        store.close().await;
    });
}

fn large(number: i64) -> NewAlert {
    NewAlert {
        document: format!("\"{}\"", "x".repeat(2_000)),
        ..alert(number)
    }
}

fn sqlite_file_is_no_database() {
    let scratch = ScratchDir::new().unwrap();
    std::fs::write(scratch.join("yagura.db"), "this is a text ".repeat(1_000)).unwrap();
    runtime().block_on(async {
        let target = Target::Sqlite(scratch.path().to_owned());
        let refused = Store::connect(&target, &Options::default())
            .await
            .unwrap_err();
        let damaged = matches!(refused, ConnectError::Database(StoreError::Damaged { .. }));
        assert!(damaged, "{refused:?}");
    });
}
