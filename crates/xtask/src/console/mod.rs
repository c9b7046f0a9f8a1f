//! The console: built before the binary that embeds it, checked, tested in a browser against a real center, pictured.
//!
//! Entry points: [`build`], [`check`], [`unit_tests`], [`end_to_end`], [`run_screenshots`].

mod center;
mod stamp;

use crate::command::{run, run_lines};
use crate::workspace::{BUILD_TIME_MAX, build_yagura_with_tests, root};
use anyhow::{Context, Result, bail, ensure};
use center::Center;
use serde_json::Value;
use stamp::Stamp;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// Where Debian puts the browser that the tests drive; `CHROMIUM` names another.
const CHROMIUM: &str = "/usr/bin/chromium";
/// How long pictures of every page may take.
const SCREENSHOTS_TIME_MAX: Duration = Duration::from_secs(30 * 60);

/// What the installed packages depend on.
const PACKAGE_FILES: &[&str] = &["console/package.json", "console/package-lock.json"];
/// What the built console depends on beside them.
const SOURCES: &[&str] = &[
    "console/index.html",
    "console/public",
    "console/scripts",
    "console/src",
    "console/tsconfig.json",
    "console/vite.config.ts",
    "docs/reference/openapi.json",
];

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Subcommand,
}

#[derive(Debug, clap::Subcommand)]
enum Subcommand {
    /// Builds it where its sources have changed; the binary embeds it.
    Build,
    /// Checks types, style, and its parts alone.
    Check,
    /// Tests it in a browser against a center and a sensor of its own. Needs root.
    Test(ProductArguments),
}

#[derive(Debug, clap::Args)]
pub(crate) struct ProductArguments {
    /// The product's executable; built if left out.
    #[arg(long, value_name = "FILE")]
    yagura: Option<PathBuf>,
}

impl ProductArguments {
    fn executable(&self, deadline: Instant) -> Result<PathBuf> {
        match &self.yagura {
            Some(path) => Ok(path.clone()),
            None => Ok(build_yagura_with_tests(deadline)?.yagura),
        }
    }
}

/// `cargo xtask console`.
///
/// # Errors
/// What was asked for fails.
pub(crate) fn run_command(arguments: &Arguments) -> Result<ExitCode> {
    let deadline = Instant::now() + BUILD_TIME_MAX;
    match &arguments.command {
        Subcommand::Build => build(deadline)?,
        Subcommand::Check => {
            check(deadline)?;
            unit_tests(deadline, |line| println!("{line}"))?;
        }
        Subcommand::Test(ProductArguments { yagura: None }) => {
            end_to_end(deadline, |line| println!("{line}"))?;
        }
        Subcommand::Test(ProductArguments {
            yagura: Some(yagura),
        }) => {
            build(deadline)?;
            browse(yagura, deadline, |line| println!("{line}"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds what the binary embeds, where its sources have changed since.
///
/// # Errors
/// npm is missing, or packages can't be fetched, or the sources don't compile, or the main bundle is larger than it may be.
pub(crate) fn build(deadline: Instant) -> Result<()> {
    install(deadline)?;
    let sources = [PACKAGE_FILES, SOURCES].concat();
    let stamp = Stamp::of(&sources)?;
    let kept = folder().join("node_modules/.yagura-built");
    if stamp.is_kept_in(&kept) && folder().join("dist/index.html").exists() {
        return Ok(());
    }
    run(npm().args(["run", "--silent", "build"]), deadline)?;
    stamp.keep_in(&kept)
}

/// Checks types, lints and format.
///
/// # Errors
/// One of them finds something.
pub(crate) fn check(deadline: Instant) -> Result<()> {
    install(deadline)?;
    run(npm().args(["run", "--silent", "check"]), deadline)
}

/// Tests its parts alone; each test and the count become lines as `cargo test` prints them.
///
/// # Errors
/// A test fails, or they can't be run.
pub(crate) fn unit_tests(deadline: Instant, mut each: impl FnMut(&str)) -> Result<()> {
    install(deadline)?;
    let report = std::env::temp_dir().join(format!("yagura-console-{}.json", std::process::id()));
    let mut command = npm();
    command.args(["run", "--silent", "test", "--", "--reporter=json"]);
    command.arg(format!("--outputFile={}", report.display()));
    let status = run_lines(&mut command, deadline, |_| ())?;
    let text = std::fs::read_to_string(&report).context("the console's tests left no report")?;
    std::fs::remove_file(&report)?;
    let report = serde_json::from_str(&text).context("the report of the console's tests")?;
    lines_of(&report).iter().for_each(|line| each(line));
    ensure!(status.success(), "the console's tests failed: {status}");
    Ok(())
}

/// Tests it in a browser against a center that runs, with the alerts of a real sensor; lines as `cargo test` prints them.
/// Where this user can't run a sensor or there is no browser the tests are skipped and say so.
///
/// # Errors
/// A test fails, or the center doesn't start.
pub(crate) fn end_to_end(deadline: Instant, mut each: impl FnMut(&str)) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        each("test console::browser ... ignored, needs root for the sensor");
        return Ok(());
    }
    if !browser().exists() {
        each("test console::browser ... ignored, needs chromium");
        return Ok(());
    }
    build(deadline)?;
    let yagura = build_yagura_with_tests(deadline)?.yagura;
    browse(&yagura, deadline, each)
}

/// `cargo xtask screenshots`: every page in each language and theme, as `docs/screenshots`.
///
/// # Errors
/// A page doesn't open, or the center doesn't start.
pub(crate) fn run_screenshots(arguments: &ProductArguments) -> Result<ExitCode> {
    let deadline = Instant::now() + BUILD_TIME_MAX + SCREENSHOTS_TIME_MAX;
    build(deadline)?;
    let center = Center::start(&arguments.executable(deadline)?, deadline)?;
    let mut command = against(&center, "screenshots");
    run(
        command.env("SCREENSHOTS", root().join("docs/screenshots")),
        deadline,
    )?;
    Ok(ExitCode::SUCCESS)
}

fn browse(yagura: &Path, deadline: Instant, mut each: impl FnMut(&str)) -> Result<()> {
    let center = Center::start(yagura, deadline)?;
    let mut command = against(&center, "e2e");
    let status = run_lines(&mut command, deadline, &mut each)?;
    if !status.success() {
        eprintln!("what the center told:\n{}", center.log_end());
        bail!("tests of the console in a browser failed: {status}");
    }
    Ok(())
}

/// A script of the console that drives a browser against a center.
fn against(center: &Center, script: &str) -> Command {
    let mut command = npm();
    command.args(["run", "--silent", script]);
    command
        .env("YAGURA", center.executable())
        .env("YAGURA_URL", center.url())
        .env("YAGURA_FIRST_PASSWORD", center.first_password())
        .env("CHROMIUM", browser());
    command
}

/// Installs its packages where what is installed is not what the lock file says.
fn install(deadline: Instant) -> Result<()> {
    let stamp = Stamp::of(PACKAGE_FILES)?;
    let kept = folder().join("node_modules/.yagura-installed");
    if stamp.is_kept_in(&kept) {
        return Ok(());
    }
    let version = Command::new("npm").arg("--version").output();
    ensure!(
        version.is_ok_and(|output| output.status.success()),
        "building the console needs npm: install the Debian package npm, or run ./dev"
    );
    let mut command = npm();
    command.args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
    run(&mut command, deadline)?;
    stamp.keep_in(&kept)
}

fn folder() -> PathBuf {
    root().join("console")
}

fn npm() -> Command {
    let mut command = Command::new("npm");
    command.current_dir(folder());
    command
}

fn browser() -> PathBuf {
    std::env::var_os("CHROMIUM").map_or_else(|| PathBuf::from(CHROMIUM), PathBuf::from)
}

/// A report of Vitest as lines of `cargo test`.
fn lines_of(report: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    let (mut passed, mut failed, mut ignored) = (0, 0, 0);
    let files = report["testResults"].as_array().into_iter().flatten();
    for test in files.flat_map(|file| file["assertionResults"].as_array().into_iter().flatten()) {
        let outcome = match test["status"].as_str() {
            Some("passed") => {
                passed += 1;
                "ok"
            }
            Some("failed") => {
                failed += 1;
                "FAILED"
            }
            _ => {
                ignored += 1;
                "ignored"
            }
        };
        let name = test["fullName"].as_str().unwrap_or_default();
        lines.push(format!("test console::{name} ... {outcome}"));
    }
    let result = if failed == 0 { "ok" } else { "FAILED" };
    lines.push(format!(
        "test result: {result}. {passed} passed; {failed} failed; {ignored} ignored"
    ));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_counted_as_cargo_counts() {
        let report = serde_json::json!({ "testResults": [
            { "assertionResults": [
                { "fullName": "times stand", "status": "passed" },
                { "fullName": "times fall", "status": "failed" },
            ] },
            { "assertionResults": [{ "fullName": "later", "status": "skipped" }] },
        ] });
        assert_eq!(
            lines_of(&report),
            [
                "test console::times stand ... ok",
                "test console::times fall ... FAILED",
                "test console::later ... ignored",
                "test result: FAILED. 1 passed; 1 failed; 1 ignored",
            ]
        );
    }
}
