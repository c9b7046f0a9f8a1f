//! A center on a free port with a database of its own, and callers.

use serde_json::{Value, json};
use yagura_center::{Center, CenterConfig, Running, Tls};
use yagura_store::{Retention, Target};
use yagura_testkit::ScratchDir;

/// What the first admin sets.
pub(crate) const PASSWORD: &str = "a long enough password";

/// A center on free ports of loopback, with what it keeps in that folder.
pub(crate) fn config(folder: &ScratchDir) -> CenterConfig {
    CenterConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        tls: Tls::Plain,
        sensor_listen: Some("127.0.0.1:0".parse().unwrap()),
        own_sensor: false,
        names: Vec::new(),
        public_url: None,
        database: Target::Sqlite(folder.join("center")),
        output_folder: folder.join("outputs"),
        retention: Retention::default(),
    }
}

/// A center that ends with its test.
pub(crate) struct Site {
    pub(crate) running: Running,
    pub(crate) folder: ScratchDir,
}

impl Site {
    pub(crate) async fn start() -> Site {
        Site::start_in(ScratchDir::new().unwrap()).await
    }

    /// The same center once more, after it was stopped; its address is another.
    pub(crate) async fn restart(self) -> Site {
        self.running.stop().await;
        Site::start_in(self.folder).await
    }

    async fn start_in(folder: ScratchDir) -> Site {
        let running = Center::start(config(&folder)).await.unwrap();
        Site { running, folder }
    }

    pub(crate) fn anonymous(&self) -> Caller {
        Caller {
            base: self.running.url().to_owned(),
            http: reqwest::Client::new(),
            headers: Vec::new(),
        }
    }

    /// The first admin, with a password set.
    pub(crate) async fn admin(&self) -> Caller {
        let (name, one_time) = self.running.first_admin.clone().unwrap();
        let mut caller = self.anonymous();
        caller.log_in(&name, &one_time).await;
        let change = json!({ "current": one_time, "new": PASSWORD });
        assert_eq!(caller.put("/session/password", &change).await.0, 204);
        caller
    }

    /// A new user of that role.
    pub(crate) async fn user(
        &self,
        admin: &Caller,
        name: &str,
        role: &str,
        scope: Value,
    ) -> Caller {
        let asked = json!({ "name": name, "role": role, "scope": scope });
        let (status, made) = admin.post("/users", &asked).await;
        assert_eq!(status, 201, "{made}");
        let one_time = made["one_time_password"].as_str().unwrap().to_owned();
        let mut caller = self.anonymous();
        caller.log_in(name, &one_time).await;
        let change = json!({ "current": one_time, "new": PASSWORD });
        assert_eq!(caller.put("/session/password", &change).await.0, 204);
        caller
    }
}

/// Somebody who asks.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) base: String,
    pub(crate) http: reqwest::Client,
    pub(crate) headers: Vec<(String, String)>,
}

impl Caller {
    pub(crate) async fn log_in(&mut self, name: &str, password: &str) -> Value {
        let asked = json!({ "name": name, "password": password });
        let answer = self
            .http
            .post(format!("{}/api/v1/session", self.base))
            .header("content-type", "application/json")
            .body(asked.to_string())
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
        let cookie = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
        assert!(cookie.contains("HttpOnly; SameSite=Strict"), "{cookie}");
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let body: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        let csrf = body["csrf_token"].as_str().unwrap().to_owned();
        self.headers = vec![
            ("cookie".to_owned(), cookie),
            ("x-csrf-token".to_owned(), csrf),
        ];
        body
    }

    pub(crate) fn with(&self, name: &str, value: &str) -> Caller {
        let mut caller = self.clone();
        caller.headers.retain(|(known, _)| known != name);
        caller.headers.push((name.to_owned(), value.to_owned()));
        caller
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> (u16, Value) {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let path = match path.starts_with("/api") || path.starts_with("/k8s/") {
            true => path.to_owned(),
            false => format!("/api/v1{path}"),
        };
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let bytes = answer.bytes().await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        self.send("GET", path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.send("POST", path, Some(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> (u16, Value) {
        self.send("PUT", path, Some(body)).await
    }
}

/// The date of some days ago, UTC: what tests tell of happened lately, whenever they run, since what is old is not kept.
pub(crate) fn day(ago: i64) -> String {
    let then = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24 * ago);
    then.strftime("%Y-%m-%d").to_string()
}

/// The day of which tests' alerts are.
pub(crate) fn alerts_day() -> String {
    day(3)
}

/// An alert as a sensor tells it.
pub(crate) fn drift_alert(number: u32, namespace: &str) -> Value {
    let day = alerts_day();
    json!({
        "id": format!("{number:032x}"), "time": format!("{day}T03:04:05.000000006Z"),
        "last_time": format!("{day}T03:05:{:02}.000000000Z", number % 60),
        "rule": "Drift binary executed", "key": "drift.binary", "category": "drift", "severity": "urgent",
        "status": "unhandled", "title": "A drift binary was detected executing in the container",
        "explanation": "x", "remedy": "y", "techniques": ["T1059"], "count": 1, "action": "alerted",
        "node": "n", "cluster": null, "incident": "", "gaps": [],
        "container": {"id": "c1", "name": "web", "image": "nginx:1", "runtime": "containerd"},
        "pod": {"name": "web-1", "namespace": namespace, "uid": "u", "labels": {"app": "web"}},
        "process": {"pid": 7, "start_time": format!("{day}T03:04:05Z"), "exe": format!("/tmp/x{number}"), "argv": ["x"],
            "argv_truncated": false, "cwd": "/", "uid": 0, "user": "root",
            "ancestors": [{"pid": 6, "start_time": format!("{day}T03:04:00Z"), "exe": "/bin/sh", "argv": ["sh"]}]},
        "drift": {"vector": "written", "vectors": ["written"], "kind": "binary", "provenance": "written",
            "path": format!("/tmp/x{number}"), "file": {"device": 1, "inode": 2}, "layer": "upper", "size": 3,
            "sha256": "07".repeat(32)},
        "policy": {"rule": "Everything", "index": 0, "version": 1, "action": "alert"},
    })
}

/// Stores alerts as the link does.
pub(crate) async fn store(site: &Site, cluster: &str, alerts: &[Value]) {
    let read = |alert: &Value| {
        let json = alert.to_string();
        yagura_center::app::ingest::read(json.as_bytes(), "node-1", cluster).unwrap()
    };
    let mut read: Vec<_> = alerts.iter().map(read).collect();
    yagura_center::app::ingest::record(&site.running.center, &mut read)
        .await
        .unwrap();
}
