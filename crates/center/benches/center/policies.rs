//! How fast a saved policy is with every sensor.

use crate::api::text;
use crate::scene::Scene;
use crate::sensors::{Sensors, until};
use anyhow::Result;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// Between changes: reports of health come in, as they do between two decisions of a person.
const PAUSE: Duration = Duration::from_secs(2);

/// One change.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change {
    /// From the request to the API's answer.
    pub(crate) answered: Duration,
    /// From the answer to the last sensor's acknowledgement; nothing if that was earlier.
    pub(crate) acknowledged: Duration,
    /// From the answer to the moment at which the database tells it of every node.
    pub(crate) noted: Duration,
}

/// Saves the drift policy so many times, each time with another rule.
pub(crate) async fn measure(
    scene: &Scene,
    sensors: &Sensors,
    changes: u32,
    rules: u32,
) -> Result<Vec<Change>> {
    let api = scene.last_api()?;
    let mut current = api.get("/drift-policy").await?;
    let mut measured = Vec::new();
    // Version 1 is what is in force before anybody changed anything.
    for (in_force, number) in (2..).zip(0..changes) {
        tokio::time::sleep(PAUSE).await;
        let draft = json!({
            "yaml": policy(number, rules), "comment": "measured", "accept_warnings": true,
        });
        let began = Instant::now();
        let all = async {
            sensors.all_have(in_force).await?;
            Ok::<_, anyhow::Error>(Instant::now())
        };
        let saved = async {
            let saved = api.put("/drift-policy", &current.etag, &draft).await?;
            Ok((saved, Instant::now()))
        };
        let ((saved, answered), all) = tokio::try_join!(saved, all)?;
        until(|| are_noted(scene, sensors, in_force)).await?;
        measured.push(Change {
            answered: answered - began,
            acknowledged: all.saturating_duration_since(answered),
            noted: answered.elapsed(),
        });
        current = saved;
    }
    let shown = text(&current.body, "/yaml")?;
    anyhow::ensure!(
        shown.contains(&marker(changes - 1)),
        "another policy is in force"
    );
    Ok(measured)
}

fn are_noted(scene: &Scene, sensors: &Sensors, version: u64) -> Result<bool> {
    let count = scene.sql(&format!(
        "SELECT count(*) FROM nodes WHERE policy_versions::jsonb #>> '{{policies,version}}' = '{version}'"
    ))?;
    Ok(count.trim().parse::<u32>()? == sensors.took().0)
}

fn marker(number: u32) -> String {
    format!("team-{number}-changed")
}

/// A policy of an ordinary shape, in which each number has another rule.
fn policy(number: u32, rules: u32) -> String {
    let mut text =
        "apiVersion: yagura.dev/v1\nkind: DriftPolicy\nmetadata: { version: 1 }\nspec:\n  rules:\n"
            .to_owned();
    for rule in 0..rules {
        let image = match rule {
            0 => marker(number),
            rule => format!("team-{rule}"),
        };
        // Writing to a string can't fail.
        let _infallible = write!(
            text,
            "    - name: Of team {rule}
      action: alert
      kinds: [binaries, libraries, scripts]
      scope:
        conditions:
          - {{ field: image-name, operator: starts-with, values: [registry.example/{image}/] }}
      allow:
        - process: /opt/team-{rule}/*
"
        );
    }
    text.push_str("  default:\n    action: ignore\n");
    text
}

/// As JSON.
pub(crate) fn json_of(changes: &[Change]) -> Value {
    let milliseconds = |of: &dyn Fn(&Change) -> Duration| {
        let all = changes.iter().map(|change| of(change).as_secs_f64() * 1e3);
        all.collect::<Vec<f64>>()
    };
    json!({
        "answered_ms": milliseconds(&|change| change.answered),
        "acknowledged_ms": milliseconds(&|change| change.acknowledged),
        "noted_ms": milliseconds(&|change| change.noted),
    })
}
