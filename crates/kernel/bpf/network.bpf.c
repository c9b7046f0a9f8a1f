// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Programs that cut a container off the network: they stand on its cgroup and let no packet of its sockets through, in either
 * direction, those of connections that stood before among them. There is a pair for containers with a network of their
 * own, whose loopback leads nowhere else, and a pair for those that share the host's.
 *
 * They decide by nothing but the packet's device, so that there is no row that could be missing: once attached, they hold.
 */
#include "kernel_types.h"
#include <bpf/bpf_helpers.h>

/* include/uapi/linux/bpf.h, its beginning; read as the verifier knows it, not relocated. */
struct __sk_buff {
	__u32 len;
	__u32 pkt_type;
	__u32 mark;
	__u32 queue_mapping;
	__u32 protocol;
	__u32 vlan_present;
	__u32 vlan_tci;
	__u32 vlan_proto;
	__u32 priority;
	__u32 ingress_ifindex;
	__u32 ifindex;
};

/* What a program of this kind returns. */
#define PACKET_DROP 0
#define PACKET_PASS 1
/* include/net/net_namespace.h: every network's loopback has this number. */
#define LOOPBACK_IFINDEX 1

/* Packets that were let through to nobody, for a person to see that it holds. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} refused_packets SEC(".maps");

static __always_inline int refuse(void)
{
	u32 key = 0;
	u64 *count = bpf_map_lookup_elem(&refused_packets, &key);

	/* There is always one. */
	if (count)
		__sync_fetch_and_add(count, 1);
	return PACKET_DROP;
}

static __always_inline int pass_loopback(struct __sk_buff *packet)
{
	return packet->ifindex == LOOPBACK_IFINDEX ? PACKET_PASS : refuse();
}

SEC("cgroup_skb/egress")
int cut_egress(struct __sk_buff *packet)
{
	return pass_loopback(packet);
}

SEC("cgroup_skb/ingress")
int cut_ingress(struct __sk_buff *packet)
{
	return pass_loopback(packet);
}

SEC("cgroup_skb/egress")
int cut_all_egress(struct __sk_buff *packet)
{
	return refuse();
}

SEC("cgroup_skb/ingress")
int cut_all_ingress(struct __sk_buff *packet)
{
	return refuse();
}

SEC("license")
char LICENSE[] = "Dual BSD/GPL";
