#!/bin/bash
# Figures of the node are read from /proc and /sys and scraped many times.
set -eu
python3 /opt/workloads/exporter.py &
curl -fsS --retry 20 --retry-delay 1 --retry-connrefused http://127.0.0.1:9100/metrics | grep -c node_
for _ in $(seq 60); do curl -fsS http://127.0.0.1:9100/metrics >/dev/null; done
kill %1
