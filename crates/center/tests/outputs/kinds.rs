//! Each kind of output delivered to what is made to receive it.

use super::receivers::{Certificates, HttpReceiver, Program, free_address, has, until};
use super::{Site, alerts_day, create, delivery, drift_alert, hostile, numbered, store};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as AnyValue;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, UdpSocket};

/// What of an alert's texts would show that one line became two.
fn assert_no_break(text: &str) {
    assert!(!text.contains("\n<13>1 forged"), "{text}");
    assert!(!text.contains("\nBcc:"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn syslog_over_tls_reaches_rsyslog() {
    if !has("/usr/sbin/rsyslogd", "rsyslog")
        || !has(
            "/usr/lib/x86_64-linux-gnu/rsyslog/lmnsd_gtls.so",
            "rsyslog-gnutls",
        )
    {
        return;
    }
    let site = Site::start().await;
    let admin = site.admin().await;
    let folder = site.folder.path();
    let certificates = Certificates::write(folder);
    let address = free_address().await;
    let _rsyslog = start_rsyslog(folder, address.port()).await;
    let settings = json!({ "address": address.to_string(), "ca": certificates.ca_pem,
        "template": "{{ alert.title }} seen {{ alert.count }} times" });
    let id = create(&admin, "syslog", settings, json!({})).await;
    // Somebody whom the machine does not know is not believed.
    let untrusted = json!({ "address": address.to_string() });
    let untrusted = create(&admin, "syslog", untrusted, json!({ "name": "untrusted" })).await;
    store(&site, "prod", &[drift_alert(1, "shop"), hostile()]).await;
    store(&site, "prod", &numbered(2..50)).await;
    let log = folder.join("messages");
    let lines = || std::fs::read_to_string(&log).unwrap_or_default();
    until("rsyslog has all", || async {
        lines().lines().count() >= 50
    })
    .await;
    let text = lines();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 50, "{text}");
    assert!(
        lines[0].starts_with("106|node-1|yagura|alert|["),
        "{}",
        lines[0]
    );
    assert!(
        lines[0].contains(&format!("id=\"{:032x}\"", 1)),
        "{}",
        lines[0]
    );
    assert!(lines[0].contains("cluster=\"prod\" namespace=\"shop\" pod=\"web-1\""));
    assert!(
        lines[0].ends_with("A drift binary was detected executing in the container seen 1 times")
    );
    assert!(lines[1].contains("x\\r\\n<13>1 forged"), "{}", lines[1]);
    assert!(lines[1].contains(r#"rule="rule\"\] \\ "#), "{}", lines[1]);
    assert!(lines[49].contains(&format!("id=\"{:032x}\"", 49)));
    until("it is noted as delivered", || async {
        delivery(&admin, &id).await["delivered"] == 50
    })
    .await;
    until("the other one was tried", || async {
        delivery(&admin, &untrusted).await["state"] == "retrying"
    })
    .await;
    let refused = delivery(&admin, &untrusted).await;
    assert_eq!(refused["delivered"], 0);
    assert!(
        refused["last_error"]
            .as_str()
            .unwrap()
            .contains("ertificate"),
        "{refused}"
    );
}

async fn start_rsyslog(folder: &Path, port: u16) -> Program {
    let shown = folder.display();
    let config = format!(
        r#"global(workDirectory="{shown}" defaultNetstreamDriver="gtls" defaultNetstreamDriverCAFile="{shown}/ca.pem"
    defaultNetstreamDriverCertFile="{shown}/cert.pem" defaultNetstreamDriverKeyFile="{shown}/key.pem")
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="anon")
template(name="parts" type="string" string="%pri%|%hostname%|%app-name%|%msgid%|%structured-data%|%msg%\n")
input(type="imtcp" port="{port}" address="127.0.0.1")
action(type="omfile" file="{shown}/messages" template="parts" asyncWriting="off")
"#
    );
    std::fs::write(folder.join("rsyslog.conf"), config).unwrap();
    let (config, pid) = (
        format!("{shown}/rsyslog.conf"),
        format!("{shown}/rsyslog.pid"),
    );
    let program = Program::start("/usr/sbin/rsyslogd", &["-n", "-f", &config, "-i", &pid]);
    until("rsyslog listens", || async move {
        tokio::net::TcpStream::connect(("127.0.0.1", port))
            .await
            .is_ok()
    })
    .await;
    program
}

#[tokio::test(flavor = "multi_thread")]
async fn syslog_over_tcp_and_udp_is_framed_as_the_rfcs_say() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for (protocol, address) in [
        ("tcp", listener.local_addr().unwrap()),
        ("udp", socket.local_addr().unwrap()),
    ] {
        let settings = json!({ "address": address.to_string(), "protocol": protocol });
        create(&admin, "syslog", settings, json!({})).await;
    }
    store(&site, "prod", &[hostile(), drift_alert(2, "shop")]).await;
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let mut rest = text.as_str();
    let mut messages = Vec::new();
    while let Some((length, message)) = rest.split_once(' ') {
        let (message, after) = message.split_at(length.parse().unwrap());
        messages.push(message);
        rest = after;
    }
    assert_eq!(messages.len(), 2, "{text}");
    let mut packet = [0; 4096];
    for expected in messages {
        assert!(
            expected.starts_with(&format!("<106>1 {}T03:05:", alerts_day())),
            "{expected}"
        );
        assert!(!expected.contains(char::is_control), "{expected}");
        let length = socket.recv(&mut packet).await.unwrap();
        assert_eq!(std::str::from_utf8(&packet[..length]).unwrap(), expected);
    }
}

/// An SMTP server with STARTTLS, which takes mail after a log-in alone and writes each message to a file.
const SMTP_SERVER: &str = r#"
import ssl, sys, threading
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
folder, count = sys.argv[1], 0
class Handler:
    async def handle_DATA(self, server, session, envelope):
        global count
        if session.ssl is None: return '530 no TLS'
        with open(f'{folder}/mail-{count}.part', 'wb') as file:
            file.write(','.join(envelope.rcpt_tos).encode() + b'\n' + envelope.original_content)
        import os
        os.rename(f'{folder}/mail-{count}.part', f'{folder}/mail-{count}')
        count += 1
        return '250 OK'
def authenticate(server, session, envelope, mechanism, data):
    # Not `handled`: the server answers.
    return AuthResult(success=(data.login, data.password) == (b'yagura', b'mail-password'), handled=False)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(f'{folder}/cert.pem', f'{folder}/key.pem')
controller = Controller(Handler(), hostname='127.0.0.1', port=int(sys.argv[2]), tls_context=context, require_starttls=True,
    auth_required=True, auth_require_tls=True, authenticator=authenticate)
controller.start()
print('ready', flush=True)
threading.Event().wait()
"#;

/// Decodes a message with Python's own reader of mail.
const READ_MAIL: &str = r#"
import email, email.policy, json, sys
to, content = open(sys.argv[1], 'rb').read().split(b'\n', 1)
mail = email.message_from_bytes(content, policy=email.policy.default)
print(json.dumps({'rcpt': to.decode(), 'subject': mail['Subject'], 'to': mail['To'], 'bcc': mail['Bcc'],
    'from': mail['From'], 'body': mail.get_content(), 'headers': list(mail.keys())}))
"#;

fn read_mail(path: &Path) -> Value {
    let python = std::process::Command::new("/usr/bin/python3")
        .args(["-c", READ_MAIL])
        .arg(path)
        .output()
        .unwrap();
    serde_json::from_slice(&python.stdout).unwrap_or_else(|_| panic!("{python:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn e_mail_goes_out_over_starttls_and_nobody_else_is_written_to() {
    if !has(
        "/usr/lib/python3/dist-packages/aiosmtpd/controller.py",
        "python3-aiosmtpd",
    ) {
        return;
    }
    let site = Site::start().await;
    let admin = site.admin().await;
    let folder = site.folder.path();
    let certificates = Certificates::write(folder);
    let port = free_address().await.port().to_string();
    let place = folder.display().to_string();
    let arguments = ["-c", SMTP_SERVER, place.as_str(), port.as_str()];
    let mut server = Program::start("/usr/bin/python3", &arguments);
    assert_eq!(server.first_line(), "ready");
    let settings = json!({ "server": "127.0.0.1", "port": port, "user": "yagura", "ca": certificates.ca_pem,
        "from": "Yagura <yagura@example.org>", "to": "a@example.org, b@example.org",
        "subject": "{{ alerts|length }}: {{ alerts[0].title }}" });
    let secrets = |password: &str| json!({ "name": password, "secrets": { "password": password } });
    let id = create(&admin, "email", settings.clone(), secrets("mail-password")).await;
    let wrong = create(&admin, "email", settings, secrets("wrong")).await;
    store(&site, "prod", &[hostile()]).await;
    let path = folder.join("mail-0");
    until("the mail came", || async { path.exists() }).await;
    let mail = read_mail(&path);
    let subject = mail["subject"].as_str().unwrap();
    assert!(subject.starts_with("1: x\\r\\n<13>1 forged"), "{subject}");
    assert_eq!(mail["bcc"], Value::Null, "{mail}");
    assert_eq!(mail["rcpt"], "a@example.org,b@example.org");
    assert_eq!(mail["from"], "Yagura <yagura@example.org>");
    let body = mail["body"].as_str().unwrap();
    assert_no_break(body);
    assert!(body.contains(&format!("/alerts/{:032x}", 66)), "{body}");
    assert!(body.contains("\\u{1b}[2J"), "{body}");
    until("it is noted", || async {
        delivery(&admin, &id).await["delivered"] == 1
    })
    .await;
    until("a wrong password is told of", || async {
        let state = delivery(&admin, &wrong).await;
        state["last_error"].as_str().unwrap().contains("535")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn alertmanager_takes_alerts() {
    let program = "/usr/bin/prometheus-alertmanager";
    if !has(program, "prometheus-alertmanager") {
        return;
    }
    let site = Site::start().await;
    let admin = site.admin().await;
    let folder = site.folder.path().display();
    let address = free_address().await;
    let config = "route: { receiver: nobody }\nreceivers: [{ name: nobody }]\n";
    std::fs::write(site.folder.join("am.yml"), config).unwrap();
    let _server = Program::start(
        program,
        &[
            &format!("--config.file={folder}/am.yml"),
            &format!("--storage.path={folder}/am"),
            &format!("--web.listen-address={address}"),
            "--cluster.listen-address=",
        ],
    );
    let url = format!("http://{address}/api/v2/alerts");
    let id = create(&admin, "alertmanager", json!({ "url": url }), json!({})).await;
    // Its time would be long ago for Alertmanager, which forgets what is over.
    let now = jiff::Timestamp::now().to_string();
    let mut alerts = [drift_alert(1, "shop"), hostile()];
    for alert in &mut alerts {
        alert["last_time"] = now.clone().into();
    }
    store(&site, "prod", &alerts).await;
    until("both were taken", || async {
        delivery(&admin, &id).await["delivered"] == 2
    })
    .await;
    let answer = reqwest::get(&url).await.unwrap().bytes().await.unwrap();
    let found: Vec<Value> = serde_json::from_slice(&answer).unwrap();
    assert_eq!(found.len(), 2, "{found:?}");
    let by_id = |number: u32| {
        let id = format!("{number:032x}");
        found
            .iter()
            .find(|alert| alert["labels"]["yagura_id"] == id)
            .unwrap()
    };
    let first = by_id(1);
    assert_eq!(first["labels"]["alertname"], "Drift binary executed");
    assert_eq!(first["labels"]["severity"], "urgent");
    assert_eq!(first["labels"]["namespace"], "shop");
    assert_eq!(first["labels"]["cluster"], "prod");
    assert_eq!(first["annotations"]["summary"], alerts[0]["title"]);
    assert_eq!(first["status"]["state"], "active");
    assert_eq!(by_id(66)["labels"]["alertname"], hostile()["rule"]);
    assert_eq!(by_id(66)["labels"]["severity"], "urgent");
}

#[tokio::test(flavor = "multi_thread")]
async fn otlp_is_what_opentelemetry_defines() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let receiver = HttpReceiver::start().await;
    let settings = json!({ "url": receiver.url("/v1/logs") });
    create(&admin, "otlp", settings, json!({})).await;
    store(&site, "prod", &[drift_alert(1, "shop"), hostile()]).await;
    until("it came", || async { !receiver.requests().is_empty() }).await;
    let request = &receiver.requests()[0];
    assert_eq!(request.header("content-type"), "application/json");
    let decoded: ExportLogsServiceRequest = serde_json::from_str(&request.body).unwrap();
    let resource = &decoded.resource_logs[0];
    let service = &resource.resource.as_ref().unwrap().attributes[0];
    assert_eq!(service.key, "service.name");
    let records = &resource.scope_logs[0].log_records;
    assert_eq!(records.len(), 2);
    let text = |value: &Option<opentelemetry_proto::tonic::common::v1::AnyValue>| match value
        .clone()
        .unwrap()
        .value
        .unwrap()
    {
        AnyValue::StringValue(text) => text,
        other => panic!("{other:?}"),
    };
    let time: jiff::Timestamp = format!("{}T03:05:01Z", alerts_day()).parse().unwrap();
    assert_eq!(i128::from(records[0].time_unix_nano), time.as_nanosecond());
    assert_eq!(
        (
            records[0].severity_number,
            records[0].severity_text.as_str()
        ),
        (17, "urgent")
    );
    assert_eq!(records[0].event_name, "yagura.alert");
    let attributes: BTreeMap<&str, String> = records[1]
        .attributes
        .iter()
        .map(|attribute| (attribute.key.as_str(), text(&attribute.value)))
        .collect();
    assert_eq!(
        attributes["yagura.rule"],
        hostile()["rule"].as_str().unwrap()
    );
    assert_eq!(attributes["k8s.namespace.name"], "shop");
    let body: Value = serde_json::from_str(&text(&records[1].body)).unwrap();
    assert_eq!(body["title"], hostile()["title"]);
}

/// What falcosidekick decodes. Source: falcosidekick 2.31, `types/types.go`, `FalcoPayload`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FalcoPayload {
    uuid: String,
    output: String,
    priority: String,
    rule: String,
    time: jiff::Timestamp,
    source: String,
    output_fields: BTreeMap<String, Value>,
    hostname: String,
    tags: Vec<String>,
}

#[tokio::test(flavor = "multi_thread")]
async fn falco_json_is_falcos() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let receiver = HttpReceiver::start().await;
    create(
        &admin,
        "falco",
        json!({ "url": receiver.url("/") }),
        json!({}),
    )
    .await;
    store(&site, "prod", &[drift_alert(1, "shop"), hostile()]).await;
    until("one request each", || async {
        receiver.requests().len() == 2
    })
    .await;
    let payloads: Vec<FalcoPayload> = receiver
        .requests()
        .iter()
        .map(|request| serde_json::from_str(&request.body).unwrap())
        .collect();
    let first = &payloads[0];
    assert_eq!(first.uuid, format!("{:032x}", 1));
    assert_eq!(
        (first.priority.as_str(), first.source.as_str()),
        ("Critical", "syscall")
    );
    assert_eq!(first.rule, "Drift binary executed");
    assert_eq!(first.output, "x");
    assert_eq!(first.hostname, "node-1");
    assert_eq!(
        first.time,
        format!("{}T03:05:01Z", alerts_day()).parse().unwrap()
    );
    assert_eq!(first.tags, ["T1059", "yagura_drift"]);
    for (name, value) in [
        ("container.id", json!("c1")),
        ("container.image.repository", json!("nginx")),
        ("container.image.tag", json!("1")),
        ("k8s.ns.name", json!("shop")),
        ("k8s.pod.name", json!("web-1")),
        ("proc.exepath", json!("/tmp/x1")),
        ("proc.pid", json!(7)),
        ("user.name", json!("root")),
    ] {
        assert_eq!(first.output_fields[name], value, "{name}");
    }
    assert_eq!(payloads[1].rule, hostile()["rule"].as_str().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_a_template_stay_lines() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let settings =
        json!({ "path": "short.txt", "template": "{{ alert.severity }} {{ alert.title }}" });
    create(&admin, "json-lines", settings, json!({})).await;
    store(&site, "prod", &[hostile(), drift_alert(2, "shop")]).await;
    let path = site.folder.join("outputs/short.txt");
    let text = || std::fs::read_to_string(&path).unwrap_or_default();
    until("both are there", || async { text().lines().count() >= 2 }).await;
    assert_no_break(&text());
    assert_eq!(
        text().lines().nth(1).unwrap(),
        "urgent A drift binary was detected executing in the container"
    );
}
