//! `malware.vulnerability_scanner`.

use super::{Case, case};
use crate::samples::{elf, go, script, text};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case(
            "scanner_nmap",
            elf(&[
                "--max-rtt~-timeout",
                "--version~-intensity",
                "nmap-service~-probes",
                "Nmap~ done:",
            ]),
            elf(&[
                "--version~-intensity",
                "nmap-service~-probes",
                "Nmap~ done:",
            ]),
        ),
        case(
            "scanner_masscan",
            elf(&["masscan~ -p80", "Starting~ masscan", "paused~.conf"]),
            elf(&["paused~.conf", "adapter~-ip"]),
        ),
        case(
            "scanner_zmap",
            elf(&["--probe~-module", "/etc/zm~ap/", "zma~p: "]),
            elf(&["--probe~-module", "--output~-module"]),
        ),
        case(
            "scanner_rustscan",
            elf(&["The Modern Day~ Port Scanner", "rust~scan"]),
            elf(&["rust~scan", "port scanner"]),
        ),
        case(
            "scanner_fscan",
            go(5, &["github.com/shadow1ng/~fscan/Plugins."]),
            go(1, &["start info~scan", "fscanf"]),
        ),
        case(
            "scanner_go",
            go(5, &["github.com/projectdiscovery/~nuclei/v3/pkg."]),
            go(5, &["github.com/projectdiscovery/~goflags."]),
        ),
        case(
            "scanner_sqlmap",
            script(
                "env python3",
                "# sql~map.org\ncheckEnviron~ment()\ndef module~Path():\n  pass\n",
            ),
            script("env python3", "# sql~map.org\ndef module~Path():\n  pass\n"),
        ),
        case(
            "scanner_perl_nikto",
            script(
                "perl",
                "$VARIABLES{'ver~sion'}; # cirt~.net\n require 'nik~to_core';",
            ),
            script("perl", "$VARIABLES{'ver~sion'}; # cirt~.net\n"),
        ),
        case(
            "scanner_python_tools",
            text("from kube_~hunter import x\nclass Kube~Discovery:\n  pass\n"),
            text("from kubernetes import x\nclass Kube~Discovery:\n  pass\n"),
        ),
        case(
            "scanner_shell_sweep",
            script(
                "bash",
                "mass~can -p 2375,6379 10.0.0.~0/8 --rate 50000 > out\n",
            ),
            script("bash", "nc -z 10.0.0.1 6379\n"),
        ),
    ]
}
