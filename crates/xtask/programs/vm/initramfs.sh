#!/bin/sh
# First program of the virtual machine: brings the disk up, puts the command there and hands over to it.
# `modules/order` names what the kernel needs for that, in the order in which it goes in.
b=/bin/busybox
$b mount -t devtmpfs devtmpfs /dev
while read -r module; do
	$b insmod "/modules/$module" || echo "initramfs: $module did not load"
done </modules/order
$b mount -t ext4 /dev/vda /root || {
	echo "initramfs: no disk"
	$b poweroff -f
}
$b umount /dev
$b cp /command /root/vm/command
exec $b switch_root /root /vm/start
