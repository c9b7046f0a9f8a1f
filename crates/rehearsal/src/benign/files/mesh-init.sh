#!/bin/bash
# An init container sends a pod's traffic through a proxy, as service meshes do it.
set -eu
iptables-save >/dev/null
iptables-restore --noflush <<'RULES'
*nat
:MESH_INBOUND - [0:0]
:MESH_OUTPUT - [0:0]
:MESH_REDIRECT - [0:0]
-A MESH_REDIRECT -p tcp -j REDIRECT --to-ports 15001
-A PREROUTING -p tcp -j MESH_INBOUND
-A MESH_INBOUND -p tcp --dport 22 -j RETURN
-A MESH_INBOUND -p tcp -j REDIRECT --to-ports 15006
-A OUTPUT -p tcp -j MESH_OUTPUT
-A MESH_OUTPUT -m owner --uid-owner 1337 -j RETURN
-A MESH_OUTPUT -d 127.0.0.1/32 -j RETURN
-A MESH_OUTPUT -j MESH_REDIRECT
COMMIT
RULES
iptables -t nat -L -n >/dev/null
iptables -t nat -S
ip addr show dev lo
