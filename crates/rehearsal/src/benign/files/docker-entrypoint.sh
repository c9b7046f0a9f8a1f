#!/bin/bash
# An entry point as images of databases and applications have it: rights, secrets, settings, hooks, then the program.
set -eu
file_env() {
	local name=$1 file="${1}_FILE"
	if [ -n "${!file:-}" ]; then export "$name"="$(<"${!file}")"; fi
	unset "$file"
}
if [ "${1#-}" != "$1" ]; then set -- redis-server "$@"; fi
umask 0022
mkdir -p /srv/data /docker-entrypoint.d
if [ "$(id -u)" = 0 ]; then
	groupmod -o -g "${PGID:-1001}" app
	usermod -o -u "${PUID:-1001}" app
	find /srv/data \! -user app -exec chown app '{}' +
	chown -R app:app /srv/data
	chmod 700 /srv/data
	printf '#!/bin/sh\nsed "s/@PORT@/$PORT/" /srv/data/app.template >/srv/data/app.conf\n' >/docker-entrypoint.d/10-settings.sh
	chmod +x /docker-entrypoint.d/10-settings.sh
	printf 'c2VjcmV0LXRva2VuCg==' | base64 -d >/srv/data/token
	printf 'port = @PORT@\n' >/srv/data/app.template
	export PORT="${PORT:-6379}" TOKEN_FILE=/srv/data/token
	file_env TOKEN
	for hook in /docker-entrypoint.d/*.sh; do
		[ -x "$hook" ] && "$hook"
	done
	if ! getent hosts "$(hostname)" >/dev/null; then echo "127.0.0.1 $(hostname)" >>/etc/hosts; fi
	ulimit -c 0
	exec setpriv --reuid=app --regid=app --init-groups -- "$0" "$@"
fi
cd /srv/data
"$@" --daemonize yes --dir /srv/data --port "$PORT" >/dev/null
timeout 5 bash -c "until (echo >/dev/tcp/127.0.0.1/$PORT) 2>/dev/null; do sleep 0.1; done"
redis-cli -p "$PORT" shutdown nosave || true
