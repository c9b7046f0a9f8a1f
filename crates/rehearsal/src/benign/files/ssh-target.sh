#!/bin/bash
# A host that is administered over ssh: keys only, for root and for app. The key comes with the peers' volume.
set -eu
mkdir -p /run/sshd /root/.ssh /home/app/.ssh /var/log/shop
for home in /root /home/app; do
	cp /data/id_ed25519.pub "$home/.ssh/authorized_keys"
	chmod 700 "$home/.ssh"
	chmod 600 "$home/.ssh/authorized_keys"
done
chown -R app: /home/app/.ssh
seq 500 >/var/log/shop/app.log
exec /usr/sbin/sshd -D -e
