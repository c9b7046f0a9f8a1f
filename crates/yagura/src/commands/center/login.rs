//! `yagura login`: remembers a center, with an API token of this user's.

use super::client::{Client, Remembered};
use crate::exit::{Failure, Outcome};
use crate::output;
use anyhow::anyhow;
use serde_json::{Value, json};
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::PathBuf;

/// Log in to a center, and remember it
///
/// Makes an API token with this user's role and keeps it in ~/.config/yagura/center.json, which only this user may read.
/// The password is read from YAGURA_PASSWORD or standard input.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 logged in, 1 refused or not reached, 2 bad usage.")]
pub(crate) struct Arguments {
    /// Address of the center, such as https://yagura.example:7443
    url: String,
    /// Name of the user
    #[arg(long, default_value = "admin")]
    user: String,
    /// Certificate of the center's authority, in PEM; the machine's if left out
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Days until the token ends
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=365))]
    days: u32,
}

/// Logs in.
///
/// # Errors
/// [`Failure`] if the center refuses.
pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let password = password("Password: ")?;
    let client = Client::connect(&arguments.url, String::new(), arguments.ca.as_deref())?;
    let session = Session::open(&client, &arguments.user, &password)?;
    if session.must_change_password() {
        let new = match std::env::var("YAGURA_NEW_PASSWORD") {
            Ok(new) => new,
            Err(_) => read_line("New password: ")?,
        };
        session.change_password(&client, &password, &new)?;
    }
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let token = json!({
        "name": format!("yagura login, {}", host.trim()),
        "role": session.text("/user/role"),
        "scope": session.body.pointer("/user/scope").cloned().unwrap_or_default(),
        "days": arguments.days,
    });
    let made = client.ask("POST", "/tokens", &session.headers(), Some(&token))?;
    client.send("DELETE", "/session", &session.headers(), None)?;
    let secret = made
        .body
        .get("secret")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let remembered = Remembered {
        center: super::client::trimmed(&arguments.url),
        token: secret.to_owned(),
        ca: arguments.ca.clone(),
    };
    let path = remembered.write().map_err(Failure::Failed)?;
    output::print(&format!(
        "logged in as {} ({}); remembered in {}\n",
        super::client::cell(&session.body, "/user/name"),
        super::client::cell(&session.body, "/user/role"),
        path.display()
    ))?;
    Ok(Outcome::Done)
}

/// A person's session.
#[derive(Debug)]
pub(crate) struct Session {
    cookies: String,
    csrf_token: String,
    body: Value,
}

impl Session {
    /// Logs in.
    ///
    /// # Errors
    /// [`Failure::Failed`] if the center refuses or can't be reached.
    pub(crate) fn open(client: &Client, user: &str, password: &str) -> Result<Session, Failure> {
        let asked = json!({ "name": user, "password": password });
        let answer = client.send("POST", "/session", &[], Some(&asked))?;
        if answer.status != 200 {
            let problem = super::client::problem(&answer.body);
            return Err(Failure::Failed(anyhow!(problem)));
        }
        let cookies = answer.cookies.iter();
        let cookies: Vec<&str> = cookies
            .filter_map(|cookie| cookie.split(';').next())
            .collect();
        let csrf_token = answer.body.pointer("/csrf_token").and_then(Value::as_str);
        Ok(Session {
            cookies: cookies.join("; "),
            csrf_token: csrf_token.unwrap_or_default().to_owned(),
            body: answer.body,
        })
    }

    /// What requests of this session carry.
    pub(crate) fn headers(&self) -> [(&str, &str); 2] {
        [
            ("cookie", &self.cookies),
            ("x-csrf-token", &self.csrf_token),
        ]
    }

    fn must_change_password(&self) -> bool {
        let must = self.body.get("must_change_password");
        must.and_then(Value::as_bool) == Some(true)
    }

    /// Changes the password.
    ///
    /// # Errors
    /// As [`Client::ask`].
    pub(crate) fn change_password(
        &self,
        client: &Client,
        current: &str,
        new: &str,
    ) -> Result<(), Failure> {
        let change = json!({ "current": current, "new": new });
        client
            .ask("PUT", "/session/password", &self.headers(), Some(&change))
            .map(drop)
    }

    fn text(&self, pointer: &str) -> &str {
        let value = self.body.pointer(pointer).and_then(Value::as_str);
        value.unwrap_or_default()
    }
}

fn password(prompt: &str) -> Result<String, Failure> {
    match std::env::var("YAGURA_PASSWORD") {
        Ok(password) => Ok(password),
        Err(_) => read_line(prompt),
    }
}

/// Reads a line; on a terminal it is not shown.
fn read_line(prompt: &str) -> Result<String, Failure> {
    let stdin = std::io::stdin();
    let hidden = stdin.is_terminal().then(|| Hidden::start(prompt));
    let mut line = String::new();
    let read = stdin.lock().read_line(&mut line);
    drop(hidden);
    read.map_err(|error| Failure::Failed(error.into()))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// A terminal that does not show what is typed, until this is dropped.
struct Hidden(Option<rustix::termios::Termios>);

impl Hidden {
    fn start(prompt: &str) -> Hidden {
        // Nobody to ask if standard error is gone.
        let _ = write!(std::io::stderr(), "{prompt}");
        let stdin = std::io::stdin();
        let before = rustix::termios::tcgetattr(&stdin).ok();
        if let Some(mut silent) = before.clone() {
            silent.local_modes.remove(rustix::termios::LocalModes::ECHO);
            let now = rustix::termios::OptionalActions::Now;
            let _ = rustix::termios::tcsetattr(&stdin, now, &silent);
        }
        Hidden(before)
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let now = rustix::termios::OptionalActions::Now;
            let _ = rustix::termios::tcsetattr(std::io::stdin(), now, before);
        }
        let _ = writeln!(std::io::stderr());
    }
}
