#!/bin/bash
# Commands that hold whole scripts in an argument or on standard input, as schedulers and pipelines start them.
set -eu
printf 'set -eu\nfor n in 1 2 3; do echo "step $n"; done\n' >/tmp/steps.sh
bash -c "$(cat /tmp/steps.sh)"
sh -s <<'SH'
echo "from standard input"
SH
cat /tmp/steps.sh | bash
bash -lc 'echo $0 $-; type cd'
env -i PATH="$PATH" sh -c 'env | sort'
python3 -c 'import base64; exec(compile("print(21 * 2)", "step", "exec"))'
echo 'print(sum(range(10)))' | python3 -
python3 -c 'import ctypes; f = ctypes.CFUNCTYPE(ctypes.c_int)(lambda: 7); print(f())'
python3 -c 'import multiprocessing as m; print(m.Pool(2).map(abs, [-1, -2]))'
perl -e 'print join(",", map { $_ * 2 } 1 .. 3), "\n"'
node -e 'console.log([1, 2, 3].reduce((a, b) => a + b))'
php -r 'echo json_encode(["a" => 1]), "\n";'
echo '{"a": [1, 2]}' | base64 | base64 -d | jq -c .a
timeout 5 nice -n 10 ionice -c 3 nohup sh -c 'echo quiet' >/dev/null 2>&1
flock /tmp/lock sh -c 'echo locked'
xargs -I{} sh -c 'echo item {}' <<<$'a\nb'
su app -s /bin/sh -c 'whoami'
sudo -u app id -un
setsid -w sh -c 'exit 0'
