#!/bin/bash
# A Java application. The arguments choose which: the package and name of its main class, or `jenkins`.
set -eu
name=${1:-shop.Victim}
mkdir -p /srv/java/source /srv/java/classes
class=${name##*.} package=${name%.*}
if [ "$name" = jenkins ]; then class=Main package=executable; fi
{
	echo "package $package;"
	sed "s/\bVictim\b/$class/" /opt/servers/Victim.java
} >"/srv/java/source/$class.java"
javac -d /srv/java/classes "/srv/java/source/$class.java"
cd /srv/java
if [ "$name" = jenkins ]; then
	mkdir -p /usr/share/jenkins
	jar --create --file /usr/share/jenkins/jenkins.war --main-class "$package.$class" -C classes .
	java -Xmx96m -Djenkins.install.runSetupWizard=false -jar /usr/share/jenkins/jenkins.war --httpPort=8080 &
else
	# The products' own scripts name the daemon so.
	daemon=
	case $package in org.apache.hadoop*) daemon=-Dproc_resourcemanager ;; esac
	java -Xmx96m $daemon -cp /srv/java/classes "$package.$class" &
fi
cat >/dev/null
