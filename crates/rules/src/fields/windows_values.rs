//! Values of `win.*`, out of the one shape that Windows records are brought into:
//! `{event_id, channel, provider, computer, record_id, time, user, data: {…}}`.

mod command;
mod registry;

use crate::fields::{Argument, Field};
use crate::subject::{EventKind, Value};
use serde_json::Value as Json;

/// The value of a field of a Windows record.
pub fn value<'a>(field: Field, argument: &Argument, document: &'a Json) -> Value<'a> {
    match field {
        Field::WinEventId => number(document, "event_id"),
        Field::WinRecordId => number(document, "record_id"),
        Field::WinChannel => text(document.get("channel")),
        Field::WinProvider => text(document.get("provider")),
        Field::WinComputer => text(document.get("computer")),
        Field::WinUser => text(document.get("user")),
        Field::WinData => match argument {
            Argument::Key(key) => first(document, &[key]),
            Argument::Index(_) | Argument::None => Value::Absent,
        },
        Field::WinProcessImage => first(document, &["Image", "NewProcessName", "ProcessName"]),
        Field::WinProcessCommandLine => first(document, COMMAND_LINES),
        Field::WinProcessParentImage => first(document, &["ParentImage", "ParentProcessName"]),
        Field::WinProcessParentCommandLine => first(document, &["ParentCommandLine"]),
        Field::WinProcessOriginalFileName => first(document, &["OriginalFileName"]),
        Field::WinProcessIntegrity => first(
            document,
            &["IntegrityLevel", "MandatoryLabel", "TokenElevationType"],
        ),
        Field::WinRegistryKey => registry::key(document),
        Field::WinRegistryValue => registry::value_name(document),
        Field::WinRegistryDetails => registry::details(document),
        Field::WinScriptText => first(document, SCRIPTS),
        Field::WinCommand => command::command(document),
        Field::WinAccountTarget => account_target(document),
        Field::WinAccountSubject => account(document, "SubjectDomainName", "SubjectUserName"),
        Field::WinAccountGroup => account_group(document),
        Field::WinNetworkDestinationIp => address(document),
        Field::WinNetworkPort => data(document, &["DestinationPort", "DestPort"])
            .and_then(|port| port.parse().ok())
            .map_or(Value::Absent, Value::Number),
        Field::WinNetworkHost => first(document, &["DestinationHostname", "QueryName"]),
        Field::WinFilePath => first(document, &["TargetFilename", "TargetFileName"]),
        _ => Value::Absent,
    }
}

/// Names under which records tell a command line, Sysmon's and the Security log's first.
const COMMAND_LINES: &[&str] = &["CommandLine", "ProcessCommandLine", "HostApplication"];
/// Names under which records tell what PowerShell ran.
const SCRIPTS: &[&str] = &["ScriptBlockText", "Payload", "Details800", "Data1"];

/// What kind of event a record is: the provider or log says whose numbers the event id is one of.
pub fn windows_kind(document: &Json) -> EventKind {
    let id = document.get("event_id").and_then(Json::as_i64).unwrap_or(0);
    let origin = |part: &str| {
        ["provider", "channel"].iter().any(|key| {
            document
                .get(key)
                .and_then(Json::as_str)
                .is_some_and(|name| name.to_ascii_lowercase().contains(part))
        })
    };
    let unnamed = document.get("provider").is_none() && document.get("channel").is_none();
    if origin("powershell") {
        return EventKind::WindowsScript;
    }
    if origin("security-auditing")
        || origin("eventlog")
        || unnamed
        || channel_is(document, "security")
    {
        let kind = security_kind(id);
        if kind != EventKind::WindowsOther {
            return kind;
        }
    }
    let has_process = data(document, COMMAND_LINES).is_some();
    match id {
        4103 | 4104 if unnamed => EventKind::WindowsScript,
        _ if origin("sysmon") || unnamed => sysmon_kind(id),
        1 if has_process => EventKind::WindowsProcess,
        _ => EventKind::WindowsOther,
    }
}

fn channel_is(document: &Json, name: &str) -> bool {
    document
        .get("channel")
        .and_then(Json::as_str)
        .is_some_and(|channel| channel.eq_ignore_ascii_case(name))
}

/// Source: Microsoft's description of the security audit events.
fn security_kind(id: i64) -> EventKind {
    match id {
        4688 => EventKind::WindowsProcess,
        4657 => EventKind::WindowsRegistry,
        4720..=4767 | 4781 | 4794 | 4798 | 4799 => EventKind::WindowsAccount,
        5156 => EventKind::WindowsNetwork,
        _ => EventKind::WindowsOther,
    }
}

/// Source: Sysmon's manual.
fn sysmon_kind(id: i64) -> EventKind {
    match id {
        1 => EventKind::WindowsProcess,
        3 | 22 => EventKind::WindowsNetwork,
        11 | 15 | 23 | 26 => EventKind::WindowsFile,
        12..=14 => EventKind::WindowsRegistry,
        _ => EventKind::WindowsOther,
    }
}

/// The first of these values of the record that is there; providers don't agree on capital letters.
fn data<'a>(document: &'a Json, names: &[&str]) -> Option<&'a str> {
    let data = document.get("data")?.as_object()?;
    let exact = names.iter().find_map(|name| data.get(*name)?.as_str());
    exact.filter(|text| !is_empty(text)).or_else(|| {
        names.iter().find_map(|name| {
            let (_, value) = data
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name))?;
            value.as_str().filter(|text| !is_empty(text))
        })
    })
}

/// Whether a value says that there is none.
fn is_empty(text: &str) -> bool {
    text.is_empty() || text == "-"
}

fn first<'a>(document: &'a Json, names: &[&str]) -> Value<'a> {
    data(document, names).map_or(Value::Absent, Value::text)
}

fn text(value: Option<&Json>) -> Value<'_> {
    value
        .and_then(Json::as_str)
        .map_or(Value::Absent, Value::text)
}

fn number<'a>(document: &'a Json, name: &str) -> Value<'a> {
    document
        .get(name)
        .and_then(Json::as_i64)
        .map_or(Value::Absent, Value::Number)
}

fn account<'a>(document: &'a Json, domain: &str, name: &str) -> Value<'a> {
    match (data(document, &[domain]), data(document, &[name])) {
        (Some(domain), Some(name)) => Value::owned(format!("{domain}\\{name}")),
        (None, Some(name)) => Value::text(name),
        (_, None) => Value::Absent,
    }
}

/// Whether the record is about a group's members.
///
/// Source: Microsoft's description of the security audit events.
fn is_about_members(document: &Json) -> bool {
    let id = document.get("event_id").and_then(Json::as_i64);
    id.is_some_and(|id| {
        matches!(
            id,
            4728 | 4729 | 4732 | 4733 | 4746 | 4747 | 4751 | 4752 | 4756 | 4757 | 4761 | 4762
        )
    })
}

/// The account that was changed; of a group's change the member, by name if the record has one.
fn account_target(document: &Json) -> Value<'_> {
    if is_about_members(document) {
        first(document, &["MemberName", "MemberSid"])
    } else {
        first(document, &["TargetUserName", "SamAccountName"])
    }
}

fn account_group(document: &Json) -> Value<'_> {
    if is_about_members(document) {
        first(document, &["TargetUserName", "GroupName"])
    } else {
        first(document, &["GroupName"])
    }
}

fn address(document: &Json) -> Value<'_> {
    data(document, &["DestinationIp", "DestAddress"])
        .and_then(|address| address.parse().ok())
        .map_or(Value::Absent, Value::Address)
}

#[cfg(test)]
mod tests;
