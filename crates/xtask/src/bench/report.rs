//! Medians and ratios of the storms, as a table and as JSON.

use super::container::Storm;
use super::observer::Cost;
use serde_json::{Value, json};
use std::fmt::Write;
use std::time::Duration;

/// One storm under one subject.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    /// How long the storm took.
    pub(super) elapsed: Duration,
    /// What the observer cost meanwhile; `None` without one.
    pub(super) cost: Option<Cost>,
}

/// All samples of one storm under one subject, in the order of their pairs.
#[derive(Debug)]
pub(super) struct Series {
    /// Who observed: `none`, `yagura` or `falco`.
    pub(super) subject: &'static str,
    /// One of each round.
    pub(super) samples: Vec<Sample>,
}

/// All series of one storm; the first is the one without an observer.
#[derive(Debug)]
pub(super) struct Row {
    /// The storm.
    pub(super) storm: Storm,
    /// One series of each subject.
    pub(super) series: Vec<Series>,
}

/// What the samples of one series say.
#[derive(Debug, PartialEq)]
struct Figures {
    median_ms: f64,
    /// Median, least and greatest of the ratios within each pair.
    ratio: [f64; 3],
    /// Median time added to one round of one process, in microseconds.
    added_us: f64,
}

impl Row {
    fn figures(&self, series: &Series) -> Figures {
        let base = self.series.first().unwrap_or(series);
        let milliseconds = |sample: &Sample| sample.elapsed.as_secs_f64() * 1e3;
        let pairs = || base.samples.iter().zip(&series.samples);
        let mut ratios: Vec<f64> = pairs()
            .map(|(without, with)| milliseconds(with) / milliseconds(without))
            .collect();
        ratios.sort_unstable_by(f64::total_cmp);
        let added = pairs().map(|(without, with)| milliseconds(with) - milliseconds(without));
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        let rounds = self.storm.count as f64;
        Figures {
            median_ms: median(series.samples.iter().map(milliseconds)),
            ratio: [
                median(ratios.iter().copied()),
                ratios.first().copied().unwrap_or(f64::NAN),
                ratios.last().copied().unwrap_or(f64::NAN),
            ],
            added_us: median(added) * 1e3 / rounds,
        }
    }

    fn json(&self) -> Value {
        let series = self.series.iter().map(|series| {
            let figures = self.figures(series);
            let samples = series.samples.iter().map(|sample| {
                json!({
                    "elapsed_ms": sample.elapsed.as_secs_f64() * 1e3,
                    "cost": sample.cost.as_ref().map(Cost::json),
                })
            });
            json!({
                "subject": series.subject,
                "median_ms": figures.median_ms,
                "ratio": { "median": figures.ratio[0], "least": figures.ratio[1], "greatest": figures.ratio[2] },
                "added_us": figures.added_us,
                "samples": samples.collect::<Vec<_>>(),
            })
        });
        json!({
            "storm": self.storm.kind,
            "count": self.storm.count,
            "processes": self.storm.processes,
            "subjects": series.collect::<Vec<_>>(),
        })
    }
}

/// The whole report as one JSON document.
pub(super) fn json(machine: &Value, rows: &[Row]) -> Value {
    json!({
        "machine": machine,
        "storms": rows.iter().map(Row::json).collect::<Vec<_>>(),
    })
}

/// The whole report for people.
pub(super) fn table(rows: &[Row]) -> String {
    let mut out = format!(
        "{:<10}{:>6}  {:<8}{:>10}{:>8}{:>14}{:>11}{:>9}{:>10}{:>10}{:>8}{:>8}\n",
        "storm",
        "procs",
        "subject",
        "median ms",
        "ratio",
        "least-most",
        "added us",
        "cpu ms",
        "peak MiB",
        "events",
        "lost",
        "alerts"
    );
    for row in rows {
        for series in &row.series {
            // Writing to a string can't fail.
            let _infallible = writeln!(out, "{}", line(row, series));
        }
    }
    out
}

fn line(row: &Row, series: &Series) -> String {
    let figures = row.figures(series);
    let [ratio, least, most] = figures.ratio;
    let mut line = format!(
        "{:<10}{:>6}  {:<8}{:>10.1}",
        row.storm.kind, row.storm.processes, series.subject, figures.median_ms
    );
    if row
        .series
        .first()
        .is_none_or(|base| base.subject == series.subject)
    {
        return line;
    }
    // Writing to a string can't fail.
    let range = format!("{least:.2}-{most:.2}");
    let _infallible = write!(line, "{ratio:>8.3}{range:>14}{:>11.3}", figures.added_us);
    let costs: Vec<&Cost> = series
        .samples
        .iter()
        .filter_map(|s| s.cost.as_ref())
        .collect();
    if costs.is_empty() {
        return line;
    }
    let cpu = median(costs.iter().map(|cost| cost.cpu.as_secs_f64() * 1e3));
    let peak_kib = costs.iter().map(|cost| cost.peak_kib).max().unwrap_or(0);
    let total = |figure: &dyn Fn(&Cost) -> Option<u64>| {
        let known: Option<Vec<u64>> = costs.iter().map(|cost| figure(cost)).collect();
        known.map_or("?".to_owned(), |all| all.iter().sum::<u64>().to_string())
    };
    let _infallible = write!(
        line,
        "{cpu:>9.0}{:>10}{:>10}{:>8}{:>8}",
        peak_kib.div_ceil(1024),
        total(&|cost| cost.events),
        total(&Cost::lost_total),
        total(&|cost| Some(cost.alerts)),
    );
    line
}

/// The middle value, or the mean of the two in the middle; not a number where there is none.
pub(super) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    let upper = values.get(values.len() / 2);
    let lower = values.get(values.len().saturating_sub(1) / 2);
    match (lower, upper) {
        (Some(lower), Some(upper)) => f64::midpoint(*lower, *upper),
        _ => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(subject: &'static str, milliseconds: &[u64], cost: Option<&Cost>) -> Series {
        let samples = milliseconds.iter().map(|&ms| Sample {
            elapsed: Duration::from_millis(ms),
            cost: cost.cloned(),
        });
        Series {
            subject,
            samples: samples.collect(),
        }
    }

    fn row() -> Row {
        let cost = Cost {
            cpu: Duration::from_millis(30),
            peak_kib: 2048,
            events: Some(5),
            ..Cost::default()
        };
        Row {
            storm: Storm {
                kind: "exec",
                count: 1000,
                processes: 1,
            },
            series: vec![
                series("none", &[100, 200, 100], None),
                series("yagura", &[110, 200, 130], Some(&cost)),
            ],
        }
    }

    #[test]
    fn the_middle_is_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()), 2.5);
        assert!(median([].into_iter()).is_nan());
    }

    #[test]
    fn ratios_are_taken_within_pairs() {
        let row = row();
        let figures = row.figures(&row.series[1]);
        assert_eq!(figures.median_ms, 130.0);
        let rounded = figures.ratio.map(|ratio| (ratio * 100.0).round());
        assert_eq!(rounded, [110.0, 100.0, 130.0]);
        assert_eq!(figures.added_us.round(), 10.0);
    }

    #[test]
    fn the_table_says_what_is_not_known() {
        let table = table(&[row()]);
        let last = table.lines().last().unwrap();
        let words: Vec<&str> = last.split_whitespace().collect();
        assert_eq!(
            words,
            [
                "exec",
                "1",
                "yagura",
                "130.0",
                "1.100",
                "1.00-1.30",
                "10.000",
                "30",
                "2",
                "15",
                "?",
                "0"
            ]
        );
    }
}
