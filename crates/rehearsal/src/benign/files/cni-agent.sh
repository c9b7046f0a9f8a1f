#!/bin/bash
# An agent of the node's network makes a pod's namespace, connects it, forwards and translates, and takes it away.
set -eu
sysctl -q -w net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0
ip link set lo up
ip link add cni0 type bridge
ip addr add 10.88.0.1/24 dev cni0
ip link set cni0 up
ip netns add pod
ip link add veth0 type veth peer name eth0 netns pod
ip link set veth0 master cni0 up
ip netns exec pod sh -c 'ip addr add 10.88.0.2/24 dev eth0 && ip link set lo up && ip link set eth0 up &&
	ip route add default via 10.88.0.1 && sysctl -q -w net.ipv4.conf.eth0.arp_notify=1'
ip netns exec pod ping -c 1 -W 2 10.88.0.1 >/dev/null
iptables -t nat -A POSTROUTING -s 10.88.0.0/24 ! -d 10.88.0.0/24 -j MASQUERADE
iptables -A FORWARD -i cni0 -j ACCEPT
iptables-save | grep -q MASQUERADE
# A runtime hands its namespaces over as files: one is kept under another name.
touch /run/netns/kept
mount --bind /run/netns/pod /run/netns/kept
nsenter --net=/run/netns/kept ip -o addr show eth0 | grep -q 10.88.0.2
umount /run/netns/kept
iptables -t nat -F
iptables -F
ip netns del pod
ip link del cni0
