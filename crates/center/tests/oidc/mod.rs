//! Logging in at a real OpenID provider, as a browser does it.

use crate::support::{Caller, Site};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Lines};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

/// The provider's package, from npm.
const PACKAGE: &str = "oidc-provider@9.13.3";
/// Steps from a click to the page that it ends at.
const STEPS_MAX: usize = 20;

/// The folder that the provider's package is installed in; `None` where that can't be done.
fn installed() -> Option<&'static PathBuf> {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    let install = || {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(PACKAGE);
        std::fs::create_dir_all(&folder).unwrap();
        if !folder.join("node_modules/oidc-provider").is_dir() {
            let done = Command::new("npm")
                .args(["install", "--no-save", "--no-audit", "--no-fund"])
                .args(["--ignore-scripts", "--prefix", "."])
                .arg(PACKAGE)
                .current_dir(&folder)
                .output();
            if !done.is_ok_and(|done| done.status.success()) {
                eprintln!("SKIPPED: log-in at a provider, it needs npm and its registry");
                return None;
            }
        }
        let script = include_str!("provider.mjs");
        std::fs::write(folder.join("provider.mjs"), script).unwrap();
        Some(folder)
    };
    FOLDER.get_or_init(install).as_ref()
}

/// A provider that ends with its test.
struct Provider {
    child: Child,
    issuer: String,
    /// It goes on making remarks, and ends if nobody takes them.
    _remarks: Lines<BufReader<ChildStdout>>,
}

impl Provider {
    fn start(site: &Site, keys: &str) -> Option<Provider> {
        let folder = installed()?;
        let mut child = Command::new("node")
            .arg("provider.mjs")
            .arg(format!(
                "{}/api/v1/session/oidc/callback",
                site.running.url()
            ))
            .arg(keys)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // It begins with remarks on what is not for production.
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let issuer = lines.find_map(|line| line.ok().filter(|line| line.starts_with("http://")));
        let issuer = issuer.unwrap();
        Some(Provider {
            child,
            issuer,
            _remarks: lines,
        })
    }

    fn settings(&self) -> Value {
        json!({
            "enabled": true, "label": "Example", "issuer": self.issuer, "client_id": "yagura",
            "client_secret": "a secret of the tests",
            "roles": [
                { "value": "sec-admins", "role": "security-admin" },
                { "value": "team-a", "role": "security-operator", "scope": { "namespaces": ["a"] } },
            ],
        })
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What of a browser a log-in needs: cookies by server, and steps from page to page.
struct Browser {
    http: reqwest::Client,
    cookies: BTreeMap<(String, String), String>,
}

/// Where steps ended.
#[derive(Debug)]
struct Page {
    url: reqwest::Url,
    status: u16,
}

impl Browser {
    fn new() -> Browser {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Browser {
            http,
            cookies: BTreeMap::new(),
        }
    }

    fn cookies_for(&self, url: &reqwest::Url) -> String {
        let own = self.cookies.iter();
        let own = own.filter(|((server, _), _)| server == url.authority());
        let pairs: Vec<String> = own
            .map(|((_, name), value)| format!("{name}={value}"))
            .collect();
        pairs.join("; ")
    }

    /// One request; the address that it leads to, if it does.
    async fn step(
        &mut self,
        url: &reqwest::Url,
        form: Option<&str>,
    ) -> (u16, Option<reqwest::Url>) {
        let mut request = match form {
            None => self.http.get(url.clone()),
            Some(form) => self
                .http
                .post(url.clone())
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form.to_owned()),
        };
        request = request.header("cookie", self.cookies_for(url));
        let answer = request.send().await.unwrap();
        for cookie in answer.headers().get_all("set-cookie") {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            let key = (url.authority().to_owned(), name.to_owned());
            match value.is_empty() {
                true => self.cookies.remove(&key),
                false => self.cookies.insert(key, value.to_owned()),
            };
        }
        let to = answer.headers().get("location");
        let to = to.map(|to| url.join(to.to_str().unwrap()).unwrap());
        (answer.status().as_u16(), to)
    }

    /// Follows where it leads, until a page or `stop`.
    async fn follow(&mut self, url: &str, form: Option<&str>, stop: &str) -> Page {
        let mut url = reqwest::Url::parse(url).unwrap();
        let mut form = form;
        for _ in 0..STEPS_MAX {
            let (status, to) = self.step(&url, form.take()).await;
            match to {
                None => return Page { url, status },
                Some(to) if to.path().starts_with(stop) => return Page { url: to, status },
                Some(to) => url = to,
            }
        }
        panic!("it leads nowhere: {url}");
    }

    /// Logs in at the provider, up to the address that it sends the browser back to.
    async fn come_back(&mut self, site: &Site, name: &str) -> reqwest::Url {
        const CALLBACK: &str = "/api/v1/session/oidc/callback";
        let begin = format!(
            "{}/api/v1/session/oidc?return_to=%2Falerts",
            site.running.url()
        );
        let asks = self.follow(&begin, None, CALLBACK).await;
        assert!(asks.url.path().starts_with("/interaction/"), "{asks:?}");
        assert_eq!(asks.status, 200);
        let form = format!("prompt=login&login={name}&password=x");
        let agrees = self.follow(asks.url.as_str(), Some(&form), CALLBACK).await;
        assert!(agrees.url.path().starts_with("/interaction/"), "{agrees:?}");
        let back = self
            .follow(agrees.url.as_str(), Some("prompt=consent"), CALLBACK)
            .await;
        assert_eq!(back.url.path(), CALLBACK, "{back:?}");
        back.url
    }

    /// Logs in; the path and query of the console that it ends at.
    async fn log_in(&mut self, site: &Site, name: &str) -> String {
        let back = self.come_back(site, name).await;
        self.end(&back).await
    }

    async fn end(&mut self, back: &reqwest::Url) -> String {
        let (status, to) = self.step(back, None).await;
        assert_eq!(status, 303);
        let to = to.unwrap();
        let query = to
            .query()
            .map_or(String::new(), |query| format!("?{query}"));
        format!("{}{query}", to.path())
    }

    /// What the center takes this browser for.
    fn caller(&self, site: &Site) -> Caller {
        let url = reqwest::Url::parse(site.running.url()).unwrap();
        site.anonymous().with("cookie", &self.cookies_for(&url))
    }
}

async fn set(admin: &Caller, version: u32, settings: &Value) -> (u16, Value) {
    let based = admin.with("if-match", &format!("\"{version}\""));
    based.put("/oidc-settings", settings).await
}

#[tokio::test(flavor = "multi_thread")]
async fn people_log_in_at_their_provider_with_the_roles_of_their_groups() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let means = site.anonymous().get("/session/means").await.1;
    assert_eq!(means, json!({ "password": true, "oidc": null }));
    let Some(provider) = Provider::start(&site, "") else {
        return;
    };
    let (status, saved) = set(&admin, 0, &provider.settings()).await;
    assert_eq!(status, 200, "{saved}");
    assert_eq!(saved["has_client_secret"], true);
    assert!(!saved.to_string().contains("a secret of the tests"));
    let log = admin.get("/audit-log").await.1.to_string();
    assert!(
        !log.contains("a secret of the tests"),
        "secrets are no part of the log"
    );
    let means = site.anonymous().get("/session/means").await.1;
    assert_eq!(means["oidc"]["label"], "Example");

    let mut ann = Browser::new();
    assert_eq!(ann.log_in(&site, "ann").await, "/alerts");
    let session = ann.caller(&site).get("/session").await.1;
    assert_eq!(session["user"]["name"], "ann");
    assert_eq!(session["user"]["role"], "security-admin");
    assert_eq!(session["user"]["provider"], provider.issuer);
    assert_eq!(session["must_change_password"], false);

    let mut ben = Browser::new();
    assert_eq!(ben.log_in(&site, "ben").await, "/alerts");
    let session = ben.caller(&site).get("/session").await.1;
    assert_eq!(session["user"]["role"], "security-operator");
    assert_eq!(session["user"]["scope"]["namespaces"], json!(["a"]));

    let mut eve = Browser::new();
    assert_eq!(
        eve.log_in(&site, "eve").await,
        "/?log_in_refused=not-allowed"
    );
    assert_eq!(eve.caller(&site).get("/session").await.0, 401);

    // The next log-in follows what the provider and the settings say then.
    let mut narrower = provider.settings();
    narrower["roles"] = json!([{ "value": "sec-admins", "role": "security-reader" }]);
    narrower.as_object_mut().unwrap().remove("client_secret");
    assert_eq!(set(&admin, 1, &narrower).await.0, 200);
    let mut again = Browser::new();
    assert_eq!(again.log_in(&site, "ann").await, "/alerts");
    let session = again.caller(&site).get("/session").await.1;
    assert_eq!(session["user"]["role"], "security-reader");
    let (status, stale) = set(&admin, 1, &narrower).await;
    assert_eq!((status, &stale["current"]["etag"]), (412, &json!("\"2\"")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_provider_says_counts_once_in_its_browser_and_for_its_user() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let Some(provider) = Provider::start(&site, "") else {
        return;
    };
    assert_eq!(set(&admin, 0, &provider.settings()).await.0, 200);
    let expired = "/?log_in_refused=expired";

    // Somebody else's answer, as a forged link would bring it.
    let back = Browser::new().come_back(&site, "ann").await;
    assert_eq!(Browser::new().end(&back).await, expired);
    let mut other = Browser::new();
    other.come_back(&site, "ben").await;
    assert_eq!(other.end(&back).await, expired);

    // An answer that was counted already, with all that the browser carried.
    let mut ann = Browser::new();
    let back = ann.come_back(&site, "ann").await;
    let carried = ann.cookies.clone();
    assert_eq!(ann.end(&back).await, "/alerts");
    assert_eq!(ann.end(&back).await, expired, "what was carried is gone");
    ann.cookies = carried;
    assert_eq!(
        ann.end(&back).await,
        "/?log_in_refused=provider",
        "the code is used"
    );

    // A local user's name is not the provider's to give.
    site.user(&admin, "carl", "security-reader", json!({}))
        .await;
    let refused = "/?log_in_refused=not-allowed";
    assert_eq!(Browser::new().log_in(&site, "carl").await, refused);

    // Who was disabled here stays out.
    let users = admin.get("/users").await.1;
    let ann = users["items"].as_array().unwrap();
    let ann = ann.iter().find(|user| user["name"] == "ann").unwrap();
    let path = format!("/users/{}", ann["id"].as_str().unwrap());
    let off = json!({ "enabled": false });
    assert_eq!(admin.send("PATCH", &path, Some(&off)).await.0, 200);
    assert_eq!(Browser::new().log_in(&site, "ann").await, refused);
    let reset = format!("{path}/password-reset");
    assert_eq!(
        admin.send("POST", &reset, None).await.0,
        409,
        "no password here"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_the_providers_keys_did_not_sign_is_refused() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let Some(provider) = Provider::start(&site, "other-keys") else {
        return;
    };
    assert_eq!(set(&admin, 0, &provider.settings()).await.0, 200);
    let mut ann = Browser::new();
    assert_eq!(ann.log_in(&site, "ann").await, "/?log_in_refused=provider");
    assert_eq!(ann.caller(&site).get("/session").await.0, 401);
    assert_eq!(
        admin.get("/users").await.1["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_can_not_be_used_is_not_saved() {
    let site = Site::start().await;
    let admin = site.admin().await;
    let draft =
        |issuer: &str| json!({ "enabled": true, "label": "x", "issuer": issuer, "client_id": "y" });
    for issuer in ["http://id.example", "nonsense", "http://127.0.0.1:9"] {
        let (status, problem) = set(&admin, 0, &draft(issuer)).await;
        assert_eq!(status, 422, "{issuer}: {problem}");
        assert_eq!(problem["errors"][0]["field"], "issuer", "{issuer}");
    }
    let begun = site
        .anonymous()
        .http
        .get(format!("{}/api/v1/session/oidc", site.running.url()));
    let landed = begun.send().await.unwrap();
    assert_eq!(landed.url().query(), Some("log_in_refused=not-allowed"));
}
