#!/bin/bash
# Very many short connections to one backend, and some that are kept.
set -eu
ab -q -n 1500 -c 8 http://service1.internal:8081/ >/dev/null
ab -q -k -n 3000 -c 8 http://service1.internal:8081/ >/dev/null
seq 120 | xargs -P 4 -I{} curl -fsS -o /dev/null 'http://service1.internal:8081/?n={}'
for _ in $(seq 40); do curl -fsS -o /dev/null https://service1.internal:8081/ 2>/dev/null || true; done
