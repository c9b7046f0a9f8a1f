//! How fast alerts get into a store, and how fast they are found among many.
//!
//! `cargo bench -p yagura-store -- [sqlite|postgres] [--alerts N]` makes N alerts (ten million, unless said otherwise) and
//! asks the questions of an alert page. The first hundred thousand go in as in production, through the store; with
//! PostgreSQL the others are made by the server itself, since only their number matters.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::too_many_lines,
    clippy::unwrap_used,
    reason = "a program that only measures"
)]

use std::time::{Duration, Instant};
use yagura_event::{Category, Severity, WallTime};
use yagura_store::{
    AlertFilter, AlertStatus, NewAlert, Options, PageRequest, Retention, Store, Target,
};
use yagura_testkit::{Durability, PostgresServer, ScratchDir};

/// Now, for the alerts: 2026.
const NOW: WallTime = WallTime(1_790_000_000_000_000_000);

/// Alerts that are stored as in production.
const MEASURED: i64 = 100_000;

/// Alerts of one batch, as a center makes them of what its sensors send.
const BATCH: i64 = 1_000;

/// Batches at a time.
const WRITERS: i64 = 2;

/// Nanoseconds over which alerts are spread: twelve weeks.
const SPAN_NS: i64 = 12 * 7 * 24 * 3_600 * 1_000_000_000;

/// How often each question is asked, at another place each time.
const ROUNDS: i64 = 200;

/// Alerts that the server makes at a time.
const MADE_AT_ONCE: i64 = 250_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let count = arguments
        .iter()
        .position(|word| word == "--alerts")
        .and_then(|at| arguments.get(at + 1))
        .map_or(10_000_000, |number| {
            number.parse().expect("a number of alerts")
        });
    let has = |word: &str| arguments.iter().any(|argument| argument == word);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    if has("sqlite") || !has("postgres") {
        let scratch = ScratchDir::new().unwrap();
        runtime.block_on(run(Target::Sqlite(scratch.join("data")), count));
    }
    if has("postgres") || !has("sqlite") {
        let server = PostgresServer::start(Durability::Synced).unwrap();
        let url = server.create_database("bench").unwrap();
        runtime.block_on(run(Target::parse(&url), count));
    }
}

async fn run(target: Target, count: i64) {
    let store = Store::connect(&target, &Options::default()).await.unwrap();
    println!("{:?}, {count} alerts", store.dialect());
    insert(&store, MEASURED.min(count)).await;
    match &target {
        Target::Sqlite(_) => fill_through_store(&store, count).await,
        Target::Postgres(url) => fill_by_server(&store, url, count).await,
    }
    store.maintain(&Retention::default(), NOW).await.unwrap();
    for (name, filter) in questions() {
        ask(&store, name, filter).await;
    }
    store.close().await;
}

/// Batches from several nodes at once.
async fn insert(store: &Store, count: i64) {
    let start = Instant::now();
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let store = store.clone();
        writers.push(tokio::spawn(async move {
            let mut slowest = Duration::ZERO;
            for batch in (writer..count / BATCH).step_by(WRITERS as usize) {
                let alerts: Vec<NewAlert> =
                    (batch * BATCH..(batch + 1) * BATCH).map(recent).collect();
                let start = Instant::now();
                store.alerts().insert(&alerts, NOW).await.unwrap();
                slowest = slowest.max(start.elapsed());
            }
            slowest
        }));
    }
    let mut slowest = Duration::ZERO;
    for writer in writers {
        slowest = slowest.max(writer.await.unwrap());
    }
    println!(
        "  insert: {:.0} alerts/s in batches of {BATCH} by {WRITERS} writers, slowest batch {slowest:.0?}",
        count as f64 / start.elapsed().as_secs_f64()
    );
}

async fn fill_through_store(store: &Store, count: i64) {
    for batch in MEASURED / BATCH..count / BATCH {
        let alerts: Vec<NewAlert> = (batch * BATCH..(batch + 1) * BATCH)
            .map(|number| alert(number, time_of(number, count)))
            .collect();
        store.alerts().insert(&alerts, NOW).await.unwrap();
    }
}

/// The same alerts, made of numbers by the server.
async fn fill_by_server(store: &Store, url: &str, count: i64) {
    use sqlx::Connection;
    let weeks: Vec<NewAlert> = (0..=12)
        .map(|week| alert(count + week, WallTime(NOW.0 - week * SPAN_NS / 12)))
        .collect();
    store.alerts().insert(&weeks, NOW).await.unwrap();
    let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
    for first in (MEASURED..count).step_by(MADE_AT_ONCE as usize) {
        let last = (first + MADE_AT_ONCE).min(count) - 1;
        let sql = format!(
            "INSERT INTO alerts (id, time, last_time, received, changed, version, count, status, severity, category, \
             rule, catalogue_key, title, action, node, cluster, namespace, pod, container_id, container, image, \
             incident, document, words) \
             SELECT lpad(to_hex(n), 32, '0'), {now} - n * ({SPAN_NS} / {count}), {now}, {now}, {now}, 1, 1, \
             CASE WHEN n % 10 = 0 THEN 2 ELSE 0 END, CASE WHEN n % 100 = 0 THEN 2 ELSE n % 2 END, n % 8, \
             'rule ' || n % 60, 'key.' || n % 52, 'A program of rule ' || n % 60 || ' ran', 'alerted', \
             'node-' || n % 997, 'cluster-' || n % 7, 'space-' || n % 101, 'pod-' || n % 5003, \
             'c' || n % 20011, 'name-' || n % 307, 'registry.local/image-' || n % 211 || ':1', \
             lpad(to_hex(n), 32, '0'), repeat(md5(n::text), 12), \
             array_to_tsvector(ARRAY['program', 'ran', 'rule', 'node', 'registry', 'local', 'usr', 'bin', 'bash', \
             'user' || n % 50, 'file' || n % 100003, 'space' || n % 101, 'pod' || n % 5003, 'x' || md5(n::text)]) \
             FROM generate_series({first}, {last}) AS n",
            now = NOW.0
        );
        sqlx::query(&sql).execute(&mut connection).await.unwrap();
    }
    sqlx::query("VACUUM ANALYZE alerts")
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}

fn time_of(number: i64, count: i64) -> WallTime {
    WallTime(NOW.0 - number * (SPAN_NS / count))
}

/// Alerts as they come in: of the last minutes.
fn recent(number: i64) -> NewAlert {
    alert(
        number,
        WallTime(NOW.0 - (number * 7_919 % 600_000) * 1_000_000),
    )
}

fn alert(number: i64, time: WallTime) -> NewAlert {
    let id = format!("{number:032x}");
    NewAlert {
        incident: id.clone(),
        id,
        time,
        last_time: time,
        count: 1,
        status: if number % 10 == 0 {
            AlertStatus::Handled
        } else {
            AlertStatus::Unhandled
        },
        severity: match number {
            number if number % 100 == 0 => Severity::Urgent,
            number if number % 2 == 1 => Severity::Suspicious,
            _ => Severity::Reminder,
        },
        category: Category::ALL[(number % 8) as usize],
        rule: format!("rule {}", number % 60),
        key: format!("key.{}", number % 52),
        title: format!("A program of rule {} ran", number % 60),
        action: "alerted".to_owned(),
        node: format!("node-{}", number % 997),
        cluster: format!("cluster-{}", number % 7),
        namespace: format!("space-{}", number % 101),
        pod: format!("pod-{}", number % 5_003),
        container_id: format!("c{}", number % 20_011),
        container: format!("name-{}", number % 307),
        image: format!("registry.local/image-{}:1", number % 211),
        search: vec![
            "/usr/bin/bash -c whoami".to_owned(),
            format!("user{} file{}", number % 50, number % 100_003),
        ],
        // Of the size that the sensor's alerts have.
        document: format!(
            "{{\"id\":{number},\"processes\":[{}]}}",
            format!("{{\"exe\":\"/usr/bin/bash\",\"argv\":[\"bash\",\"-c\",\"{number}\"],\"cwd\":\"/srv\"}},").repeat(24)
        ),
    }
}

type Question = Box<dyn Fn(i64) -> AlertFilter>;

/// What an alert page asks; the number makes each another one.
fn questions() -> Vec<(&'static str, Question)> {
    let texts = |text: String| vec![text];
    let all = AlertFilter::default;
    vec![
        ("newest", Box::new(move |_| all())),
        (
            "a day, anywhere",
            Box::new(move |n| AlertFilter {
                to: Some(WallTime(NOW.0 - n * (SPAN_NS / ROUNDS))),
                from: Some(WallTime(
                    NOW.0 - n * (SPAN_NS / ROUNDS) - 86_400_000_000_000,
                )),
                ..all()
            }),
        ),
        (
            "urgent and unhandled",
            Box::new(move |_| AlertFilter {
                statuses: vec![AlertStatus::Unhandled, AlertStatus::Handling],
                severities: vec![Severity::Urgent, Severity::Suspicious],
                ..all()
            }),
        ),
        (
            "status that none has",
            Box::new(move |_| AlertFilter {
                statuses: vec![AlertStatus::FalsePositive],
                ..all()
            }),
        ),
        (
            "category and key",
            Box::new(move |n| AlertFilter {
                categories: vec![Category::ALL[(n % 8) as usize]],
                keys: texts(format!("key.{}", n % 52)),
                ..all()
            }),
        ),
        (
            "node",
            Box::new(move |n| AlertFilter {
                nodes: texts(format!("node-{n}")),
                ..all()
            }),
        ),
        (
            "namespace and cluster",
            Box::new(move |n| AlertFilter {
                clusters: texts(format!("cluster-{}", n % 7)),
                namespaces: texts(format!("space-{}", n % 101)),
                ..all()
            }),
        ),
        (
            "container",
            Box::new(move |n| AlertFilter {
                container_ids: texts(format!("c{n}")),
                ..all()
            }),
        ),
        (
            "image",
            Box::new(move |n| AlertFilter {
                images: texts(format!("registry.local/image-{}:1", n % 211)),
                ..all()
            }),
        ),
        (
            "text: rare word",
            Box::new(move |n| AlertFilter {
                text: format!("file{}", 10_007 + n),
                ..all()
            }),
        ),
        (
            "text: common words",
            Box::new(move |_| AlertFilter {
                text: "bash program".to_owned(),
                ..all()
            }),
        ),
        (
            "text: user of many",
            Box::new(move |n| AlertFilter {
                text: format!("user{} bash", n % 50),
                ..all()
            }),
        ),
        (
            "text: no such word",
            Box::new(move |n| AlertFilter {
                text: format!("zebra{n}"),
                ..all()
            }),
        ),
    ]
}

async fn ask(store: &Store, name: &str, filter: Question) {
    let mut times = Vec::new();
    let mut rows = 0;
    for round in 0..ROUNDS {
        let filter = filter(round);
        let start = Instant::now();
        let page = store
            .alerts()
            .list(&filter, &PageRequest::first(50))
            .await
            .unwrap();
        times.push(start.elapsed());
        rows += page.items.len();
    }
    times.sort();
    let part = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
    println!(
        "  {name}: median {:.1?}, 99th percentile {:.1?}, {rows} rows",
        part(50),
        part(99)
    );
}
