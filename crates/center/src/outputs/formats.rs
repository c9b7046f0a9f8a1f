//! Alerts as other systems read them. Where an admin wrote a template, `text` is what it made.

use crate::clock;
use serde_json::{Map, Value, json};
use yagura_event::{Category, Severity};
use yagura_store::{Alert, AlertStatus, Version};

/// Characters of a message's subject and of a syslog message: what people and collectors take.
const SUBJECT_CHARS_MAX: usize = 200;
/// Characters of a syslog message's text. RFC 5425, section 4.3.1, asks receivers for 8192 bytes.
const MESSAGE_CHARS_MAX: usize = 4096;
/// Characters of a parameter of a syslog message.
const PARAMETER_CHARS_MAX: usize = 256;

/// The alert's document.
pub(super) fn document(alert: &Alert) -> Value {
    serde_json::from_str(&alert.document).unwrap_or_default()
}

/// Where the console shows the alert.
pub(super) fn link(alert: &Alert, console: &str) -> String {
    format!("{console}/alerts/{}", alert.id)
}

/// Falco's words for a severity.
fn priority(severity: Severity) -> &'static str {
    match severity {
        Severity::Urgent => "Critical",
        Severity::Suspicious => "Warning",
        Severity::Reminder => "Notice",
    }
}

fn text<'a>(document: &'a Value, pointer: &str) -> Option<&'a str> {
    document
        .pointer(pointer)?
        .as_str()
        .filter(|text| !text.is_empty())
}

/// An image's repository and tag, as Falco tells them apart.
fn repository_and_tag(image: &str) -> (&str, Option<&str>) {
    let name = image.split_once('@').map_or(image, |(name, _)| name);
    match name.rsplit_once(':') {
        // A colon before a slash belongs to the registry's port.
        Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
        _ => (name, None),
    }
}

/// Falco's JSON: what falcosidekick and its like take.
///
/// Source: falco 0.40, `userspace/engine/formats.cpp`; falcosidekick 2.31, `types/types.go`, `FalcoPayload`.
pub(super) fn falco(alert: &Alert, output: Option<String>) -> Value {
    let document = document(alert);
    let explanation = text(&document, "/detection/output").or(text(&document, "/explanation"));
    let techniques = document.get("techniques").and_then(Value::as_array);
    let mut tags: Vec<Value> = techniques.cloned().unwrap_or_default();
    tags.push(format!("yagura_{}", alert.category.as_str()).into());
    let output = output.unwrap_or_else(|| explanation.unwrap_or(&alert.title).to_owned());
    json!({
        "uuid": alert.id,
        "output": output,
        "priority": priority(alert.severity),
        "rule": alert.rule,
        "time": clock::shown(alert.last_time),
        "source": text(&document, "/detection/source").unwrap_or("syscall"),
        "hostname": alert.node,
        "tags": tags,
        "output_fields": falco_fields(alert, &document),
    })
}

fn falco_fields(alert: &Alert, document: &Value) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("evt.time".to_owned(), alert.last_time.0.into());
    for (name, pointer) in [
        ("container.id", "/container/id"),
        ("container.name", "/container/name"),
        ("k8s.ns.name", "/pod/namespace"),
        ("k8s.pod.name", "/pod/name"),
        ("proc.exepath", "/process/exe"),
        ("user.name", "/process/user"),
        ("fd.name", "/drift/path"),
    ] {
        if let Some(text) = text(document, pointer) {
            fields.insert(name.to_owned(), text.into());
        }
    }
    if let Some(image) = text(document, "/container/image") {
        let (repository, tag) = repository_and_tag(image);
        fields.insert("container.image.repository".to_owned(), repository.into());
        if let Some(tag) = tag {
            fields.insert("container.image.tag".to_owned(), tag.into());
        }
    }
    if let Some(pid) = document.pointer("/process/pid").filter(|pid| pid.is_u64()) {
        fields.insert("proc.pid".to_owned(), pid.clone());
    }
    for (name, value) in [
        ("yagura.id", &alert.id),
        ("yagura.key", &alert.key),
        ("yagura.action", &alert.action),
        ("yagura.incident", &alert.incident),
        ("yagura.cluster", &alert.cluster),
    ] {
        fields.insert(name.to_owned(), value.as_str().into());
    }
    fields
}

/// What Alertmanager's API (v2) takes.
pub(super) fn alertmanager(alert: &Alert, console: &str, description: Option<String>) -> Value {
    let document = document(alert);
    let explanation = || {
        text(&document, "/explanation")
            .unwrap_or_default()
            .to_owned()
    };
    json!({
        "labels": {
            "alertname": alert.rule,
            "severity": alert.severity.as_str(),
            "category": alert.category.as_str(),
            "cluster": alert.cluster,
            "namespace": alert.namespace,
            "node": alert.node,
            "pod": alert.pod,
            "container": alert.container,
            "yagura_id": alert.id,
        },
        "annotations": {
            "summary": alert.title,
            "description": description.unwrap_or_else(explanation),
        },
        "startsAt": clock::shown(alert.last_time),
        "generatorURL": link(alert, console),
    })
}

/// OTLP's log records in JSON (opentelemetry-proto, logs/v1); `bodies` stand in the place of documents.
pub(super) fn otlp(alerts: &[&Alert], bodies: &[Option<String>]) -> Value {
    let attribute = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let record = |(index, alert): (usize, &&Alert)| {
        // Source: OpenTelemetry logs data model, "SeverityNumber": 13 is WARN, 17 ERROR, 9 INFO.
        let number = match alert.severity {
            Severity::Urgent => 17,
            Severity::Suspicious => 13,
            Severity::Reminder => 9,
        };
        let body = bodies.get(index).and_then(Option::as_deref);
        json!({
            "timeUnixNano": alert.last_time.0.to_string(),
            "observedTimeUnixNano": alert.received.0.to_string(),
            "severityNumber": number,
            "severityText": alert.severity.as_str(),
            "eventName": "yagura.alert",
            "body": {"stringValue": body.unwrap_or(&alert.document)},
            "attributes": [
                attribute("yagura.id", &alert.id),
                attribute("yagura.rule", &alert.rule),
                attribute("yagura.category", alert.category.as_str()),
                attribute("host.name", &alert.node),
                attribute("k8s.cluster.name", &alert.cluster),
                attribute("k8s.namespace.name", &alert.namespace),
                attribute("k8s.pod.name", &alert.pod),
                attribute("container.id", &alert.container_id),
                attribute("container.image.name", &alert.image),
            ],
        })
    };
    let records: Vec<Value> = alerts.iter().enumerate().map(record).collect();
    json!({"resourceLogs": [{
        "resource": {"attributes": [attribute("service.name", "yagura")]},
        "scopeLogs": [{"scope": {"name": "yagura"}, "logRecords": records}],
    }]})
}

/// A syslog message (RFC 5424), without framing.
pub(super) fn syslog(alert: &Alert, message: Option<&str>) -> String {
    // Facility 13, "log audit"; severity 2 critical, 4 warning, 5 notice: section 6.2.1.
    let severity = match alert.severity {
        Severity::Urgent => 2,
        Severity::Suspicious => 4,
        Severity::Reminder => 5,
    };
    let priority = 13 * 8 + severity;
    let time = clock::shown(alert.last_time);
    // Six digits of a second at most: section 6.2.3.
    let time = match time.split_once('.') {
        Some((seconds, fraction)) => {
            let digits: String = fraction
                .chars()
                .filter(char::is_ascii_digit)
                .take(6)
                .collect();
            format!("{seconds}.{digits}Z")
        }
        None => time,
    };
    let host = printable(&alert.node, 255);
    let data = [
        ("id", &alert.id),
        ("rule", &alert.rule),
        ("key", &alert.key),
        ("cluster", &alert.cluster),
        ("namespace", &alert.namespace),
        ("pod", &alert.pod),
        ("container", &alert.container),
        ("action", &alert.action),
    ];
    let data: Vec<String> = data
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name}=\"{}\"", quoted(value)))
        .collect();
    // 32473 is the number that is set aside for examples and private use (RFC 5612).
    let data = format!("[yagura@32473 {}]", data.join(" "));
    let message = one_line(message.unwrap_or(&alert.title), MESSAGE_CHARS_MAX);
    format!("<{priority}>1 {time} {host} yagura - alert {data} \u{feff}{message}")
}

/// Printable ASCII, `-` if nothing is left: section 6.
fn printable(text: &str, max: usize) -> String {
    let kept: String = text
        .chars()
        .filter(char::is_ascii_graphic)
        .take(max)
        .collect();
    if kept.is_empty() {
        "-".to_owned()
    } else {
        kept
    }
}

/// A parameter's value: section 6.3.3.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in one_line(text, PARAMETER_CHARS_MAX).chars() {
        if matches!(c, '"' | '\\' | ']') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Whether a character could make one line look like two, or like another one.
fn disguises(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text as one line: what could end it is escaped.
pub(super) fn one_line(text: &str, chars_max: usize) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars().take(chars_max) {
        match disguises(c) {
            true => line.extend(c.escape_default()),
            false => line.push(c),
        }
    }
    line
}

/// A text of several lines: what else could disguise something is escaped.
fn lines(text: &str) -> String {
    let each: Vec<String> = text
        .split('\n')
        .map(|line| one_line(line.trim_end_matches('\r'), usize::MAX))
        .collect();
    each.join("\n")
}

/// Subject and text of an e-mail for people.
pub(super) fn message(
    alerts: &[&Alert],
    console: &str,
    subject: Option<String>,
    body: Option<String>,
) -> (String, String) {
    let subject = subject.unwrap_or_else(|| match alerts {
        [only] => format!("[{}] {}", only.severity.as_str(), only.title),
        many => format!("{} alerts of Yagura", many.len()),
    });
    let shown = |alert: &&Alert| {
        format!(
            "{}\n{} · {} · {} {} {}\n{}\n{}\n",
            one_line(&alert.title, MESSAGE_CHARS_MAX),
            alert.severity.as_str(),
            clock::shown(alert.last_time),
            one_line(&alert.cluster, PARAMETER_CHARS_MAX),
            one_line(&alert.node, PARAMETER_CHARS_MAX),
            one_line(&alert.container, PARAMETER_CHARS_MAX),
            text(&document(alert), "/explanation").unwrap_or_default(),
            link(alert, console)
        )
    };
    let body = body.unwrap_or_else(|| {
        let each: Vec<String> = alerts.iter().map(shown).collect();
        each.join("\n")
    });
    (one_line(&subject, SUBJECT_CHARS_MAX), lines(&body))
}

/// What a test sends.
pub(crate) fn sample() -> Alert {
    let now = clock::now();
    let id = "0".repeat(32);
    let document = json!({
        "id": id, "rule": "Yagura test", "key": "", "category": "custom", "severity": "reminder",
        "status": "handled", "title": "Test of an output", "action": "alerted", "count": 1,
        "explanation": "Somebody tested this output. Nothing happened.", "remedy": "",
        "time": clock::shown(now), "last_time": clock::shown(now), "node": "center", "cluster": null,
        "techniques": [], "incident": id, "container": null, "pod": null, "process": null,
    });
    Alert {
        id: id.clone(),
        time: now,
        last_time: now,
        received: now,
        changed: now,
        seq: 0,
        version: Version::FIRST,
        count: 1,
        status: AlertStatus::Handled,
        severity: Severity::Reminder,
        category: Category::Custom,
        rule: "Yagura test".to_owned(),
        key: String::new(),
        title: "Test of an output".to_owned(),
        action: "alerted".to_owned(),
        node: "center".to_owned(),
        cluster: String::new(),
        namespace: String::new(),
        pod: String::new(),
        container_id: String::new(),
        container: String::new(),
        image: String::new(),
        incident: id,
        document: document.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syslog_is_rfc_5424_and_nothing_breaks_out() {
        let mut alert = sample();
        alert.rule = "a\"] b\\\r\n<13>1 - forged".to_owned();
        alert.node = "no de\n".to_owned();
        alert.title = "first\nsecond\u{202e}".to_owned();
        alert.severity = Severity::Urgent;
        let line = syslog(&alert, None);
        assert!(line.starts_with("<106>1 20"), "{line}");
        assert!(
            line.contains("Z node yagura - alert [yagura@32473 id="),
            "{line}"
        );
        assert!(
            line.contains(r#"rule="a\"\] b\\\\r\\n<13>1 - forged""#),
            "{line}"
        );
        assert!(line.ends_with("\u{feff}first\\nsecond\\u{202e}"), "{line}");
        assert!(!line.contains(char::is_control));
    }

    #[test]
    fn a_message_has_one_subject() {
        let mut alert = sample();
        alert.title = "x\r\nBcc: eve@example.org".to_owned();
        let (subject, body) = message(&[&alert], "https://c", None, None);
        assert_eq!(subject, "[reminder] x\\r\\nBcc: eve@example.org");
        assert!(body.starts_with("x\\r\\nBcc"), "{body}");
        let (_, body) = message(&[&alert], "", None, Some("a\r\nb\u{8}".to_owned()));
        assert_eq!(body, "a\nb\\u{8}");
    }

    #[test]
    fn falco_has_what_falcosidekick_reads() {
        // Falco's own line for its rule "Terminal shell in container", as its documentation prints it.
        let theirs: Value = serde_json::from_str(
            r#"{"hostname":"n","output":"x","output_fields":{"container.id":"3ad7b26ded6d","evt.time":1588888000000000000,"proc.pid":7},
            "priority":"Notice","rule":"Terminal shell in container","source":"syscall","tags":["container","T1059"],"time":"2020-05-07T21:46:40.000000000Z"}"#,
        )
        .unwrap();
        let ours = falco(&sample(), None);
        for (name, value) in theirs.as_object().unwrap() {
            let found = ours.get(name).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(
                std::mem::discriminant(found),
                std::mem::discriminant(value),
                "{name}"
            );
        }
        assert_eq!(ours["priority"], "Notice");
        assert!(ours["output_fields"]["evt.time"].is_i64());
        assert_eq!(falco(&sample(), Some("o".to_owned()))["output"], "o");
    }

    #[test]
    fn images_are_split_as_falco_does() {
        for (image, repository, tag) in [
            ("nginx:1.27", "nginx", Some("1.27")),
            ("r.example:5000/a/b", "r.example:5000/a/b", None),
            ("r:5000/a:v1@sha256:00", "r:5000/a", Some("v1")),
        ] {
            assert_eq!(repository_and_tag(image), (repository, tag));
        }
    }
}
