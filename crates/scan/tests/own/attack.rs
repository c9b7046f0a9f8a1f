//! `malware.attack_program`.

use super::{Case, case};
use crate::samples::{elf, elf_with, go, library, script, text};

/// The bytes of hexadecimal digits, every one of them changed: so the code is not in the test's program either.
fn code(digits: &str) -> Vec<u8> {
    let digits: Vec<char> = digits.chars().filter(char::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(&String::from_iter(pair), 16).expect("hexadecimal"))
        .collect()
}

pub(crate) fn cases() -> Vec<Case> {
    [programs(), exploits(), scripts(), escapes()]
        .into_iter()
        .flatten()
        .collect()
}

fn programs() -> Vec<Case> {
    vec![
        case(
            "attack_shellcode_linux_x64",
            elf_with(&code("4831ff6a095899b6104889d64d31c96a22415ab2070f05")),
            elf_with(&code("4831ff6a095899b6104889d64d31c96a22415ab2030f05")),
        ),
        case(
            "attack_shellcode_linux_x86",
            elf_with(&code(
                "31dbf7e3534353 6a0289e1b066cd80 9359b03fcd804979f968",
            )),
            elf_with(&code(
                "31dbf7e3534353 6a0289e1b066cd80 9090909090904979f968",
            )),
        ),
        case(
            "attack_meterpreter_mettle",
            elf(&["met~tle", "tlv_~packet", "stdapi_sys_~process_execute"]),
            elf(&["met~tle", "tlv_~packet", "stdapi"]),
        ),
        case(
            "attack_implant_sliver",
            go(
                1,
                &[
                    "sliver~pb.Register",
                    "sliver~pb.Envelope",
                    "sliver~pb.ShellReq",
                ],
            ),
            go(1, &["sliver~pb.Envelope", "quicksilver"]),
        ),
        case(
            "attack_implant_go",
            go(5, &["github.com/Ne0nd0g/~merlin/core."]),
            go(1, &["github.com/Ne0nd0g/~merlin/core."]),
        ),
        case(
            "attack_implant_pupy",
            elf(&["pupy~importer", "pupy_add_~package"]),
            elf(&["puppy importer", "pupy_add_~package"]),
        ),
        case(
            "attack_tool_containers",
            go(5, &["github.com/cdk-team/~CDK/pkg/exploit."]),
            go(5, &["github.com/aws/aws-cdk-go/awscdk/pkg."]),
        ),
        case(
            "attack_tool_root",
            go(5, &["github.com/liamg/~traitor/pkg/exploits."]),
            go(5, &["github.com/liamg/tml."]),
        ),
        case(
            "attack_tunnel",
            go(5, &["github.com/jpillora/~chisel/share."]),
            go(
                5,
                &[
                    "github.com/jpillora/backoff.",
                    "github.com/gorilla/websocket.",
                ],
            ),
        ),
    ]
}

fn exploits() -> Vec<Case> {
    vec![
        case(
            "attack_exploit_dirty_pipe",
            elf(&[
                "Sorry, cannot start~ writing at a page boundary",
                "Sorry, cannot write~ across a page boundary",
            ]),
            elf(&["Sorry, cannot enlarge~ the file", "page boundary"]),
        ),
        case(
            "attack_exploit_dirty_cow",
            elf(&["/proc/self~/mem", "mad~vise", "thread~ stopped"]),
            elf(&["/proc/self~/mem", "mad~vise", "thread started"]),
        ),
        case(
            "attack_exploit_pkexec",
            elf(&["/usr/bin/pk~exec", "GCONV_~PATH=.", "gconv-~modules"]),
            elf(&["/usr/bin/pk~exec", "GCONV_~PATH", "gconv-~modules"]),
        ),
        case(
            "attack_exploit_sudo",
            elf(&["sudo~edit", "X/P0P_~SH3LLZ_"]),
            elf(&["sudo~edit", "libnss_files"]),
        ),
        case(
            "attack_exploit_overlayfs",
            library(&["./ovl~cap", "./ovl~cap/upper"]),
            library(&[
                "lowerdir=%s,~upperdir=%s,workdir=%s",
                "/proc/self/set~groups",
            ]),
        ),
        case(
            "attack_exploit_kernel",
            elf(&[
                "commit_~creds",
                "prepare_kernel_~cred",
                "modprobe~_path",
                "[+] got~ root",
            ]),
            elf(&[
                "commit_~creds",
                "prepare_kernel_~cred",
                "modprobe~_path",
                "trace",
            ]),
        ),
        case(
            "attack_exploit_runc",
            elf(&[
                "[+] Overwritten /bin/sh~ successfully",
                "[+] Found the~ PID:",
            ]),
            elf(&["[+] Found the~ PID:", "runc", "/proc/self/fd/%d"]),
        ),
        case(
            "attack_exploit_source",
            text(
                "#include <fcntl.h>\n int f = open(\"/proc/self~/mem\"); madvise(m, n, MADV_DONT~NEED); pthread_~create(); \"/etc/passwd\"\n",
            ),
            text(
                "#include \"tst_~test.h\"\n#include <fcntl.h>\n int f = open(\"/proc/self~/mem\"); madvise(m, n, MADV_DONT~NEED); pthread_~create(); \"/etc/passwd\"\n",
            ),
        ),
    ]
}

fn scripts() -> Vec<Case> {
    vec![
        case(
            "attack_tool_linpeas",
            script(
                "sh",
                "print_2~title x\nSED_RED_~YELLOW=1\ncontainer~capsB=a\nknw_~usrs=b\n",
            ),
            script("sh", "print_2~title x\nSED_RED=1\nusers=b\n"),
        ),
        case(
            "attack_tool_linenum",
            script(
                "bash",
                "# @rebo~otuser\ninteresting_~files()\n{\n}\nlxc_container_~checks()\n{\n}\n",
            ),
            script("bash", "interesting_~files()\n{\n}\njob_~info()\n{\n}\n"),
        ),
        case(
            "attack_tool_enumeration_scripts",
            script("sh", "lse_~test usr000\nlse_~procmon=1\nlse_~level=2\n"),
            script("sh", "false_test usr000\nlse_~level=2\n"),
        ),
        case(
            "attack_tool_deepce",
            script(
                "sh",
                "exploit~Privileged() {\n}\nexploit~DockerSock() {\n}\nprepare~Exploit() {\n}\n",
            ),
            script("sh", "# we ran deep~ce here\nprepare~Exploit() {\n}\n"),
        ),
        case(
            "attack_tool_credentials",
            script(
                "env python3",
                "# mimi~penguin\nname = 'gnome-keyring~-daemon'\n",
            ),
            script(
                "env python3",
                "name = 'gnome-keyring~-daemon'\nother = 'gdm~-password'\n",
            ),
        ),
        case(
            "attack_payload_python",
            text(
                "exec(__import~__('zlib').decompress(__import__('base64').b64decode(__import__('codecs').getenco~der('utf-8')('eJ'))))",
            ),
            text("data = __import~__('codecs').getencoder('utf-8')"),
        ),
        case(
            "attack_payload_hexadecimal_elf",
            script(
                "sh",
                "printf '\\x7f~\\x45\\x4c\\x46\\x02' >> /tmp/x\nch~mod +x /tmp/x\n",
            ),
            script("sh", "printf '\\x7f' >> /tmp/x\nch~mod +x /tmp/x\n"),
        ),
    ]
}

fn escapes() -> Vec<Case> {
    vec![
        case(
            "attack_escape_cgroup",
            script(
                "sh",
                "mount~ -t cgroup -o rdma cgroup /tmp/c\necho 1 > /tmp/c/x/notify_on_~release\np=$(sed -n 's/.*upper~dir=\\([^,]*\\).*/\\1/p' /etc/mtab)\necho $p/cmd > /tmp/c/release_~agent\n",
            ),
            script(
                "sh",
                "mount~ -t cgroup -o cpu cgroup /sys/fs/cgroup/cpu\necho 0 > /sys/fs/cgroup/notify_on_~release\n",
            ),
        ),
        case(
            "attack_escape_scripts",
            script(
                "sh",
                "mkdir /m; mou~nt /dev/sda1 /m\nch~root /m /bin/sh -c 'echo x >> /etc/cron~tab'\n",
            ),
            script(
                "sh",
                "mkdir /m; mou~nt /dev/sda1 /m\nch~root /m update-grub\n",
            ),
        ),
    ]
}
