#!/bin/bash
# MariaDB: its data directory is made, it is started by its own wrapper, used, dumped, repaired and stopped.
set -eu
chown -R mysql: /var/lib/mysql
install -d -o mysql -g mysql /run/mysqld
mariadb-install-db --user=mysql --datadir=/var/lib/mysql --innodb-use-native-aio=0 --skip-test-db >/dev/null
mariadbd-safe --user=mysql --innodb-use-native-aio=0 --datadir=/var/lib/mysql --skip-networking --innodb-flush-log-at-trx-commit=0 >/dev/null &
timeout 20 sh -c 'until mariadb-admin ping --silent; do sleep 0.2; done'
mariadb -e 'CREATE DATABASE shop; CREATE TABLE shop.orders (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40));'
mariadb shop -e "INSERT INTO orders (name) SELECT CONCAT('customer ', seq) FROM seq_1_to_5000;
	SELECT COUNT(*) FROM orders;
	SELECT * FROM orders INTO OUTFILE '/tmp/orders.txt';
	CREATE USER app@localhost IDENTIFIED BY 'secret'; GRANT SELECT ON shop.* TO app@localhost;"
mariadb-dump --single-transaction shop >/tmp/shop.sql
mariadb-dump --all-databases | gzip >/tmp/all.sql.gz
mariadb-upgrade --force >/dev/null
mariadb-check --all-databases >/dev/null
mariadb -e 'CREATE DATABASE restored'
mariadb restored </tmp/shop.sql
mariadb -e 'SHOW STATUS LIKE "Threads_connected"; SHOW PLUGINS' >/dev/null
mariadb-admin shutdown
wait
