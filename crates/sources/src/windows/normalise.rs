//! From the shapes of many programs to one.

use crate::document::{cut, parse_time};
use crate::windows::message;
use serde_json::{Map, Value, json};
use yagura_event::WallTime;

/// Values of one record. Real ones have less than a hundred; more would only make rules slow.
const VALUES_MAX: usize = 1024;
/// Bytes of the short texts outside of `data`: names of logs, computers and accounts.
const NAME_BYTES_MAX: usize = 1024;
/// Wrappings around a record that are taken off.
const WRAPPINGS_MAX: usize = 4;

/// A record in the common shape.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) value: Value,
    /// When it was written, if that can be told.
    pub(super) time: Option<WallTime>,
}

/// Why a value is not a record.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum NormaliseError {
    /// It has no event id in any of the known places.
    #[error("not a Windows event")]
    NotAnEvent,
    /// It has too many values.
    #[error("more than {limit} values")]
    TooManyValues {
        /// How many are taken.
        limit: usize,
    },
}

/// Brings a record into the common shape.
pub(super) fn normalise(value: Value) -> Result<Record, NormaliseError> {
    let value = unwrap(value);
    let mut parts = by_system(&value)
        .or_else(|| by_winlogbeat(&value))
        .or_else(|| by_wazuh(&value))
        .or_else(|| by_get_winevent(&value))
        .or_else(|| flat(&value))
        .or_else(|| by_ecs(&value))
        .ok_or(NormaliseError::NotAnEvent)?;
    complete_from_ecs(&mut parts.data, &value);
    message::complete(&mut parts.data, parts.event_id);
    if parts.data.len() > VALUES_MAX {
        return Err(NormaliseError::TooManyValues { limit: VALUES_MAX });
    }
    let time = parts.time.as_deref().and_then(parse_any_time);
    Ok(Record {
        value: parts.into_value(),
        time,
    })
}

/// What is known of a record.
#[derive(Debug, Default)]
struct Parts {
    event_id: i64,
    channel: Option<String>,
    provider: Option<String>,
    computer: Option<String>,
    record_id: Option<i64>,
    time: Option<String>,
    user: Option<String>,
    data: Map<String, Value>,
}

impl Parts {
    fn into_value(self) -> Value {
        let user = account(&self.data, "User", "")
            .or_else(|| account(&self.data, "SubjectUserName", "SubjectDomainName"))
            .or(self.user);
        let mut out = Map::new();
        out.insert("event_id".into(), json!(self.event_id));
        let texts = [
            ("channel", self.channel),
            ("provider", self.provider),
            ("computer", self.computer),
            ("time", self.time),
            ("user", user),
        ];
        for (name, text) in texts {
            if let Some(text) = text.filter(|text| !text.is_empty()) {
                out.insert(name.into(), Value::String(cut(text, NAME_BYTES_MAX)));
            }
        }
        if let Some(id) = self.record_id {
            out.insert("record_id".into(), json!(id));
        }
        out.insert("data".into(), Value::Object(self.data));
        Value::Object(out)
    }
}

/// Takes off what databases and shippers wrap around a record.
fn unwrap(mut value: Value) -> Value {
    for _ in 0..WRAPPINGS_MAX {
        let Some(object) = value.as_object_mut() else {
            return value;
        };
        let key = ["_source", "result", "Event"].into_iter().find(|key| {
            object.get(*key).is_some_and(Value::is_object) && !object.contains_key("winlog")
        });
        match key.and_then(|key| object.remove(key)) {
            Some(inner) => value = inner,
            None => return value,
        }
    }
    value
}

/// `System` and `EventData` as in the event's XML.
fn by_system(value: &Value) -> Option<Parts> {
    let system = value.get("System")?;
    let mut data = Map::new();
    for part in ["EventData", "UserData"] {
        if let Some(part) = value.get(part) {
            collect_event_data(part, &mut data);
        }
    }
    Some(Parts {
        event_id: number(system.get("EventID")?)?,
        channel: text_at(system, &["Channel"]),
        provider: attribute(system, "Provider", "Name"),
        computer: text_at(system, &["Computer"]),
        record_id: system.get("EventRecordID").and_then(number),
        time: attribute(system, "TimeCreated", "SystemTime"),
        user: attribute(system, "Security", "UserID"),
        data,
    })
}

/// An attribute of an XML element, in the ways that converters write it.
fn attribute(parent: &Value, element: &str, name: &str) -> Option<String> {
    let separate = parent.get(format!("{element}_attributes"));
    let element = parent.get(element);
    separate
        .and_then(|attributes| attributes.get(name))
        .or_else(|| {
            let element = element?;
            element
                .get("#attributes")
                .or_else(|| element.get("$"))
                .unwrap_or(element)
                .get(name)
                .or_else(|| element.get(format!("@{name}")))
                .or_else(|| element.get(format!("-{name}")))
        })
        .or(element.filter(|element| element.is_string()))
        .and_then(text)
}

/// The values of `EventData` or `UserData`, whose members may be named by key or by a `Name` beside the text.
fn collect_event_data(part: &Value, data: &mut Map<String, Value>) {
    let Some(object) = part.as_object() else {
        return;
    };
    for (key, value) in object {
        match (key.as_str(), value) {
            ("#attributes" | "@xmlns" | "xmlns", _) => {}
            ("Data", Value::Array(items)) => items.iter().for_each(|item| named(item, data)),
            ("Data", item @ Value::Object(_)) => named(item, data),
            // UserData has one element around its values.
            (_, Value::Object(inner)) if !inner.contains_key("#text") => {
                for (key, value) in inner {
                    put(data, key, value);
                }
            }
            _ => put(data, key, value),
        }
    }
}

/// One `Data` element.
fn named(item: &Value, data: &mut Map<String, Value>) {
    let name = [
        "/#attributes/Name",
        "/@Name",
        "/-Name",
        "/Name",
        "/$/Name",
        "/name",
    ]
    .iter()
    .find_map(|path| item.pointer(path)?.as_str());
    let value = ["#text", "Value", "value", "content", "_"]
        .iter()
        .find_map(|key| item.get(key));
    match (name, value) {
        (Some(name), Some(value)) => put(data, name, value),
        (Some(_), None) => {}
        // Values without names are kept in their order.
        (None, value) => {
            let value = value.unwrap_or(item);
            match value {
                Value::Array(values) => values.iter().for_each(|value| unnamed(data, value)),
                value => unnamed(data, value),
            }
        }
    }
}

fn unnamed(data: &mut Map<String, Value>, value: &Value) {
    let number = (1..=VALUES_MAX).find(|number| !data.contains_key(&format!("Data{number}")));
    if let Some(number) = number {
        put(data, &format!("Data{number}"), value);
    }
}

/// Winlogbeat, since version 7 (`winlog`) or before.
fn by_winlogbeat(value: &Value) -> Option<Parts> {
    let new = at(value, &["winlog"]).is_some() || at(value, &["winlog", "event_id"]).is_some();
    let place = |name: &'static str| {
        if new {
            vec!["winlog", name]
        } else {
            vec![name]
        }
    };
    if !new && value.get("event_data").is_none() {
        return None;
    }
    let event_id = at(value, &place("event_id")).or_else(|| at(value, &["event", "code"]));
    let mut data = Map::new();
    for part in ["event_data", "user_data"] {
        match at(value, &place(part)) {
            Some(Value::Object(values)) => {
                values
                    .iter()
                    .for_each(|(key, value)| put(&mut data, key, value));
            }
            _ => dotted(value, &format!("{}.", place(part).join(".")), &mut data),
        }
    }
    let first =
        |names: &[&'static str]| names.iter().find_map(|name| text(at(value, &place(name))?));
    put_message(&mut data, value);
    Some(Parts {
        event_id: number(event_id?)?,
        channel: first(&["channel", "log_name"]),
        provider: first(&["provider_name", "source_name"]),
        computer: first(&["computer_name"]).or_else(|| text_at(value, &["host", "name"])),
        record_id: ["record_id", "record_number"]
            .iter()
            .find_map(|name| number(at(value, &place(name))?)),
        time: text_at(value, &["@timestamp"]),
        user: at(value, &place("user")).and_then(user_object),
        data,
    })
}

/// `data.win` of Wazuh, whose keys begin with small letters.
fn by_wazuh(value: &Value) -> Option<Parts> {
    let win = at(value, &["data", "win"]).or_else(|| value.get("win"))?;
    let system = win.get("system")?;
    let mut data = Map::new();
    for (key, value) in win.get("eventdata").and_then(Value::as_object)? {
        let mut letters = key.chars();
        let first = letters.next().map(|c| c.to_ascii_uppercase());
        put(
            &mut data,
            &first.into_iter().chain(letters).collect::<String>(),
            value,
        );
    }
    Some(Parts {
        event_id: number(system.get("eventID")?)?,
        channel: text_at(system, &["channel"]),
        provider: text_at(system, &["providerName"]),
        computer: text_at(system, &["computer"]),
        record_id: system.get("eventRecordID").and_then(number),
        time: text_at(system, &["systemTime"]),
        user: None,
        data,
    })
}

/// `Get-WinEvent | ConvertTo-Json`: the values stand in the message alone.
fn by_get_winevent(value: &Value) -> Option<Parts> {
    let provider = text_at(value, &["ProviderName"])?;
    let mut data = Map::new();
    put_message(&mut data, value);
    Some(Parts {
        event_id: number(value.get("Id").or_else(|| value.get("EventID"))?)?,
        channel: text_at(value, &["LogName"]),
        provider: Some(provider),
        computer: text_at(value, &["MachineName"]),
        record_id: value.get("RecordId").and_then(number),
        time: ["TimeCreated", "TimeGenerated"].iter().find_map(|name| {
            let time = value.get(name)?;
            text(
                ["value", "DateTime"]
                    .iter()
                    .find_map(|key| time.get(key))
                    .unwrap_or(time),
            )
        }),
        user: text_at(value, &["UserId", "Value"]),
        data,
    })
}

/// Everything beside each other: NXLog, Splunk, and the data sets made with them.
fn flat(value: &Value) -> Option<Parts> {
    let object = value.as_object()?;
    let first = |names: &[&str]| names.iter().find_map(|name| text(object.get(*name)?));
    let event_id = [
        "EventID",
        "EventCode",
        "event_id",
        "EventId",
        "winlog.event_id",
    ]
    .iter()
    .find_map(|name| number(object.get(*name)?))?;
    let mut data = Map::new();
    for (key, value) in object {
        match value {
            Value::Object(inner)
                if matches!(key.as_str(), "EventData" | "event_data" | "Properties") =>
            {
                inner
                    .iter()
                    .for_each(|(key, value)| put(&mut data, key, value));
            }
            _ => put(&mut data, key, value),
        }
    }
    let domain = first(&["Domain", "AccountDomain"]);
    let user = first(&["AccountName", "UserName"]).map(|name| joined(domain.as_deref(), &name));
    Some(Parts {
        event_id,
        channel: first(&["Channel", "LogName", "log_name", "winlog.channel"]),
        provider: first(&[
            "SourceName",
            "Provider",
            "ProviderName",
            "source_name",
            "winlog.provider_name",
        ]),
        computer: first(&[
            "Hostname",
            "Computer",
            "ComputerName",
            "host",
            "computer_name",
        ]),
        record_id: ["RecordNumber", "EventRecordID", "RecordId", "record_id"]
            .iter()
            .find_map(|name| number(object.get(*name)?)),
        time: first(&[
            "@timestamp",
            "SystemTime",
            "UtcTime",
            "EventTime",
            "TimeCreated",
            "_time",
            "timestamp",
        ]),
        user,
        data,
    })
}

/// The Elastic Common Schema alone, as endpoint agents write it: the start of a process.
fn by_ecs(value: &Value) -> Option<Parts> {
    at(value, &["process", "command_line"])?;
    at(value, &["process", "executable"]).or_else(|| at(value, &["process", "name"]))?;
    /// Sysmon's number for the start of a process.
    const PROCESS_CREATED: i64 = 1;
    Some(Parts {
        event_id: PROCESS_CREATED,
        provider: text_at(value, &["event", "provider"]),
        computer: text_at(value, &["host", "name"]),
        time: text_at(value, &["@timestamp"]),
        user: at(value, &["user"]).and_then(user_object),
        ..Parts::default()
    })
}

/// Puts values of the Elastic Common Schema under Sysmon's names, where the record's own data lacks them.
fn complete_from_ecs(data: &mut Map<String, Value>, value: &Value) {
    const NAMES: [(&str, &[&str]); 15] = [
        ("CommandLine", &["process", "command_line"]),
        ("Image", &["process", "executable"]),
        ("OriginalFileName", &["process", "pe", "original_file_name"]),
        ("ParentImage", &["process", "parent", "executable"]),
        ("ParentCommandLine", &["process", "parent", "command_line"]),
        ("TargetObject", &["registry", "path"]),
        ("Details", &["registry", "data", "strings"]),
        (
            "ScriptBlockText",
            &["powershell", "file", "script_block_text"],
        ),
        ("DestinationIp", &["destination", "ip"]),
        ("DestinationPort", &["destination", "port"]),
        ("QueryName", &["dns", "question", "name"]),
        ("TargetFilename", &["file", "path"]),
        ("TargetUserName", &["user", "target", "name"]),
        ("GroupName", &["group", "name"]),
        ("SubjectUserName", &["user", "name"]),
    ];
    for (name, path) in NAMES {
        // A flat record with `process` as a text of its own isn't meant.
        if !data.contains_key(name)
            && let Some(value) = at(value, path)
            && !(name == "Image" && data.contains_key("NewProcessName"))
        {
            put(data, name, value);
        }
    }
}

fn put_message(data: &mut Map<String, Value>, value: &Value) {
    let message = ["message", "Message"].iter().find_map(|key| value.get(key));
    if let Some(message) = message.filter(|message| message.is_string()) {
        put(data, "Message", message);
    }
}

/// Members whose keys begin so: `winlog.event_data.Image`.
fn dotted(value: &Value, prefix: &str, data: &mut Map<String, Value>) {
    for (key, value) in value.as_object().into_iter().flatten() {
        if let Some(name) = key.strip_prefix(prefix) {
            put(data, name, value);
        }
    }
}

/// A value by its path, each step of which may also be written as one key with dots.
fn at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    let [first, rest @ ..] = path else {
        return Some(value);
    };
    value
        .get(first)
        .and_then(|inner| at(inner, rest))
        .or_else(|| value.get(path.join(".")))
}

fn text_at(value: &Value, path: &[&str]) -> Option<String> {
    text(at(value, path)?)
}

/// Puts a value as text. What is there stays.
fn put(data: &mut Map<String, Value>, key: &str, value: &Value) {
    if let Some(text) = text(value)
        && !data.contains_key(key)
    {
        data.insert(key.to_owned(), Value::String(text));
    }
}

/// The text of a value; `None` of null.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => {
            let texts: Vec<String> = items.iter().filter_map(text).collect();
            Some(texts.join(", "))
        }
        Value::Object(object) => match object.get("#text") {
            Some(inner @ (Value::String(_) | Value::Number(_) | Value::Array(_))) => text(inner),
            _ => Some(value.to_string()),
        },
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
    }
}

/// The number of a value, which may stand in a text or behind attributes.
fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Object(object) => number(object.get("#text").or_else(|| object.get("Value"))?),
        Value::Null | Value::Bool(_) | Value::Array(_) => None,
    }
}

/// `domain` and `name` of a user.
fn user_object(user: &Value) -> Option<String> {
    let name = ["name", "identifier", "id"]
        .iter()
        .find_map(|key| text(user.get(key)?))?;
    Some(joined(user.get("domain").and_then(Value::as_str), &name))
}

/// An account of the record's data.
fn account(data: &Map<String, Value>, name: &str, domain: &str) -> Option<String> {
    let name = data.get(name)?.as_str()?;
    Some(joined(data.get(domain).and_then(Value::as_str), name))
}

fn joined(domain: Option<&str>, name: &str) -> String {
    match domain.filter(|domain| !domain.is_empty() && *domain != "-") {
        Some(domain) if !name.contains('\\') => format!("{domain}\\{name}"),
        _ => name.to_owned(),
    }
}

/// RFC 3339 and what .NET's serialiser writes: `/Date(1588388414861)/`.
fn parse_any_time(text: &str) -> Option<WallTime> {
    let milliseconds = text
        .strip_prefix("/Date(")
        .and_then(|rest| rest.strip_suffix(")/"));
    match milliseconds {
        Some(milliseconds) => {
            let milliseconds: i64 = milliseconds.parse().ok()?;
            Some(WallTime(milliseconds.checked_mul(1_000_000)?))
        }
        None => parse_time(text),
    }
}

#[cfg(test)]
mod tests;
