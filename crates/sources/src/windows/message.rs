//! Values out of a record's message, for formats that don't give them apart.

use serde_json::{Map, Value};

/// Lines of a message that are looked at.
const LINES_MAX: usize = 400;

/// Puts the values that the message names beside those that the record has, under the names of the event's definition.
/// English messages only: the definition's names aren't in the others.
pub(super) fn complete(data: &mut Map<String, Value>, event_id: i64) {
    rename_splunk(data);
    let Some(message) = data
        .get("Message")
        .and_then(Value::as_str)
        .map(str::to_owned)
    else {
        return;
    };
    if [
        "CommandLine",
        "NewProcessName",
        "TargetUserName",
        "ScriptBlockText",
        "TargetObject",
    ]
    .iter()
    .any(|name| data.contains_key(*name))
    {
        return;
    }
    let mut section = "";
    for line in message.lines().take(LINES_MAX) {
        let Some((key, value)) = line.split_once(':') else {
            continue;
        };
        let (key, value) = (key.trim(), value.trim());
        if value.is_empty() {
            section = key;
            continue;
        }
        let name = name_of(section, key, event_id);
        if !name.is_empty() && !data.contains_key(&name) {
            data.insert(name, Value::String(value.to_owned()));
        }
    }
    script_block(data, &message, event_id);
}

/// The name in the event's definition of what the message calls so.
fn name_of(section: &str, key: &str, event_id: i64) -> String {
    match (section, key) {
        ("Subject" | "Creator Subject", "Account Name") => "SubjectUserName".into(),
        ("Subject" | "Creator Subject", "Account Domain") => "SubjectDomainName".into(),
        ("Subject" | "Creator Subject", "Security ID") => "SubjectUserSid".into(),
        ("Subject" | "Creator Subject", "Logon ID") => "SubjectLogonId".into(),
        ("Member", "Account Name") => "MemberName".into(),
        ("Member", "Security ID") => "MemberSid".into(),
        ("New Account" | "Target Account", "Account Name")
        | ("Group", "Group Name" | "Account Name") => "TargetUserName".into(),
        ("Group", "Security ID") => "TargetSid".into(),
        (_, "New Process Name") => "NewProcessName".into(),
        (_, "Process Command Line") => "CommandLine".into(),
        (_, "Creator Process Name") => "ParentProcessName".into(),
        (_, "Object Name") => "ObjectName".into(),
        (_, "Object Value Name") => "ObjectValueName".into(),
        ("Change Information", "New Value") => "NewValue".into(),
        (_, "HostApplication" | "Host Application") => "HostApplication".into(),
        // Sysmon's messages call things by their names already.
        (_, key) if event_id < 256 && !key.contains(' ') => key.into(),
        _ => String::new(),
    }
}

/// The text of event 4104, which may have many lines.
fn script_block(data: &mut Map<String, Value>, message: &str, event_id: i64) {
    /// Script block logging.
    const SCRIPT_BLOCK: i64 = 4104;
    if event_id != SCRIPT_BLOCK {
        return;
    }
    let body = message
        .split_once("):")
        .filter(|(before, _)| before.contains("Creating Scriptblock text"))
        .map(|(_, body)| {
            body.rsplit_once("ScriptBlock ID:")
                .map_or(body, |(body, _)| body)
        });
    if let Some(body) = body {
        data.insert("ScriptBlockText".into(), Value::String(body.trim().into()));
    }
}

/// Splunk's extraction calls the values as the message does, with underlines.
fn rename_splunk(data: &mut Map<String, Value>) {
    const NAMES: [(&str, &str); 5] = [
        ("New_Process_Name", "NewProcessName"),
        ("Process_Command_Line", "CommandLine"),
        ("Creator_Process_Name", "ParentProcessName"),
        ("Object_Name", "ObjectName"),
        ("Object_Value_Name", "ObjectValueName"),
    ];
    for (theirs, ours) in NAMES {
        if !data.contains_key(ours)
            && let Some(value) = data.get(theirs).cloned()
        {
            data.insert(ours.into(), value);
        }
    }
}
