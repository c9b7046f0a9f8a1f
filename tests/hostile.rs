//! Containers that attack whoever reads the alerts.

use crate::harness::trial;
use crate::payload::Payload;
use crate::pods::{Node, pod};
use crate::runc::{self, Container, Image, Spec};
use crate::sensor::{ALL_DRIFT, Sensor};
use anyhow::{Context as _, Result, ensure};
use libtest_mimic::Trial;
use yagura_testkit::Containerd;

/// Bytes that one alert may take as a line, whatever the container does.
const LINE_BYTES_MAX: usize = 256 * 1024;

pub(crate) fn trials() -> Vec<Trial> {
    let needs: Vec<&str> = runc::NEEDS.into_iter().chain(Payload::NEEDS).collect();
    vec![
        trial("hostile::arguments_and_paths", &needs, arguments_and_paths),
        trial(
            "hostile::names_and_labels_of_pods",
            &Containerd::NEEDS,
            names_and_labels,
        ),
    ]
}

/// A line that ends early, a colour, a bell, a text that turns around, one that hides, JSON, a NUL's picture, no UTF-8.
const NASTY: [&str; 7] = [
    "a\nb\r\n{\"id\":\"forged\"}",
    "\u{1b}[31mred\u{1b}[0m\u{7}",
    "abc\u{202e}txt.exe",
    "zero\u{200b}width\u{feff}",
    "\",\"severity\":\"reminder\",\"x\":\"",
    "\\u0000\\n'; rm -rf / #",
    "\u{2028}\u{2029}\u{85}",
];

fn arguments_and_paths() -> Result<()> {
    let (image, payload) = (Image::busybox()?, Payload::build()?);
    let sensor = Sensor::start(ALL_DRIFT, &[])?;
    let spec = Spec {
        payload: Some(payload.path()),
        ..Spec::default()
    };
    let container = Container::start(&image, &spec)?;
    let long = "x".repeat(64 * 1024);
    for (number, nasty) in NASTY.into_iter().chain([long.as_str()]).enumerate() {
        // The path can't hold a slash or 64 KiB; the arguments can.
        let name: String = nasty
            .chars()
            .filter(|character| *character != '/')
            .take(60)
            .collect();
        let path = format!("/tmp/{number}-{name}");
        let script = "cp /payload/hello \"$1\"; chmod 755 \"$1\"; exec \"$1\"";
        let ran = container.exec(&["/bin/sh", "-c", script, "sh", &path])?;
        ensure!(ran.text() == "ran\n", "{ran:?}");
        // A folder of that name, and arguments that a process may give to itself.
        let script = "mkdir \"$1\"; cd \"$1\"; cp /payload/hello h; chmod 755 h; exec timeout 0.2 ./h \"$2\" \"$2\"";
        let folder = format!("{path}.d");
        container.exec(&[
            "/bin/busybox",
            "sh",
            "-c",
            &script.replace("timeout", "busybox timeout"),
            "sh",
            &folder,
            nasty,
        ])?;
        let shown = format!("/tmp/{number}-");
        let about = |end: &str| {
            let end = end.to_owned();
            let shown = shown.clone();
            move |alert: &serde_json::Value| {
                let path = alert["drift"]["path"].as_str().unwrap_or_default();
                path.starts_with(&shown) && path.ends_with(".d/h") == (end == "folder")
            }
        };
        sensor.alert(&container.id, about("file"))?;
        let alert = sensor.alert(&container.id, about("folder"))?;
        let argv = alert["process"]["argv"].as_array().context("argv")?;
        ensure!(
            argv.len() > 1 || alert["process"]["argv_truncated"] == true,
            "{alert:#}"
        );
    }
    odd_names(&sensor, &container)?;
    let ended = sensor.stop()?;
    let longest = ended
        .raw
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::len)
        .max();
    ensure!(
        longest < Some(LINE_BYTES_MAX),
        "a line of {longest:?} bytes"
    );
    ensure!(
        !ended.stderr.contains('\u{1b}') && !ended.stderr.contains("forged"),
        "{}",
        ended.stderr
    );
    Ok(())
}

/// Bytes that are no text, and arguments without end.
fn odd_names(sensor: &Sensor, container: &Container) -> Result<()> {
    // Bytes that are no UTF-8, made in the container itself.
    container
        .shell("p=$(printf '/tmp/\\377\\376\\200'); cp /payload/hello $p; chmod 755 $p; $p")?;
    let alert = sensor.alert_about(&container.id, "/tmp/\\xff\\xfe\\x80")?;
    ensure!(
        alert["process"]["exe"] == "/tmp/\\xff\\xfe\\x80",
        "{alert:#}"
    );
    // A thousand arguments, and none at all.
    container.shell(
        "cp /payload/hello /tmp/many; chmod 755 /tmp/many; a=$(printf '%01000d' 0); \
        busybox timeout 0.2 /tmp/many $(echo $a | busybox sed 's/0/0 /g') || true",
    )?;
    let alert = sensor.alert_about(&container.id, "/tmp/many")?;
    ensure!(alert["process"]["argv_truncated"] == true, "{alert:#}");
    Ok(())
}

fn names_and_labels() -> Result<()> {
    let node = Node::start()?;
    let sensor = Sensor::start(ALL_DRIFT, &[])?;
    let labels: Vec<(String, String)> = NASTY
        .into_iter()
        .enumerate()
        .map(|(number, nasty)| (format!("label-{number}{nasty}"), nasty.to_owned()))
        .collect();
    let labels: Vec<(&str, &str)> = labels
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    let spec = pod("web\u{202e}\n{\"a\":1}", "shop\u{1b}[2J", &labels);
    let container = node.run(&spec, "main\n\u{7}", "sleep 1000000")?;
    node.drop_and_run(&container, "hello", "/tmp/dropped")?;
    let alert = sensor.alert_about(&container.id, "/tmp/dropped")?;
    ensure!(
        alert["pod"]["name"] == "web\\u{202e}\\n{\"a\":1}",
        "{alert:#}"
    );
    ensure!(alert["pod"]["namespace"] == "shop\\x1b[2J", "{alert:#}");
    ensure!(alert["container"]["name"] == "main\\n\\x07", "{alert:#}");
    let count = alert["pod"]["labels"].as_object().context("labels")?.len();
    ensure!(count >= NASTY.len(), "{alert:#}");
    sensor.stop().map(drop)
}
