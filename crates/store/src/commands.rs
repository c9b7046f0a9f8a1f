//! Commands to sensors: queued until the sensor is there, sent, answered; or too late.

use crate::audit_log::{self, NewAuditEntry};
use crate::db::{Db, Row, values};
use crate::filter::Conditions;
use crate::limits::{
    BATCH_ITEMS_MAX, COMMAND_OUTPUT_PART_BYTES_MAX, COMMANDS_PENDING_MAX, NAME_BYTES_MAX,
    NOTE_BYTES_MAX, VALUE_BYTES_MAX,
};
use crate::text::{check, check_count, checked_json};
use crate::{Actor, Change, ChangeKind, Cursor, Page, PageRequest, StoreError, UpdateError};
use serde_json::{Value, json};
use yagura_event::WallTime;

/// Name of the list in cursors.
const LIST: &str = "commands";

/// The commands of a store.
#[derive(Debug, Clone, Copy)]
pub struct Commands<'a> {
    pub(crate) db: &'a Db,
}

/// Where a command stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CommandStatus {
    /// Waits for its sensor.
    Queued,
    /// The sensor has it.
    Sent,
    /// The sensor did it.
    Answered,
    /// The sensor could not, or would not.
    Failed,
    /// Nobody answered in time.
    Expired,
}

impl CommandStatus {
    /// Every status.
    pub const ALL: [CommandStatus; 5] = [
        CommandStatus::Queued,
        CommandStatus::Sent,
        CommandStatus::Answered,
        CommandStatus::Failed,
        CommandStatus::Expired,
    ];

    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            CommandStatus::Queued => "queued",
            CommandStatus::Sent => "sent",
            CommandStatus::Answered => "answered",
            CommandStatus::Failed => "failed",
            CommandStatus::Expired => "expired",
        }
    }

    /// The status of that name.
    pub fn from_name(name: &str) -> Option<CommandStatus> {
        CommandStatus::ALL
            .into_iter()
            .find(|status| status.as_str() == name)
    }

    fn code(self) -> i64 {
        match self {
            CommandStatus::Queued => 0,
            CommandStatus::Sent => 1,
            CommandStatus::Answered => 2,
            CommandStatus::Failed => 3,
            CommandStatus::Expired => 4,
        }
    }

    fn of_code(code: i64) -> Result<CommandStatus, StoreError> {
        CommandStatus::ALL
            .into_iter()
            .find(|status| status.code() == code)
            .ok_or_else(|| {
                StoreError::damaged(format!("no status of commands has the code {code}"))
            })
    }
}

/// A command to be queued.
#[derive(Debug, Clone, PartialEq)]
pub struct NewCommand {
    /// Its identity.
    pub id: String,
    /// Identity of the node.
    pub node: String,
    /// What is to be done.
    pub kind: String,
    /// To what and how, as JSON.
    pub body: Value,
    /// The center's signature.
    pub signature: String,
    /// Id of the alert that it is about; empty if none.
    pub alert: String,
    /// Not to be done any more after.
    pub expires: WallTime,
}

/// A command.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// Its identity.
    pub id: String,
    /// Identity of the node.
    pub node: String,
    /// What is to be done.
    pub kind: String,
    /// To what and how.
    pub body: Value,
    /// The center's signature.
    pub signature: String,
    /// Where it stands.
    pub status: CommandStatus,
    /// Who ordered it.
    pub actor: String,
    /// Id of the alert that it is about.
    pub alert: String,
    /// When it was queued.
    pub created: WallTime,
    /// Not to be done any more after.
    pub expires: WallTime,
    /// When it was sent last.
    pub sent: Option<WallTime>,
    /// When it was answered.
    pub answered: Option<WallTime>,
    /// The answer; null before.
    pub answer: Value,
    /// Bytes of what it brought; `None` if there is nothing, or nothing any more.
    pub output_bytes: Option<i64>,
}

/// A part of what a command brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputPart<'a> {
    /// Bytes before it.
    pub start: i64,
    /// At most [`COMMAND_OUTPUT_PART_BYTES_MAX`].
    pub content: &'a [u8],
    /// Whether nothing follows.
    pub is_last: bool,
}

/// Which commands are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandFilter {
    /// Identities of nodes.
    pub nodes: Vec<String>,
    /// Where they stand.
    pub statuses: Vec<CommandStatus>,
    /// Ids of alerts.
    pub alerts: Vec<String>,
}

impl Commands<'_> {
    /// Queues a command.
    ///
    /// # Errors
    /// [`UpdateError::Exists`] if its identity is taken; [`StoreError::TooMany`] if [`COMMANDS_PENDING_MAX`] wait for the
    /// node.
    pub async fn queue(
        &self,
        command: &NewCommand,
        actor: &Actor,
        now: WallTime,
    ) -> Result<Command, UpdateError<Command>> {
        for text in [&command.id, &command.node, &command.kind, &command.alert] {
            check("a name", text, NAME_BYTES_MAX)?;
        }
        check("a signature", &command.signature, NOTE_BYTES_MAX)?;
        let body = checked_json("a command", &command.body, VALUE_BYTES_MAX)?;
        let mut tx = self.db.begin().await?;
        let sql =
            "SELECT count(*) AS n FROM commands WHERE node = $1 AND status <= 1 AND expires > $2";
        let row = tx.fetch_optional(sql, values![&command.node, now]).await?;
        let waiting: i64 = row.map_or(Ok(0), |row| row.get("n"))?;
        check_count(
            "commands for one node",
            usize::try_from(waiting)
                .unwrap_or_default()
                .saturating_add(1),
            usize::try_from(COMMANDS_PENDING_MAX).unwrap_or_default(),
        )?;
        let sql = "INSERT INTO commands (id, node, kind, body, signature, status, actor, alert, created, expires, \
                   answer) VALUES ($1, $2, $3, $4, $5, 0, $6, $7, $8, $9, 'null')";
        let values = values![
            &command.id,
            &command.node,
            &command.kind,
            body,
            &command.signature,
            &actor.name,
            &command.alert,
            now,
            command.expires
        ];
        if let Err(error) = tx.execute(sql, values).await {
            return Err(if error.is_taken() {
                UpdateError::Exists
            } else {
                error.into()
            });
        }
        let after = json!({ "node": command.node, "kind": command.kind, "body": command.body,
            "alert": command.alert });
        let entry = NewAuditEntry::new("command.queue", "command", &command.id, Value::Null, after);
        audit_log::append(&mut tx, &entry, actor, now).await?;
        tx.notify(Change::new(ChangeKind::Command, &command.node, 0));
        tx.commit().await?;
        self.get(&command.id).await?.ok_or(UpdateError::NotFound)
    }

    /// The command of that identity.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn get(&self, id: &str) -> Result<Option<Command>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM commands WHERE id = $1");
        let row = self.db.fetch_optional(&sql, values![id]).await?;
        row.as_ref().map(read).transpose()
    }

    /// What a node still has to be sent or has not answered, the oldest first, at most [`COMMANDS_PENDING_MAX`]. A sensor
    /// knows a command that it did already by its identity.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn pending(&self, node: &str, now: WallTime) -> Result<Vec<Command>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM commands WHERE node = $1 AND status <= 1 AND expires > $2 \
             ORDER BY created, id LIMIT {COMMANDS_PENDING_MAX}"
        );
        let rows = self.db.fetch(&sql, values![node, now]).await?;
        rows.iter().map(read).collect()
    }

    /// The nodes for which commands wait that were not sent yet, at most [`BATCH_ITEMS_MAX`].
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn waiting_nodes(&self, now: WallTime) -> Result<Vec<String>, StoreError> {
        let sql = format!(
            "SELECT DISTINCT node FROM commands WHERE status <= 1 AND sent IS NULL AND expires > $1 LIMIT {BATCH_ITEMS_MAX}"
        );
        let rows = self.db.fetch(&sql, values![now]).await?;
        rows.iter().map(|row| row.get("node")).collect()
    }

    /// Notes that a command was sent. Returns whether it waits for an answer.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn sent(&self, id: &str, now: WallTime) -> Result<bool, StoreError> {
        let sql = "UPDATE commands SET status = 1, sent = $2 WHERE id = $1 AND status <= 1 RETURNING node";
        self.moved(sql, values![id, now]).await
    }

    /// Notes an answer of the node that the command was for. Returns whether one was waited for.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`]
    pub async fn answered(
        &self,
        id: &str,
        node: &str,
        done: bool,
        answer: &Value,
        now: WallTime,
    ) -> Result<bool, StoreError> {
        let answer = checked_json("an answer", answer, VALUE_BYTES_MAX)?;
        let status = if done {
            CommandStatus::Answered
        } else {
            CommandStatus::Failed
        };
        // An answer that comes too late is still what happened.
        let sql = "UPDATE commands SET status = $3, answered = $4, answer = $5 \
                   WHERE id = $1 AND node = $2 AND status IN (0, 1, 4) RETURNING node";
        self.moved(sql, values![id, node, status.code(), now, answer])
            .await
    }

    /// Keeps a part of what a command brought. One that starts at 0 begins it anew, and all others continue it. Returns
    /// whether it does; else nothing is kept.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`]
    pub async fn put_output(
        &self,
        id: &str,
        part: OutputPart<'_>,
        now: WallTime,
    ) -> Result<bool, StoreError> {
        let OutputPart {
            start,
            content,
            is_last,
        } = part;
        if content.len() > COMMAND_OUTPUT_PART_BYTES_MAX {
            return Err(StoreError::TooLarge {
                what: "a part of what a command brought",
                bytes: content.len(),
                bytes_max: COMMAND_OUTPUT_PART_BYTES_MAX,
            });
        }
        let mut tx = self.db.begin().await?;
        if start == 0 {
            let sql = "UPDATE commands SET output_bytes = NULL WHERE id = $1";
            if tx.execute(sql, values![id]).await? == 0 {
                return Ok(false);
            }
            let sql = "DELETE FROM command_outputs WHERE command = $1";
            tx.execute(sql, values![id]).await?;
        }
        let sql = "SELECT CAST(coalesce(max(start + length(content)), 0) AS BIGINT) AS bytes \
                   FROM command_outputs WHERE command = $1";
        let row = tx.fetch_optional(sql, values![id]).await?;
        let bytes: i64 = row.map_or(Ok(0), |row| row.get("bytes"))?;
        if bytes != start {
            return Ok(false);
        }
        let sql =
            "INSERT INTO command_outputs (command, start, content, stored) VALUES ($1, $2, $3, $4)";
        tx.execute(sql, values![id, start, content, now]).await?;
        if is_last {
            let length = i64::try_from(content.len()).unwrap_or(i64::MAX);
            let sql = "UPDATE commands SET output_bytes = $2 WHERE id = $1 RETURNING node";
            let values = values![id, start.saturating_add(length)];
            if let Some(row) = tx.fetch_optional(sql, values).await? {
                let node: String = row.get("node")?;
                tx.notify(Change::new(ChangeKind::Command, &node, 0));
            }
        }
        tx.commit().await?;
        Ok(true)
    }

    /// The part of what a command brought that starts there.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn output_part(&self, id: &str, start: i64) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = "SELECT content FROM command_outputs WHERE command = $1 AND start = $2";
        let row = self.db.fetch_optional(sql, values![id, start]).await?;
        row.map(|row| row.get("content")).transpose()
    }

    /// Commands, the newest first.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn list(
        &self,
        filter: &CommandFilter,
        page: &PageRequest,
    ) -> Result<Page<Command>, StoreError> {
        let mut conditions = Conditions::new(self.db.dialect());
        conditions.texts("node", &filter.nodes)?;
        conditions.texts("alert", &filter.alerts)?;
        let statuses: Vec<i64> = filter.statuses.iter().map(|item| item.code()).collect();
        conditions.codes("status", &statuses);
        if let Some(cursor) = &page.after {
            conditions.after(("created", "id"), false, cursor.place(LIST)?);
        }
        let (clause, values) = conditions.finish();
        let sql = format!(
            "SELECT {COLUMNS} FROM commands{clause} ORDER BY created DESC, id DESC LIMIT {}",
            page.rows().saturating_add(1)
        );
        let rows = self.db.fetch(&sql, values).await?;
        let items = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::of(items, page, |command| {
            Cursor::new(LIST, command.created.0, &command.id)
        }))
    }

    /// Ends what nobody answered in time. Returns how many.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn expire(&self, now: WallTime) -> Result<u64, StoreError> {
        let mut tx = self.db.begin().await?;
        let sql =
            "UPDATE commands SET status = 4 WHERE status <= 1 AND expires <= $1 RETURNING node";
        let rows = tx.fetch(sql, values![now]).await?;
        for row in &rows {
            tx.notify(Change::new(
                ChangeKind::Command,
                &row.get::<String>("node")?,
                0,
            ));
        }
        tx.commit().await?;
        Ok(u64::try_from(rows.len()).unwrap_or(u64::MAX))
    }

    /// Runs an update of one command that gives back its node.
    async fn moved(&self, sql: &str, values: Vec<crate::db::Value>) -> Result<bool, StoreError> {
        let mut tx = self.db.begin().await?;
        let Some(row) = tx.fetch_optional(sql, values).await? else {
            return Ok(false);
        };
        tx.notify(Change::new(
            ChangeKind::Command,
            &row.get::<String>("node")?,
            0,
        ));
        tx.commit().await?;
        Ok(true)
    }
}

const COLUMNS: &str = "id, node, kind, body, signature, CAST(status AS BIGINT) AS status, actor, alert, created, \
     expires, sent, answered, answer, output_bytes";

fn read(row: &Row) -> Result<Command, StoreError> {
    Ok(Command {
        id: row.get("id")?,
        node: row.get("node")?,
        kind: row.get("kind")?,
        body: row.json("body")?,
        signature: row.get("signature")?,
        status: CommandStatus::of_code(row.get("status")?)?,
        actor: row.get("actor")?,
        alert: row.get("alert")?,
        created: row.time("created")?,
        expires: row.time("expires")?,
        sent: row.time_if("sent")?,
        answered: row.time_if("answered")?,
        answer: row.json("answer")?,
        output_bytes: row.get("output_bytes")?,
    })
}
