#!/bin/bash
# A Java service with a start script like Tomcat's: it runs df, git, hostname and a shell for ulimit.
set -eu
java=$(readlink -f "$(command -v java)")
JAVA_HOME=$(dirname "$(dirname "$java")")
options="-Xmx128m -XX:+UseSerialGC -Djava.io.tmpdir=/tmp"
if [ "$(uname)" = Linux ] && [ "$(ulimit -n)" -lt 4096 ]; then ulimit -n 4096 || true; fi
mkdir -p /srv/java/classes
"$JAVA_HOME/bin/javac" -d /srv/java/classes /opt/workloads/JavaServer.java
"$JAVA_HOME/bin/java" $options -cp /srv/java/classes JavaServer &
curl -fsS --retry 40 --retry-delay 1 --retry-connrefused http://127.0.0.1:8090/disk
for path in version limits host; do curl -fsS "http://127.0.0.1:8090/$path"; done
"$JAVA_HOME/bin/jps" -l
"$JAVA_HOME/bin/jcmd" $! VM.uptime
"$JAVA_HOME/bin/jcmd" $! Thread.print >/tmp/threads.txt
curl -s http://127.0.0.1:8090/stop || true
