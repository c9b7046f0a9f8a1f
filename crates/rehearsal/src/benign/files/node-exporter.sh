#!/bin/bash
# Figures of the node itself are read: every process of the host, its disks, networks and cgroups.
set -eu
for _ in $(seq 5); do
	cat /host/proc/{stat,meminfo,loadavg,uptime,mounts,diskstats,version,cpuinfo,1/mountinfo} >/dev/null
	cat /host/proc/net/dev /host/proc/sys/kernel/{hostname,threads-max,core_pattern} >/dev/null
	ls -l /host/sys/class/net /host/sys/block >/dev/null
	cat /host/sys/class/net/*/statistics/rx_bytes >/dev/null
	# Processes and cgroups come and go meanwhile.
	find /host/sys/fs/cgroup -maxdepth 2 -name cgroup.procs -exec cat {} + >/dev/null 2>&1 || true
	for process in /host/proc/[0-9]*; do
		cat "$process/stat" "$process/status" "$process/cmdline" "$process/limits" >/dev/null 2>&1 || true
	done
done
test "$(ps -e | wc -l)" -gt 5
