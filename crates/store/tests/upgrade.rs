//! Databases of earlier versions.

use crate::fixture::{NOW, alert, connect, runtime};
use sqlx::migrate::Migrator;
use std::path::Path;
use yagura_event::Severity;
use yagura_store::{AlertFilter, InsertOutcome, PageRequest, Target};
use yagura_testkit::{Durability, PostgresServer};

pub(crate) const TESTS: &[(&str, fn())] = &[(
    "postgres_of_the_first_schema_goes_on",
    postgres_of_the_first_schema_goes_on,
)];

/// An alert as the first schema's version stored it.
const STORED: &str = "CREATE TABLE alerts_week_2959 PARTITION OF alerts \
    FOR VALUES FROM (1789603200000000000) TO (1790208000000000000); \
    INSERT INTO alerts (id, time, last_time, received, changed, version, count, status, severity, category, rule, \
    catalogue_key, title, action, node, cluster, namespace, pod, container_id, container, image, incident, document, \
    words) VALUES ('00000000000000000000000000000007', 1790000007000000000, 1790000007000000000, \
    1790000007000000000, 1790000007000000000, 1, 1, 0, 1, 4, 'Reverse shell', 'proc.reverse-shell', 'A shell', \
    'alerted', 'node-1', 'tokyo', 'shop', 'web-0', 'c0ffee', 'web', 'registry.local/web:1.2', \
    '00000000000000000000000000000007', '{}', array_to_tsvector(ARRAY['reverse', 'shell']))";

fn postgres_of_the_first_schema_goes_on() {
    let server = PostgresServer::start(Durability::Synced).unwrap();
    let url = server.create_database("old").unwrap();
    runtime().block_on(async {
        let pool = sqlx::PgPool::connect(&url).await.unwrap();
        let mut steps = Migrator::new(Path::new("migrations/postgres"))
            .await
            .unwrap();
        steps.migrations.to_mut().truncate(1);
        steps.run(&pool).await.unwrap();
        sqlx::raw_sql(STORED).execute(&pool).await.unwrap();
        pool.close().await;

        let store = connect(&Target::parse(&url)).await;
        let old = alert(7);
        let filters = [
            AlertFilter {
                nodes: vec![old.node.clone()],
                ..AlertFilter::default()
            },
            AlertFilter {
                severities: vec![Severity::Suspicious],
                ..AlertFilter::default()
            },
            AlertFilter {
                text: "revers".to_owned(),
                ..AlertFilter::default()
            },
            AlertFilter {
                text: old.id.clone(),
                ..AlertFilter::default()
            },
        ];
        for filter in filters {
            let page = store.alerts().list(&filter, &PageRequest::first(10)).await;
            let found: Vec<String> = page.unwrap().items.into_iter().map(|a| a.id).collect();
            assert_eq!(found, [old.id.as_str()], "{filter:?}");
        }
        let again = store.alerts().insert(&[old], NOW).await.unwrap();
        assert_eq!(again.outcomes, [InsertOutcome::Known]);
    });
}
