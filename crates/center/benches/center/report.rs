//! The figures, as tables and as JSON.

use crate::flood::Flood;
use crate::lists::List;
use crate::policies::{Change, json_of};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::time::Duration;

/// Everything that was measured.
#[derive(Debug, Default)]
pub(crate) struct Report {
    text: String,
    json: serde_json::Map<String, Value>,
    memory: Vec<(&'static str, Vec<u64>)>,
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The time that so many in a hundred do not exceed, of times that are sorted.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(at).copied().unwrap_or_default()
}

impl Report {
    /// Nothing yet.
    pub(crate) fn new() -> Report {
        Report::default()
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// Takes note of the replicas' resident memory.
    pub(crate) fn memory(&mut self, when: &'static str, resident_kib: Vec<u64>) {
        self.memory.push((when, resident_kib));
    }

    /// Takes note of how long sensors took to come in.
    pub(crate) fn connected(&mut self, (count, took): (u32, Duration)) {
        let seconds = took.as_secs_f64();
        self.line(&format!(
            "{count} sensors enrolled and in session after {seconds:.1} s\n"
        ));
        let value = json!({ "count": count, "seconds": seconds });
        self.json.insert("sensors".to_owned(), value);
    }

    /// Takes note of changes of policy.
    pub(crate) fn changes(&mut self, rules: u32, changes: &[Change]) {
        self.line(&format!(
            "drift policy of {rules} rules, {} changes:",
            changes.len()
        ));
        self.line("                                                    median      most");
        for (what, of) in [
            (
                "API's answer",
                (|change| change.answered) as fn(&Change) -> Duration,
            ),
            ("from there to the last acknowledgement", |change| {
                change.acknowledged
            }),
            ("from there until the database has noted all", |change| {
                change.noted
            }),
        ] {
            let mut took: Vec<Duration> = changes.iter().map(of).collect();
            took.sort_unstable();
            let (middle, most) = (percentile(&took, 50), percentile(&took, 100));
            let (middle, most) = (milliseconds(middle), milliseconds(most));
            self.line(&format!("  {what:<44}{middle:>10.0}{most:>10.0} ms"));
        }
        self.line("");
        self.json.insert("policy".to_owned(), json_of(changes));
    }

    /// Takes note of a flood.
    pub(crate) fn flood(&mut self, flood: &Flood) {
        let seconds = flood.took.as_secs_f64();
        let rate = f64::from(flood.sent) / seconds;
        let Flood {
            sent,
            repeated,
            document_bytes,
            stored,
            distinct,
            ..
        } = flood;
        let took = |percent| milliseconds(percentile(&flood.acknowledged, percent));
        let (center, server) = flood.processors;
        let stolen_s = flood.stolen.as_secs_f64();
        let (center_s, server_s) = (center.as_secs_f64(), server.as_secs_f64());
        self.line(&format!(
            "{sent} alerts of {document_bytes} bytes in {seconds:.1} s: {rate:.0} a second; \
             {repeated} of them were sent twice\n  in the database: {stored} rows with {distinct} ids\n  \
             acknowledged after {:.0} ms in the median, {:.0} ms at the 99th percentile\n  \
             processor time: center {center_s:.1} s, PostgreSQL {server_s:.1} s, taken by the host {stolen_s:.1} s\n",
            took(50),
            took(99)
        ));
        let value = json!({
            "sent": sent, "repeated": repeated, "document_bytes": document_bytes, "stored": stored,
            "distinct": distinct, "seconds": seconds, "alerts_per_second": rate,
            "center_cpu_s": center_s, "postgres_cpu_s": server_s, "stolen_cpu_s": stolen_s,
            "acknowledged_ms": { "p50": took(50), "p95": took(95), "p99": took(99) },
        });
        self.json.insert("flood".to_owned(), value);
    }

    /// Takes note of lists.
    pub(crate) fn lists(&mut self, alerts: u64, lists: &[List]) {
        let asked = lists.first().map_or(0, |list| list.pages);
        self.line(&format!(
            "pages of 50 among {alerts} alerts, each asked for {asked} times:"
        ));
        self.line("                                             p50       p95       p99      rows   answers");
        let mut rows = Vec::new();
        for List {
            name,
            took,
            rows: found,
            ..
        } in lists
        {
            let at = |percent| milliseconds(percentile(took, percent));
            let (p50, p95, p99) = (at(50), at(95), at(99));
            let answers = took.len();
            self.line(&format!(
                "  {name:<38}{p50:>8.1}{p95:>10.1}{p99:>10.1} ms{found:>7}{answers:>10}"
            ));
            rows.push(
                json!({ "list": name, "p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "rows": found, "answers": answers }),
            );
        }
        self.line("");
        let value = json!({ "alerts": alerts, "asked": asked, "pages": rows });
        self.json.insert("lists".to_owned(), value);
    }

    /// For people.
    pub(crate) fn table(&self) -> String {
        let mut text = self.text.clone();
        text.push_str("resident memory of each replica, MiB:\n");
        for (when, replicas) in &self.memory {
            let shown: Vec<String> = replicas
                .iter()
                .map(|kib| kib.div_ceil(1024).to_string())
                .collect();
            // Writing to a string can't fail.
            let _infallible = writeln!(text, "  {when:<38}{}", shown.join(" "));
        }
        text
    }

    /// As JSON.
    pub(crate) fn json(&self) -> Value {
        let mut json = self.json.clone();
        let memory = self.memory.iter();
        let memory = memory.map(|(when, kib)| json!({ "when": when, "resident_kib": kib }));
        json.insert("memory".to_owned(), memory.collect());
        Value::Object(json)
    }
}
