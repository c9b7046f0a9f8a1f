#!/bin/bash
# Names of services are looked up again and again through the cluster's resolver.
set -eu
for n in $(seq 40); do
	getent hosts "service$((n % 8)).internal" >/dev/null
done
for type in A AAAA SRV TXT MX; do host -t $type service1.internal >/dev/null || true; done
host -t A no-such-name.internal >/dev/null || true
python3 - <<'PY'
import socket
for n in range(60):
    socket.getaddrinfo(f"service{n % 8}.internal", 8081, proto=socket.IPPROTO_TCP)
PY
curl -fsS http://service1.internal:8081/
