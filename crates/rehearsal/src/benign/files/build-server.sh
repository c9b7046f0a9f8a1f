#!/bin/bash
# A build server runs a job in its workspace: shell, git, make, tar, and what was built.
set -eu
export JENKINS_HOME=/var/jenkins_home HOME=/var/jenkins_home
mkdir -p "$JENKINS_HOME" /usr/share/jenkins /tmp/classes
javac -d /tmp/classes /opt/workloads/BuildServer.java
jar --create --file /usr/share/jenkins/jenkins.war --main-class BuildServer -C /tmp/classes .
chown -R app: "$JENKINS_HOME"
setpriv --reuid=app --regid=app --init-groups \
	java -Xmx96m -Djava.awt.headless=true -jar /usr/share/jenkins/jenkins.war
test -s "$JENKINS_HOME/workspace/shop/shop.tar.gz"
