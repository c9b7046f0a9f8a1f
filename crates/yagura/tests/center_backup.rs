//! A backup of a center that works, put into another database.

use super::center_counted::{CountedSensor, Order};
use super::center_replicas::{Site, eventually, has_postgres};
use std::collections::BTreeSet;
use yagura_store::{AlertFilter, Options, PAGE_ROWS_MAX, PageRequest, Store, Target};

/// The ids of all alerts in a database.
fn ids(database: &str) -> BTreeSet<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let target = Target::parse(database);
        let store = Store::connect(&target, &Options::default()).await.unwrap();
        let mut ids = BTreeSet::new();
        let mut request = PageRequest::first(PAGE_ROWS_MAX);
        loop {
            let page = store.alerts().list(&AlertFilter::default(), &request).await;
            let page = page.unwrap();
            ids.extend(page.items.into_iter().map(|alert| alert.id));
            match page.next {
                Some(next) => request = PageRequest::after(PAGE_ROWS_MAX, next),
                None => break,
            }
        }
        store.close().await;
        ids
    })
}

#[test]
fn a_backup_made_while_alerts_flow_is_of_one_moment() {
    if !has_postgres("a backup while alerts flow") {
        return;
    }
    let site = Site::start(1);
    let sensor = CountedSensor::start(Order {
        center: site.replicas[0].sensors.to_string(),
        token: site.enrolment_token(),
        state: site.scratch.path("sensor"),
        index: 1,
    });
    eventually("some alerts", || (site.stored().len() > 200).then_some(()));
    let before: BTreeSet<String> = site.stored().into_iter().collect();
    let file = site.scratch.path("backup");
    let restored = site.postgres.create_database("restored").unwrap();
    let verb = |verb: &str, database: &str| {
        let ran = site.run(0, &["center", verb, "--database", database, &file]);
        ran.expect(0);
    };
    verb("backup", &site.database);
    let saved_until = sensor.accepted();
    eventually("further alerts", || {
        (sensor.accepted() > saved_until).then_some(())
    });
    verb("restore", &restored);
    let sqlite = site.scratch.path("sqlite");
    let refused = ["center", "restore", "--database", &sqlite, &file];
    let refused = site.run(0, &refused).expect(2);
    assert!(
        refused.stderr.contains("is no usable backup"),
        "{}",
        refused.stderr
    );
    let doctor = ["center", "doctor", "--database", &restored];
    let doctor = site.run(0, &doctor).expect(0).stdout;
    assert!(doctor.contains("PostgreSQL"), "{doctor}");
    assert!(doctor.contains("entries, whole"), "{doctor}");
    let found = ids(&restored);
    assert!(found.is_superset(&before), "alerts are missing");
    let after: BTreeSet<String> = site.stored().into_iter().collect();
    assert!(found.is_subset(&after), "alerts were made up");
}
