#!/bin/bash
# A user without rights runs a container of their own, as rootless engines do: user, mount and other namespaces.
set -eu
runuser -u app -- unshare --user --map-root-user --mount --uts --ipc sh -eu -c '
	mount -t tmpfs rootless /mnt
	mkdir /mnt/usr /mnt/tmp
	mount --rbind /usr /mnt/usr
	mount -t tmpfs rootless /mnt/tmp
	for dir in bin sbin lib lib64; do test ! -e /usr/$dir || ln -s usr/$dir /mnt/$dir; done
	hostname inner
	test "$(chroot /mnt /bin/id -u)" = 0
	chroot /mnt /bin/sh -c "echo inside > /tmp/file && cat /tmp/file && hostname"
'
