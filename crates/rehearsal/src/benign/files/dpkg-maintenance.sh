#!/bin/bash
# The system is set up as image builds do it: packages by hand, locales, time zone, alternatives, library cache.
set -eu
export DEBIAN_FRONTEND=noninteractive
dpkg -i /opt/packages/hello_*.deb
dpkg-reconfigure hello
dpkg --verify hello
dpkg --remove hello
echo 'en_GB.UTF-8 UTF-8' >/etc/locale.gen
locale-gen
update-locale LANG=en_GB.UTF-8
ln -snf /usr/share/zoneinfo/Asia/Tokyo /etc/localtime
dpkg-reconfigure tzdata
update-alternatives --set pager /usr/bin/less
update-alternatives --list pager
mkdir -p /usr/local/lib/own
echo /usr/local/lib/own >/etc/ld.so.conf.d/own.conf
ldconfig
dpkg-divert --add --rename --divert /usr/bin/file.real /usr/bin/file
dpkg-divert --remove --rename /usr/bin/file
dpkg --configure -a
dpkg --audit
