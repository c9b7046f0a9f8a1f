//! `malware.ddos_trojan`.

use super::{Case, case};
use crate::samples::{elf, elf_with, go, masked, script, text};

pub(crate) fn cases() -> Vec<Case> {
    let hidden = |mask| {
        [
            masked(mask, "/dev/misc/watch~dog"),
            masked(mask, "TSource Engine~ Query"),
        ]
        .concat()
    };
    vec![
        case(
            "ddos_mirai_hidden_table",
            elf_with(&hidden(0x22)),
            elf_with(&hidden(0)),
        ),
        case(
            "ddos_mirai_symbols",
            elf(&[
                "attack_udp_~vse",
                "attack_tcp_~stomp",
                "attack_gre~_ip",
                "killer_~init",
            ]),
            elf(&[
                "attack_udp_~vse",
                "attack_tcp_~stomp",
                "killer_~init",
                "attack_surface",
            ]),
        ),
        case(
            "ddos_gafgyt",
            elf(&["KILL~ATTK", "JUNK Flo~oding %s:%d", "BUILD %~s:%s"]),
            elf(&["PONG~!", "JUNK Flo~oding %s:%d", "BOGO~MIPS"]),
        ),
        case(
            "ddos_xorddos",
            elf(&["BB2FA36A~AA9541F0", "deny~ip=", "rm~file="]),
            elf(&["deny~ip=", "rm~file=", "filename="]),
        ),
        case(
            "ddos_tsunami",
            elf(&[
                "NOTICE %s :TSUNAMI~ <target> <secs>",
                "NOTICE %s :PAN~ <target> <port> <secs>",
                "NOTICE %s :GET~SPOOFS",
            ]),
            elf(&[
                "NOTICE %s :TSUNAMI warning",
                "NOTICE %s :PAN card",
                "NOTICE %s :KILL~ALL",
            ]),
        ),
        case(
            "ddos_billgates",
            elf(&["11CAttack~Base", "13CPacket~Attack", "10CAttack~Syn"]),
            elf(&["11CAttack~Base", "10CAttack~Syn", "8CDefence"]),
        ),
        case(
            "ddos_dofloo",
            elf(&["VERSONEX:~Linux-%s|%d", "SYN_~Flood"]),
            elf(&[
                "VERSION:Linux",
                "SYN_~Flood",
                "UDP_~Flood",
                "_Connect~Server",
            ]),
        ),
        case(
            "ddos_kaiji",
            elf(&["main.run~kshell", "main.run~ganran", "main.Jia~nce"]),
            elf(&["main.run~kshell", "main.run", "main.Jobs"]),
        ),
        case(
            "ddos_go_flooder",
            go(
                1,
                &[
                    "main.udp~Flood",
                    "main.(*Bot).syn~_flood",
                    "main.Http~Flood",
                ],
            ),
            go(
                1,
                &["main.udp~Flood", "main.synchronise", "main.HttpServer"],
            ),
        ),
        case(
            "ddos_shellbot_perl",
            script(
                "perl",
                "use IO::Socket~::INET; my $proc~esso = 'x'; sendraw(\"PRIV~MSG $c :\"); if (/udp~flood/) {}",
            ),
            script(
                "perl",
                "use IO::Socket~::INET; my $process = 'x'; sendraw(\"PRIV~MSG $c :hello\");",
            ),
        ),
        case(
            "ddos_python_flooder",
            script(
                "env python3",
                "import socket\nLAYER7_~METHODS = {}\nLAYER4_~METHODS = {}\n",
            ),
            script(
                "env python3",
                "import socket\nLAYERS = {}\ndef udp_~flood(image): # fills an area\n    pass\n",
            ),
        ),
        case(
            "ddos_bot_source",
            text("#include <stdio.h>\nadd_~attack(ATK_VEC_~UDP, f);\n"),
            text("The source calls add_~attack(ATK_VEC_~UDP, f); for each vector.\n"),
        ),
    ]
}
