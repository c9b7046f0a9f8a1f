#!/bin/bash
# Apache serves files, answers health checks, shows its status, and is reloaded gracefully.
set -eu
echo 'ServerName shop.test' >/etc/apache2/conf-available/name.conf
a2enconf -q name
a2enmod -q status headers
printf 'hello\n' >/var/www/html/index.html
apachectl configtest
apachectl start
curl -fsS --retry 20 --retry-delay 1 --retry-connrefused http://127.0.0.1/ >/dev/null
for _ in $(seq 30); do curl -fsS -o /dev/null http://127.0.0.1/index.html; done
curl -fsS 'http://127.0.0.1/server-status?auto' | grep -q 'Total Accesses'
apachectl graceful
curl -fsS --retry 20 --retry-delay 1 --retry-connrefused http://127.0.0.1/ >/dev/null
ab -q -n 500 -c 5 http://127.0.0.1/ >/dev/null
apachectl stop
