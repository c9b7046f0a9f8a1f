//! How a center is found and asked.

use crate::exit::Failure;
use anyhow::{Context as _, anyhow};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::time::Duration;
use yagura_event::escape;

/// Time for an answer: simulations take some seconds.
const ANSWER_MAX: Duration = Duration::from_secs(60);
/// Time for a download.
const DOWNLOAD_MAX: Duration = Duration::from_secs(10 * 60);
/// Bytes of an answer: a center that was taken over can't fill memory.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How long one stream of changes is read: the center ends it earlier.
const CHANGES_MAX: Duration = Duration::from_secs(15 * 60);
/// Bytes of one change as it is told.
const CHANGE_BYTES_MAX: usize = 64 * 1024;

/// Which center is asked, and with what.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct CenterArguments {
    /// Address of the center; that of the last `yagura login` if left out
    #[arg(long, value_name = "URL", env = "YAGURA_CENTER")]
    center: Option<String>,
    /// API token; that of the last `yagura login` if left out
    #[arg(
        long,
        value_name = "TOKEN",
        env = "YAGURA_TOKEN",
        hide_env_values = true
    )]
    token: Option<String>,
    /// Certificate of the center's authority, in PEM; the machine's if left out
    #[arg(long, value_name = "FILE", env = "YAGURA_CA")]
    ca: Option<PathBuf>,
}

/// What `yagura login` remembers.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Remembered {
    /// Address of the center.
    pub(crate) center: String,
    /// API token.
    pub(crate) token: String,
    /// Certificate of the center's authority.
    #[serde(default)]
    pub(crate) ca: Option<PathBuf>,
}

impl Remembered {
    fn path() -> Option<PathBuf> {
        let folder = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
        let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".config"));
        Some(folder.or_else(home)?.join("yagura/center.json"))
    }

    /// What was remembered, if anything was.
    fn read() -> Result<Option<Remembered>, Failure> {
        let Some(path) = Remembered::path() else {
            return Ok(None);
        };
        let shown = || format!("{}: `yagura login URL` writes it anew", path.display());
        match fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Failure::BadInput(anyhow!(error).context(shown()))),
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|error| Failure::BadInput(anyhow!(error).context(shown()))),
        }
    }

    /// Writes it where only this user reads it.
    ///
    /// # Errors
    /// If there is no home folder, or it can't be written.
    pub(crate) fn write(&self) -> anyhow::Result<PathBuf> {
        let path = Remembered::path().context("there is no home folder")?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        Ok(path)
    }
}

/// Asks a center.
#[derive(Debug)]
pub(crate) struct Client {
    runtime: tokio::runtime::Runtime,
    http: reqwest::Client,
    url: String,
    token: String,
}

/// What a center answered.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// The version of what it holds, if it has one.
    pub(crate) etag: Option<String>,
    /// The body.
    pub(crate) body: Value,
    /// Cookies that were set.
    pub(crate) cookies: Vec<String>,
}

impl Client {
    /// As the arguments say, or the last log-in.
    ///
    /// # Errors
    /// [`Failure::BadInput`] if no center is named.
    pub(crate) fn new(arguments: &CenterArguments) -> Result<Client, Failure> {
        let named = arguments.center.as_deref().map(trimmed);
        let named = named.filter(|url| !url.is_empty());
        let remembered = match (&named, &arguments.token) {
            (Some(_), Some(_)) => Remembered::default(),
            _ => Remembered::read()?.unwrap_or_default(),
        };
        let none = || Failure::BadInput(anyhow!("no center is known: `yagura login URL` first"));
        // A token is for the center that gave it: no other one gets to see it.
        let same = named.as_ref().is_none_or(|url| *url == remembered.center);
        let remembered_token = Some(remembered.token).filter(|token| same && !token.is_empty());
        let given = arguments.token.clone().filter(|token| !token.is_empty());
        let url = named.or(Some(remembered.center));
        let url = url.filter(|url| !url.is_empty()).ok_or_else(none)?;
        check_address(&url)?;
        let no_token = || {
            let hint = format!("no token for {url} is known: `yagura login {url}`, or --token");
            Failure::BadInput(anyhow!(hint))
        };
        let token = given.or(remembered_token).ok_or_else(no_token)?;
        let ca = arguments.ca.clone().or(remembered.ca.filter(|_| same));
        Client::connect(&url, token, ca.as_deref())
    }

    /// To that address.
    ///
    /// # Errors
    /// [`Failure::BadInput`] if the address is none, would carry passwords in the open, or the certificate can't be read.
    pub(crate) fn connect(
        url: &str,
        token: String,
        ca: Option<&std::path::Path>,
    ) -> Result<Client, Failure> {
        check_address(url)?;
        // Fails only if there is one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut http = reqwest::Client::builder()
            .timeout(ANSWER_MAX)
            .redirect(reqwest::redirect::Policy::none());
        if let Some(ca) = ca {
            let pem = fs::read(ca).with_context(|| format!("{}", ca.display()));
            let pem = pem.map_err(Failure::BadInput)?;
            let certificate = reqwest::Certificate::from_pem(&pem);
            let certificate = certificate.map_err(|error| Failure::BadInput(error.into()))?;
            http = http.tls_certs_only([certificate]);
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::Failed(error.into()))?;
        Ok(Client {
            runtime,
            http: http
                .build()
                .map_err(|error| Failure::Failed(error.into()))?,
            url: trimmed(url),
            token,
        })
    }

    /// Sends a request.
    ///
    /// # Errors
    /// [`Failure::Failed`] if the center can't be reached.
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer, Failure> {
        let method = reqwest::Method::from_bytes(method.as_bytes());
        let method = method.map_err(|error| Failure::Failed(error.into()))?;
        let mut request = self
            .http
            .request(method, format!("{}/api/v1{path}", self.url));
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        self.runtime
            .block_on(async { received(request.send().await?).await })
            .map_err(|error| self.unreachable(error))
    }

    /// Reads something that is no JSON into a writer; returns its length in bytes.
    ///
    /// # Errors
    /// [`Failure`] with what the center says, or if it ends before its end.
    pub(crate) fn download(
        &self,
        path: &str,
        to: &mut impl std::io::Write,
    ) -> Result<u64, Failure> {
        let mut answer = self.begin(path, DOWNLOAD_MAX)?;
        let mut length = 0;
        loop {
            let chunk = self.runtime.block_on(answer.chunk());
            let chunk = chunk.map_err(|error| self.unreachable(error.into()))?;
            let Some(chunk) = chunk else {
                return Ok(length);
            };
            to.write_all(&chunk)
                .map_err(|error| Failure::Failed(error.into()))?;
            length += chunk.len() as u64;
        }
    }

    fn unreachable(&self, error: anyhow::Error) -> Failure {
        Failure::Failed(error.context(format!("{} can't be asked", self.url)))
    }

    /// Begins to be told of changes.
    ///
    /// # Errors
    /// [`Failure`] with what the center says.
    pub(crate) fn changes(&self) -> Result<Changes<'_>, Failure> {
        Ok(Changes {
            client: self,
            answer: self.begin("/events", CHANGES_MAX)?,
            rest: Vec::new(),
        })
    }

    /// Begins to read something that is read in parts.
    fn begin(&self, path: &str, time_max: Duration) -> Result<reqwest::Response, Failure> {
        let request = self
            .http
            .get(format!("{}/api/v1{path}", self.url))
            .timeout(time_max)
            .bearer_auth(&self.token);
        // Sending starts a timer, which needs the runtime.
        let answer = self.runtime.block_on(async { request.send().await });
        let answer = answer.map_err(|error| self.unreachable(error.into()))?;
        if answer.status() == reqwest::StatusCode::OK {
            return Ok(answer);
        }
        let refused = self.runtime.block_on(received(answer));
        let refused = refused.map_err(|error| self.unreachable(error))?;
        let otherwise = || Failure::Failed(anyhow!("{} answers otherwise than asked", self.url));
        Err(refused.succeeded().err().unwrap_or_else(otherwise))
    }

    /// Sends a request and expects success.
    ///
    /// # Errors
    /// [`Failure`] with what the center says.
    pub(crate) fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer, Failure> {
        self.send(method, path, headers, body)?.succeeded()
    }

    /// Reads something.
    ///
    /// # Errors
    /// As [`Client::ask`].
    pub(crate) fn get(&self, path: &str) -> Result<Value, Failure> {
        Ok(self.ask("GET", path, &[], None)?.body)
    }
}

impl Answer {
    /// The answer, if it is one of success.
    ///
    /// # Errors
    /// [`Failure`] with what the center says.
    pub(crate) fn succeeded(self) -> Result<Answer, Failure> {
        match self.status {
            200..300 => Ok(self),
            400 | 404 | 409 | 412 | 422 => Err(Failure::BadInput(anyhow!(problem(&self.body)))),
            _ => Err(Failure::Failed(anyhow!(problem(&self.body)))),
        }
    }
}

/// Reads an answer to its end.
async fn received(mut answer: reqwest::Response) -> anyhow::Result<Answer> {
    let header = |name: &str| {
        let value = answer.headers().get(name)?.to_str().ok()?;
        Some(value.to_owned())
    };
    let (status, etag) = (answer.status().as_u16(), header("etag"));
    let cookies = answer.headers().get_all("set-cookie").iter();
    let cookies = cookies
        .filter_map(|cookie| Some(cookie.to_str().ok()?.to_owned()))
        .collect();
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        let length = bytes.len() + chunk.len();
        anyhow::ensure!(length <= ANSWER_BYTES_MAX, "the answer is too long");
        bytes.extend_from_slice(&chunk);
    }
    Ok(Answer {
        status,
        etag,
        body: serde_json::from_slice(&bytes).unwrap_or_default(),
        cookies,
    })
}

/// Changes that a center tells of, as they happen.
#[derive(Debug)]
pub(crate) struct Changes<'c> {
    client: &'c Client,
    answer: reqwest::Response,
    rest: Vec<u8>,
}

impl Changes<'_> {
    /// The kind of the next change; `None` when the center ends the stream or can't be reached any more.
    pub(crate) fn next(&mut self) -> Option<String> {
        loop {
            while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                let data = line.strip_prefix(b"data:");
                let change: Option<Value> = data.and_then(|data| serde_json::from_slice(data).ok());
                let kind = change.as_ref().and_then(|change| change.get("kind"));
                if let Some(kind) = kind.and_then(Value::as_str) {
                    return Some(kind.to_owned());
                }
            }
            let chunk = self.client.runtime.block_on(self.answer.chunk());
            self.rest.extend_from_slice(&chunk.ok()??);
            if self.rest.len() > CHANGE_BYTES_MAX {
                return None;
            }
        }
    }
}

/// An address without the slash at its end, which people write or not.
pub(crate) fn trimmed(url: &str) -> String {
    url.trim_end_matches('/').to_owned()
}

/// Passwords and tokens don't travel in the open, but for loopback.
fn check_address(url: &str) -> Result<(), Failure> {
    let parsed = reqwest::Url::parse(url);
    let parsed = parsed.map_err(|error| {
        Failure::BadInput(anyhow!(error).context(format!("{url} is no address of a center")))
    })?;
    let host = parsed.host_str().unwrap_or_default();
    let address: Option<std::net::IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    let loopback = host == "localhost" || address.is_some_and(|address| address.is_loopback());
    match (parsed.scheme(), loopback) {
        ("https", _) | ("http", true) => Ok(()),
        ("http", false) => Err(Failure::BadInput(anyhow!(
            "{url}: passwords and tokens would travel in the open; use https"
        ))),
        _ => Err(Failure::BadInput(anyhow!(
            "{url} is no address of a center"
        ))),
    }
}

/// A problem in words.
pub(crate) fn problem(body: &Value) -> String {
    let word = |name: &str| cell(body, &format!("/{name}"));
    let mut text = format!("{}: {}", word("title"), word("detail"));
    let diagnostics = body.get("diagnostics").and_then(Value::as_array);
    for found in diagnostics.into_iter().flatten() {
        text.push('\n');
        text.push_str(&diagnostic(found));
    }
    text
}

/// A diagnostic in words.
pub(crate) fn diagnostic(found: &Value) -> String {
    let part = |name: &str| cell(found, &format!("/{name}"));
    let (line, severity, code, message) = (
        part("line"),
        part("severity"),
        part("code"),
        part("message"),
    );
    format!("  line {line}: {severity}[{code}]: {message}")
}

/// A field of an answer for a table: escaped.
pub(crate) fn cell(value: &Value, pointer: &str) -> String {
    let text = match value.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        None | Some(Value::Null) => String::new(),
        Some(Value::Array(items)) => {
            let items = items
                .iter()
                .map(|item| item.as_str().map_or(item.to_string(), str::to_owned));
            items.collect::<Vec<_>>().join(",")
        }
        Some(other) => other.to_string(),
    };
    escape(text.as_bytes()).into_owned()
}

/// A text as a part of a query or a path.
pub(crate) fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| match plain(byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}
