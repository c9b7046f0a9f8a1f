#!/bin/bash
# A name node of Hadoop looks up groups and disks the way its library does: by short-lived shells.
set -eu
mkdir -p /tmp/classes
cp /opt/workloads/GroupMapping.java /tmp/NameNode.java
javac -d /tmp/classes /tmp/NameNode.java
setpriv --reuid=app --regid=app --init-groups \
	java -Xmx96m -Dproc_namenode -cp /tmp/classes org.apache.hadoop.hdfs.server.namenode.NameNode
