//! Finding alerts: every filter against a plain model, pages without gaps, words, sums.

use crate::fixture::{Connected, DAY, HOUR, NOW, admin, alert, at, contracts};
use yagura_event::{Category, Severity, WallTime};
use yagura_store::{
    ALERT_BATCH_MAX, AlertFilter, AlertStatus, CountFilter, CountGroup, Cursor, Dialect,
    FILTER_VALUES_MAX, NewAlert, PageRequest, Scope, StatusChange, Store, StoreError,
};

contracts![
    pages_cover_every_alert_once,
    pages_stay_right_while_alerts_come,
    every_filter_agrees_with_a_model,
    words_are_found_wherever_they_stand,
    what_lies_behind_a_flood_is_found_in_steps,
    foolish_questions_are_refused,
    sums_follow_every_change,
];

/// Alerts that differ in everything, several at the same time.
fn various() -> Vec<NewAlert> {
    const SEVERITIES: [Severity; 3] = [Severity::Reminder, Severity::Suspicious, Severity::Urgent];
    (0..240_i64)
        .map(|number| {
            let pick = |prime: i64, of: i64| usize::try_from(number * prime % of).unwrap();
            NewAlert {
                time: at(-(number / 4) * 1_800),
                status: AlertStatus::ALL[pick(5, 8)],
                severity: SEVERITIES[pick(7, 3)],
                category: Category::ALL[pick(3, 8)],
                rule: format!("rule {}", pick(11, 5)),
                key: format!("key.{}", pick(13, 4)),
                node: format!("node-{}", pick(17, 6)),
                cluster: format!("cluster-{}", pick(1, 3)),
                namespace: format!("space-{}", pick(19, 7)),
                pod: format!("pod-{}", pick(23, 9)),
                container_id: format!("c{}", pick(29, 10)),
                container: format!("name-{}", pick(31, 4)),
                image: format!("image:{}", pick(37, 5)),
                incident: format!("{:032x}", number - number % 6),
                ..alert(number)
            }
        })
        .collect()
}

async fn filled(store: &Store) -> Vec<NewAlert> {
    let alerts = various();
    store.alerts().insert(&alerts, NOW).await.unwrap();
    alerts
}

/// All pages of a filter, as ids.
async fn pages(store: &Store, filter: &AlertFilter, rows: u32, oldest_first: bool) -> Vec<String> {
    let mut ids = Vec::new();
    let mut request = PageRequest::first(rows);
    loop {
        let alerts = store.alerts();
        let page = if oldest_first {
            alerts.list_oldest_first(filter, &request).await.unwrap()
        } else {
            alerts.list(filter, &request).await.unwrap()
        };
        assert!(page.items.len() <= usize::try_from(rows).unwrap());
        ids.extend(page.items.into_iter().map(|alert| alert.id));
        match page.next {
            // As it comes back from a client.
            Some(cursor) => request.after = Some(cursor.to_string().parse::<Cursor>().unwrap()),
            None => return ids,
        }
    }
}

async fn pages_cover_every_alert_once(fixture: Connected) {
    let stored = filled(&fixture.store).await;
    let filter = AlertFilter::default();
    let newest = pages(&fixture.store, &filter, 37, false).await;
    let mut oldest = pages(&fixture.store, &filter, 50, true).await;
    oldest.reverse();
    assert_eq!(newest, oldest);
    let mut sorted = newest.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(sorted.len(), stored.len());
    let time_of = |id: &String| stored.iter().find(|alert| alert.id == *id).unwrap().time;
    assert!(newest.is_sorted_by_key(|id| std::cmp::Reverse(time_of(id))));
}

async fn pages_stay_right_while_alerts_come(fixture: Connected) {
    filled(&fixture.store).await;
    let alerts = fixture.store.alerts();
    let filter = AlertFilter::default();
    let before = pages(&fixture.store, &filter, 500, false).await;
    let first = alerts
        .list(&filter, &PageRequest::first(100))
        .await
        .unwrap();
    alerts.insert(&[alert(9_000)], NOW).await.unwrap();
    let second = PageRequest::after(100, first.next.unwrap());
    let second = alerts.list(&filter, &second).await.unwrap();
    let ids: Vec<&String> = second.items.iter().map(|alert| &alert.id).collect();
    assert_eq!(ids, before[100..200].iter().collect::<Vec<_>>());
}

async fn every_filter_agrees_with_a_model(fixture: Connected) {
    let stored = filled(&fixture.store).await;
    let texts = |list: &[&str]| {
        list.iter()
            .map(|text| (*text).to_owned())
            .collect::<Vec<_>>()
    };
    let all = AlertFilter::default;
    type Holds = Box<dyn Fn(&NewAlert) -> bool>;
    let cases: Vec<(AlertFilter, Holds)> = vec![
        (
            AlertFilter {
                statuses: vec![AlertStatus::Handled, AlertStatus::Expired],
                ..all()
            },
            Box::new(|a| matches!(a.status, AlertStatus::Handled | AlertStatus::Expired)),
        ),
        (
            AlertFilter {
                severities: vec![Severity::Urgent],
                ..all()
            },
            Box::new(|a| a.severity == Severity::Urgent),
        ),
        (
            AlertFilter {
                categories: vec![Category::Drift, Category::K8s],
                ..all()
            },
            Box::new(|a| matches!(a.category, Category::Drift | Category::K8s)),
        ),
        (
            AlertFilter {
                statuses: vec![
                    AlertStatus::Unhandled,
                    AlertStatus::Handled,
                    AlertStatus::Handled,
                ],
                severities: vec![Severity::Urgent, Severity::Reminder],
                categories: vec![Category::Drift, Category::K8s, Category::Process],
                from: Some(at(-20_000)),
                ..all()
            },
            Box::new(|a| {
                matches!(a.status, AlertStatus::Unhandled | AlertStatus::Handled)
                    && a.severity != Severity::Suspicious
                    && matches!(
                        a.category,
                        Category::Drift | Category::K8s | Category::Process
                    )
                    && a.time >= at(-20_000)
            }),
        ),
        (
            AlertFilter {
                rules: texts(&["rule 2"]),
                ..all()
            },
            Box::new(|a| a.rule == "rule 2"),
        ),
        (
            AlertFilter {
                keys: texts(&["key.1", "key.3"]),
                ..all()
            },
            Box::new(|a| a.key == "key.1" || a.key == "key.3"),
        ),
        (
            AlertFilter {
                nodes: texts(&["node-5"]),
                ..all()
            },
            Box::new(|a| a.node == "node-5"),
        ),
        (
            AlertFilter {
                clusters: texts(&["cluster-0"]),
                ..all()
            },
            Box::new(|a| a.cluster == "cluster-0"),
        ),
        (
            AlertFilter {
                namespaces: texts(&["space-6", "none"]),
                ..all()
            },
            Box::new(|a| a.namespace == "space-6"),
        ),
        (
            AlertFilter {
                pods: texts(&["pod-8"]),
                ..all()
            },
            Box::new(|a| a.pod == "pod-8"),
        ),
        (
            AlertFilter {
                container_ids: texts(&["c9"]),
                ..all()
            },
            Box::new(|a| a.container_id == "c9"),
        ),
        (
            AlertFilter {
                containers: texts(&["name-3"]),
                ..all()
            },
            Box::new(|a| a.container == "name-3"),
        ),
        (
            AlertFilter {
                images: texts(&["image:4"]),
                ..all()
            },
            Box::new(|a| a.image == "image:4"),
        ),
        (
            AlertFilter {
                incidents: vec![format!("{:032x}", 12)],
                ..all()
            },
            Box::new(|a| a.incident == format!("{:032x}", 12)),
        ),
        (
            AlertFilter {
                from: Some(at(-20_000)),
                to: Some(at(-5_000)),
                ..all()
            },
            Box::new(|a| a.time >= at(-20_000) && a.time < at(-5_000)),
        ),
        (
            AlertFilter {
                from: Some(at(-1_800)),
                to: Some(at(-1_800 + 1)),
                ..all()
            },
            Box::new(|a| a.time == at(-1_800)),
        ),
        (
            AlertFilter {
                nodes: texts(&["node-1"]),
                severities: vec![Severity::Reminder, Severity::Urgent],
                text: "image node".to_owned(),
                ..all()
            },
            Box::new(|a| a.node == "node-1" && a.severity != Severity::Suspicious),
        ),
        (
            AlertFilter {
                scope: Some(Scope {
                    clusters: texts(&["cluster-1"]),
                    namespaces: texts(&["space-2", "space-3"]),
                }),
                ..all()
            },
            Box::new(|a| {
                a.cluster == "cluster-1" && (a.namespace == "space-2" || a.namespace == "space-3")
            }),
        ),
        // What one may see does not grow with what one asks for.
        (
            AlertFilter {
                clusters: texts(&["cluster-2"]),
                scope: Some(Scope {
                    clusters: texts(&["cluster-1"]),
                    ..Scope::default()
                }),
                ..all()
            },
            Box::new(|_| false),
        ),
        (
            AlertFilter {
                text: format!(" {:032x} ", 12),
                ..all()
            },
            Box::new(|a| a.id == format!("{:032x}", 12)),
        ),
        (
            AlertFilter {
                text: "…".to_owned(),
                ..all()
            },
            Box::new(|_| true),
        ),
    ];
    for (filter, holds) in cases {
        let mut expected: Vec<&String> =
            stored.iter().filter(|a| holds(a)).map(|a| &a.id).collect();
        expected.sort();
        for oldest_first in [false, true] {
            let mut found = pages(&fixture.store, &filter, 11, oldest_first).await;
            found.sort();
            assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{filter:?}");
        }
        let count = fixture
            .store
            .alerts()
            .count_up_to(&filter, 1_000)
            .await
            .unwrap();
        assert_eq!(usize::try_from(count).unwrap(), expected.len());
    }
}

async fn words_are_found_wherever_they_stand(fixture: Connected) {
    let alerts = fixture.store.alerts();
    let miner = NewAlert {
        search: vec![
            "/tmp/.X11/xmrig --donate-level=1".to_owned(),
            "マルウェアを検出しました".to_owned(),
            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".to_owned(),
        ],
        ..alert(2)
    };
    alerts
        .insert(&[alert(1), miner, alert(3)], NOW)
        .await
        .unwrap();
    for (text, numbers) in [
        ("xmrig", &[2][..]),
        ("XMR donate", &[2]),
        ("/tmp/.X11", &[2]),
        ("9f86d081884c7d65", &[2]),
        (
            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            &[2],
        ),
        ("マルウェア", &[2]),
        ("検出", &[2]),
        ("検査", &[]),
        ("bash 198.51", &[3, 1]),
        ("xmrig bash", &[]),
        ("shell machine", &[3, 2, 1]),
        ("00000000000000000000000000000003", &[3]),
    ] {
        let filter = AlertFilter {
            text: text.to_owned(),
            ..AlertFilter::default()
        };
        let page = alerts.list(&filter, &PageRequest::first(10)).await.unwrap();
        let found: Vec<String> = page.items.into_iter().map(|alert| alert.id).collect();
        let expected: Vec<String> = numbers.iter().map(|number| alert(*number).id).collect();
        assert_eq!(found, expected, "{text}");
    }
}

/// Alerts of a week, and after them more of another kind than one search goes through.
async fn what_lies_behind_a_flood_is_found_in_steps(fixture: Connected) {
    let (store, is_postgres) = (&fixture.store, fixture.store.dialect() == Dialect::Postgres);
    let flood = if is_postgres { 40_000 } else { 400 };
    let old = (0..300).map(|number| NewAlert {
        time: at(-(100_000 + number * 2_000)),
        search: vec!["ancient".to_owned()],
        status: AlertStatus::ALL[usize::try_from(number % 2).unwrap()],
        ..alert(number)
    });
    let flood = (0..flood).map(|number| NewAlert {
        time: at(-(number * 7_919 % 600)),
        ..alert(1_000 + number)
    });
    let alerts: Vec<NewAlert> = old.chain(flood).collect();
    for batch in alerts.chunks(ALERT_BATCH_MAX) {
        store.alerts().insert(batch, NOW).await.unwrap();
    }
    for statuses in [Vec::new(), vec![AlertStatus::ALL[1]]] {
        let filter = AlertFilter {
            text: "anc".to_owned(),
            statuses,
            ..AlertFilter::default()
        };
        let whole = pages(store, &filter, 40, false).await;
        assert_eq!(
            whole.len(),
            if filter.statuses.is_empty() { 300 } else { 150 }
        );
        let mut oldest = pages(store, &filter, 40, true).await;
        oldest.reverse();
        assert_eq!(oldest, whole);
        let (mut found, mut empty) = (Vec::new(), 0);
        let mut request = PageRequest::first(40);
        loop {
            let page = store
                .alerts()
                .list_in_steps(&filter, &request)
                .await
                .unwrap();
            empty += usize::from(page.items.is_empty());
            found.extend(page.items.into_iter().map(|alert| alert.id));
            match page.next {
                Some(cursor) => request.after = Some(cursor.to_string().parse().unwrap()),
                None => break,
            }
        }
        assert_eq!(found, whole);
        assert_eq!(empty > 0, is_postgres, "{empty}");
    }
    // What there is nowhere takes no steps.
    let filter = AlertFilter {
        text: "zebra".to_owned(),
        ..AlertFilter::default()
    };
    let page = store
        .alerts()
        .list_in_steps(&filter, &PageRequest::first(40))
        .await
        .unwrap();
    assert_eq!((page.items.len(), page.next), (0, None));
}

async fn foolish_questions_are_refused(fixture: Connected) {
    let alerts = fixture.store.alerts();
    let page = PageRequest::first(10);
    let many = vec!["x".to_owned(); FILTER_VALUES_MAX + 1];
    let filter = AlertFilter {
        nodes: many,
        ..AlertFilter::default()
    };
    assert!(matches!(
        alerts.list(&filter, &page).await,
        Err(StoreError::TooMany { .. })
    ));
    let filter = AlertFilter {
        images: vec!["x".repeat(10_000)],
        ..AlertFilter::default()
    };
    assert!(matches!(
        alerts.list(&filter, &page).await,
        Err(StoreError::TooLarge { .. })
    ));
    let text = (0..100).map(|n| format!("w{n} ")).collect();
    let filter = AlertFilter {
        text,
        ..AlertFilter::default()
    };
    assert!(matches!(
        alerts.list(&filter, &page).await,
        Err(StoreError::TooMany { .. })
    ));
    alerts.insert(&[alert(1), alert(2)], NOW).await.unwrap();
    let cursor = alerts
        .list(&AlertFilter::default(), &PageRequest::first(1))
        .await
        .unwrap()
        .next
        .unwrap();
    let foreign = PageRequest::after(10, cursor);
    let other = alerts
        .list_oldest_first(&AlertFilter::default(), &foreign)
        .await;
    assert!(matches!(other, Err(StoreError::InvalidCursor)));
}

async fn sums_follow_every_change(fixture: Connected) {
    let stored = filled(&fixture.store).await;
    let alerts = fixture.store.alerts();
    // What comes again is counted once.
    alerts.insert(&stored[..50], NOW).await.unwrap();
    let change = StatusChange {
        status: AlertStatus::Ignored,
        note: String::new(),
        reference: String::new(),
    };
    let of_node = AlertFilter {
        nodes: vec!["node-3".to_owned()],
        ..AlertFilter::default()
    };
    alerts
        .set_status_where(&of_node, &change, 1_000, &admin(), NOW)
        .await
        .unwrap();
    alerts
        .set_status(&stored[0].id, None, &change, &admin(), NOW)
        .await
        .unwrap();
    let retention = yagura_store::Retention::default();
    fixture.store.maintain(&retention, NOW).await.unwrap();
    alerts
        .set_status_where(
            &of_node,
            &StatusChange {
                status: AlertStatus::Handled,
                ..change.clone()
            },
            3,
            &admin(),
            NOW,
        )
        .await
        .unwrap();

    let everything = pages(&fixture.store, &AlertFilter::default(), 500, false).await;
    let mut model = std::collections::BTreeMap::new();
    for id in &everything {
        let alert = alerts.get(id).await.unwrap().unwrap();
        *model
            .entry(alert.status.as_str().to_owned())
            .or_insert(0_i64) += 1;
    }
    for _ in 0..2 {
        let totals = alerts
            .totals(&CountFilter::default(), CountGroup::Status, 100)
            .await
            .unwrap();
        let found = totals
            .into_iter()
            .map(|total| (total.group, total.alerts))
            .collect();
        assert_eq!(model, found);
        fixture.store.maintain(&retention, NOW).await.unwrap();
    }

    let filter = CountFilter {
        from: Some(at(-10 * 3_600)),
        to: Some(NOW),
        severities: vec![Severity::Urgent],
        scope: Some(Scope {
            clusters: vec!["cluster-1".to_owned()],
            ..Scope::default()
        }),
        ..CountFilter::default()
    };
    let counts = alerts
        .counts(&filter, 4, CountGroup::Category)
        .await
        .unwrap();
    let from = (NOW.0 - 10 * HOUR).div_euclid(HOUR) * HOUR;
    let expected = stored.iter().filter(|alert| {
        alert.severity == Severity::Urgent
            && alert.cluster == "cluster-1"
            && alert.time.0 >= from
            && alert.time < hour_after(NOW)
    });
    let sum: i64 = counts.iter().map(|count| count.alerts).sum();
    assert_eq!(sum, i64::try_from(expected.count()).unwrap());
    assert!(counts.iter().all(|count| count.time.0 % (4 * HOUR) == 0));
    assert!(counts.iter().all(|count| {
        Category::ALL
            .iter()
            .any(|category| category.as_str() == count.group)
    }));
    assert!(counts.iter().all(|count| count.time.0 > NOW.0 - DAY));
}

/// Sums are by the hour: an end within one takes it in whole.
fn hour_after(time: WallTime) -> WallTime {
    WallTime((time.0.div_euclid(HOUR) + 1) * HOUR)
}
