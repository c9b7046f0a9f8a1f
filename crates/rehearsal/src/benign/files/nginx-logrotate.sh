#!/bin/bash
# A web server is started, asked, reloaded, and its logs are rotated as Debian does it.
set -eu
mkdir -p /var/www/shop/assets /run/nginx
printf '<h1>shop</h1>\n' >/var/www/shop/index.html
head -c 200000 /dev/urandom >/var/www/shop/assets/picture.jpg
cat >/etc/nginx/conf.d/shop.conf <<'CONF'
server {
	listen 8080;
	root /var/www/shop;
	access_log /var/log/nginx/shop.log;
	location /healthz { return 200 "ok\n"; }
	location /status { stub_status; }
}
CONF
nginx -t
nginx
for _ in $(seq 50); do
	curl -fsS http://127.0.0.1:8080/ >/dev/null
	curl -fsS -o /dev/null http://127.0.0.1:8080/assets/picture.jpg
done
curl -fsS http://127.0.0.1:8080/healthz http://127.0.0.1:8080/status
curl -s http://127.0.0.1:8080/missing >/dev/null
sed -i 's/8080/8081/' /etc/nginx/conf.d/shop.conf
nginx -s reload
curl -fsS --retry 20 --retry-delay 1 --retry-connrefused http://127.0.0.1:8081/healthz
cat >/etc/logrotate.d/shop <<'CONF'
/var/log/nginx/shop.log {
	rotate 3
	compress
	missingok
	create 0640 www-data adm
	sharedscripts
	postrotate
		if [ -f /run/nginx.pid ]; then kill -USR1 "$(cat /run/nginx.pid)"; fi
	endscript
}
CONF
chmod 644 /etc/logrotate.d/shop
logrotate --force /etc/logrotate.d/shop
test -s /var/log/nginx/shop.log.1.gz
nginx -s quit
