//! `yagura policy` with defence rules.

use crate::harness::{DEADLINE, Output, run, trial, yagura};
use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use std::fs;
use yagura_testkit::ScratchDir;

const RULE: &str = "apiVersion: yagura.dev/v1
kind: DefenceRule
metadata: { name: Keep in }
spec:
  action: block
  scope:
    conditions:
      - { field: container-name, operator: equals, values: [web] }
  behaviours: { file: [core-pattern] }
  allow:
    - process: /bin/setup
";

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("enforcement::defence_rules_are_checked", &[], checked),
        trial("enforcement::defence_rules_are_compared", &[], compared),
        trial("enforcement::defence_rules_are_explained", &[], explained),
    ]
}

struct Files(ScratchDir);

impl Files {
    fn with(files: &[(&str, &str)]) -> Result<Files> {
        let dir = ScratchDir::new()?;
        for (name, text) in files {
            fs::write(dir.join(name), text)?;
        }
        Ok(Files(dir))
    }

    fn policy(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = yagura();
        command
            .arg("policy")
            .args(arguments)
            .args(["--output", "json"]);
        run(command.current_dir(self.0.path()), DEADLINE)
    }

    fn json(&self, arguments: &[&str], code: i32) -> Result<Value> {
        let output = self.policy(arguments)?.expect(code)?;
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

fn checked() -> Result<()> {
    let misspelt = RULE.replace("core-pattern", "core-patern");
    // Lines 6 to 8 are the scope.
    let everywhere: String = RULE
        .lines()
        .enumerate()
        .filter(|(number, _)| !(5..8).contains(number))
        .map(|(_, line)| format!("{line}\n"))
        .collect();
    let files = Files::with(&[
        ("good.yaml", RULE),
        ("misspelt.yaml", &misspelt),
        ("everywhere.yaml", &everywhere),
    ])?;
    let good = files.json(&["check", "good.yaml"], 0)?;
    ensure!(
        good["valid"] == true
            && good["diagnostics"] == json!([])
            && good["files"][0]["defence_rules"] == 1,
        "{good}"
    );

    let bad = files.json(&["check", "misspelt.yaml"], 2)?;
    let problem = &bad["diagnostics"][0];
    ensure!(
        bad["valid"] == false && bad["errors"] == 1 && problem["severity"] == "error",
        "{bad}"
    );
    ensure!(
        problem["file"] == "misspelt.yaml" && problem["line"] == 9 && problem["column"] == 24,
        "{bad}"
    );
    let hint = problem["hint"].as_str().unwrap_or_default();
    ensure!(hint.contains("core-pattern"), "{bad}");

    let wide = files.json(&["check", "everywhere.yaml"], 0)?;
    let problem = &wide["diagnostics"][0];
    ensure!(
        wide["valid"] == true && wide["warnings"] == 1 && problem["code"] == "YP101",
        "{wide}"
    );
    ensure!(problem["severity"] == "warning", "{wide}");
    Ok(())
}

fn compared() -> Result<()> {
    let watching = RULE.replace("action: block", "action: alert");
    let files = Files::with(&[("old.yaml", RULE), ("new.yaml", &watching)])?;
    let same = files.json(&["diff", "old.yaml", "old.yaml"], 0)?;
    ensure!(same["equal"] == true, "{same}");
    let other = files.json(&["diff", "old.yaml", "new.yaml"], 1)?;
    ensure!(other["equal"] == false, "{other}");
    let changed = json!([{
        "rule": "Keep in",
        "index": 0,
        "fields": [{ "field": "action", "before": "block", "after": "alert" }]
    }]);
    ensure!(other["defence"]["changed"] == changed, "{other}");
    Ok(())
}

fn explained() -> Result<()> {
    let files = Files::with(&[("rule.yaml", RULE)])?;
    let test = |process: &str, container: &[&str]| {
        let asked = ["test", "rule.yaml", "--behaviour", "core-pattern"];
        let arguments = [&asked[..], &["--process", process], container].concat();
        files.json(&arguments, 0)
    };
    let web = ["--container", "container=web"];
    let denied = test("/bin/sh", &web)?;
    ensure!(
        denied["verdict"] == "deny" && denied["rule"] == "Keep in" && denied["index"] == 0,
        "{denied}"
    );
    let allowed = test("/bin/setup", &web)?;
    ensure!(
        allowed["verdict"] == "nothing" && allowed["allowed_by"] == "Keep in",
        "{allowed}"
    );
    let elsewhere = test("/bin/sh", &["--container", "container=db"])?;
    ensure!(
        elsewhere["verdict"] == "nothing" && elsewhere["steps"][0]["outcome"] == "condition",
        "{elsewhere}"
    );
    let unknown = test("/bin/sh", &[])?;
    ensure!(
        unknown["verdict"] == "watch" && unknown["gap"]["rule"] == "Keep in",
        "{unknown}"
    );
    let refused = files.policy(&[
        "test",
        "rule.yaml",
        "--behaviour",
        "core-patern",
        "--process",
        "/x",
    ])?;
    let refused = refused.expect(2)?;
    ensure!(refused.stderr.contains("core-pattern"), "{refused:?}");
    Ok(())
}
