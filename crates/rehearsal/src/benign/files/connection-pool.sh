#!/bin/bash
# An application keeps a pool of connections to its cache and opens new ones as they age.
set -eu
python3 - <<'PY'
import socket, threading

def worker(number):
    for turn in range(12):
        with socket.create_connection(("cache.internal", 6379), timeout=5) as connection:
            for key in range(20):
                connection.sendall(b"INCR pool:%d\r\n" % key)
                assert connection.recv(100).startswith(b":")

threads = [threading.Thread(target=worker, args=(n,)) for n in range(10)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
PY
redis-cli -h cache.internal get pool:0
redis-benchmark -q -h cache.internal -n 3000 -c 20 -t incr >/dev/null
