#!/bin/bash
# A debug container: programs and one that already runs are traced with strace and gdb, all of it inside.
set -eu
strace -f -o /tmp/trace sh -c 'ls / >/dev/null; id'
grep -q execve /tmp/trace
sleep 60 &
sleeper=$!
timeout --signal INT 1 strace -o /tmp/attached -p "$sleeper" || true
# One that is asleep already is seen to go on sleeping.
grep -qE 'nanosleep|restart_syscall' /tmp/attached
# Nothing is called in it: the gdb of Debian 12 can't put back the registers of processors that have AMX, and leaves the
# sleeper with half a system call.
gdb -q -batch -p "$sleeper" -ex 'info registers rip' -ex 'x/2i $pc' -ex detach >/tmp/attached-gdb 2>&1
grep -q '^rip' /tmp/attached-gdb
gdb -q -batch -ex 'set breakpoint pending on' -ex 'break write' -ex run -ex bt -ex kill \
	--args /bin/echo hello >/tmp/gdb 2>&1
grep -q Breakpoint /tmp/gdb
kill "$sleeper"
