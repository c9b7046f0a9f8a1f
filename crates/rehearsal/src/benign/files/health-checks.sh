#!/bin/bash
# What the checks of the next script ask: a web server, a cache and a database, started by their container.
set -eu
nginx
redis-server --daemonize yes --dir /tmp --save '' >/dev/null
install -d -o postgres -g postgres /var/lib/postgresql/data /run/postgresql
setpriv --reuid=postgres --regid=postgres --init-groups sh -c '
	/usr/lib/postgresql/15/bin/initdb -D /var/lib/postgresql/data --auth=trust >/dev/null
	exec /usr/lib/postgresql/15/bin/postgres -D /var/lib/postgresql/data -c fsync=off' >/dev/null 2>&1 &
echo ready >/tmp/ready
# Until the container is taken away, as its first process waits for.
cat
