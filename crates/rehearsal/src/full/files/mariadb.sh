#!/bin/bash
# A MariaDB whose administrator is anybody, and which may write to its own plugin folder.
set -eu
chown -R mysql: /var/lib/mysql /usr/lib/mysql/plugin
install -d -o mysql -g mysql /run/mysqld
mariadb-install-db --user=mysql --datadir=/var/lib/mysql --innodb-use-native-aio=0 --skip-test-db >/dev/null
printf "CREATE USER dba@'%%' IDENTIFIED BY 'secret';\nGRANT ALL PRIVILEGES ON *.* TO dba@'%%';\n" >/tmp/users.sql
chmod 644 /tmp/users.sql
mariadbd --user=mysql --innodb-use-native-aio=0 --bind-address=0.0.0.0 --skip-name-resolve --init-file=/tmp/users.sql \
	--innodb-flush-log-at-trx-commit=0 --plugin-dir=/usr/lib/mysql/plugin >/dev/null 2>&1 &
cat >/dev/null
