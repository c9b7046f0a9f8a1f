/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What is remembered of sockets from one call to the next. */
#ifndef YAGURA_CONNECTION_H
#define YAGURA_CONNECTION_H

#include "socket.h"

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

#endif
