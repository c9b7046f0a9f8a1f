#!/bin/bash
# Redis: writes, snapshots, the append-only log, a replica, and a configuration rewritten by itself.
set -eu
mkdir -p /data/main /data/replica
cp /etc/redis/redis.conf /data/main/redis.conf
sed -i 's#^dir .*#dir /data/main#; s#^daemonize .*#daemonize no#; s#^logfile .*#logfile ""#' /data/main/redis.conf
redis-server /data/main/redis.conf --port 6379 --bind 127.0.0.1 >/dev/null &
redis-server --dir /data/replica --port 6380 --replicaof 127.0.0.1 6379 --save '' >/dev/null &
timeout 10 bash -c 'until [ "$(redis-cli ping 2>/dev/null)" = PONG ]; do sleep 0.1; done'
for n in $(seq 200); do redis-cli set "key:$n" "$n" >/dev/null; done
redis-benchmark -q -n 5000 -t set,get >/dev/null
redis-cli config set appendonly yes
redis-cli config rewrite
redis-cli bgsave
redis-cli --rdb /tmp/backup.rdb >/dev/null
timeout 10 bash -c 'until [ "$(redis-cli -p 6380 get key:200)" = 200 ]; do sleep 0.1; done'
redis-cli info persistence | grep rdb_last_bgsave_status
redis-cli -p 6380 shutdown nosave || true
redis-cli shutdown
wait
