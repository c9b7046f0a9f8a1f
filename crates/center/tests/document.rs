//! The API against its own document, by a tool that knows neither: schemathesis.

use crate::support::Site;
use serde_json::json;
use std::path::PathBuf;
use std::process::Command;

/// The tool's version, from PyPI.
const VERSION: &str = "4.32.5";
/// Seconds that requests are made up for.
const SECONDS: &str = "60";

/// The tool's program; `None` where it can't be installed.
fn schemathesis() -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("schemathesis-{VERSION}"));
    let program = folder.join("bin/schemathesis");
    let done = |command: &mut Command| command.output().is_ok_and(|done| done.status.success());
    let installed = program.is_file()
        || done(Command::new("python3").args(["-m", "venv"]).arg(&folder))
            && done(
                Command::new(folder.join("bin/pip"))
                    .args(["install", "-q"])
                    .arg(format!("schemathesis=={VERSION}")),
            );
    if !installed {
        eprintln!("SKIPPED: the API's document, it needs python3 with venv, and PyPI");
        return None;
    }
    Some(program)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_as_the_document_says() {
    let Some(program) = schemathesis() else {
        return;
    };
    let site = Site::start().await;
    let admin = site.admin().await;
    let asked = json!({ "name": "document", "role": "security-admin", "days": 1 });
    let made = admin.post("/tokens", &asked).await.1;
    let token = made["secret"].as_str().unwrap().to_owned();
    let url = site.running.url().to_owned();
    let folder = site.folder.join("schemathesis");
    std::fs::create_dir_all(&folder).unwrap();
    let run = move || {
        Command::new(program)
            .arg("--config-file")
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/schemathesis.toml"
            ))
            .arg("run")
            .arg(format!("{url}/api/v1/openapi.json"))
            .args(["--header", &format!("Authorization: Bearer {token}")])
            .args(["--phases", "coverage,fuzzing", "--max-time", SECONDS])
            .args(["--seed", "1", "--max-examples", "20", "--no-shrink"])
            .args(["--continue-on-failure", "--request-timeout", "20"])
            .args(["--warnings", "off"])
            .current_dir(folder)
            .env("NO_COLOR", "1")
            .output()
            .unwrap()
    };
    let done = tokio::task::spawn_blocking(run).await.unwrap();
    let told = String::from_utf8_lossy(&done.stdout);
    assert!(
        done.status.success(),
        "{told}\n{}",
        String::from_utf8_lossy(&done.stderr)
    );
    // That it found nothing has to mean that it looked.
    assert!(told.contains("Fuzzing"), "{told}");
}
