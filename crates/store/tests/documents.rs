//! What is configured: versions, history, and no lost update.

use crate::fixture::{Connected, NOW, admin, at, contracts};
use serde_json::json;
use yagura_store::{
    AuditFilter, DOCUMENT_BYTES_MAX, DocumentKind, PageRequest, StoreError, UpdateError, Version,
};

contracts![
    versions_go_up_and_stay_readable,
    of_two_who_change_at_once_one_is_refused,
    what_was_deleted_comes_back_with_a_later_version,
    documents_are_listed_by_kind,
];

async fn versions_go_up_and_stay_readable(fixture: Connected) {
    let policy = fixture.store.documents(DocumentKind::DriftPolicy);
    let one = json!({ "rules": ["a", "\u{0}", "日本"] });
    let two = json!({ "rules": [] });
    let first = policy
        .create("default", &one, "begin", &admin(), NOW)
        .await
        .unwrap();
    assert_eq!(first.version, Version(1));
    let taken = policy.create("default", &two, "", &admin(), NOW).await;
    assert!(matches!(taken, Err(UpdateError::Exists)));
    policy
        .update("default", Version(1), &two, "less", &admin(), at(1))
        .await
        .unwrap();
    let stale = policy
        .update("default", Version(1), &one, "", &admin(), at(2))
        .await;
    match stale {
        Err(UpdateError::Stale { expected, current }) => {
            assert_eq!((expected, current.version), (Version(1), Version(2)));
            assert_eq!(current.body, two);
        }
        other => panic!("{other:?}"),
    }
    let back = policy
        .rollback(
            "default",
            Version(1),
            Version(2),
            "was better",
            &admin(),
            at(3),
        )
        .await
        .unwrap();
    assert_eq!((back.version, &back.body), (Version(3), &one));
    let never = policy
        .rollback("default", Version(9), Version(3), "", &admin(), at(4))
        .await;
    assert!(matches!(never, Err(UpdateError::NotFound)));
    let page = policy
        .history("default", &PageRequest::first(2))
        .await
        .unwrap();
    let versions: Vec<i64> = page
        .items
        .iter()
        .map(|document| document.version.0)
        .collect();
    assert_eq!(versions, [3, 2]);
    assert_eq!(page.items[0].author, admin());
    assert_eq!(page.items[1].reason, "less");
    let rest = PageRequest::after(2, page.next.unwrap());
    assert_eq!(
        policy.history("default", &rest).await.unwrap().items.len(),
        1
    );
    let old = policy
        .version("default", Version(2))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(old.body, two);
    assert_eq!(policy.changes().await.unwrap(), 3);
    let log = fixture.store.audit_log();
    let entries = log
        .list(&AuditFilter::default(), &PageRequest::first(10))
        .await
        .unwrap()
        .items;
    assert_eq!(entries.len(), 3, "what was refused changed nothing");
    assert_eq!((&entries[0].before, &entries[0].after), (&two, &one));
    assert_eq!(entries[2].action, "drift-policy.create");
}

async fn of_two_who_change_at_once_one_is_refused(fixture: Connected) {
    let kind = DocumentKind::DefencePolicy;
    let policy = fixture.store.documents(kind);
    policy
        .create("default", &json!(0), "", &admin(), NOW)
        .await
        .unwrap();
    let mut tasks = Vec::new();
    for number in 1..=8 {
        let store = fixture.store.clone();
        tasks.push(tokio::spawn(async move {
            let policy = store.documents(kind);
            policy
                .update("default", Version(1), &json!(number), "", &admin(), NOW)
                .await
        }));
    }
    let mut won = Vec::new();
    for task in tasks {
        match task.await.unwrap() {
            Ok(document) => won.push(document),
            Err(UpdateError::Stale { current, .. }) => assert_eq!(current.version, Version(2)),
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(won.len(), 1);
    assert_eq!(policy.get("default").await.unwrap().unwrap(), won[0]);
}

async fn what_was_deleted_comes_back_with_a_later_version(fixture: Connected) {
    let rules = fixture.store.documents(DocumentKind::WhitelistRule);
    rules
        .create("r1", &json!({ "a": 1 }), "", &admin(), NOW)
        .await
        .unwrap();
    let stale = rules.delete("r1", Version(7), "", &admin(), NOW).await;
    assert!(matches!(stale, Err(UpdateError::Stale { .. })));
    rules
        .delete("r1", Version(1), "done", &admin(), at(1))
        .await
        .unwrap();
    assert_eq!(rules.get("r1").await.unwrap(), None);
    assert!(rules.all().await.unwrap().is_empty());
    let gone = rules
        .update("r1", Version(2), &json!(1), "", &admin(), at(2))
        .await;
    assert!(matches!(gone, Err(UpdateError::NotFound)));
    let again = rules
        .create("r1", &json!({ "a": 2 }), "", &admin(), at(3))
        .await
        .unwrap();
    assert_eq!(again.version, Version(3));
    let put = rules
        .put("r1", &json!({ "a": 3 }), "", &admin(), at(4))
        .await
        .unwrap();
    assert_eq!(put.version, Version(4));
}

async fn documents_are_listed_by_kind(fixture: Connected) {
    let views = fixture.store.documents(DocumentKind::SavedView);
    for number in 0..25 {
        views
            .put(&format!("v{number:02}"), &json!(number), "", &admin(), NOW)
            .await
            .unwrap();
    }
    let outputs = fixture.store.documents(DocumentKind::Output);
    outputs
        .put("v00", &json!("other"), "", &admin(), NOW)
        .await
        .unwrap();
    let first = views.list(&PageRequest::first(20)).await.unwrap();
    let rest = PageRequest::after(20, first.next.unwrap());
    let rest = views.list(&rest).await.unwrap();
    assert_eq!(
        (first.items.len(), rest.items.len(), rest.next),
        (20, 5, None)
    );
    assert_eq!(views.all().await.unwrap().len(), 25);
    assert_eq!(outputs.all().await.unwrap().len(), 1);
    let long = json!("x".repeat(DOCUMENT_BYTES_MAX));
    let refused = views.put("long", &long, "", &admin(), NOW).await;
    assert!(matches!(
        refused,
        Err(UpdateError::Store(StoreError::TooLarge { .. }))
    ));
}
