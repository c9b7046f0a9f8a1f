#!/bin/bash
# Eight services of one application on addresses of their own, each asked for its health several times.
set -eu
for _ in 1 2 3; do
	for n in 0 1 2 3 4 5 6 7; do
		curl -fsS -o /dev/null "http://service$n.internal:8081/healthz"
	done
done
for n in 0 1 2 3 4 5 6 7; do
	nc -z -w 2 "service$n.internal" 8081
done
