//! `yagura users`, `tokens`: who may do what at a center. Lists of all kinds.

use super::client::{CenterArguments, Client, cell, encoded};
use crate::exit::{Failure, Outcome};
use crate::output::{self, Form, table};
use anyhow::anyhow;
use serde_json::{Value, json};

/// Of which center, in which form.
#[derive(Debug, clap::Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    pub(super) center: CenterArguments,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    pub(super) output: Form,
}

/// Users of a center
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Users {
    /// List users
    List(ListArguments),
    /// Make a user; prints the one-time password
    Create {
        #[command(flatten)]
        center: CenterArguments,
        /// Name
        name: String,
        /// security-admin, security-operator or security-reader
        #[arg(long, default_value = "security-reader")]
        role: String,
        /// Limit to this cluster; may be repeated
        #[arg(long)]
        cluster: Vec<String>,
        /// Limit to this namespace; may be repeated
        #[arg(long)]
        namespace: Vec<String>,
        /// Form of the result
        #[arg(long, value_enum, default_value_t)]
        output: Form,
    },
    /// Change a user's role, what it is limited to, or whether they may log in
    Set {
        #[command(flatten)]
        center: CenterArguments,
        /// Name or id of the user
        user: String,
        /// security-admin, security-operator or security-reader
        #[arg(long)]
        role: Option<String>,
        /// Limit to this cluster, in place of all limits so far; may be repeated
        #[arg(long)]
        cluster: Vec<String>,
        /// Limit to this namespace, in place of all limits so far; may be repeated
        #[arg(long)]
        namespace: Vec<String>,
        /// Limit to nothing any more
        #[arg(long, conflicts_with_all = ["cluster", "namespace"])]
        everywhere: bool,
        /// Whether the user may log in
        #[arg(long, value_name = "true|false")]
        enabled: Option<bool>,
    },
    /// Give a user a new one-time password, print it, and end their sessions
    ResetPassword {
        #[command(flatten)]
        center: CenterArguments,
        /// Name or id of the user
        user: String,
        /// Form of the result
        #[arg(long, value_enum, default_value_t)]
        output: Form,
    },
    /// Let a user try again who was locked after wrong passwords
    Unlock {
        #[command(flatten)]
        center: CenterArguments,
        /// Name or id of the user
        user: String,
    },
    /// Remove a user
    Remove {
        #[command(flatten)]
        center: CenterArguments,
        /// Name or id of the user
        user: String,
    },
}

/// API tokens of a center
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Tokens {
    /// List tokens
    List(ListArguments),
    /// Make a token; prints its secret
    Create {
        #[command(flatten)]
        center: CenterArguments,
        /// What it is for
        name: String,
        /// security-admin, security-operator or security-reader
        #[arg(long, default_value = "security-reader")]
        role: String,
        /// Days until it ends
        #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=365))]
        days: u32,
        /// Form of the result
        #[arg(long, value_enum, default_value_t)]
        output: Form,
    },
    /// Make a token that sensors enrol with; prints it
    Enrol {
        #[command(flatten)]
        center: CenterArguments,
        /// Cluster of the nodes
        #[arg(long, default_value = "")]
        cluster: String,
        /// Region of the nodes
        #[arg(long, default_value = "")]
        region: String,
        /// Works for any number of nodes, not once
        #[arg(long)]
        many: bool,
        /// Hours until it ends
        #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=8760))]
        hours: u32,
        /// Form of the result
        #[arg(long, value_enum, default_value_t)]
        output: Form,
    },
    /// List tokens that sensors enrol with
    Enrolments(ListArguments),
    /// Revoke a token of either kind; sensors that enrolled with it stay
    Revoke {
        #[command(flatten)]
        center: CenterArguments,
        /// Id of the token
        id: String,
    },
}

/// Lists all that there is at a path.
///
/// # Errors
/// [`Failure`] if the center refuses or can't be reached.
pub(super) fn show(
    arguments: &ListArguments,
    path: &str,
    columns: &[(&str, &str)],
) -> Result<Outcome, Failure> {
    let row = |item: &Value| columns.iter().map(|(_, field)| cell(item, field)).collect();
    let heads: Vec<&str> = columns.iter().map(|(head, _)| *head).collect();
    show_rows(arguments, path, &heads, row)
}

/// As [`show`], with the cells of each row.
///
/// # Errors
/// As [`show`].
pub(super) fn show_rows(
    arguments: &ListArguments,
    path: &str,
    heads: &[&str],
    row: impl Fn(&Value) -> Vec<String>,
) -> Result<Outcome, Failure> {
    let client = Client::new(&arguments.center)?;
    let mut rows = Vec::new();
    let mut cursor = String::new();
    loop {
        let joint = if path.contains('?') { '&' } else { '?' };
        let asked = match cursor.is_empty() {
            true => path.to_owned(),
            false => format!("{path}{joint}cursor={}", encoded(&cursor)),
        };
        let page = client.get(&asked)?;
        let items = page
            .get("items")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        for item in &items {
            match arguments.output {
                Form::Json => output::print_line(item)?,
                Form::Table => rows.push(row(item)),
            }
        }
        match page.get("next_cursor").and_then(Value::as_str) {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    if arguments.output == Form::Table {
        output::print(&table::aligned(heads, rows))?;
    }
    Ok(Outcome::Done)
}

/// What is shown of users.
const USER_COLUMNS: [(&str, &str); 7] = [
    ("NAME", "/name"),
    ("ROLE", "/role"),
    ("ENABLED", "/enabled"),
    ("CLUSTERS", "/scope/clusters"),
    ("NAMESPACES", "/scope/namespaces"),
    ("LAST LOG-IN", "/last_login_at"),
    ("ID", "/id"),
];

/// Manages users.
///
/// # Errors
/// [`Failure`] if the center refuses or can't be reached.
pub(crate) fn users(command: &Users) -> Result<Outcome, Failure> {
    match command {
        Users::List(arguments) => show(arguments, "/users", &USER_COLUMNS),
        Users::Create {
            center,
            name,
            role,
            cluster,
            namespace,
            output,
        } => {
            let scope = json!({ "clusters": cluster, "namespaces": namespace });
            let asked = json!({ "name": name, "role": role, "scope": scope });
            let made = Client::new(center)?.ask("POST", "/users", &[], Some(&asked))?;
            secret(&made.body, "/one_time_password", *output)
        }
        Users::Set {
            center,
            user,
            role,
            cluster,
            namespace,
            everywhere,
            enabled,
        } => {
            let mut asked = serde_json::Map::new();
            asked.extend(role.clone().map(|role| ("role".to_owned(), role.into())));
            asked.extend(enabled.map(|on| ("enabled".to_owned(), on.into())));
            if *everywhere || !cluster.is_empty() || !namespace.is_empty() {
                let scope = json!({ "clusters": cluster, "namespaces": namespace });
                asked.insert("scope".to_owned(), scope);
            }
            if asked.is_empty() {
                let what = "give --role, --cluster, --namespace, --everywhere or --enabled";
                return Err(Failure::BadInput(anyhow!(what)));
            }
            let client = Client::new(center)?;
            let path = user_path(&client, user)?;
            client.ask("PATCH", &path, &[], Some(&asked.into()))?;
            Ok(Outcome::Done)
        }
        Users::ResetPassword {
            center,
            user,
            output,
        } => {
            let client = Client::new(center)?;
            let path = format!("{}/password-reset", user_path(&client, user)?);
            let made = client.ask("POST", &path, &[], None)?;
            secret(&made.body, "/one_time_password", *output)
        }
        Users::Unlock { center, user } => {
            let client = Client::new(center)?;
            let path = format!("{}/unlock", user_path(&client, user)?);
            client.ask("POST", &path, &[], None)?;
            Ok(Outcome::Done)
        }
        Users::Remove { center, user } => {
            let client = Client::new(center)?;
            let path = user_path(&client, user)?;
            client.ask("DELETE", &path, &[], None)?;
            Ok(Outcome::Done)
        }
    }
}

/// Prints a secret that was made, by itself or with all that belongs to it.
fn secret(made: &Value, pointer: &str, form: Form) -> Result<Outcome, Failure> {
    match form {
        Form::Json => output::print_json(made)?,
        Form::Table => output::print(&format!("{}\n", cell(made, pointer)))?,
    }
    Ok(Outcome::Done)
}

/// The path of the user of that name or id.
fn user_path(client: &Client, user: &str) -> Result<String, Failure> {
    let found = client.get("/users")?;
    let users = found.get("items").and_then(Value::as_array);
    let named = |field: &str| {
        let mut users = users.into_iter().flatten();
        users.find(|known| known.get(field).and_then(Value::as_str) == Some(user))
    };
    let known = named("name").or_else(|| named("id"));
    let known = known.ok_or_else(|| Failure::BadInput(anyhow!("there is no user {user}")))?;
    let id = known.get("id").and_then(Value::as_str).unwrap_or_default();
    Ok(format!("/users/{}", encoded(id)))
}

/// Manages tokens.
///
/// # Errors
/// [`Failure`] if the center refuses or can't be reached.
pub(crate) fn tokens(command: &Tokens) -> Result<Outcome, Failure> {
    match command {
        Tokens::List(arguments) => {
            let columns = [
                ("NAME", "/name"),
                ("OWNER", "/owner"),
                ("ROLE", "/role"),
                ("EXPIRES", "/expires_at"),
                ("LAST USED", "/last_used_at"),
                ("ID", "/id"),
            ];
            show(arguments, "/tokens", &columns)
        }
        Tokens::Create {
            center,
            name,
            role,
            days,
            output,
        } => {
            let asked = json!({ "name": name, "role": role, "days": days });
            let made = Client::new(center)?.ask("POST", "/tokens", &[], Some(&asked))?;
            secret(&made.body, "/secret", *output)
        }
        Tokens::Enrol {
            center,
            cluster,
            region,
            many,
            hours,
            output,
        } => {
            let asked = json!({
                "cluster": cluster, "region": region, "one_time": !many, "hours": hours,
            });
            let client = Client::new(center)?;
            let made = client.ask("POST", "/enrolment-tokens", &[], Some(&asked))?;
            secret(&made.body, "/secret", *output)
        }
        Tokens::Enrolments(arguments) => {
            let columns = [
                ("CLUSTER", "/cluster"),
                ("REGION", "/region"),
                ("ONCE", "/one_time"),
                ("USES", "/uses"),
                ("MADE BY", "/created_by"),
                ("EXPIRES", "/expires_at"),
                ("REVOKED", "/revoked"),
                ("ID", "/id"),
            ];
            show(arguments, "/enrolment-tokens", &columns)
        }
        Tokens::Revoke { center, id } => {
            let client = Client::new(center)?;
            let revoke = |kind: &str| {
                let path = format!("/{kind}/{}", encoded(id));
                client.send("DELETE", &path, &[], None)
            };
            let mut answer = revoke("tokens")?;
            if answer.status == 404 {
                let other = revoke("enrolment-tokens")?;
                // Who may not see those is told what is true of API tokens.
                if other.status != 403 {
                    answer = other;
                }
            }
            answer.succeeded().map(|_| Outcome::Done)
        }
    }
}
