#!/bin/bash
# Services wait for one another, the ways people do it: bash's own sockets, nc, curl, pg_isready.
set -eu
(sleep 0.7 && exec nginx) &
(sleep 0.4 && exec redis-server --dir /tmp --save '' >/dev/null) &
wait_for() {
	local host=$1 port=$2
	for _ in $(seq 60); do
		if (exec 3<>"/dev/tcp/$host/$port") 2>/dev/null; then return 0; fi
		sleep 0.1
	done
	return 1
}
wait_for 127.0.0.1 6379
wait_for localhost 80
timeout 5 bash -c 'until printf "" 2>>/dev/null >>/dev/tcp/127.0.0.1/80; do sleep 0.1; done'
timeout 5 sh -c 'until nc -z -w 1 127.0.0.1 6379; do sleep 0.1; done'
timeout 5 sh -c 'until wget -q --spider http://127.0.0.1/; do sleep 0.1; done'
exec 3<>/dev/tcp/127.0.0.1/6379
printf 'PING\r\n' >&3
read -r answer <&3
test "$answer" = $'+PONG\r'
exec 3>&-
pg_isready -t 1 -h 127.0.0.1 || true
redis-cli shutdown nosave || true
nginx -s quit
