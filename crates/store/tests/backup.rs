//! What is saved comes back whole, and goes nowhere else.

use crate::fixture::{Connected, NOW, admin, alert, at, connect, contracts, feed};
use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use yagura_store::{
    AlertFilter, AlertStatus, BackupError, CountFilter, CountGroup, Dialect, DocumentKind,
    FeedPosition, InsertOutcome, NewAlert, PageRequest, RestoreError, StatusChange, Store, Target,
    Version,
};

contracts![
    everything_comes_back,
    a_backup_overwrites_nothing,
    a_damaged_backup_changes_nothing,
];

/// An empty place beside the store's own.
async fn empty_place(fixture: &Connected, name: &str) -> Target {
    match &fixture.target {
        Target::Sqlite(_) => Target::Sqlite(fixture.scratch.join(name)),
        Target::Postgres(url) => {
            use sqlx::Connection;
            let (head, socket) = url.split_once('?').unwrap();
            let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
            let old = head.rsplit('/').next().unwrap();
            let new = format!("{old}_{name}");
            let sql = format!("CREATE DATABASE {new}");
            sqlx::query(&sql).execute(&mut connection).await.unwrap();
            let server = head.strip_suffix(old).unwrap();
            Target::Postgres(format!("{server}{new}?{socket}"))
        }
    }
}

async fn everything_comes_back(fixture: Connected) {
    let (store, file) = (&fixture.store, fixture.scratch.join("backup"));
    let batch: Vec<NewAlert> = (0..500)
        .map(|number| NewAlert {
            title: format!("tab\t backslash \\ newline \n nul \0 {number}"),
            incident: format!("{:032x}", number - number % 2),
            ..alert(number)
        })
        .collect();
    store.alerts().insert(&batch[..250], NOW).await.unwrap();
    let delivered = feed(store, FeedPosition::default(), 200, 200).await;
    store
        .outputs()
        .start_at("siem", delivered.position)
        .await
        .unwrap();
    store.alerts().insert(&batch[250..], NOW).await.unwrap();
    let change = StatusChange {
        status: AlertStatus::Handled,
        note: "done".to_owned(),
        reference: String::new(),
    };
    store
        .alerts()
        .set_status(&batch[3].id, None, &change, &admin(), NOW)
        .await
        .unwrap();
    let policy = store.documents(DocumentKind::DriftPolicy);
    policy
        .put("default", &json!({ "a": "\\N" }), "", &admin(), NOW)
        .await
        .unwrap();
    policy
        .put("default", &json!({ "a": 2 }), "", &admin(), NOW)
        .await
        .unwrap();
    store
        .secrets()
        .get_or_insert("ca-key", &[0, 1, 255], NOW)
        .await
        .unwrap();
    let summary = store.backup(&file).await.unwrap();
    let metadata = std::fs::metadata(&file).unwrap();
    assert_eq!(summary.bytes, metadata.len());
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    // What comes later is not in it.
    store.alerts().insert(&[alert(9_999)], NOW).await.unwrap();

    let place = empty_place(&fixture, "copy").await;
    Store::restore(&place, &file).await.unwrap();
    let copy = connect(&place).await;
    assert_eq!(copy.dialect(), store.dialect());
    let alerts = copy.alerts();
    let words = AlertFilter {
        text: "backslash 498".to_owned(),
        ..AlertFilter::default()
    };
    assert_eq!(alerts.count_up_to(&words, 999).await.unwrap(), 1);
    assert_eq!(
        alerts.get(&batch[3].id).await.unwrap(),
        store.alerts().get(&batch[3].id).await.unwrap()
    );
    assert_eq!(
        alerts
            .history(&batch[3].id, &PageRequest::first(9))
            .await
            .unwrap()
            .items
            .len(),
        1
    );
    let totals = alerts
        .totals(&CountFilter::default(), CountGroup::Status, 9)
        .await
        .unwrap();
    assert_eq!(totals.iter().map(|total| total.alerts).sum::<i64>(), 500);
    assert_eq!(
        copy.secrets().get("ca-key").await.unwrap().unwrap(),
        [0, 1, 255]
    );
    let old = copy
        .documents(DocumentKind::DriftPolicy)
        .version("default", Version(1))
        .await
        .unwrap();
    assert_eq!(old.unwrap().body, json!({ "a": "\\N" }));
    assert_eq!(
        copy.audit_log().verify().await.unwrap(),
        store.audit_log().verify().await.unwrap()
    );
    assert_eq!(
        copy.incidents()
            .get(&batch[0].id)
            .await
            .unwrap()
            .unwrap()
            .alerts,
        2
    );
    // The copy goes on: with the output, with numbers, with alerts that were there.
    let position = copy
        .outputs()
        .state("siem")
        .await
        .unwrap()
        .unwrap()
        .position;
    let rest = feed(&copy, position, 500, 300).await;
    let again = alerts
        .insert(&[alert(1), alert(7_777)], at(1))
        .await
        .unwrap();
    assert_eq!(again.outcomes, [InsertOutcome::Known, InsertOutcome::New]);
    feed(&copy, rest.position, 9, 1).await;
    alerts
        .comment(&alert(7_777).id, "new", &admin(), at(2))
        .await
        .unwrap();
    assert_eq!(copy.audit_log().verify().await.unwrap().broken, None);
    copy.close().await;
    assert!(matches!(
        Store::restore(&place, &file).await,
        Err(RestoreError::NotEmpty)
    ));
}

async fn a_backup_overwrites_nothing(fixture: Connected) {
    let file = fixture.scratch.join("backup");
    std::fs::write(&file, "precious").unwrap();
    let refused = fixture.store.backup(&file).await;
    assert!(
        matches!(refused, Err(BackupError::File { .. })),
        "{refused:?}"
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
}

async fn a_damaged_backup_changes_nothing(fixture: Connected) {
    let file = fixture.scratch.join("backup");
    fixture
        .store
        .alerts()
        .insert(&[alert(1)], NOW)
        .await
        .unwrap();
    fixture.store.backup(&file).await.unwrap();
    let whole = std::fs::read(&file).unwrap();
    let place = empty_place(&fixture, "damaged").await;
    let mut damaged = vec![
        Vec::new(),
        b"something else".repeat(1_000),
        whole[..whole.len() / 2].to_vec(),
    ];
    if fixture.store.dialect() == Dialect::Postgres {
        // Every byte counts, wherever it is.
        for place in [30, whole.len() / 2, whole.len() - 40, whole.len() - 1] {
            let mut other = whole.clone();
            other[place] ^= 1;
            damaged.push(other);
        }
    }
    for bytes in damaged {
        std::fs::write(&file, bytes).unwrap();
        Store::restore(&place, &file).await.unwrap_err();
    }
    std::fs::write(&file, whole).unwrap();
    Store::restore(&place, &file).await.unwrap();
    let copy = connect(&place).await;
    assert!(copy.alerts().get(&alert(1).id).await.unwrap().is_some());
    copy.close().await;
}
