#!/bin/bash
# PostgreSQL as its images start it: root prepares, a user without rights serves; then the work of a day.
set -eu
export PATH=/usr/lib/postgresql/15/bin:$PATH PGDATA=/var/lib/postgresql/data
if [ "$(id -u)" = 0 ]; then
	mkdir -p "$PGDATA" /var/lib/postgresql/archive
	chmod 700 "$PGDATA"
	install -d -o postgres -g postgres -m 2775 /run/postgresql
	find /var/lib/postgresql \! -user postgres -exec chown postgres '{}' +
	exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi
cd /var/lib/postgresql
echo "${POSTGRES_PASSWORD:-secret}" >pwfile
initdb --username=postgres --pwfile=pwfile --auth-host=scram-sha-256 >/dev/null
rm pwfile
cat >>"$PGDATA/postgresql.conf" <<'CONF'
wal_level = replica
archive_mode = on
archive_command = 'test ! -f /var/lib/postgresql/archive/%f && cp %p /var/lib/postgresql/archive/%f'
fsync = off
CONF
pg_ctl --wait --log=server.log start >/dev/null
pg_isready
createdb shop
psql -v ON_ERROR_STOP=1 --quiet shop <<'SQL'
CREATE TABLE orders (id serial PRIMARY KEY, name text, amount numeric);
INSERT INTO orders (name, amount) SELECT 'customer ' || n, n FROM generate_series(1, 20000) n;
CREATE INDEX ON orders (name);
COPY orders TO '/var/lib/postgresql/orders.csv' CSV;
\copy (SELECT sum(amount) FROM orders) TO '/tmp/sum.csv' CSV
CREATE FUNCTION twice(n integer) RETURNS integer LANGUAGE plpgsql AS 'BEGIN RETURN n * 2; END';
SELECT twice(21);
CREATE EXTENSION IF NOT EXISTS pgcrypto;
SELECT pg_switch_wal();
SQL
pg_dump --format=custom shop >shop.dump
pg_dump shop | gzip >shop.sql.gz
pg_dumpall --globals-only >globals.sql
vacuumdb --analyze --quiet shop
reindexdb --quiet shop
createdb restored
pg_restore --dbname=restored shop.dump
pg_basebackup --pgdata=/var/lib/postgresql/base --checkpoint=fast --wal-method=fetch
psql -At shop -c 'SELECT count(*) FROM orders' -c 'SELECT archived_count FROM pg_stat_archiver'
test -n "$(ls archive)"
pg_ctl --wait --mode=fast stop >/dev/null
