#!/vm/busybox sh
# First program of the virtual machine's disk: mounts what programs expect, runs the command, reports how it ended.
#
# Standard output, standard error and the exit code go through ports of their own: nothing that a program prints can be
# taken for its exit code, or for a message of the kernel.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/vm/applets
export HOME=/root TERM=dumb

readonly OUTPUT=/dev/vport0p1 ERRORS=/dev/vport0p2 STATUS=/dev/vport0p3
# Tenths of a second that what is left of the output may take once the command has ended: a process that it left
# behind may hold the pipes open for ever.
readonly DRAIN_MAX=20

b=/vm/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs devtmpfs /dev
$b mkdir -p /dev/pts /dev/shm
# What the product keeps, if a disk with it is there.
[ ! -e /dev/vdb ] || $b mount -t ext4 /dev/vdb /var/cache/yagura
$b mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
$b mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs /dev/shm
# What the disk has there must not vanish below.
$b mount --bind / /mnt
for dir in tmp run; do
	$b mount -t tmpfs -o mode=1777 tmpfs /$dir
	$b cp -a /mnt/$dir/. /$dir
done
$b umount /mnt
$b mount -t cgroup2 cgroup2 /sys/fs/cgroup
$b mount -t bpf bpf /sys/fs/bpf
$b mount -t tracefs tracefs /sys/kernel/tracing
$b mount -t securityfs securityfs /sys/kernel/security
$b ln -s /proc/self/fd /dev/fd
$b ln -s /proc/self/fd/0 /dev/stdin
$b ln -s /proc/self/fd/1 /dev/stdout
$b ln -s /proc/self/fd/2 /dev/stderr
$b ip link set lo up
$b hostname yagura-vm
$b modprobe -a overlay loop

# A pipe in between, since a port can be opened only once, and programs reopen their standard output.
$b mkdir /run/vm
$b mkfifo /run/vm/output /run/vm/errors
$b cat /run/vm/output >$OUTPUT &
output=$!
$b cat /run/vm/errors >$ERRORS &
errors=$!

/vm/command </dev/null >/run/vm/output 2>/run/vm/errors
code=$?

drained=0
while [ $drained -lt $DRAIN_MAX ] && { kill -0 $output || kill -0 $errors; } 2>/dev/null; do
	$b usleep 100000
	drained=$((drained + 1))
done
echo "exit $code" >$STATUS
$b poweroff -f
