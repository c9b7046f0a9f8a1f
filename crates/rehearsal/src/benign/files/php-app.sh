#!/bin/bash
# A PHP application caches compiled templates as PHP files outside its web root and takes uploads of pictures.
set -eu
mkdir -p /srv/php/public/uploads /srv/php/var/cache
chown -R www-data: /srv/php/public/uploads /srv/php/var
setpriv --reuid=www-data --regid=www-data --clear-groups \
	php -d upload_max_filesize=4M -S 127.0.0.1:8000 -t /srv/php/public /srv/php/public/index.php &
curl -fsS --retry 20 --retry-delay 1 --retry-connrefused http://127.0.0.1:8000/ >/dev/null
for page in a b c a b c; do curl -fsS "http://127.0.0.1:8000/page/$page"; done
ls /srv/php/var/cache/*.php >/dev/null
printf '\211PNG\r\n\032\n' >/tmp/picture.png
head -c 50000 /dev/urandom >>/tmp/picture.png
curl -fsS -F picture=@/tmp/picture.png http://127.0.0.1:8000/upload
test -s /srv/php/public/uploads/picture.png
curl -fsS -o /dev/null http://127.0.0.1:8000/uploads/picture.png
php -r 'echo PHP_VERSION, "\n";'
php -l /srv/php/public/index.php
kill %1
