//! The center's API, as its callers ask it.

use anyhow::{Context as _, Result, ensure};
use reqwest::{Client, Method, header};
use serde_json::{Value, json};

/// The password that the first admin sets.
const PASSWORD: &str = "of a benchmark, not kept";

/// A center's API, with an API token of its first admin.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    client: Client,
    url: String,
    token: String,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// What it holds.
    pub(crate) body: Value,
    /// The version, for `If-Match`.
    pub(crate) etag: String,
}

impl Api {
    /// Logs in with the one-time password, sets another one, and makes a token.
    pub(crate) async fn log_in(url: &str, one_time: &str) -> Result<Api> {
        let client = Client::builder().no_proxy().build()?;
        let (api, headers) = Api::session(&client, url, one_time).await?;
        let change = json!({ "current": one_time, "new": PASSWORD });
        api.send(Method::PUT, "/session/password", &headers, Some(&change))
            .await?;
        // Whoever changes a password begins anew.
        let (api, headers) = Api::session(&client, url, PASSWORD).await?;
        let wanted = json!({ "name": "bench", "role": "security-admin", "days": 1 });
        let made = api.send(Method::POST, "/tokens", &headers, Some(&wanted));
        let token = text(&made.await?.body, "/secret")?;
        Ok(Api { token, ..api })
    }

    /// The same on another replica.
    pub(crate) fn at(&self, url: &str) -> Api {
        Api {
            url: url.to_owned(),
            ..self.clone()
        }
    }

    async fn session(
        client: &Client,
        url: &str,
        password: &str,
    ) -> Result<(Api, [(header::HeaderName, String); 2])> {
        let body = json!({ "name": "admin", "password": password }).to_string();
        let sent = client
            .post(format!("{url}/api/v1/session"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(body)
            .send();
        let answer = sent.await?.error_for_status()?;
        let cookies: Vec<&str> = answer
            .headers()
            .get_all(header::SET_COOKIE)
            .iter()
            .filter_map(|cookie| cookie.to_str().ok()?.split(';').next())
            .collect();
        let cookies = cookies.join("; ");
        let body: Value = serde_json::from_slice(&answer.bytes().await?)?;
        let csrf = header::HeaderName::from_static("x-csrf-token");
        let api = Api {
            client: client.clone(),
            url: url.to_owned(),
            token: String::new(),
        };
        let headers = [
            (header::COOKIE, cookies),
            (csrf, text(&body, "/csrf_token")?),
        ];
        Ok((api, headers))
    }

    /// Asks for something.
    pub(crate) async fn get(&self, path: &str) -> Result<Answer> {
        self.send(Method::GET, path, &[], None).await
    }

    /// Makes something.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.send(Method::POST, path, &[], Some(body)).await
    }

    /// Saves something in the place of that version.
    pub(crate) async fn put(&self, path: &str, etag: &str, body: &Value) -> Result<Answer> {
        let headers = [(header::IF_MATCH, etag.to_owned())];
        self.send(Method::PUT, path, &headers, Some(body)).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(header::HeaderName, String)],
        body: Option<&Value>,
    ) -> Result<Answer> {
        let mut request = self
            .client
            .request(method, format!("{}/api/v1{path}", self.url));
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Some(body) = body {
            request = request
                .header(header::CONTENT_TYPE, "application/json")
                .body(body.to_string());
        }
        let response = request.send().await.with_context(|| path.to_owned())?;
        let status = response.status();
        let etag = response.headers().get(header::ETAG);
        let etag = etag.and_then(|etag| etag.to_str().ok());
        let etag = etag.unwrap_or_default().to_owned();
        let bytes = response.bytes().await?;
        let shown = String::from_utf8_lossy(&bytes);
        ensure!(status.is_success(), "{path}: {status}: {shown}");
        let body = match bytes.is_empty() {
            true => Value::Null,
            false => serde_json::from_slice(&bytes)?,
        };
        Ok(Answer { body, etag })
    }
}

/// A text of an answer.
pub(crate) fn text(body: &Value, pointer: &str) -> Result<String> {
    let found = body.pointer(pointer).and_then(Value::as_str);
    let found = found.with_context(|| format!("no {pointer} in the answer"));
    found.map(str::to_owned)
}
