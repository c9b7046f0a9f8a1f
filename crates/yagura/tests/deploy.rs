//! What is deployed fits the program: manifests can be read, and every argument in them is one.

use super::{Scratch, command, yagura};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use yagura_yaml::{Bounds, Value, read};

/// More than any manifest has.
const BOUNDS: Bounds = Bounds {
    bytes_max: 1 << 20,
    depth_max: 40,
    nodes_max: 100_000,
    documents_max: 20,
};

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy")
}

/// Files below a folder that end in one of these ways.
fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, endings));
        } else if endings
            .iter()
            .any(|ending| path.to_str().unwrap().ends_with(ending))
        {
            found.push(path);
        }
    }
    found
}

/// The lists called `args` in a YAML document.
fn arguments(value: &Value, found: &mut Vec<Vec<String>>) {
    match value {
        Value::Mapping(entries) => {
            for (key, node) in entries {
                if key.text == "args"
                    && let Value::Sequence(items) = &node.value
                {
                    let texts = items.iter().map(|item| match &item.value {
                        Value::Scalar { text, .. } => text.clone(),
                        other => panic!("an argument is {other:?}"),
                    });
                    found.push(texts.collect());
                }
                arguments(&node.value, found);
            }
        }
        Value::Sequence(items) => items.iter().for_each(|item| arguments(&item.value, found)),
        Value::Scalar { .. } | Value::Refused => {}
    }
}

#[test]
fn manifests_are_yaml_and_their_command_lines_are_taken() {
    let mut command_lines = Vec::new();
    let mut paths = files(&deploy().join("kustomize"), &[".yaml"]);
    paths.extend(files(
        &deploy().join("helm"),
        &["Chart.yaml", "values.yaml"],
    ));
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let mut problems = Vec::new();
        let tree = read(text.as_bytes(), &BOUNDS, &mut |at, problem| {
            problems.push(format!("{at:?}: {problem:?}"));
        });
        assert!(problems.is_empty(), "{}: {problems:?}", path.display());
        for document in &tree.documents {
            arguments(&document.value, &mut command_lines);
        }
    }
    assert_eq!(
        command_lines.len(),
        2,
        "a center and a sensor: {command_lines:?}"
    );
    for line in command_lines {
        // What comes before `--help` is read first: an unknown name or a wrong value ends it.
        let ran = command().args(&line).arg("--help").output().unwrap();
        assert!(ran.status.success(), "{line:?}: {ran:?}");
    }
}

/// Names that begin with two hyphens.
fn flags(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_ascii_lowercase() && c != '-')
        .filter(|word| word.starts_with("--") && word.len() > 2 && !word.starts_with("---"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_flag_of_charts_and_units_is_one() {
    let known: BTreeSet<String> = ["center", "sensor"]
        .into_iter()
        .flat_map(|name| flags(&yagura(&[name, "--help"]).expect(0).stdout))
        .collect();
    let mut paths = files(&deploy().join("systemd"), &[".service"]);
    paths.extend(files(&deploy().join("helm/yagura/templates"), &[".yaml"]));
    let mut seen = 0;
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let lines = text
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'));
        for line in lines {
            for flag in flags(line) {
                assert!(known.contains(&flag), "{}: {flag}", path.display());
                seen += 1;
            }
        }
    }
    assert!(seen > 10, "{seen}");
}

#[test]
fn kustomize_builds_what_is_there() {
    if Command::new("kubectl")
        .arg("kustomize")
        .arg("--help")
        .output()
        .is_err()
    {
        eprintln!("SKIPPED: kubectl is missing; it comes with Debian's kubernetes-client");
        return;
    }
    for (folder, replicas) in [("base", 1), ("overlays/postgres", 3)] {
        let path = deploy().join("kustomize").join(folder);
        let built = Command::new("kubectl")
            .arg("kustomize")
            .arg(&path)
            .output()
            .unwrap();
        let text = String::from_utf8(built.stdout).unwrap();
        assert!(
            built.status.success(),
            "{}",
            String::from_utf8_lossy(&built.stderr)
        );
        assert!(
            text.contains(&format!("replicas: {replicas}\n")),
            "{folder}: {text}"
        );
        assert_eq!(
            text.contains("volumeClaimTemplates:"),
            replicas == 1,
            "{folder}"
        );
        assert_eq!(
            text.contains("name: YAGURA_DATABASE"),
            replicas > 1,
            "{folder}"
        );
        assert_eq!(text.matches("image: yagura:").count(), 2, "{folder}");
    }
}

#[test]
fn systemd_takes_the_units() {
    if Command::new("systemd-analyze")
        .arg("--version")
        .output()
        .is_err()
    {
        eprintln!("SKIPPED: systemd-analyze is missing; it comes with Debian's systemd");
        return;
    }
    let scratch = Scratch::new();
    let mut verify = Command::new("systemd-analyze");
    verify.args(["--man=no", "verify"]);
    for path in files(&deploy().join("systemd"), &[".service"]) {
        let unit = std::fs::read_to_string(&path).unwrap();
        // The program is looked for, too.
        let unit = unit.replace("/usr/bin/yagura", env!("CARGO_BIN_EXE_yagura"));
        verify.arg(scratch.file(path.file_name().unwrap().to_str().unwrap(), unit));
    }
    let ran = verify.output().unwrap();
    let told = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(ran.status.success() && !told.contains("yagura-"), "{told}");
}
