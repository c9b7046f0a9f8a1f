/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What is remembered of sockets from one call to the next. */
#ifndef YAGURA_CONNECTION_H
#define YAGURA_CONNECTION_H

#include "socket.h"

/* Sockets remembered on kernels where they cannot be remembered with the socket itself. */
#define OLD_SOCKETS_MAX 16384

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* Linux 6.3 and later: all that a socket sends and receives passes one place, whatever the system call. */
struct trace_event_raw_sock_msg_length {
	int ret;
};

#pragma clang attribute pop

#define HAS_SEND_TRACEPOINT bpf_core_type_exists(struct trace_event_raw_sock_msg_length)

/* Ports of name servers: of the network, and of multicast. */
#define PORT_NAMES 53
#define PORT_MULTICAST_NAMES 5353

struct socket_memory {
	struct side server; /* the name server that was asked last */
	u32 is_outbound; /* began a connection, rather than took one */
	u32 sends; /* that were told of */
	u32 bytes; /* of them */
	u32 reserved;
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct socket_memory);
} socket_memories SEC(".maps");

/* The same by the socket's address, where sends are seen at the end of calls alone. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, OLD_SOCKETS_MAX);
	__type(key, u64);
	__type(value, struct socket_memory);
} old_socket_memories SEC(".maps");

/* The connection that a thread's connect(2) has begun. */
struct connecting {
	u64 sk;
	u64 count; /* of connections that its event stands for, zero if it has none */
	struct side remote;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct connecting);
} connections SEC(".maps");

static __always_inline bool is_names_port(u16 port)
{
	return port == PORT_NAMES || port == PORT_MULTICAST_NAMES;
}

/* A connection begins: its first data is to be told, unless the connection itself is not. */
static __always_inline void remember_connection(struct sock *sk, bool is_told, const struct side *remote)
{
	struct socket_memory made = { .is_outbound = is_told };
	struct socket_memory *memory;
	u64 key = (u64)sk;

	if (is_names_port(remote->port))
		made.server = *remote;
	if (!HAS_SEND_TRACEPOINT) {
		bpf_map_update_elem(&old_socket_memories, &key, &made, BPF_ANY);
		return;
	}
	memory = bpf_sk_storage_get(&socket_memories, sk, NULL, is_told ? BPF_LOCAL_STORAGE_GET_F_CREATE : 0);
	if (memory)
		*memory = made;
}

/* Another socket may come to stand at the same address. */
static __always_inline void forget_connection(struct sock *sk)
{
	u64 key = (u64)sk;

	if (!HAS_SEND_TRACEPOINT)
		bpf_map_delete_elem(&old_socket_memories, &key);
}

#endif
