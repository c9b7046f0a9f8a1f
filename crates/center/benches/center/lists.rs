//! How fast pages of alerts come out of a database that has millions of them.

use crate::api::{Api, text};
use crate::flood::{compressed, document};
use crate::scene::Scene;
use crate::sensors::enrolled;
use anyhow::{Context as _, Result};
use jiff::{SignedDuration, Timestamp};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio_stream::iter;
use yagura_proto::wire;

/// Weeks over which alerts are spread.
const WEEKS: i64 = 12;
/// Nanoseconds of that.
const SPAN_NS: i64 = WEEKS * 7 * 24 * 3_600 * 1_000_000_000;
/// Alerts that the server makes at a time.
const MADE_AT_ONCE: u64 = 250_000;
/// Connections that do so at the same time.
const FILLERS: usize = 2;
/// Rows of a page.
const PAGE: u32 = 50;
/// The sender of the alerts that make the weeks' partitions.
const FIRST_SENDER: u32 = u32::MAX;

/// A question and the times of its answers.
#[derive(Debug, Clone)]
pub(crate) struct List {
    /// What was asked.
    pub(crate) name: &'static str,
    /// How long each answer took, sorted.
    pub(crate) took: Vec<Duration>,
    /// Pages that were asked for: a search may take several answers to fill one.
    pub(crate) pages: u32,
    /// Alerts that were in the answers.
    pub(crate) rows: usize,
}

/// Fills the database up to so many alerts and asks each question so many times.
pub(crate) async fn measure(scene: &Scene, alerts: u64, asked: u32) -> Result<Vec<List>> {
    let now = Timestamp::now();
    make_weeks(scene, now).await?;
    fill(scene, alerts, now)?;
    let mut lists = Vec::new();
    for (name, question) in questions(now) {
        eprintln!("asking: {name}");
        lists.push(ask(&scene.api, name, asked, &question).await?);
    }
    lists.push(turn_pages(&scene.api, asked).await?);
    Ok(lists)
}

/// An alert of every week through the link: the center makes the partitions.
async fn make_weeks(scene: &Scene, now: Timestamp) -> Result<()> {
    let (mut calls, node) = enrolled(scene, "filler", 1)
        .await?
        .pop()
        .context("no sensor")?;
    let documents = (0..=WEEKS).map(|week| {
        let ago = SignedDuration::from_hours(week * 7 * 24);
        let number = u32::try_from(week * 10 + 9)?;
        Ok(document(
            FIRST_SENDER,
            number,
            &node.name,
            now.checked_sub(ago)?,
        ))
    });
    let documents = documents.collect::<Result<Vec<String>>>()?;
    let batch = wire::AlertBatch {
        spool: vec![7; 16].into(),
        number: 1,
        content: compressed(documents)?.into(),
    };
    let mut acks = calls.alerts(iter([batch])).await?.into_inner();
    acks.message().await?.context("no acknowledgement")?;
    Ok(())
}

/// The rows, made of numbers by the server itself: into the real table, with all its indexes.
fn fill(scene: &Scene, alerts: u64, now: Timestamp) -> Result<()> {
    let there: u64 = scene.sql("SELECT count(*) FROM alerts")?.trim().parse()?;
    let now = i64::try_from(now.as_nanosecond())?;
    let step = SPAN_NS / i64::try_from(alerts.max(1))?;
    let next = AtomicU64::new(there);
    let fill = || -> Result<()> {
        loop {
            let first = next.fetch_add(MADE_AT_ONCE, Ordering::Relaxed);
            if first >= alerts {
                return Ok(());
            }
            let last = (first + MADE_AT_ONCE).min(alerts) - 1;
            scene.sql(&rows(first, last, now, step))?;
            eprintln!("to {} of {alerts} alerts", last + 1);
        }
    };
    std::thread::scope(|scope| {
        let fillers: Vec<_> = (0..FILLERS).map(|_| scope.spawn(fill)).collect();
        fillers
            .into_iter()
            .try_for_each(|filler| match filler.join() {
                Ok(filled) => filled,
                Err(panic) => std::panic::resume_unwind(panic),
            })
    })?;
    scene.sql("VACUUM ANALYZE alerts").map(drop)
}

/// The statement that makes the alerts of some numbers, each one step older than the one before.
fn rows(first: u64, last: u64, now: i64, step: i64) -> String {
    let cluster = "CASE WHEN n % 1009 = 0 THEN 'edge' ELSE 'cluster-' || n % 7 END";
    format!(
        "SET synchronous_commit = off; \
         INSERT INTO alerts (id, time, last_time, received, changed, version, count, status, severity, category, \
         rule, catalogue_key, title, action, node, cluster, namespace, pod, container_id, container, image, \
         incident, document, words) \
         SELECT md5(n::text), {now} - n * {step}, {now} - n * {step}, {now} - n * {step}, {now} - n * {step}, 1, 1, \
         CASE WHEN n % 10 = 0 THEN 2 ELSE 0 END, CASE WHEN n % 100 = 0 THEN 2 ELSE n % 2 END, n % 8, \
         'rule ' || n % 60, 'key.' || n % 52, 'A program of rule ' || n % 60 || ' ran', 'alerted', \
         'node-' || n % 997, {cluster}, 'space-' || n % 101, 'pod-' || n % 5003, \
         md5((n % 20011)::text), 'name-' || n % 307, 'registry.example/image-' || n % 211 || ':1', \
         md5(n::text), \
         '{{\"process\":{{\"exe\":\"/usr/bin/bash\",\"argv\":[\"' || repeat(md5(n::text), 12) || '\"]}}}}', \
         array_to_tsvector(ARRAY['program', 'ran', 'rule', 'node', 'registry', 'example', 'usr', 'bin', 'bash', \
         'user' || n % 50, 'file' || n % 100003, 'space' || n % 101, 'pod' || n % 5003, 'x' || md5(n::text)]) \
         FROM generate_series({first}::bigint, {last}::bigint) AS n"
    )
}

type Question = Box<dyn Fn(u32) -> String>;

/// What an alert page asks for; the number makes each another one.
fn questions(now: Timestamp) -> Vec<(&'static str, Question)> {
    let day = move |number: u32| {
        let ago = |hours: i64| now.checked_sub(SignedDuration::from_hours(hours));
        let hours = i64::from(number) * 9 % (WEEKS * 7 * 24);
        let from = ago(hours + 24).unwrap_or(now);
        format!("&from={from}&to={}", ago(hours).unwrap_or(now))
    };
    vec![
        ("the newest", Box::new(|_| String::new())),
        ("a day, anywhere", Box::new(day)),
        (
            "unhandled, urgent or suspicious",
            Box::new(|_| "&status=unhandled,handling&severity=urgent,suspicious".to_owned()),
        ),
        (
            "a status that no alert has",
            Box::new(|_| "&status=false-positive".to_owned()),
        ),
        (
            "category and key",
            Box::new(|n| format!("&category={}&key=key.{}", category(n), n % 52)),
        ),
        ("a node", Box::new(|n| format!("&node=node-{}", n % 997))),
        (
            "cluster and namespace",
            Box::new(|n| format!("&cluster=cluster-{}&namespace=space-{}", n % 7, n % 101)),
        ),
        (
            "a cluster of 1 in 1,000",
            Box::new(|_| "&cluster=edge".to_owned()),
        ),
        (
            "containers of a name",
            Box::new(|n| format!("&container=name-{}", n % 307)),
        ),
        (
            "handled ones of a container's name",
            Box::new(|n| format!("&container=name-{}&status=handled", n % 307)),
        ),
        ("a pod", Box::new(|n| format!("&pod=pod-{}", n * 7 % 5_003))),
        (
            "an image",
            Box::new(|n| format!("&image=registry.example/image-{}:1", n % 211)),
        ),
        ("a rule", Box::new(|n| format!("&rule=rule {}", n % 60))),
        (
            "node, severity and a day",
            Box::new(move |n| format!("&node=node-{}&severity=suspicious{}", n % 997, day(n))),
        ),
        ("common words", Box::new(|_| "&q=bash program".to_owned())),
        (
            "a word of 2 in 100",
            Box::new(|n| format!("&q=user{} bash", n % 50)),
        ),
        (
            "a rare word",
            Box::new(|n| format!("&q=file{}", 10_007 + n)),
        ),
        (
            "a word that there is not",
            Box::new(|n| format!("&q=zebra{n}")),
        ),
        (
            "a rare word on a node",
            Box::new(|n| format!("&q=file{}&node=node-{}", 10_007 + n, n % 997)),
        ),
    ]
}

fn category(number: u32) -> &'static str {
    let all = yagura_event::Category::ALL;
    let at = number as usize % all.len();
    all.get(at).map_or("", |category| category.as_str())
}

async fn ask(api: &Api, name: &'static str, asked: u32, question: &Question) -> Result<List> {
    let (mut took, mut rows) = (Vec::new(), 0);
    for number in 0..asked {
        let path = format!("/alerts?limit={PAGE}{}", question(number)).replace(' ', "%20");
        let (mut cursor, mut of_page) = (String::new(), 0);
        loop {
            let began = Instant::now();
            let answer = api.get(&format!("{path}{cursor}")).await?;
            took.push(began.elapsed());
            let items = answer.body.pointer("/items");
            let items = items.and_then(|items| items.as_array());
            of_page += items.context("no items")?.len();
            match answer
                .body
                .pointer("/next_cursor")
                .and_then(|next| next.as_str())
            {
                Some(next) if of_page < PAGE as usize => cursor = format!("&cursor={next}"),
                _ => break,
            }
        }
        rows += of_page.min(PAGE as usize);
    }
    took.sort_unstable();
    Ok(List {
        name,
        took,
        pages: asked,
        rows,
    })
}

/// One page after the other, as somebody does who goes on and on.
async fn turn_pages(api: &Api, asked: u32) -> Result<List> {
    let (mut took, mut rows) = (Vec::new(), 0);
    let mut path = format!("/alerts?limit={PAGE}&status=unhandled");
    let first = path.clone();
    for _ in 0..asked {
        let began = Instant::now();
        let answer = api.get(&path).await?;
        took.push(began.elapsed());
        rows += PAGE as usize;
        path = format!("{first}&cursor={}", text(&answer.body, "/next_cursor")?);
    }
    took.sort_unstable();
    Ok(List {
        name: "page after page of what is unhandled",
        took,
        pages: asked,
        rows,
    })
}
