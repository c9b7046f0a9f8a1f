//! Handling alerts, and what goes in time.

use crate::fixture::{Connected, DAY, NOW, admin, alert, at, contracts};
use std::time::Duration;
use yagura_event::WallTime;
use yagura_store::{
    AlertEventKind, AlertFilter, AlertStatus, AuditFilter, CountFilter, CountGroup, NewAlert,
    PageRequest, Retention, StatusChange, UpdateError, Version,
};

contracts![
    a_lost_update_is_refused,
    every_act_is_in_the_history,
    bulk_changes_go_on_where_they_stopped,
    old_alerts_go_and_new_ones_stay,
];

fn to(status: AlertStatus) -> StatusChange {
    StatusChange {
        status,
        note: "looked at it".to_owned(),
        reference: "rule-7".to_owned(),
    }
}

async fn a_lost_update_is_refused(fixture: Connected) {
    let alerts = fixture.store.alerts();
    alerts.insert(&[alert(1)], NOW).await.unwrap();
    let id = alert(1).id;
    let seen = Some(Version(1));
    let changed = alerts
        .set_status(&id, seen, &to(AlertStatus::Handling), &admin(), at(2))
        .await
        .unwrap();
    assert_eq!(
        (changed.version, changed.status),
        (Version(2), AlertStatus::Handling)
    );
    let late = alerts
        .set_status(&id, seen, &to(AlertStatus::Ignored), &admin(), at(3))
        .await;
    match late {
        Err(UpdateError::Stale { expected, current }) => {
            assert_eq!(expected, Version(1));
            assert_eq!(*current, changed);
        }
        other => panic!("{other:?}"),
    }
    let none = alerts
        .set_status("none", None, &to(AlertStatus::Ignored), &admin(), at(3))
        .await;
    assert!(matches!(none, Err(UpdateError::NotFound)));
}

async fn every_act_is_in_the_history(fixture: Connected) {
    let alerts = fixture.store.alerts();
    alerts.insert(&[alert(1)], NOW).await.unwrap();
    let id = alert(1).id;
    alerts
        .comment(&id, "whose shell is this?", &admin(), at(1))
        .await
        .unwrap();
    alerts
        .set_status(&id, None, &to(AlertStatus::Whitelisted), &admin(), at(2))
        .await
        .unwrap();
    let detail = serde_json::json!({ "command": "c1" });
    alerts
        .note_action(&id, "kill-process", detail.clone(), &admin(), at(3))
        .await
        .unwrap();
    let undone = alerts.undo(&id, &admin(), at(4)).await.unwrap();
    assert_eq!(undone.status, AlertStatus::Unhandled);
    let twice = alerts.undo(&id, &admin(), at(5)).await;
    assert!(matches!(twice, Err(UpdateError::NotFound)));
    let first = alerts.history(&id, &PageRequest::first(3)).await.unwrap();
    let rest = PageRequest::after(3, first.next.clone().unwrap());
    let rest = alerts.history(&id, &rest).await.unwrap();
    let events = [first.items, rest.items].concat();
    let kinds: Vec<AlertEventKind> = events.iter().map(|event| event.kind).collect();
    assert_eq!(
        kinds,
        [
            AlertEventKind::Comment,
            AlertEventKind::Status,
            AlertEventKind::Action,
            AlertEventKind::Undo
        ]
    );
    assert_eq!(events[0].text, "whose shell is this?");
    assert_eq!(events[1].actor, admin());
    assert_eq!(events[1].to, Some(AlertStatus::Whitelisted));
    assert_eq!(events[1].detail["reference"], "rule-7");
    assert_eq!(events[2].detail, detail);
    assert_eq!(events[3].from, Some(AlertStatus::Whitelisted));
    let filter = AuditFilter {
        object_ids: vec![id],
        ..AuditFilter::default()
    };
    let audit = fixture
        .store
        .audit_log()
        .list(&filter, &PageRequest::first(10))
        .await
        .unwrap();
    let actions: Vec<&str> = audit
        .items
        .iter()
        .map(|entry| entry.action.as_str())
        .collect();
    assert_eq!(
        actions,
        [
            "alert.undo",
            "alert.action",
            "alert.status",
            "alert.comment"
        ]
    );
}

async fn bulk_changes_go_on_where_they_stopped(fixture: Connected) {
    let alerts = fixture.store.alerts();
    let batch: Vec<NewAlert> = (0..90)
        .map(|number| NewAlert {
            status: if number % 3 == 0 {
                AlertStatus::Handling
            } else {
                AlertStatus::Unhandled
            },
            key: if number < 60 {
                "proc.miner".to_owned()
            } else {
                "net.scan".to_owned()
            },
            ..alert(number)
        })
        .collect();
    alerts.insert(&batch, NOW).await.unwrap();
    let filter = AlertFilter {
        keys: vec!["proc.miner".to_owned()],
        text: "shell".to_owned(),
        ..AlertFilter::default()
    };
    let change = to(AlertStatus::FalsePositive);
    let first = alerts
        .set_status_where(&filter, &change, 50, &admin(), at(99))
        .await
        .unwrap();
    assert_eq!((first.changed.len(), first.more), (50, true));
    let second = alerts
        .set_status_where(&filter, &change, 50, &admin(), at(99))
        .await
        .unwrap();
    assert_eq!((second.changed.len(), second.more), (10, false));
    let third = alerts
        .set_status_where(&filter, &change, 50, &admin(), at(99))
        .await
        .unwrap();
    assert!(third.changed.is_empty());
    let one = AlertFilter {
        text: batch[70].id.clone(),
        ..AlertFilter::default()
    };
    let handled = to(AlertStatus::Handled);
    let one = alerts
        .set_status_where(&one, &handled, 50, &admin(), at(99))
        .await
        .unwrap();
    assert_eq!(one.changed, [batch[70].id.as_str()]);
    let history = alerts
        .history(&batch[3].id, &PageRequest::first(5))
        .await
        .unwrap();
    assert_eq!(history.items.len(), 1);
    assert_eq!(history.items[0].from, Some(AlertStatus::Handling));
    assert_eq!(history.items[0].to, Some(AlertStatus::FalsePositive));
    let untouched = alerts.get(&batch[71].id).await.unwrap().unwrap();
    assert_eq!(untouched.status, AlertStatus::Unhandled);
    // What is undone goes back to what it was, one by one.
    let undone = alerts.undo(&batch[3].id, &admin(), at(100)).await.unwrap();
    assert_eq!(undone.status, AlertStatus::Handling);
}

async fn old_alerts_go_and_new_ones_stay(fixture: Connected) {
    let alerts = fixture.store.alerts();
    let batch: Vec<NewAlert> = (0..120)
        .map(|number| NewAlert {
            time: WallTime(NOW.0 - number * DAY),
            last_time: WallTime(NOW.0 - number * DAY),
            incident: format!("{:032x}", 119),
            ..alert(number)
        })
        .collect();
    alerts.insert(&batch, NOW).await.unwrap();
    let retention = Retention {
        alerts: Duration::from_secs(30 * 24 * 3_600),
        ..Retention::default()
    };
    let done = fixture.store.maintain(&retention, NOW).await.unwrap();
    assert_eq!(done.alerts, 89);
    let all = AlertFilter::default();
    assert_eq!(alerts.count_up_to(&all, 1_000).await.unwrap(), 31);
    let words = AlertFilter {
        text: "shell".to_owned(),
        ..AlertFilter::default()
    };
    assert_eq!(alerts.count_up_to(&words, 1_000).await.unwrap(), 31);
    let totals = alerts
        .totals(&CountFilter::default(), CountGroup::Severity, 10)
        .await
        .unwrap();
    assert_eq!(totals.iter().map(|total| total.alerts).sum::<i64>(), 31);
    let again = fixture.store.maintain(&retention, NOW).await.unwrap();
    assert_eq!(again.alerts, 0);
    // A partition that is gone is made again for an alert that comes late.
    let late = alerts.insert(&[batch[119].clone()], NOW).await.unwrap();
    assert_eq!(late.count(yagura_store::InsertOutcome::New), 1);
}
