use crate::Language::Shell;
use crate::language::flow::tests::{assert_found, assert_silent, base64, filled, hex, judged};

#[test]
fn cgi_programs_are_found() {
    assert_found(
        Shell,
        &[
            "#!/bin/sh\necho\n‹eval› \"$‹query›\"\n",
            "#!/bin/bash\ncmd=$(echo \"$‹query›\" | sed -n 's/^.*cmd=\\([^&]*\\).*$/\\1/p')\nbash -c \"$cmd\"\n",
            "#!/bin/bash\nif [ -n \"$‹query›\" ]; then\necho \"$‹query›\" | sed 's/cmd=//' | bash\nfi\n",
            "#!/bin/sh\nCMD=‹tick›echo $‹query› | cut -d= -f2‹tick›\nOUT=‹tick›$CMD‹tick›\n",
            "#!/bin/bash\nread -n $CONTENT_LENGTH POST\n‹eval› $(echo \"$POST\" | base64 -d)\n",
            "#!/bin/bash\nbash <<< \"$(echo $HTTP_X | base64 -d)\"\n",
            "#!/bin/bash\nrun() { ‹eval› \"$1\" 2>&1; }\nrun \"$HTTP_USER_AGENT\"\n",
            "#!/bin/sh\necho $REQUEST_METHOD\ncat | sh\n",
            "#!/bin/sh\nset -- $(echo \"$‹query›\" | tr + ' ')\n\"$@\"\n",
            "#!/bin/bash\nsource <(echo \"$HTTP_COOKIE\")\n",
            "#!/bin/bash\ntimeout 9 sudo bash -c \"$HTTP_X\"\n",
            "#!/bin/sh\nF=$(echo \"$‹query›\" | sed 's/f=//')\ncat > \"$F\"\n",
            "#!/bin/sh\necho \"$HTTP_X\" | xargs -I{} sh -c '{}'\n",
        ],
    );
}

#[test]
fn hidden_commands_are_uncovered() {
    let plain = filled("bash -c \"$‹query›\"");
    let scripts = [
        format!(
            "#!/bin/bash\n{} \"$(echo {} | base64 -d)\"\n",
            filled("‹eval›"),
            base64(&plain)
        ),
        format!("#!/bin/bash\necho {} | xxd -r -p | bash\n", hex(&plain)),
        format!(
            "#!/bin/bash\n{} \"$(echo '{}' | rev)\"\n",
            filled("‹eval›"),
            plain.chars().rev().collect::<String>()
        ),
    ];
    for script in scripts {
        let verdict = judged(Shell, &script);
        assert!(verdict.score > 90, "{script} {verdict:?}");
    }
    assert_found(
        Shell,
        &[
            "#!/bin/bash\na=ev; b=al; $a$b \"$‹query›\"\n",
            "#!/bin/bash\nn=‹query›; ‹eval› \"${!n}\"\n",
            "#!/bin/bash\n$'\\x65\\x76\\x61\\x6c' \"$‹query›\"\n",
        ],
    );
}

#[test]
fn ordinary_scripts_are_silent() {
    assert_silent(
        Shell,
        &[
            "#!/bin/sh\necho \"<p>$‹query›</p>\"\ngrep \"$‹query›\" /etc/services\n",
            "#!/bin/sh\ncase \"$‹query›\" in up) uptime;; df) df -h;; esac\n",
            "#!/bin/sh\ncmd=$‹query›\ncase \"$cmd\" in start|stop) /etc/init.d/x $cmd; $cmd;; esac\n",
            "#!/bin/sh\nif [ \"$‹query›\" = uptime ]; then $‹query›; fi\n",
            // A query made into variables is a bad habit, not a webshell.
            "#!/bin/sh\n‹eval› $(echo \"$‹query›\" | sed 's/&/;/g')\n",
            "#!/bin/bash\n‹eval› ${‹query›//&/;}\n",
            "#!/bin/sh\nexport HTTP_PROXY=$1\nrootfs=$(awk '/x/' $config)\nchroot $rootfs ls\n",
            "#!/bin/sh\ncat <<X | bash\necho $PATH_INFO\nX\n",
            "#!/bin/sh\n‹eval› \"$1\"\nbash -c \"$2\"\ncurl -H 'Content-Type: x'\n",
            "#!/bin/sh\nwhile read line; do $line; done < list\n: $‹query›\n",
        ],
    );
}
