#!/bin/bash
# Times storms of execs and opens by a clock that counts instructions: on the host, in a container that no rule is about
# and in one that rules are about; before anything is enforced, and with what is enforced after the sensor was killed,
# so that nothing else runs meanwhile.
#
#	count.sh POLICY
#
# Prints `before|after PLACE KIND COUNT NANOSECONDS` for each storm, and after long storms in the container that rules are
# about `programs KIND COUNT JSON`, in which the kernel's programs have the numbers and times of their runs so far.
set -eu
readonly DIR=/var/lib/count ROUNDS=3
readonly -A COUNTS=([exec]="300 900" [open]="2000 6000")

start_container() {
	local bundle=$DIR/$1
	mkdir -p "$bundle"/{rootfs,upper,work}
	mount -t overlay overlay -o "lowerdir=$DIR/image,upperdir=$bundle/upper,workdir=$bundle/work" "$bundle/rootfs"
	cat >"$bundle/config.json" <<-CONFIG
		{
			"ociVersion": "1.0.2",
			"process": { "user": { "uid": 0, "gid": 0 }, "args": ["/storm", "idle"], "cwd": "/" },
			"root": { "path": "rootfs" },
			"mounts": [
				{ "destination": "/proc", "type": "proc", "source": "proc" },
				{ "destination": "/dev", "type": "tmpfs", "source": "tmpfs" }
			],
			"linux": {
				"cgroupsPath": "/$1",
				"namespaces": [{ "type": "pid" }, { "type": "mount" }, { "type": "ipc" }, { "type": "network" }]
			}
		}
	CONFIG
	runc run --detach --bundle "$bundle" "$1" >/dev/null 2>&1
}

measure() {
	local round place kind count
	for round in $(seq $ROUNDS); do
		for kind in exec open; do
			for count in ${COUNTS[$kind]}; do
				echo "$1 host $kind $count $(/storm $kind $count 1)"
				for place in bystander guarded; do
					echo "$1 $place $kind $count $(runc exec $place /storm $kind $count 1)"
				done
			done
		done
	done
}

mkdir -p $DIR/image/{proc,dev}
cp /storm /data $DIR/image
start_container bystander
start_container guarded
measure before

mkfifo $DIR/said
yagura sensor --local --no-catalogue --no-scan --instance count --policy "$1" >/dev/null 2>$DIR/said &
sensor=$!
exec 3<$DIR/said
until [ "${line-}" = ready ]; do
	read -r line <&3 || {
		echo "the sensor ended: $line" >&2
		exit 1
	}
	echo "$line" >&2
done
cat <&3 >&2 &
until [[ "$(yagura enforcement list --instance count --output json)" == *guarded*deny* ]]; do
	sleep 0.1
done
kill -KILL $sensor
wait $sensor 2>/dev/null || true
measure after

# The programs' own counters cost something, so they come last.
echo 1 >/proc/sys/kernel/bpf_stats_enabled
for kind in exec open; do
	count=${COUNTS[$kind]#* }
	runc exec guarded /storm $kind $count 1 >/dev/null
	echo "programs $kind $count $(bpftool --json prog show)"
done
