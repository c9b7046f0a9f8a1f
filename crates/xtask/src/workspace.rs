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

/// The target of the product's own tests.
pub(crate) const PRODUCT_TESTS: &str = "product";

/// What was built of the product.
#[derive(Debug)]
pub(crate) struct Built {
    /// Its executable.
    pub(crate) yagura: PathBuf,
    /// All tests, in the order of their packages and names.
    pub(crate) tests: Vec<TestProgram>,
}

/// A program of tests.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TestProgram {
    /// Folder of its package, which it runs in.
    pub(crate) package: PathBuf,
    /// Name of its target.
    pub(crate) name: String,
    /// Where it is.
    pub(crate) executable: PathBuf,
}

impl Built {
    /// The executable of the product's own tests.
    pub(crate) fn product_tests(&self) -> Option<&Path> {
        let mut tests = self.tests.iter();
        let found = tests.find(|program| program.name == PRODUCT_TESTS)?;
        Some(&found.executable)
    }
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
    let (mut yagura, mut tests) = (None, Vec::new());
    let status = run_lines(&mut command, deadline, |line| match artefact(line) {
        Some(Artefact::Yagura(path)) => yagura = Some(path),
        Some(Artefact::Tests(program)) => tests.push(program),
        None => {}
    })?;
    ensure!(status.success(), "building yagura failed");
    tests.sort_unstable();
    Ok(Built {
        yagura: yagura.context("cargo built no executable `yagura`")?,
        tests,
    })
}

/// An executable that is wanted.
#[derive(Debug, PartialEq, Eq)]
enum Artefact {
    Yagura(PathBuf),
    Tests(TestProgram),
}

/// What a message of cargo tells of.
fn artefact(message: &str) -> Option<Artefact> {
    let message: Value = serde_json::from_str(message).ok()?;
    let text = |pointer: &str| message.pointer(pointer).and_then(Value::as_str);
    let executable = PathBuf::from(text("/executable")?);
    let (name, kind) = (text("/target/name")?, text("/target/kind/0")?);
    match message.pointer("/profile/test")?.as_bool()? {
        true => Some(Artefact::Tests(TestProgram {
            package: Path::new(text("/manifest_path")?).parent()?.to_owned(),
            name: name.to_owned(),
            executable,
        })),
        false => (name == "yagura" && kind == "bin").then_some(Artefact::Yagura(executable)),
    }
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
                r#"{{"manifest_path":"/w/crates/c/Cargo.toml","target":{{"name":"{name}","kind":["{kind}"]}},"profile":{{"test":{is_test}}},"executable":{executable}}}"#
            )
        };
        assert_eq!(
            artefact(&message("yagura", "bin", false, "\"/t/yagura\"")),
            Some(Artefact::Yagura("/t/yagura".into()))
        );
        for (name, kind) in [("product", "test"), ("yagura", "bin"), ("library", "lib")] {
            let tests = TestProgram {
                package: "/w/crates/c".into(),
                name: name.to_owned(),
                executable: "/t/x-0".into(),
            };
            assert_eq!(
                artefact(&message(name, kind, true, "\"/t/x-0\"")),
                Some(Artefact::Tests(tests))
            );
        }
        for other in [
            message("yagura", "bin", false, "null"),
            message("yagura", "test", false, "\"/t/yagura\""),
            message("other", "bin", false, "\"/t/other\""),
            r#"{"reason":"build-finished"}"#.to_owned(),
            "no json".to_owned(),
        ] {
            assert_eq!(artefact(&other), None, "{other}");
        }
    }
}
