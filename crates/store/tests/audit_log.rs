//! The audit log can't be changed through the database, and shows it where somebody got around that.

use crate::fixture::{Connected, DAY, NOW, admin, at, contracts};
use serde_json::{Value, json};
use std::time::Duration;
use yagura_event::WallTime;
use yagura_store::{AuditFilter, NewAuditEntry, PageRequest, Retention, Store, Target};

contracts![
    the_chain_is_unbroken_whoever_writes_at_once,
    changes_behind_its_back_are_found,
    retention_leaves_a_chain_that_verifies,
];

fn entry(number: i64) -> NewAuditEntry {
    NewAuditEntry {
        action: "session.begin".to_owned(),
        object_kind: "user".to_owned(),
        object_id: format!("u{number}\0"),
        before: Value::Null,
        after: json!({ "number": number, "text": "\u{0}日本" }),
    }
}

async fn fill(store: &Store, count: i64) {
    for number in 0..count {
        let time = WallTime(NOW.0 + number * DAY);
        store
            .audit_log()
            .append(&entry(number), &admin(), time)
            .await
            .unwrap();
    }
}

async fn the_chain_is_unbroken_whoever_writes_at_once(fixture: Connected) {
    let mut tasks = Vec::new();
    for writer in 0..5 {
        let store = fixture.store.clone();
        tasks.push(tokio::spawn(async move {
            for number in 0..10 {
                let entry = entry(writer * 100 + number);
                store
                    .audit_log()
                    .append(&entry, &admin(), NOW)
                    .await
                    .unwrap();
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let log = fixture.store.audit_log();
    let verdict = log.verify().await.unwrap();
    assert_eq!((verdict.entries, verdict.broken), (50, None));
    let page = log
        .list(&AuditFilter::default(), &PageRequest::first(50))
        .await
        .unwrap();
    assert_eq!(page.items[0].seq, 50);
    assert_eq!(page.items[0].hash, verdict.head);
    assert_eq!(page.items[0].after["text"], "\u{0}日本");
    let filter = AuditFilter {
        actors: vec!["alice".to_owned()],
        actions: vec!["session.begin".to_owned()],
        object_ids: vec!["u103\u{fffd}".to_owned()],
        from: Some(NOW),
        to: Some(at(1)),
        ..AuditFilter::default()
    };
    assert_eq!(
        log.list(&filter, &PageRequest::first(50))
            .await
            .unwrap()
            .items
            .len(),
        1
    );
}

/// Runs a statement as somebody who has the database's password.
async fn behind_its_back(target: &Target, sql: &str) -> Result<(), sqlx::Error> {
    use sqlx::Connection;
    match target {
        Target::Sqlite(folder) => {
            let options =
                sqlx::sqlite::SqliteConnectOptions::new().filename(folder.join("yagura.db"));
            let mut connection = sqlx::sqlite::SqliteConnection::connect_with(&options).await?;
            sqlx::raw_sql(sql).execute(&mut connection).await.map(drop)
        }
        Target::Postgres(url) => {
            let mut connection = sqlx::postgres::PgConnection::connect(url).await?;
            sqlx::raw_sql(sql).execute(&mut connection).await.map(drop)
        }
    }
}

async fn changes_behind_its_back_are_found(fixture: Connected) {
    fill(&fixture.store, 20).await;
    let log = fixture.store.audit_log();
    for sql in [
        "UPDATE audit_log SET actor = 'mallory' WHERE seq = 7",
        "DELETE FROM audit_log WHERE seq = 7",
    ] {
        let refused = behind_its_back(&fixture.target, sql).await.unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{refused}");
    }
    assert_eq!(log.verify().await.unwrap().broken, None);
    let unlock = match fixture.target {
        Target::Sqlite(_) => "DROP TRIGGER audit_log_no_update; DROP TRIGGER audit_log_no_delete",
        Target::Postgres(_) => "DROP TRIGGER audit_log_append_only ON audit_log",
    };
    behind_its_back(&fixture.target, unlock).await.unwrap();
    for (sql, broken) in [
        ("DELETE FROM audit_log WHERE seq = 15", 16),
        ("UPDATE audit_log SET after = '{}' WHERE seq = 11", 11),
        (
            "UPDATE audit_log SET actor = 'mallory', hash = 'x' WHERE seq = 7",
            7,
        ),
        ("UPDATE audit_log SET time = time + 1 WHERE seq = 1", 1),
    ] {
        behind_its_back(&fixture.target, sql).await.unwrap();
        let verdict = log.verify().await.unwrap();
        assert_eq!(verdict.broken, Some(broken), "{sql}");
    }
}

async fn retention_leaves_a_chain_that_verifies(fixture: Connected) {
    fill(&fixture.store, 10).await;
    let retention = Retention {
        audit_log: Some(Duration::from_secs(4 * 24 * 3_600)),
        ..Retention::default()
    };
    let now = WallTime(NOW.0 + 9 * DAY);
    let done = fixture.store.maintain(&retention, now).await.unwrap();
    assert_eq!(done.audit_entries, 5);
    let log = fixture.store.audit_log();
    let verdict = log.verify().await.unwrap();
    assert_eq!((verdict.entries, verdict.broken), (5, None));
    let next = log.append(&entry(99), &admin(), now).await.unwrap();
    assert_eq!(next.seq, 11);
    assert_eq!(log.verify().await.unwrap().entries, 6);
}
