# To be sourced: serves /tmp/stub on port 8000, with a script in it that only looks around.
mkdir -p /tmp/stub
printf 'id\nuname -a\necho ran >/tmp/ran\n' >/tmp/stub/i.sh
(cd /tmp/stub && exec python3 -m http.server 8000 >/dev/null 2>&1) &
trap "kill $!" EXIT
timeout 5 sh -c 'until nc -z 127.0.0.1 8000; do sleep 0.1; done'
