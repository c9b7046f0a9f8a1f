//! `yagura alerts`: alerts of a center.

use super::client::{CenterArguments, Client, cell, encoded};
use crate::exit::{Failure, Outcome};
use crate::output::{self, Form, table};
use serde_json::{Value, json};
use std::time::Duration;

/// Wait before a center that went away is asked again.
const AGAIN: Duration = Duration::from_secs(2);
/// Wait for alerts that the center is about to have.
const SOON: Duration = Duration::from_millis(100);

/// List and handle alerts of a center
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List alerts, those seen last first
    List {
        #[command(flatten)]
        center: CenterArguments,
        /// Statuses, separated by commas
        #[arg(long, default_value = "unhandled,handling,auto-blocked")]
        status: String,
        /// Severities, separated by commas
        #[arg(long, default_value = "")]
        severity: String,
        /// Words that all stand in the alert
        #[arg(long, default_value = "")]
        search: String,
        /// How many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
        limit: u32,
        /// Form of the result
        #[arg(long, value_enum, default_value_t)]
        output: Form,
    },
    /// Show one alert as JSON
    Show {
        #[command(flatten)]
        center: CenterArguments,
        /// Id of the alert
        id: String,
    },
    /// Print alerts as they come, until interrupted
    Tail {
        #[command(flatten)]
        center: CenterArguments,
        /// Severities, separated by commas
        #[arg(long, default_value = "")]
        severity: String,
        /// End after so many alerts
        #[arg(long)]
        count: Option<u64>,
        /// Form of the result
        #[arg(long, value_enum, default_value_t)]
        output: Form,
    },
    /// Do something with alerts: start-handling, mark-handled, ignore, mark-false-positive, reopen, kill-process,
    /// quarantine-file, pause-container, isolate-container, stop-container
    Handle {
        #[command(flatten)]
        center: CenterArguments,
        /// What is done
        verb: String,
        /// Ids of alerts
        #[arg(required = true)]
        ids: Vec<String>,
        /// Why
        #[arg(long, default_value = "")]
        note: String,
        /// Only say what it would do
        #[arg(long)]
        preview: bool,
    },
    /// Take back the last change of status of alerts
    Undo {
        #[command(flatten)]
        center: CenterArguments,
        /// Ids of alerts
        #[arg(required = true)]
        ids: Vec<String>,
    },
}

/// Runs one of the commands.
///
/// # Errors
/// [`Failure`] if the center refuses or can't be reached.
pub(crate) fn run(command: &Command) -> Result<Outcome, Failure> {
    match command {
        Command::List {
            center,
            status,
            severity,
            search,
            limit,
            output,
        } => {
            let path = format!(
                "/alerts?status={}&severity={}&q={}",
                encoded(status),
                encoded(severity),
                encoded(search)
            );
            let alerts = found(&Client::new(center)?, &path, *limit)?;
            list(&alerts, *output)?;
        }
        Command::Show { center, id } => {
            let alert = Client::new(center)?.get(&format!("/alerts/{}", encoded(id)))?;
            output::print_json(&alert)?;
        }
        Command::Tail {
            center,
            severity,
            count,
            output,
        } => {
            let client = Client::new(center)?;
            Tail::new(severity, *output).run(&client, *count)?;
        }
        Command::Handle {
            center,
            verb,
            ids,
            note,
            preview,
        } => {
            let path = if *preview {
                "/alerts/actions/preview"
            } else {
                "/alerts/actions"
            };
            let asked = json!({ "verb": verb, "selection": { "ids": ids }, "note": note });
            let answer = Client::new(center)?.ask("POST", path, &[], Some(&asked))?;
            output::print_json(&answer.body)?;
        }
        Command::Undo { center, ids } => {
            let asked = json!({ "ids": ids });
            let answer = Client::new(center)?.ask("POST", "/alerts/undo", &[], Some(&asked))?;
            output::print_json(&answer.body)?;
        }
    }
    Ok(Outcome::Done)
}

/// Up to so many alerts. Pages of a search can be short: it goes on with the next.
fn found(client: &Client, path: &str, limit: u32) -> Result<Vec<Value>, Failure> {
    let mut alerts = Vec::new();
    let mut cursor = String::new();
    loop {
        let missing = limit.saturating_sub(u32::try_from(alerts.len()).unwrap_or(u32::MAX));
        let page = client.get(&format!("{path}&limit={missing}{cursor}"))?;
        let items = page.get("items").and_then(Value::as_array);
        alerts.extend(items.into_iter().flatten().cloned());
        let is_full = alerts.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
        match page.get("next_cursor").and_then(Value::as_str) {
            Some(next) if !is_full => cursor = format!("&cursor={}", encoded(next)),
            _ => return Ok(alerts),
        }
    }
}

fn list(items: &[Value], form: Form) -> Result<(), Failure> {
    match form {
        Form::Json => items.iter().try_for_each(output::print_line),
        Form::Table => {
            let rows = items.iter().map(|alert| {
                [
                    "/id",
                    "/last_time",
                    "/severity",
                    "/status",
                    "/count",
                    "/node",
                    "/container",
                    "/title",
                ]
                .map(|field| cell(alert, field))
                .to_vec()
            });
            let heads = [
                "ID",
                "LAST SEEN",
                "SEVERITY",
                "STATUS",
                "COUNT",
                "NODE",
                "CONTAINER",
                "TITLE",
            ];
            output::print(&table::aligned(&heads, rows))
        }
    }
}

/// Alerts as they are stored: those of a node that was cut off come late, and come.
struct Tail {
    severity: String,
    form: Form,
    /// What was stored up to here is known.
    position: String,
}

impl Tail {
    fn new(severity: &str, form: Form) -> Tail {
        Tail {
            severity: severity.to_owned(),
            form,
            position: String::new(),
        }
    }

    /// Prints what comes. A center that goes away is waited for.
    fn run(&mut self, client: &Client, count: Option<u64>) -> Result<(), Failure> {
        let mut left = count.unwrap_or(u64::MAX);
        // Not being let in at the start is no reason to wait.
        let mut changes = Some(client.changes()?);
        self.news(client)?;
        tracing::info!("listening for alerts");
        loop {
            match self.news(client) {
                Ok(news) => {
                    for alert in news {
                        if left == 0 {
                            return Ok(());
                        }
                        self.print(&alert)?;
                        left -= 1;
                    }
                }
                Err(Failure::Failed(error)) => {
                    tracing::warn!(error = %format!("{error:#}"), "alerts can't be read");
                }
                Err(error) => return Err(error),
            }
            if left == 0 {
                return Ok(());
            }
            let told = changes.as_mut().and_then(|changes| {
                loop {
                    let kind = changes.next()?;
                    if matches!(kind.as_str(), "alerts" | "missed") {
                        break Some(());
                    }
                }
            });
            if told.is_none() {
                std::thread::sleep(AGAIN);
                changes = client.changes().ok();
            }
        }
    }

    /// Alerts that were not printed, in the order of storing. At first there are none.
    fn news(&mut self, client: &Client) -> Result<Vec<Value>, Failure> {
        let mut news = Vec::new();
        loop {
            let after = match self.position.as_str() {
                "" => String::new(),
                position => format!("&after={}", encoded(position)),
            };
            let path = format!("/alerts/feed?severity={}{after}", encoded(&self.severity));
            let mut feed = client.get(&path)?;
            let items = match feed.get_mut("items").map(Value::take) {
                Some(Value::Array(items)) => items,
                _ => Vec::new(),
            };
            let has_none = items.is_empty();
            news.extend(items);
            let position = feed.get("position").and_then(Value::as_str);
            position.unwrap_or_default().clone_into(&mut self.position);
            if feed.get("more") != Some(&Value::Bool(true)) {
                return Ok(news);
            }
            if has_none {
                std::thread::sleep(SOON);
            }
        }
    }

    fn print(&self, alert: &Value) -> Result<(), Failure> {
        if self.form == Form::Json {
            return output::print_line(alert);
        }
        let fields = [
            "/last_time",
            "/severity",
            "/node",
            "/container",
            "/title",
            "/id",
        ];
        let line = fields.map(|field| cell(alert, field)).join("  ");
        output::print(&format!("{line}\n"))
    }
}
