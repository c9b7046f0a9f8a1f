//! What can be configured: secrets stay secret, filters hold, what can't work is refused.

use super::receivers::{HttpReceiver, openssl_hmac, until};
use super::{Site, create, delivery, drift_alert, hostile, store};
use serde_json::{Value, json};

const SECRET: &str = "a webhook's secret";

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_signed_and_its_secrets_are_never_told() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let receiver = HttpReceiver::start().await;
    let secrets = json!({ "secrets": { "secret": SECRET, "token": "bearer-token-7" } });
    let settings = json!({ "url": receiver.url("/hook") });
    let id = create(&admin, "webhook", settings, secrets).await;
    store(&site, "prod", &[hostile(), drift_alert(1, "shop")]).await;
    until("both came", || async { receiver.alert_ids().len() == 2 }).await;
    let request = &receiver.requests()[0];
    let signed = format!("{}.{}", request.header("x-yagura-timestamp"), request.body);
    let expected = format!("sha256={}", openssl_hmac(SECRET, &signed));
    assert_eq!(request.header("x-yagura-signature"), expected);
    assert_eq!(request.header("authorization"), "Bearer bearer-token-7");
    assert_eq!(request.json()["alerts"][0]["title"], hostile()["title"]);
    for path in [
        format!("/outputs/{id}"),
        "/outputs".to_owned(),
        "/audit-log".to_owned(),
    ] {
        let (status, answer) = admin.get(&path).await;
        assert_eq!(status, 200, "{path}: {answer}");
        let text = answer.to_string();
        assert!(
            !text.contains(SECRET) && !text.contains("bearer-token-7"),
            "{path}: {text}"
        );
    }
    let (_, shown) = admin.get(&format!("/outputs/{id}")).await;
    assert_eq!(shown["secrets"], json!(["secret", "token"]));
    moving_an_output_does_not_take_its_secrets_along(&site, &id, &shown).await;
}

async fn moving_an_output_does_not_take_its_secrets_along(site: &Site, id: &str, shown: &Value) {
    let mut admin = site.anonymous();
    admin.log_in("admin", crate::support::PASSWORD).await;
    let elsewhere = HttpReceiver::start().await;
    let mut draft = json!({ "name": "moved", "kind": "webhook", "enabled": true, "settings": { "url": elsewhere.url("/") } });
    let admin = admin.with("if-match", shown["etag"].as_str().unwrap());
    let path = format!("/outputs/{id}");
    let (status, problem) = admin.put(&path, &draft).await;
    assert_eq!(status, 422, "{problem}");
    assert!(
        problem.to_string().contains("must be given again"),
        "{problem}"
    );
    draft["secrets"] = json!({ "secret": "another", "token": "" });
    let (status, moved) = admin.put(&path, &draft).await;
    assert_eq!(
        (status, &moved["secrets"]),
        (200, &json!(["secret"])),
        "{moved}"
    );
    let (_, tested) = admin.send("POST", &format!("{path}/test"), None).await;
    assert_eq!(tested["delivered"], true, "{tested}");
    let request = &elsewhere.requests()[0];
    assert_eq!(request.header("authorization"), "");
    assert_eq!(request.json()["alerts"][0]["rule"], "Yagura test");
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_of_several_kinds_all_hold() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let receiver = HttpReceiver::start().await;
    let filter = json!({ "severity": "urgent,suspicious", "category": "drift", "cluster": "prod", "namespace": "shop" });
    let settings = json!({ "url": receiver.url("/") });
    let id = create(&admin, "webhook", settings, json!({ "filter": filter })).await;
    let but = |number: u32, field: &str, value: &str| {
        let mut alert = drift_alert(number, "shop");
        alert[field] = value.into();
        alert
    };
    store(
        &site,
        "prod",
        &[
            drift_alert(1, "bank"),
            but(2, "severity", "reminder"),
            but(3, "category", "network"),
            but(4, "severity", "suspicious"),
        ],
    )
    .await;
    store(&site, "test", &[drift_alert(5, "shop")]).await;
    store(&site, "prod", &[drift_alert(6, "shop")]).await;
    until("those that fit came", || async {
        delivery(&admin, &id).await["waiting"] == 0 && receiver.alert_ids().len() == 2
    })
    .await;
    let expected = [format!("{:032x}", 4), format!("{:032x}", 6)];
    assert_eq!(receiver.alert_ids(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_makes_what_another_system_takes() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let receiver = HttpReceiver::start().await;
    let template = r#"{"text": {{ alerts[0].severity|upper ~ ": " ~ alerts[0].title }},
        "link": {{ alerts[0].link }}, "pod": {{ alerts[0].pod.name|default("none") }}}"#;
    let settings = json!({ "template": template, "batch_max": "1" });
    // The address of such a hook is its password.
    let secrets = json!({ "secrets": { "url": receiver.url("/services/T0/B0/x") } });
    let id = create(&admin, "webhook", settings, secrets).await;
    let (_, shown) = admin.get(&format!("/outputs/{id}")).await;
    assert!(!shown.to_string().contains("/services/"), "{shown}");
    store(&site, "prod", &[hostile(), drift_alert(2, "shop")]).await;
    until("one request each", || async {
        receiver.requests().len() == 2
    })
    .await;
    let first = receiver.requests()[0].json();
    let title = hostile()["title"].as_str().unwrap().to_owned();
    assert_eq!(first["text"], format!("URGENT: {title}"));
    assert_eq!(first["pod"], "web-1");
    let link = format!("{}/alerts/{:032x}", site.running.url(), 66);
    assert_eq!(first["link"], link);
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
async fn what_can_not_work_is_refused_with_the_place() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let url = "http://127.0.0.1:1/";
    for (kind, settings, field, part) in [
        (
            "webhook",
            json!({ "url": url, "template": "{\n{{ alert.title }}" }),
            "settings.template",
            "line 2: there is no `alert`",
        ),
        (
            "webhook",
            json!({ "url": url, "template": "{% for a in alerts %}" }),
            "settings.template",
            "line 1: ",
        ),
        (
            "webhook",
            json!({ "url": url, "template": "{\"a\": \"{{ console }}\"}" }),
            "settings.template",
            "without quotation marks",
        ),
        (
            "syslog",
            json!({ "address": "h:1", "template": "{{ 'x' * 100000000 }}" }),
            "settings.template",
            "too much",
        ),
        (
            "email",
            json!({ "server": "h", "from": "a@b.c", "to": "a@b.c", "subject": "{{ nope }}" }),
            "settings.subject",
            "there is no `nope`",
        ),
        (
            "webhook",
            json!({ "url": "http://169.254.169.254/latest/" }),
            "settings.url",
            "link-local",
        ),
        (
            "webhook",
            json!({ "url": "http://[fe80::1]/" }),
            "settings.url",
            "link-local",
        ),
        (
            "webhook",
            json!({ "url": "file:///etc/passwd" }),
            "settings.url",
            "no http",
        ),
        (
            "webhook",
            json!({ "url": "https://user:word@h/" }),
            "settings.url",
            "secrets.token",
        ),
        ("webhook", json!({}), "settings.url", "missing"),
        (
            "webhook",
            json!({ "url": url, "content_type": "a\r\nb: c" }),
            "settings.content_type",
            "media type",
        ),
        (
            "webhook",
            json!({ "url": url, "ca": "no certificate" }),
            "settings.ca",
            "certificate",
        ),
        (
            "webhook",
            json!({ "url": url, "backlog_max": "7" }),
            "settings.backlog_max",
            "100",
        ),
        (
            "syslog",
            json!({ "address": "169.254.1.1:6514" }),
            "settings.address",
            "link-local",
        ),
        (
            "syslog",
            json!({ "address": "no port" }),
            "settings.address",
            "host:port",
        ),
        (
            "syslog",
            json!({ "address": "h:1", "protocol": "smoke" }),
            "settings.protocol",
            "udp",
        ),
        (
            "email",
            json!({ "server": "h", "from": "a@b.c", "to": "a@b.c\r\nBcc: e@f.g" }),
            "settings.to",
            "e-mail",
        ),
        (
            "email",
            json!({ "server": "h", "from": "a@b.c", "to": "a@b.c", "port": "x" }),
            "settings.port",
            "port",
        ),
        (
            "json-lines",
            json!({ "path": "../x" }),
            "settings.path",
            "folder",
        ),
        (
            "otlp",
            json!({ "url": url, "colour": "red" }),
            "settings.colour",
            "no such setting",
        ),
    ] {
        let draft = json!({ "name": kind, "kind": kind, "enabled": true, "settings": settings });
        let (status, problem) = admin.post("/outputs", &draft).await;
        assert_eq!(status, 422, "{kind} {settings}: {problem}");
        let text = problem.to_string();
        assert!(
            text.contains(field) && text.contains(part),
            "{kind} {settings}: {text}"
        );
    }
    let draft = json!({ "name": "x", "kind": "otlp", "enabled": true, "settings": { "url": url }, "secrets": { "password": "x" } });
    assert_eq!(admin.post("/outputs", &draft).await.0, 422);
}
