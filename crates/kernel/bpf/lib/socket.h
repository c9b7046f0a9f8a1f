/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Facts about sockets, how often they are told, and the record that tells them. */
#ifndef YAGURA_SOCKET_H
#define YAGURA_SOCKET_H

#include "call.h"

/* include/linux/socket.h */
#define AF_UNSPEC 0
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define AF_NETLINK 16
#define AF_PACKET 17
/* include/linux/net.h */
#define SOCK_STREAM 1
#define SOCK_RAW 3
#define SOCK_TYPE_MASK 0xf
/* include/uapi/linux/un.h UNIX_PATH_MAX */
#define UNIX_PATH_BYTES_MAX 108
/* Bytes of an address's family, ahead of all else in it. */
#define FAMILY_BYTES 2

/* How often the same is told: as often as a window's free events, then each time that the count doubles. Stops a process
 * from filling the rings with one call in a loop; what was not told is in the next event's count.
 */
#define WINDOW_NS 1000000000ULL
/* What calls lead to, remembered for that. */
#define FLOWS_MAX 16384
/* Events of one container in one window, of each class. Stops a container from filling the rings by calls that are all
 * different; what goes beyond is counted as lost.
 */
#define EVENTS_PER_WINDOW 2000
/* In place of the last argument: these are the first bytes that an outbound connection sends. */
#define FIRST_DATA (~0ULL)
/* Buffers of one call that are looked at. */
#define BUFFERS_MAX 4
/* Bytes that the largest payload has; a mask above it. */
#define PAYLOAD_MASK 1023

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct in6_addr___yagura {
	__u8 bytes[ADDRESS_BYTES];
};

struct sock_common {
	unsigned short skc_family;
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	struct in6_addr___yagura skc_v6_daddr;
	struct in6_addr___yagura skc_v6_rcv_saddr;
};

struct socket;

struct sock {
	struct sock_common __sk_common;
	u16 sk_protocol;
	u16 sk_type;
	struct socket *sk_socket;
};

struct socket {
	struct file *file;
	struct sock *sk;
};

struct file___socket {
	struct socket *private_data;
};

struct sockaddr_un {
	char sun_path[UNIX_PATH_BYTES_MAX];
};

struct unix_address {
	int len;
	struct sockaddr_un name[0];
};

struct unix_sock {
	struct unix_address *addr;
	struct sock *peer;
};

/* Known where packet sockets are built in; else their protocol is told by socket(2) only. */
struct packet_sock {
	__be16 num;
};

#pragma clang attribute pop

/* One side of a connection. */
struct side {
	__u8 address[ADDRESS_BYTES] __attribute__((aligned(8)));
	u16 port;
	u16 known;
	u32 reserved;
};

/* What a program does over and over. */
struct flow_key {
	struct program_key program;
	__u8 address[ADDRESS_BYTES] __attribute__((aligned(8))); /* or whatever else tells one apart from the other */
	u16 port;
	u16 call;
	__s32 result;
};

struct flow {
	u64 window_ns;
	u32 count; /* in this window */
	u32 untold;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, FLOWS_MAX);
	__type(key, struct flow_key);
	__type(value, struct flow);
} flows SEC(".maps");

/* What a container has used of a window's events that must not be lost. */
struct socket_budget {
	u64 window_ns;
	u64 spent;
};

/* By container. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, CONTAINERS_MAX);
	__type(key, u64);
	__type(value, struct socket_budget);
} socket_budgets SEC(".maps");

/*
 * What is to be told, handed from the programs to tell_socket(), which is verified once for all of them. What of it is
 * known to the kernel's socket is read there.
 */
struct socket_work {
	struct flow_key key;
	struct side remote; /* instead of the socket's own, if known */
	struct side local;
	u64 sk; /* address of the socket, zero if there is none */
	s64 result;
	u64 count; /* of calls that the event stands for, in place of the last argument */
	u64 name; /* address in the caller's memory, and its bytes */
	u64 name_bytes;
	u64 payload; /* a buffer or a list of buffers, and their bytes or number */
	u64 payload_count;
	u64 payload_bytes; /* of it that are kept */
	__s32 fd;
	u32 is_list;
	u16 call;
	u16 is_server;
	u32 is_volume; /* may be lost */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct socket_work);
} socket_works SEC(".maps");

/* Work on a call of the current thread; NULL never happens. */
static __always_inline struct socket_work *begin_work(struct task_state *state, u16 call, s64 result)
{
	u32 zero = 0;
	struct socket_work *work = bpf_map_lookup_elem(&socket_works, &zero);

	if (!work)
		return NULL;
	__builtin_memset(work, 0, sizeof(*work));
	work->key.program = state->program;
	work->key.call = call;
	work->call = call;
	work->result = result;
	work->fd = -1;
	return work;
}

/* The socket that an open file is, NULL for every other file. */
static __always_inline struct sock *kernel_socket(struct file *file)
{
	struct file___socket *open = (void *)file;

	if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return NULL;
	return BPF_CORE_READ(open, private_data, sk);
}

static __always_inline bool is_inet(u16 family)
{
	return family == AF_INET || family == AF_INET6;
}

static __always_inline bool is_zero(const __u8 *address)
{
	const u64 *halves = (const void *)address;

	return !halves[0] && !halves[1];
}

/* The address of a connected socket's peer. */
static __always_inline void address_of(struct sock *sk, __u8 *address)
{
	if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_INET)
		map_address(address, BPF_CORE_READ(sk, __sk_common.skc_daddr));
	else
		bpf_probe_read_kernel(address, ADDRESS_BYTES,
				      (void *)sk + bpf_core_field_offset(struct sock, __sk_common.skc_v6_daddr));
}

/* The peer of a connected socket. Raw sockets have an address alone. */
static __always_inline void remote_of(struct sock *sk, struct side *side)
{
	u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	side->known = 0;
	if (!is_inet(family))
		return;
	side->port = __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_dport));
	address_of(sk, side->address);
	if (side->port)
		side->known = 1;
	else if (BPF_CORE_READ(sk, sk_type) == SOCK_RAW)
		side->known =
			family == AF_INET ? BPF_CORE_READ(sk, __sk_common.skc_daddr) != 0 : !is_zero(side->address);
}

/* The same of a socket that the verifier knows as one, which costs less. Not for raw sockets. */
static __always_inline void trusted_remote_of(struct sock *sk, struct side *side)
{
	u16 family = sk->__sk_common.skc_family;

	side->known = 0;
	if (!is_inet(family))
		return;
	side->port = __builtin_bswap16(sk->__sk_common.skc_dport);
	if (family == AF_INET)
		map_address(side->address, sk->__sk_common.skc_daddr);
	else
		address_of(sk, side->address);
	side->known = side->port != 0;
}

/* The own side of a bound or connected socket. */
static __always_inline void local_of(struct sock *sk, struct side *side)
{
	u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	side->known = 0;
	if (!is_inet(family) || BPF_CORE_READ(sk, sk_type) == SOCK_RAW)
		return;
	side->port = BPF_CORE_READ(sk, __sk_common.skc_num);
	if (family == AF_INET)
		map_address(side->address, BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr));
	else
		bpf_probe_read_kernel(side->address, sizeof(side->address),
				      (void *)sk + bpf_core_field_offset(struct sock, __sk_common.skc_v6_rcv_saddr));
	side->known = side->port != 0;
}

/* The beginning of a socket address as a process passes it: struct sockaddr_in and sockaddr_in6. */
struct passed_address {
	u16 family;
	__be16 port;
	__be32 v4;
	__u8 v6[ADDRESS_BYTES];
};
/* Bytes of it that an IPv4 address needs. */
#define PASSED_V4_BYTES 8

/* What a process passed as an address: its own word, which another of its threads may have changed meanwhile. */
static __always_inline void passed_side(u64 address, u64 bytes, struct side *side)
{
	struct passed_address passed = {};

	side->known = 0;
	if (!address || bytes < PASSED_V4_BYTES)
		return;
	if (bytes >= sizeof(passed))
		bpf_probe_read_user(&passed, sizeof(passed), (void *)address);
	else
		bpf_probe_read_user(&passed, PASSED_V4_BYTES, (void *)address);
	if (passed.family == AF_INET6 && bytes >= sizeof(passed))
		__builtin_memcpy(side->address, passed.v6, sizeof(passed.v6));
	else if (passed.family == AF_INET)
		map_address(side->address, passed.v4);
	else
		return;
	side->port = __builtin_bswap16(passed.port);
	side->known = 1;
}

/*
 * Counts a call against its flow. Returns how many calls an event would stand for: all since the last one that was told,
 * or zero if this one is not to be told.
 */
static __always_inline u32 count_flow(struct flow_key *key, u32 calls, u32 free)
{
	struct flow *flow = bpf_map_lookup_elem(&flows, key);
	u64 now = bpf_ktime_get_ns();
	u32 before;

	if (!flow) {
		struct flow made = { .window_ns = now, .count = calls };

		bpf_map_update_elem(&flows, key, &made, BPF_ANY);
		return calls;
	}
	if (now - flow->window_ns >= WINDOW_NS) {
		flow->window_ns = now;
		flow->count = 0;
	}
	before = flow->count;
	flow->count = before + calls;
	calls += flow->untold;
	/* Above the free ones: as often as the highest bit changes. */
	if (before >= free && (before ^ flow->count) <= before) {
		flow->untold = calls;
		return 0;
	}
	flow->untold = 0;
	return calls;
}

/* Whether a container may have one more event told that must not be lost. */
static __always_inline bool take_from_socket_budget(u64 container, u64 now)
{
	struct socket_budget *budget = bpf_map_lookup_elem(&socket_budgets, &container);

	if (!budget) {
		struct socket_budget made = { .window_ns = now, .spent = 1 };

		bpf_map_update_elem(&socket_budgets, &container, &made, BPF_NOEXIST);
		return true;
	}
	if (now - budget->window_ns >= WINDOW_NS) {
		budget->window_ns = now;
		budget->spent = 0;
	}
	return budget->spent++ < EVENTS_PER_WINDOW;
}

/* Sends the record of a socket's call: with the programs that begin, and soon, but without waking the reader for each. */
static __always_inline void send_socket_call(struct scratch *scratch, struct call_record *record)
{
	u64 now = bpf_ktime_get_boot_ns();

	if (take_from_socket_budget(record->header.container, now))
		send_with_tail(scratch, &record->header, sizeof(*record), call_urgency(now));
	else
		count_loss(LOSS_CONTAINER_BUDGET);
}

static __always_inline void key_by_side(struct socket_work *work, const struct side *side)
{
	__builtin_memcpy(work->key.address, side->address, sizeof(side->address));
	work->key.port = side->port;
}

/* Unix sockets of one name are one flow: by the kernel's own copy of the name, which all of them share. */
static __always_inline void key_by_name(struct socket_work *work, struct sock *sk)
{
	struct unix_sock *own = (void *)sk;
	struct unix_sock *peer;
	u64 address = 0;

	if (!bpf_core_type_exists(struct unix_sock))
		return;
	peer = (void *)BPF_CORE_READ(own, peer);
	if (peer)
		address = (u64)BPF_CORE_READ(peer, addr);
	if (!address)
		address = (u64)BPF_CORE_READ(own, addr);
	__builtin_memcpy(work->key.address, &address, sizeof(address));
}

/* Appends the name that a Unix socket is bound to or connected to, by the kernel's own copy. */
static __always_inline u32 append_unix_path(struct scratch *scratch, struct sock *sk)
{
	char *to = &scratch->tail[scratch->tail_bytes & TAIL_MASK];
	struct unix_sock *own = (void *)sk;
	struct unix_address *address = NULL;
	struct unix_sock *peer;
	const char *path;
	char first = 0;
	long bytes;

	peer = (void *)BPF_CORE_READ(own, peer);
	if (peer)
		address = BPF_CORE_READ(peer, addr);
	if (!address)
		address = BPF_CORE_READ(own, addr);
	if (!address)
		return 0;
	path = (void *)address + bpf_core_field_offset(struct unix_address, name) + FAMILY_BYTES;
	bpf_probe_read_kernel(&first, sizeof(first), path);
	if (first) {
		bytes = bpf_probe_read_kernel_str(to, UNIX_PATH_BYTES_MAX + 1, path) - 1;
	} else {
		bytes = BPF_CORE_READ(address, len) - FAMILY_BYTES;
		if (bytes > UNIX_PATH_BYTES_MAX)
			bytes = UNIX_PATH_BYTES_MAX;
		if (bytes > 0)
			bpf_probe_read_kernel(to, bytes & 127, path);
	}
	return bytes > 0 ? bytes : 0;
}

/* Appends the name of a Unix socket as the process passed it. */
static __always_inline u32 append_passed_path(struct scratch *scratch, u64 name, u64 name_bytes)
{
	char *to = &scratch->tail[scratch->tail_bytes & TAIL_MASK];
	void *path = (void *)name + FAMILY_BYTES;
	u64 bytes = name_bytes - FAMILY_BYTES;
	char first = 0;
	long read;

	if (!name || name_bytes <= FAMILY_BYTES || bytes > UNIX_PATH_BYTES_MAX)
		return 0;
	/* Keeps the masks below, by which older verifiers see the bound. */
	barrier_var(bytes);
	bpf_probe_read_user(&first, sizeof(first), path);
	if (!first) {
		bpf_probe_read_user(to, bytes & 127, path);
		return bytes;
	}
	read = bpf_probe_read_user_str(to, (bytes & 127) + 1, path) - 1;
	return read > 0 ? read : 0;
}

/* Appends what was sent or received, from the process's memory. Global, so that it is verified once. */
__noinline int append_payload(void)
{
	struct scratch *scratch = get_scratch();
	u32 zero = 0;
	struct socket_work *work = bpf_map_lookup_elem(&socket_works, &zero);
	u64 bytes, left;
	int sum = 0;

	if (!scratch || !work)
		return 0;
	left = work->payload_bytes;
	for (u32 i = 0; i < BUFFERS_MAX; i++) {
		struct {
			u64 base;
			u64 bytes;
		} buffer = { work->payload, work->payload_count };

		if (work->is_list) {
			if (i >= work->payload_count ||
			    bpf_probe_read_user(&buffer, sizeof(buffer), (void *)work->payload + i * sizeof(buffer)))
				break;
		} else if (i) {
			break;
		}
		bytes = buffer.bytes < left ? buffer.bytes : left;
		if (bytes > PAYLOAD_MASK || !bytes)
			continue;
		/* Keeps the mask below, by which older verifiers see the bound. */
		barrier_var(bytes);
		if (bpf_probe_read_user(&scratch->tail[scratch->tail_bytes & TAIL_MASK], bytes & PAYLOAD_MASK,
					(void *)buffer.base))
			break;
		scratch->tail_bytes += bytes;
		left -= bytes;
		sum += bytes;
	}
	return sum;
}

static __always_inline void fill_socket(struct sock *sk, struct socket_work *work, struct socket_record *record)
{
	struct side side = {};

	record->ino = BPF_CORE_READ(sk, sk_socket, file, f_inode, i_ino);
	record->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	record->kind = BPF_CORE_READ(sk, sk_type);
	record->protocol = BPF_CORE_READ(sk, sk_protocol);
	if (record->family == AF_PACKET && bpf_core_field_exists(struct packet_sock, num)) {
		struct packet_sock *packet = (void *)sk;

		record->protocol = __builtin_bswap16(BPF_CORE_READ(packet, num));
	}
	if (work->local.known)
		side = work->local;
	else
		local_of(sk, &side);
	if (side.known) {
		__builtin_memcpy(record->local, side.address, sizeof(side.address));
		record->local_port = side.port;
		record->flags |= SOCKET_LOCAL;
	}
	/* Who was meant comes before who is connected: the socket may be connected no more, or to nobody. */
	if (work->remote.known)
		side = work->remote;
	else
		remote_of(sk, &side);
	if (side.known) {
		__builtin_memcpy(record->remote, side.address, sizeof(side.address));
		record->remote_port = side.port;
		record->flags |= SOCKET_REMOTE;
	}
	if (work->is_server)
		record->flags |= SOCKET_SERVER;
}

/* What socket(2) was asked for: the socket itself does not know all of it. */
static __always_inline void fill_asked(struct call_record *record)
{
	record->socket.family = record->arguments[0];
	record->socket.kind = record->arguments[1] & SOCK_TYPE_MASK;
	record->socket.protocol = record->arguments[2];
	if (record->socket.family == AF_PACKET)
		record->socket.protocol = __builtin_bswap16(record->socket.protocol);
}

/* Begins the record of the work's call, which may have come without a call's end. */
static __always_inline struct call_record *begin_socket_call(struct socket_work *work)
{
	struct call call = {};
	struct call_record *record;

	call.task = bpf_get_current_task_btf();
	call.state = bpf_task_storage_get(&tasks, call.task, NULL, 0);
	if (!call.state)
		return NULL;
	call.number = work->call;
	call.result = work->result;
	syscall_arguments(call.task, (struct pt_regs *)bpf_task_pt_regs(call.task), call.arguments);
	record = begin_call(&call);
	if (!record)
		return NULL;
	record->arguments[CALL_ARGUMENTS - 1] = work->count;
	record->fd = work->fd;
	return record;
}

/* Tells of the work's call. Global, so that it is verified once for all programs. */
__noinline int tell_socket(void)
{
	struct scratch *scratch = get_scratch();
	u32 zero = 0;
	struct socket_work *work = bpf_map_lookup_elem(&socket_works, &zero);
	struct call_record *record;
	struct sock *sk;

	if (!scratch || !work)
		return 0;
	record = begin_socket_call(work);
	if (!record)
		return 0;
	record->flags = CALL_HAS_SOCKET;
	sk = (void *)work->sk;
	if (sk)
		fill_socket(sk, work, &record->socket);
	if (work->call == CALL_SOCKET)
		fill_asked(record);
	if (record->socket.family == AF_UNIX) {
		if (work->name)
			record->unix_path_bytes = append_passed_path(scratch, work->name, work->name_bytes);
		else if (bpf_core_type_exists(struct unix_sock))
			record->unix_path_bytes = append_unix_path(scratch, sk);
		scratch->tail_bytes += record->unix_path_bytes;
	}
	if (work->payload)
		record->data_bytes = append_payload();
	if (work->is_volume)
		send_volume_call();
	else
		send_socket_call(scratch, record);
	return 0;
}

/* Global functions take no pointers of the kernel's, but a map may hold them. */
static __always_inline void tell_of(struct socket_work *work, struct sock *sk)
{
	work->sk = (u64)sk;
	tell_socket();
}

#endif
