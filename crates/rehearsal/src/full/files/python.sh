#!/bin/bash
# The application above, as a user without rights.
set -eu
setpriv --reuid=www-data --regid=www-data --clear-groups python3 /opt/servers/app.py &
cat >/dev/null
