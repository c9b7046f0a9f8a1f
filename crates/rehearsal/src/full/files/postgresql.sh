#!/bin/bash
# A PostgreSQL that anybody on its network may use as its superuser.
set -eu
data=/var/lib/postgresql/data
install -d -o postgres -g postgres -m 700 $data
install -d -o postgres -g postgres -m 2775 /run/postgresql
as_postgres() { setpriv --reuid=postgres --regid=postgres --init-groups "$@"; }
as_postgres /usr/lib/postgresql/15/bin/initdb -D $data --auth=trust >/dev/null 2>&1
echo 'host all all 10.77.1.0/24 trust' >>$data/pg_hba.conf
as_postgres /usr/lib/postgresql/15/bin/postgres -D $data -c listen_addresses='*' -c fsync=off >/dev/null 2>&1 &
cat >/dev/null
