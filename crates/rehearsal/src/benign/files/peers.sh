#!/bin/bash
# The other side of workloads that use a network: resolver, web services on eight addresses, artefacts, a cache.
set -eu
mkdir -p /srv/web/upload /tmp/release/release
head -c 3000000 /dev/urandom >/tmp/release/release/data.bin
tar czf /srv/web/release.tar.gz -C /tmp/release release
(cd /srv/web && sha256sum release.tar.gz >release.sha256)
echo '{"level": "info"}' >/srv/web/settings.json
echo hello >/srv/web/index.html
echo ok >/srv/web/healthz
chown -R www-data: /srv/web/upload
cat >/etc/nginx/sites-enabled/default <<'CONF'
server {
	listen 8081;
	root /srv/web;
	access_log off;
	client_max_body_size 20m;
	location /upload/ { dav_methods PUT; }
	location /ingest { return 200 "taken\n"; }
	location /status { return 200 "taken\n"; }
}
CONF
nginx
redis-server --daemonize yes --bind 0.0.0.0 --protected-mode no --dir /tmp --save '' >/dev/null
exec dnsmasq --keep-in-foreground --no-resolv --no-hosts --user=root --log-facility=- --address=/cache.internal/10.77.0.10 \
	--address=/artefacts.internal/10.77.0.10 --address=/collector.internal/10.77.0.10 \
	--address=/service0.internal/10.77.0.10 --address=/service1.internal/10.77.0.11 \
	--address=/service2.internal/10.77.0.12 --address=/service3.internal/10.77.0.13 \
	--address=/service4.internal/10.77.0.14 --address=/service5.internal/10.77.0.15 \
	--address=/service6.internal/10.77.0.16 --address=/service7.internal/10.77.0.17
