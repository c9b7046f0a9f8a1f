#!/bin/bash
# A Python service with three workers that runs gzip, file, df, git and a shell pipeline for its requests.
set -eu
setpriv --reuid=app --regid=app --clear-groups python3 /opt/workloads/python_server.py &
curl -fsS --retry 20 --retry-delay 1 --retry-connrefused http://127.0.0.1:8070/version
for path in kind disk shell; do curl -fsS "http://127.0.0.1:8070/$path"; done
head -c 300000 /dev/urandom >/tmp/upload
for _ in $(seq 10); do curl -fsS --data-binary @/tmp/upload http://127.0.0.1:8070/compress; done
kill %1
