#!/bin/sh
# A shell script of the simple kind: thousands of short programs, one after the other.
set -eu
n=0
while [ "$n" -lt 1200 ]; do
	n=$(expr "$n" + 1)
	/bin/true
	name=$(basename "/tmp/some/file$n.txt" .txt)
	[ "$name" = "file$n" ]
done
for _ in $(seq 100); do date +%s >/dev/null; uname -r >/dev/null; id -u >/dev/null; hostname >/dev/null; done
