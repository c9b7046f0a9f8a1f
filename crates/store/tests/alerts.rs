//! Getting alerts in: exactly once, whatever comes how often from where.

use crate::fixture::{Connected, DAY, NOW, alert, at, contracts};
use std::collections::BTreeSet;
use yagura_event::{Severity, WallTime};
use yagura_store::{
    ALERT_BATCH_MAX, ALERT_DOCUMENT_BYTES_MAX, AlertFilter, FeedPosition, IncidentChange,
    IncidentFilter, IncidentStatus, InsertOutcome, NAME_BYTES_MAX, NewAlert, PageRequest,
    StoreError,
};

contracts![
    a_batch_that_comes_again_changes_nothing,
    repeats_raise_the_count,
    what_is_wrong_with_one_costs_only_itself,
    hostile_texts_come_back,
    batches_at_once_store_each_alert_once,
    clocks_that_are_far_off_make_no_harm,
    the_feed_gives_each_alert_once,
    stories_begin_with_their_second_alert,
    many_stories_grow_at_once,
];

async fn a_batch_that_comes_again_changes_nothing(fixture: Connected) {
    let alerts = fixture.store.alerts();
    let batch: Vec<NewAlert> = (0..300).map(alert).collect();
    let first = alerts.insert(&batch, NOW).await.unwrap();
    assert_eq!(first.count(InsertOutcome::New), 300);
    let again = alerts.insert(&batch, at(60)).await.unwrap();
    assert_eq!(again.count(InsertOutcome::Known), 300);
    let stored = alerts.get(&batch[7].id).await.unwrap().unwrap();
    assert_eq!(stored.received, NOW);
    assert_eq!(stored.version.0, 1);
    assert_eq!(stored.document, batch[7].document);
    let all = AlertFilter::default();
    assert_eq!(alerts.count_up_to(&all, 1_000).await.unwrap(), 300);
    let many: Vec<NewAlert> = vec![alert(1); ALERT_BATCH_MAX + 1];
    assert!(matches!(
        alerts.insert(&many, NOW).await,
        Err(StoreError::TooMany { .. })
    ));
    assert_eq!(alerts.insert(&[], NOW).await.unwrap().outcomes, []);
}

async fn repeats_raise_the_count(fixture: Connected) {
    let alerts = fixture.store.alerts();
    let seen = |count: u64, last: i64| NewAlert {
        count,
        last_time: at(last),
        document: format!("{{\"count\":{count}}}"),
        ..alert(1)
    };
    // The same alert several times in one batch, then in another, then out of order.
    let first = alerts
        .insert(&[seen(1, 1), seen(3, 5), seen(2, 3)], NOW)
        .await
        .unwrap();
    assert_eq!(
        first.outcomes,
        [
            InsertOutcome::New,
            InsertOutcome::Repeat,
            InsertOutcome::Known
        ]
    );
    let later = alerts.insert(&[seen(7, 9)], at(9)).await.unwrap();
    assert_eq!(later.outcomes, [InsertOutcome::Repeat]);
    let late = alerts.insert(&[seen(6, 8)], at(10)).await.unwrap();
    assert_eq!(late.outcomes, [InsertOutcome::Known]);
    let stored = alerts.get(&alert(1).id).await.unwrap().unwrap();
    assert_eq!((stored.count, stored.last_time), (7, at(9)));
    assert_eq!(stored.document, "{\"count\":7}");
    assert_eq!(stored.version.0, 3);
}

async fn what_is_wrong_with_one_costs_only_itself(fixture: Connected) {
    let alerts = fixture.store.alerts();
    alerts.insert(&[alert(1)], NOW).await.unwrap();
    let batch = [
        NewAlert {
            node: "node-2".to_owned(),
            count: 99,
            ..alert(1)
        },
        NewAlert {
            id: "../etc".to_owned(),
            ..alert(2)
        },
        NewAlert {
            id: String::new(),
            ..alert(2)
        },
        NewAlert {
            document: "x".repeat(ALERT_DOCUMENT_BYTES_MAX + 1),
            ..alert(3)
        },
        alert(4),
    ];
    let outcomes = alerts.insert(&batch, NOW).await.unwrap().outcomes;
    assert_eq!(
        outcomes,
        [
            InsertOutcome::Foreign,
            InsertOutcome::InvalidId,
            InsertOutcome::InvalidId,
            InsertOutcome::TooLarge,
            InsertOutcome::New
        ]
    );
    let stored = alerts.get(&alert(1).id).await.unwrap().unwrap();
    assert_eq!((stored.node.as_str(), stored.count), ("node-1", 1));
}

async fn hostile_texts_come_back(fixture: Connected) {
    let alerts = fixture.store.alerts();
    let title = "'; DROP TABLE alerts; -- \u{202e}<script>\t\u{1f}";
    let hostile = NewAlert {
        title: title.to_owned(),
        container: "nul\0nul".to_owned(),
        image: "長".repeat(NAME_BYTES_MAX),
        document: "{\"x\":\"\\u0000\"}".to_owned(),
        search: vec!["\0\u{feff}'\"*&|!():".to_owned(); 300],
        ..alert(1)
    };
    let batch = std::slice::from_ref(&hostile);
    assert_eq!(
        alerts
            .insert(batch, NOW)
            .await
            .unwrap()
            .count(InsertOutcome::New),
        1
    );
    assert_eq!(
        alerts
            .insert(batch, NOW)
            .await
            .unwrap()
            .count(InsertOutcome::Known),
        1
    );
    let stored = alerts.get(&hostile.id).await.unwrap().unwrap();
    assert_eq!(stored.title, title);
    assert_eq!(stored.container, "nul\u{fffd}nul");
    assert!(stored.image.len() <= NAME_BYTES_MAX && stored.image.ends_with('…'));
    assert_eq!(stored.document, hostile.document);
    for text in ["drop table", "SCRIPT", "'\"*&|!():", "nul長", "\0"] {
        let filter = AlertFilter {
            text: text.to_owned(),
            ..AlertFilter::default()
        };
        alerts.list(&filter, &PageRequest::first(5)).await.unwrap();
    }
}

async fn batches_at_once_store_each_alert_once(fixture: Connected) {
    let batch: Vec<NewAlert> = (0..100).map(alert).collect();
    let mut tasks = Vec::new();
    for _ in 0..6 {
        let store = fixture.store.clone();
        let batch = batch.clone();
        tasks.push(tokio::spawn(async move {
            store.alerts().insert(&batch, NOW).await.unwrap()
        }));
    }
    let mut new = 0;
    for task in tasks {
        let inserted = task.await.unwrap();
        new += inserted.count(InsertOutcome::New);
        assert_eq!(inserted.outcomes.len(), 100);
    }
    assert_eq!(new, 100);
    let all = AlertFilter::default();
    let count = fixture.store.alerts().count_up_to(&all, 1_000).await;
    assert_eq!(count.unwrap(), 100);
}

async fn clocks_that_are_far_off_make_no_harm(fixture: Connected) {
    let alerts = fixture.store.alerts();
    let times = [0, i64::MIN, i64::MAX, NOW.0 + 20 * DAY, NOW.0 - 300 * DAY];
    let batch: Vec<NewAlert> = times
        .iter()
        .enumerate()
        .map(|(number, time)| NewAlert {
            time: WallTime(*time),
            last_time: WallTime(*time),
            ..alert(i64::try_from(number).unwrap())
        })
        .collect();
    let inserted = alerts.insert(&batch, NOW).await.unwrap();
    assert_eq!(inserted.count(InsertOutcome::New), batch.len());
    // An hour later the bounds are others; the alerts are still the same.
    let again = alerts.insert(&batch, at(3_600)).await.unwrap();
    assert_eq!(again.count(InsertOutcome::Known), batch.len());
    let listed = |number: usize| alerts.get(&batch[number].id);
    assert_eq!(listed(0).await.unwrap().unwrap().time.0, NOW.0 - 400 * DAY);
    assert_eq!(listed(3).await.unwrap().unwrap().time, NOW);
    assert_eq!(listed(4).await.unwrap().unwrap().time.0, NOW.0 - 300 * DAY);
}

async fn the_feed_gives_each_alert_once(fixture: Connected) {
    let mut writers = Vec::new();
    for writer in 0..4_i64 {
        let store = fixture.store.clone();
        writers.push(tokio::spawn(async move {
            for batch in 0..10_i64 {
                let batch: Vec<NewAlert> = (0..10)
                    .map(|number| NewAlert {
                        node: format!("node-{writer}"),
                        ..alert(writer * 1_000 + batch * 10 + number)
                    })
                    .collect();
                store.alerts().insert(&batch, NOW).await.unwrap();
            }
        }));
    }
    let mut seen = BTreeSet::new();
    let mut position = FeedPosition::default();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while seen.len() < 400 {
        assert!(
            std::time::Instant::now() < deadline,
            "{} of 400",
            seen.len()
        );
        let feed = fixture.store.alerts().feed(position, 33).await.unwrap();
        assert!(feed.position >= position);
        for alert in feed.alerts {
            assert!(seen.insert(alert.id), "twice in the feed");
        }
        position = feed.position;
        tokio::task::yield_now().await;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let end = fixture.store.alerts().feed_end().await.unwrap();
    assert_eq!(end, position);
    let rest = fixture.store.alerts().feed(position, 10).await.unwrap();
    assert_eq!((rest.alerts.len(), rest.position), (0, position));
}

async fn stories_begin_with_their_second_alert(fixture: Connected) {
    let (alerts, incidents) = (fixture.store.alerts(), fixture.store.incidents());
    let first = alert(1);
    alerts
        .insert(std::slice::from_ref(&first), NOW)
        .await
        .unwrap();
    assert_eq!(incidents.get(&first.id).await.unwrap(), None);
    let part = |number: i64, severity| NewAlert {
        incident: first.id.clone(),
        severity,
        title: format!("part {number}"),
        node: "node-2".to_owned(),
        ..alert(number)
    };
    let batch = [part(2, Severity::Reminder), part(3, Severity::Urgent)];
    alerts.insert(&batch, at(10)).await.unwrap();
    let incident = incidents.get(&first.id).await.unwrap().unwrap();
    assert_eq!(incident.alerts, 3);
    assert_eq!(incident.title, "part 3");
    assert_eq!(incident.severity, Severity::Urgent);
    assert_eq!((incident.first_time, incident.last_time), (at(1), at(3)));
    assert_eq!(incident.node, "node-1", "where it was noticed first");

    let change = IncidentChange {
        status: Some(IncidentStatus::Closed),
        ..IncidentChange::default()
    };
    let actor = crate::fixture::admin();
    let version = Some(incident.version);
    let closed = incidents
        .update(&first.id, version, &change, &actor, at(20))
        .await
        .unwrap();
    assert_eq!(closed.status, IncidentStatus::Closed);
    let stale = incidents
        .update(&first.id, version, &change, &actor, at(21))
        .await;
    assert!(matches!(
        stale,
        Err(yagura_store::UpdateError::Stale { .. })
    ));
    alerts
        .insert(&[part(4, Severity::Reminder)], at(30))
        .await
        .unwrap();
    let open = IncidentFilter {
        statuses: vec![IncidentStatus::Open],
        ..IncidentFilter::default()
    };
    let page = incidents
        .list(&open, &PageRequest::first(10))
        .await
        .unwrap();
    assert_eq!(
        page.items.len(),
        1,
        "a closed story that goes on is open again"
    );
    assert_eq!(page.items[0].alerts, 4);
}

async fn many_stories_grow_at_once(fixture: Connected) {
    let (alerts, incidents) = (fixture.store.alerts(), fixture.store.incidents());
    let first = |story: i64| NewAlert {
        node: format!("first-{story}"),
        ..alert(story * 10)
    };
    let part = |story: i64, number: i64| NewAlert {
        incident: first(story).id,
        title: format!("part {number} of {story}"),
        severity: Severity::Urgent,
        node: "later".to_owned(),
        ..alert(story * 10 + number)
    };
    let firsts: Vec<NewAlert> = (0..30).map(first).collect();
    alerts.insert(&firsts, NOW).await.unwrap();
    for number in 1..4 {
        let parts: Vec<NewAlert> = (0..40).map(|story| part(story, number)).collect();
        alerts.insert(&parts, at(number)).await.unwrap();
    }
    for story in 0..40 {
        let incident = incidents.get(&first(story).id).await.unwrap().unwrap();
        // The first alert of the last ten never came.
        let (count, node) = match story {
            0..30 => (4, format!("first-{story}")),
            _ => (3, "later".to_owned()),
        };
        assert_eq!((incident.alerts, incident.node), (count, node));
        assert_eq!(incident.severity, Severity::Urgent);
        assert_eq!(incident.version.0, 3);
    }
}
