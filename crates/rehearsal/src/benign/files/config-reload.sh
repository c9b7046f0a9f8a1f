#!/bin/bash
# A sidecar sees a changed configuration by its checksum and tells the server to read it again.
set -eu
mkdir -p /config/..one /config/..two
echo 'server { listen 8080; location / { return 200 "one\n"; } }' >/config/..one/shop.conf
echo 'server { listen 8080; location / { return 200 "two\n"; } }' >/config/..two/shop.conf
ln -s ..one /config/..data
ln -s /config/..data/shop.conf /etc/nginx/conf.d/shop.conf
nginx
watcher() {
	last=$(sha256sum </config/..data/shop.conf)
	for _ in $(seq 40); do
		now=$(sha256sum </config/..data/shop.conf)
		if [ "$now" != "$last" ]; then
			nginx -t -q && kill -HUP "$(cat /run/nginx.pid)"
			last=$now
		fi
		sleep 0.1
	done
}
watcher &
curl -fsS http://127.0.0.1:8080/
sleep 0.5
ln -sfn ..two /config/..new && mv -T /config/..new /config/..data
timeout 5 sh -c 'until [ "$(curl -fsS http://127.0.0.1:8080/)" = two ]; do sleep 0.1; done'
wait
kill "$(cat /run/nginx.pid)"
