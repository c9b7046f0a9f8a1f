//! `malware.brute_force_tool`.

use super::{Case, case};
use crate::samples::{elf, elf_with, go, masked, script};

pub(crate) fn cases() -> Vec<Case> {
    let passwords = |mask| {
        ["xc3~511", "7ujMko0~admin", "juan~tech", "xmhd~ipc"]
            .map(|password| [masked(mask, password), vec![0]].concat())
            .concat()
    };
    let few = ["xc3~511", "juan~tech"]
        .map(|password| masked(0, password))
        .concat();
    vec![
        case(
            "brute_hydra",
            elf(&["[DATA] attac~king %s", "./hydra.rest~ore"]),
            elf(&["[DATA] attac~king %s", "hydra"]),
        ),
        case(
            "brute_medusa",
            elf(&["ACCOUNT FO~UND: [%s]", "ACCOUNT CH~ECK: [%s]"]),
            elf(&["ACCOUNT FO~UND: [%s]", "Medusa"]),
        ),
        case(
            "brute_ncrack",
            elf(&["ncrack-~services", "Ncrack~ done:"]),
            elf(&["nmap-services", "Ncrack~ done:"]),
        ),
        case(
            "brute_ssh_scanner",
            elf(&[
                "ssh_userauth_~password",
                "mfu~.txt",
                "vu~ln.txt",
                "DUP NOT ST~ARTED",
            ]),
            elf(&["ssh_userauth_~password", "known_hosts", "vu~ln.txt"]),
        ),
        case(
            "brute_go",
            go(1, &["main.ssh~Brute", "golang.org/x/~crypto/ssh"]),
            go(
                1,
                &["main.sshDial", "golang.org/x/~crypto/ssh", "brute force"],
            ),
        ),
        case(
            "brute_default_passwords",
            elf_with(&passwords(0x22)),
            elf_with(&few),
        ),
        case(
            "brute_patator",
            script(
                "env python3",
                "class SSH_~login:\n  pass\nclass FTP_~login:\n  pass\nclass Telnet_~login:\n  pass\n",
            ),
            script(
                "env python3",
                "class SSH_~login:\n  pass\nclass FTP_~login:\n  pass\n",
            ),
        ),
        case(
            "brute_python_tools",
            script(
                "env python3",
                "import para~miko\ndef ssh_br~ute(h):\n  for p in pass~words:\n    try: c.connect(h)\n    except para~miko.Authentication~Exception: pass\n",
            ),
            script(
                "env python3",
                "import para~miko\ndef connect(h):\n  for h in hosts:\n    try: c.connect(h)\n    except para~miko.Authentication~Exception: pass\n",
            ),
        ),
        case(
            "brute_shell_ssh",
            script(
                "bash",
                "for pass~ in $(cat list); do ssh~pass -p \"$pass\" ssh -o StrictHost~KeyChecking=no root@$1 id; done",
            ),
            script(
                "bash",
                "for host in $(cat list); do ssh~pass -p \"$pass\" ssh -o StrictHost~KeyChecking=no root@$host id; done",
            ),
        ),
    ]
}
