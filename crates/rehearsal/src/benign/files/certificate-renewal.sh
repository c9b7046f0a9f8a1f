#!/bin/bash
# Certificates are made, installed, served, checked and renewed.
set -eu
cd /etc/ssl
openssl req -x509 -newkey rsa:2048 -nodes -keyout private/shop.key -out certs/shop.pem -days 30 \
	-subj /CN=shop.test -addext subjectAltName=DNS:shop.test 2>/dev/null
chmod 600 private/shop.key
openssl req -new -key private/shop.key -subj /CN=shop.test -out /tmp/shop.csr
openssl x509 -in certs/shop.pem -noout -enddate -checkend 86400
cp certs/shop.pem /usr/local/share/ca-certificates/shop.crt
update-ca-certificates
cat >/etc/nginx/conf.d/tls.conf <<'CONF'
server {
	listen 8443 ssl;
	server_name shop.test;
	ssl_certificate /etc/ssl/certs/shop.pem;
	ssl_certificate_key /etc/ssl/private/shop.key;
	location / { return 200 "secure\n"; }
}
CONF
nginx
echo '127.0.0.1 shop.test' >>/etc/hosts
curl -fsS https://shop.test:8443/
openssl s_client -connect shop.test:8443 -servername shop.test -verify_return_error </dev/null 2>/dev/null |
	openssl x509 -noout -fingerprint -sha256
openssl req -x509 -newkey rsa:2048 -nodes -keyout private/new.key -out certs/new.pem -days 90 \
	-subj /CN=shop.test -addext subjectAltName=DNS:shop.test 2>/dev/null
mv private/new.key private/shop.key
mv certs/new.pem certs/shop.pem
nginx -s reload
openssl dgst -sha256 certs/shop.pem
nginx -s quit
