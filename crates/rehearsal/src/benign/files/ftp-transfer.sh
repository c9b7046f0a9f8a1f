#!/bin/bash
# Files are brought to an FTP server and fetched from it.
set -eu
sed -i 's/^UseIPv6.*/UseIPv6 off/' /etc/proftpd/proftpd.conf
sed -i '/^Include .*modules.conf/d' /etc/proftpd/proftpd.conf
proftpd
timeout 5 sh -c 'until nc -z 127.0.0.1 21; do sleep 0.1; done'
base=ftp://app:rehearsal@127.0.0.1
for n in 1 2 3 4; do
	head -c 100000 /dev/urandom >"/tmp/file$n"
	curl -fsS --disable-epsv -T "/tmp/file$n" "$base/inbox/file$n" --ftp-create-dirs
done
curl -fsS --disable-epsv "$base/inbox/"
curl -fsS --disable-epsv -o /tmp/back "$base/inbox/file3"
cmp /tmp/file3 /tmp/back
kill "$(cat /run/proftpd.pid)"
