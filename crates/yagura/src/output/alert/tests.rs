//! Alerts that a container's owner made as ugly as the kernel lets them.

use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use yagura_event::json::{ANCESTORS_MAX, AlertJson, CUT};
use yagura_event::{
    Action, Alert, AlertProcess, AlertStatus, Category, Cloud, Container, DriftEvidence, DriftKind,
    DriftVector, FileId, Node, Pod, PolicyEvidence, ProcessKey, Provenance, Provider, Runtime,
    Severity, Sha256, Text, WallTime, WriterEvidence, WrittenHow,
};

/// Control characters, a line end, JSON, right-to-left marks, and bytes that are not UTF-8.
const UGLY: &[u8] = b"x\x1b[31m\n\"},{\"rule\":\"none\"\r\0\\\xe2\x80\xae\xff\x7f";

fn process(exe: &[u8], argv: &[&[u8]]) -> AlertProcess {
    AlertProcess {
        key: ProcessKey {
            pid: 4711,
            start_ns: 5,
        },
        start_time: WallTime(1_763_798_400_000_000_001),
        exe: Text::from(exe),
        argv: argv.iter().map(|argument| Text::from(*argument)).collect(),
        argv_truncated: false,
        cwd: Text::from("/"),
        uid: 0,
        user: Some(Text::from("root")),
    }
}

fn container() -> Container {
    Container {
        id: "0123456789abcdef".to_owned(),
        name: "web".to_owned(),
        image: "docker.io/library/nginx:1.27".to_owned(),
        runtime: Runtime::Containerd,
        privileged: Some(false),
        pod: Some(Pod {
            name: "web-1".to_owned(),
            namespace: "shop".to_owned(),
            uid: "u".to_owned(),
            labels: BTreeMap::from([("app".to_owned(), "web".to_owned())]),
        }),
        ..Container::default()
    }
}

/// An alert as a sensor makes it.
pub(crate) fn plain() -> Alert {
    Alert {
        id: "0".repeat(32),
        time: WallTime(1_763_798_400_123_456_789),
        monotonic: yagura_event::MonotonicNs(1),
        rule: "Drift binary executed".into(),
        key: "drift".into(),
        category: Category::Drift,
        severity: Severity::Urgent,
        status: AlertStatus::Unhandled,
        title: "A drift binary was detected executing in the container".into(),
        remedy: "Look.".to_owned(),
        techniques: vec!["T1105".to_owned()],
        count: 1,
        last_time: WallTime(1_763_798_400_123_456_789),
        detection: None,
        scan: None,
        denial: None,
        incident: "0a".repeat(16),
        explanation: "/tmp/a\\nb ran in container \"web\".".to_owned(),
        action: Action::Alerted,
        node: Arc::new(Node {
            name: "node-1".to_owned(),
            cluster: Some("c".to_owned()),
            cloud: Some(Cloud {
                provider: Provider::Azure,
                account: "sub-1".to_owned(),
            }),
        }),
        container: Some(Arc::new(container())),
        process: Some(process(b"/tmp/x", &[b"/tmp/x", b"-l"])),
        ancestors: vec![process(b"/bin/sh", &[b"sh"]), process(b"/sbin/init", &[])],
        drift: Some(DriftEvidence {
            vector: DriftVector::Copied,
            vectors: vec![DriftVector::Copied, DriftVector::Written],
            kind: DriftKind::Binaries,
            provenance: Provenance::Copied,
            path: Text::from("/tmp/x"),
            file: FileId {
                dev: 42,
                ino: u64::MAX,
            },
            layer: "the container's layer",
            size: 10,
            sha256: Some(Sha256([7; 32])),
            sha256_missing: None,
            image_path: Some(Text::from("/bin/ls")),
            written_by: Some(WriterEvidence {
                process: process(b"/bin/cp", &[b"cp", b"/bin/ls", b"/tmp/x"]),
                time: WallTime(0),
                how: WrittenHow::Other,
            }),
        }),
        policy: Some(PolicyEvidence {
            rule: "All".to_owned(),
            index: 2,
            version: 3,
            action: "alert",
        }),
        gaps: Vec::new(),
    }
}

/// An alert in which everything that somebody else chooses is ugly, long and many.
pub(crate) fn hostile() -> Alert {
    let ugly = String::from_utf8_lossy(UGLY).into_owned();
    let long = UGLY.repeat(64 * 1024 / UGLY.len());
    let worst = process(&long, &[UGLY; 1000]);
    let mut alert = plain();
    alert.explanation = ugly.repeat(10_000);
    alert.node = Arc::new(Node {
        name: ugly.clone(),
        cluster: Some(ugly.clone()),
        cloud: Some(Cloud {
            provider: Provider::Aws,
            account: ugly.clone(),
        }),
    });
    alert.container = Some(Arc::new(Container {
        id: ugly.repeat(100),
        name: ugly.clone(),
        image: ugly.repeat(10_000),
        image_id: ugly.clone(),
        image_digest: ugly.clone(),
        privileged: None,
        pod: Some(Pod {
            name: ugly.clone(),
            namespace: ugly.clone(),
            uid: ugly.clone(),
            labels: (0..1000)
                .map(|n| (format!("{n}{ugly}"), ugly.clone()))
                .collect(),
        }),
        ..Container::default()
    }));
    alert.ancestors = vec![worst.clone(); 200];
    let drift = alert.drift.as_mut().unwrap();
    drift.path = Text(long.clone());
    drift.sha256 = None;
    drift.sha256_missing = Some("the file was gone before it could be read");
    drift.image_path = Some(Text(long));
    drift.written_by = Some(WriterEvidence {
        process: worst.clone(),
        time: WallTime(i64::MIN),
        how: WrittenHow::Downloaded,
    });
    alert.process = Some(AlertProcess {
        user: Some(Text::from(UGLY)),
        ..worst
    });
    alert.policy.as_mut().unwrap().rule = ugly.clone();
    alert.gaps = vec![ugly; 100];
    alert
}

fn line(alert: &Alert) -> String {
    serde_json::to_string(&AlertJson::from(alert)).unwrap()
}

fn validate(line: &str) -> Value {
    let schema = serde_json::to_value(crate::commands::schema::alert()).unwrap();
    let validator = jsonschema::options()
        .should_validate_formats(true)
        .build(&schema)
        .unwrap();
    let value: Value = serde_json::from_str(line).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(&value)
        .map(|e| format!("{}: {e}", e.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
    value
}

#[test]
fn an_alert_has_its_fields() {
    let value = validate(&line(&plain()));
    assert_eq!(value["time"], "2025-11-22T08:00:00.123456789Z");
    assert_eq!(value["severity"], "urgent");
    assert_eq!(value["explanation"], "/tmp/a\\nb ran in container \"web\".");
    assert_eq!(value["cloud"]["account"], "sub-1");
    assert_eq!(value["container"]["runtime"], "containerd");
    assert_eq!(value["pod"]["labels"]["app"], "web");
    assert_eq!(value["process"]["pid"], 4711);
    assert_eq!(value["process"]["ancestors"][0]["exe"], "/bin/sh");
    assert_eq!(value["drift"]["kind"], "binary");
    assert_eq!(value["drift"]["file"]["inode"], u64::MAX);
    assert_eq!(value["drift"]["sha256"], "07".repeat(32));
    assert_eq!(
        value["drift"]["written_by"]["time"],
        "1970-01-01T00:00:00.000000000Z"
    );
    assert_eq!(value["drift"]["written_by"]["exe"], "/bin/cp");
    assert_eq!(value["policy"]["index"], 2);
    assert_eq!(value["gaps"], serde_json::json!([]));
}

#[test]
fn what_is_unknown_is_null() {
    let mut alert = plain();
    alert.node = Arc::new(Node::default());
    alert.container = Some(Arc::new(Container::default()));
    alert.drift.as_mut().unwrap().written_by = None;
    alert.drift.as_mut().unwrap().sha256 = None;
    let value = validate(&line(&alert));
    for pointer in [
        "/cluster",
        "/cloud",
        "/pod",
        "/container/privileged",
        "/drift/sha256",
        "/drift/written_by",
    ] {
        assert_eq!(value.pointer(pointer), Some(&Value::Null), "{pointer}");
    }
}

#[test]
fn a_hostile_alert_is_one_bounded_line_of_valid_json() {
    const LINE_BYTES_MAX: usize = 4 * 1024 * 1024;
    let line = line(&hostile());
    assert!(line.len() < LINE_BYTES_MAX, "{} bytes", line.len());
    assert!(!line.chars().any(|c| c.is_control() || c == '\u{202e}'));
    let value = validate(&line);
    assert_eq!(value["rule"], "Drift binary executed");
    assert_eq!(value["process"]["argv_truncated"], true);
    assert_eq!(
        value["process"]["ancestors"].as_array().unwrap().len(),
        ANCESTORS_MAX
    );
    assert!(value["drift"]["path"].as_str().unwrap().ends_with(CUT));
    let gaps = value["gaps"].as_array().unwrap();
    assert!(
        gaps.iter()
            .any(|gap| gap == "136 more ancestors are not shown"),
        "{gaps:?}"
    );
}

#[test]
fn the_schema_rejects_what_is_no_alert() {
    let schema = serde_json::to_value(crate::commands::schema::alert()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let good: Value = serde_json::from_str(&line(&plain())).unwrap();
    for (pointer, wrong) in [
        ("/severity", Value::from("fatal")),
        ("/drift/vectors/0", Value::from("other")),
        ("/process/pid", Value::from("1")),
        ("/time", Value::Null),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = wrong;
        assert!(!validator.is_valid(&bad), "{pointer}");
    }
    let mut bad = good;
    bad.as_object_mut().unwrap().remove("pod");
    assert!(
        !validator.is_valid(&bad),
        "every field is there, be it null"
    );
}
