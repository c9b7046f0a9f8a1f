#!/bin/bash
# Packages are installed, upgraded and removed, maintainer scripts and a new system user included.
set -eu
export DEBIAN_FRONTEND=noninteractive
rm -f /etc/apt/sources.list.d/*
echo 'deb [trusted=yes] file:/opt/packages ./' >/etc/apt/sources.list
apt-get -q update
apt-cache policy hello
apt-get -q -y --no-install-recommends install hello tree memcached
getent passwd memcache
hello
tree -L 1 /opt
dpkg -L memcached >/dev/null
apt-get -q -y install --reinstall hello
apt-get -q -y upgrade
apt-get -q -y purge memcached tree
apt-get -q -y autoremove
apt-get clean
rm -rf /var/lib/apt/lists/*
