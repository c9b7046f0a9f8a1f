//! Receivers for outputs: an HTTP server that can be told what to answer, and programs of Debian's packages.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// How long anything may take to come true.
const PATIENCE: Duration = Duration::from_secs(40);

/// Waits until something is true.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    let deadline = Instant::now() + PATIENCE;
    while !condition().await {
        assert!(Instant::now() < deadline, "it never came true: {what}");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

/// An address of this machine that nobody listens on.
pub(crate) async fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Received {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

/// What a receiver answers, by what it got.
type Answer = Arc<dyn Fn(&Received) -> (u16, &'static str) + Send + Sync>;

#[derive(Clone)]
struct Seen {
    requests: Arc<Mutex<Vec<Received>>>,
    answer: Answer,
}

/// An HTTP server that keeps what it accepted.
pub(crate) struct HttpReceiver {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<Received>>>,
    task: JoinHandle<()>,
}

impl HttpReceiver {
    pub(crate) async fn start() -> HttpReceiver {
        HttpReceiver::at(free_address().await, |_| (200, "")).await
    }

    /// Answers with a status and a `Retry-After`.
    pub(crate) async fn at(
        address: SocketAddr,
        answer: impl Fn(&Received) -> (u16, &'static str) + Send + Sync + 'static,
    ) -> HttpReceiver {
        let listener = TcpListener::bind(address).await.unwrap();
        let seen = Seen {
            requests: Arc::default(),
            answer: Arc::new(answer),
        };
        let requests = Arc::clone(&seen.requests);
        let router = Router::new().fallback(receive).with_state(seen);
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        HttpReceiver {
            address,
            requests,
            task,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<Received> {
        self.requests.lock().unwrap().clone()
    }

    /// Ids of the alerts of Yagura's own form that came, in order.
    pub(crate) fn alert_ids(&self) -> Vec<String> {
        let requests = self.requests();
        let lists = requests.iter().map(Received::json);
        lists
            .flat_map(|body| body["alerts"].as_array().unwrap().clone())
            .map(|alert| alert["id"].as_str().unwrap().to_owned())
            .collect()
    }
}

impl Drop for HttpReceiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn receive(State(seen): State<Seen>, headers: HeaderMap, body: Bytes) -> Response {
    let received = Received {
        headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    };
    let (status, retry_after) = (seen.answer)(&received);
    if status < 300 {
        seen.requests.lock().unwrap().push(received);
    }
    // Without `close` a receiver that is gone would go on answering on connections that are kept.
    let headers = [("connection", "close"), ("retry-after", retry_after)];
    (StatusCode::from_u16(status).unwrap(), headers).into_response()
}

/// A certificate authority of a test and a certificate for 127.0.0.1, in files.
pub(crate) struct Certificates {
    pub(crate) ca_pem: String,
}

impl Certificates {
    /// Writes `ca.pem`, `cert.pem` and `key.pem`.
    pub(crate) fn write(folder: &Path) -> Certificates {
        let ca_key = KeyPair::generate().unwrap();
        let mut ca = CertificateParams::new(Vec::new()).unwrap();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_pem = ca.self_signed(&ca_key).unwrap().pem();
        let issuer = Issuer::new(ca, ca_key);
        let key = KeyPair::generate().unwrap();
        let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        let server = CertificateParams::new(names).unwrap();
        let server = server.signed_by(&key, &issuer).unwrap();
        std::fs::write(folder.join("ca.pem"), &ca_pem).unwrap();
        std::fs::write(folder.join("cert.pem"), server.pem()).unwrap();
        std::fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
        Certificates { ca_pem }
    }
}

/// A program that ends with its test.
pub(crate) struct Program(Child);

impl Program {
    pub(crate) fn start(program: &str, arguments: &[&str]) -> Program {
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Program(child)
    }

    /// The first line that it prints.
    pub(crate) fn first_line(&mut self) -> String {
        let mut line = String::new();
        let output = self.0.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        line.trim().to_owned()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Whether a program of Debian's is there; says so loudly if not.
pub(crate) fn has(program: &str, package: &str) -> bool {
    let there = Path::new(program).exists();
    if !there {
        eprintln!("SKIPPED: {program} is missing; it comes with Debian's {package}");
    }
    there
}

/// HMAC-SHA256 in hexadecimal digits, computed by OpenSSL.
pub(crate) fn openssl_hmac(key: &str, message: &str) -> String {
    let mut child = Command::new("openssl")
        .args(["dgst", "-sha256", "-hmac", key, "-r"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(message.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_whitespace().next().unwrap().to_owned()
}
