#!/bin/bash
# The cron daemon runs a backup, log rotation and a database check by itself at the next full minute.
set -eu
mkdir -p /backup /var/log/shop
echo line >/var/log/shop/app.log
printf '/var/log/shop/*.log {\n\trotate 2\n\tcompress\n\tcopytruncate\n}\n' >/etc/logrotate.d/shop
cat >/etc/cron.d/shop <<'CRON'
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
* * * * * root /opt/workloads/backup.sh && touch /backup/done
* * * * * root test -x /usr/sbin/logrotate && /usr/sbin/logrotate --force /etc/logrotate.d/shop
* * * * * app [ -d /var/log/shop ] && df -k / >/tmp/disk.txt 2>&1
* * * * * root cd / && run-parts --report /etc/cron.hourly
CRON
chmod 644 /etc/cron.d/shop
printf '#!/bin/sh\nfind /tmp -type f -mtime +7 -delete\n' >/etc/cron.hourly/tidy
chmod 755 /etc/cron.hourly/tidy
echo '30 3 * * * /opt/workloads/backup.sh' | crontab -u app -
crontab -u app -l
cron
timeout 68 sh -c 'until [ -e /backup/done ] && [ -s /tmp/disk.txt ]; do sleep 0.5; done'
ls /backup/*.tar.gz
