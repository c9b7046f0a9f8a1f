//! Where this workspace is, what is in it, and what cargo knows of it.

use crate::command::{output, run_lines};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// The root of the repository that this tool was built from.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .unwrap_or(Path::new("."))
}

/// The cargo that runs this tool, else the one in PATH.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    // What cargo said of this tool's own package: build scripts that look at it would run again, and all that rests on
    // them be built again, whenever somebody calls cargo directly in between.
    for (name, _) in std::env::vars_os() {
        let is_of_package = [b"CARGO_PKG_".as_slice(), b"CARGO_MANIFEST_"];
        if is_of_package
            .iter()
            .any(|start| name.as_encoded_bytes().starts_with(start))
        {
            command.env_remove(name);
        }
    }
    command
}

/// How long building the product may take, cold, on a small machine.
pub(crate) const BUILD_TIME_MAX: Duration = Duration::from_secs(40 * 60);

/// Builds the product's executable and returns its path.
///
/// # Errors
/// The build fails, is not done at the deadline, or cargo names no executable.
pub(crate) fn build_yagura(profile: Profile, deadline: Instant) -> Result<PathBuf> {
    let mut command = cargo();
    command.args(["build", "-p", "yagura", "--bin", "yagura"]);
    if profile == Profile::Release {
        command.arg("--release");
    }
    executable_of(command, deadline)
}

/// What was built of the product.
#[derive(Debug)]
pub(crate) struct Built {
    /// Its executable.
    pub(crate) yagura: PathBuf,
    /// The executable of its own tests.
    pub(crate) product_tests: Option<PathBuf>,
}

/// Builds the product's executable together with all tests. Alone it would be built with fewer features of what it
/// depends on, and all of that once more for the tests.
///
/// # Errors
/// As [`build_yagura`].
pub(crate) fn build_yagura_with_tests(deadline: Instant) -> Result<Built> {
    let mut command = cargo();
    command.args(["test", "--workspace", "--no-run"]);
    built_by(command, deadline)
}

fn executable_of(command: Command, deadline: Instant) -> Result<PathBuf> {
    built_by(command, deadline).map(|built| built.yagura)
}

fn built_by(mut command: Command, deadline: Instant) -> Result<Built> {
    command.args(["--message-format", "json-render-diagnostics"]);
    let (mut yagura, mut product_tests) = (None, None);
    let status = run_lines(&mut command, deadline, |line| {
        yagura = executable_in(line, "yagura", "bin").or(yagura.take());
        product_tests = executable_in(line, "product", "test").or(product_tests.take());
    })?;
    ensure!(status.success(), "building yagura failed");
    Ok(Built {
        yagura: yagura.context("cargo built no executable `yagura`")?,
        product_tests,
    })
}

/// The executable of a target, if the message of cargo names it. A test's target is built as a test and no other is.
fn executable_in(message: &str, name: &str, kind: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    let is_wanted = message.pointer("/target/name")? == name
        && message.pointer("/target/kind/0")? == kind
        && *message.pointer("/profile/test")? == (kind == "test");
    let path = message.get("executable")?.as_str()?;
    is_wanted.then(|| PathBuf::from(path))
}

/// The profiles that this tool builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    Dev,
    Release,
}

/// A text or binary file of the repository.
#[derive(Debug)]
pub(crate) struct SourceFile {
    /// Path from the root, with `/`.
    pub(crate) path: String,
    /// Content.
    pub(crate) bytes: Vec<u8>,
}

impl SourceFile {
    /// The content as text; other checks report the files that are not.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap_or_default()
    }

    /// The content where the file is `path`'s extension, e.g. `rs`.
    pub(crate) fn has_extension(&self, extension: &str) -> bool {
        self.path
            .rsplit_once('.')
            .is_some_and(|(_, found)| found == extension)
    }
}

/// Reads every file that git tracks or would track.
///
/// # Errors
/// Git is missing, this is no clone, or a file can't be read.
pub(crate) fn files() -> Result<Vec<SourceFile>> {
    let mut git = Command::new("git");
    git.current_dir(root())
        // A clone that another user made is still ours to read.
        .arg("-c")
        .arg(format!("safe.directory={}", root().display()))
        .args(["ls-files", "-z", "--cached", "--others"])
        .arg("--exclude-standard");
    let listed = output(&mut git)?;
    let mut paths: Vec<&str> = listed.split('\0').filter(|path| !path.is_empty()).collect();
    paths.sort_unstable();
    paths.dedup();
    let mut files = Vec::new();
    for path in paths {
        let whole = root().join(path);
        // Deleted but not yet committed, or a link, whose target is listed by itself.
        if !std::fs::symlink_metadata(&whole).is_ok_and(|meta| meta.is_file()) {
            continue;
        }
        files.push(SourceFile {
            path: path.to_owned(),
            bytes: std::fs::read(&whole).with_context(|| format!("reading {path}"))?,
        });
    }
    ensure!(!files.is_empty(), "git lists no file");
    Ok(files)
}

/// What `cargo metadata` says of this workspace and of everything it depends on, on this platform.
///
/// # Errors
/// Cargo fails or its answer is not JSON.
pub(crate) fn metadata() -> Result<Value> {
    let version = output(Command::new("rustc").arg("-vV"))?;
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .context("`rustc -vV` names no host")?;
    let text = output(cargo().args(["metadata", "--format-version=1", "--filter-platform", host]))?;
    serde_json::from_str(&text).context("reading the answer of cargo metadata")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_executable_is_told_from_other_artefacts() {
        let message = |name: &str, kind: &str, is_test: bool, executable: &str| {
            format!(
                r#"{{"target":{{"name":"{name}","kind":["{kind}"]}},"profile":{{"test":{is_test}}},"executable":{executable}}}"#
            )
        };
        let named = message("yagura", "bin", false, "\"/t/yagura\"");
        let product = |message: &str| executable_in(message, "yagura", "bin");
        assert_eq!(product(&named), Some(PathBuf::from("/t/yagura")));
        let tests = message("product", "test", true, "\"/t/product-0\"");
        assert_eq!(
            executable_in(&tests, "product", "test"),
            Some(PathBuf::from("/t/product-0"))
        );
        for other in [
            message("yagura", "bin", false, "null"),
            message("yagura", "bin", true, "\"/t/yagura-0\""),
            message("yagura", "test", false, "\"/t/yagura\""),
            message("other", "bin", false, "\"/t/other\""),
            r#"{"reason":"build-finished"}"#.to_owned(),
            "no json".to_owned(),
        ] {
            assert_eq!(product(&other), None, "{other}");
        }
    }
}
