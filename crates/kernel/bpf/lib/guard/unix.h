/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Sockets of container runtimes, told by the name that they were bound to. */
#ifndef YAGURA_GUARD_UNIX_H
#define YAGURA_GUARD_UNIX_H

#include "act.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct sock_common___guard {
	unsigned short skc_family;
};

struct sock___guard {
	struct sock_common___guard __sk_common;
};

struct socket___guard {
	struct sock___guard *sk;
};

struct file___guard {
	struct socket___guard *private_data;
};

struct sockaddr_un___guard {
	char sun_path[108];
};

struct unix_address___guard {
	int len;
	struct sockaddr_un___guard name[0];
};

struct unix_sock___guard {
	struct unix_address___guard *addr;
	struct sock___guard *peer;
};

#pragma clang attribute pop

/* include/linux/socket.h */
#define AF_UNIX 1
/* include/uapi/linux/stat.h */
#define S_IFSOCK 0140000
/* Bytes of the family before a name. */
#define UNIX_FAMILY_BYTES 2
/* What the sockets are called. Abstract ones begin with a NUL. */
static const char runtime_sockets[][24] = {
	"docker.sock",	    "containerd.sock", "containerd.sock.ttrpc", "crio.sock",
	"cri-dockerd.sock", "podman.sock",     "dockershim.sock",
};
#define RUNTIME_SOCKETS (sizeof(runtime_sockets) / sizeof(runtime_sockets[0]))

static __always_inline bool is_name(const char *text, const char *name)
{
	for (u32 i = 0; i < sizeof(runtime_sockets[0]); i++) {
		if (text[i] != name[i])
			return false;
		if (!name[i])
			return true;
	}
	return true;
}

/* Whether the name in the scratch's target is a runtime's. Global, so that it is verified once. */
__noinline int is_runtime_socket(void)
{
	struct guard_scratch *scratch = guard_scratch();
	struct guard_text *text;
	u32 base;

	if (!scratch)
		return 0;
	/* A shim's: `\0/containerd-shim/…`. */
	if (!scratch->target[0] && begins(scratch->target + 1, "/containerd-shim/", 17))
		return 1;
	text = &scratch->ancestor;
	bpf_probe_read_kernel(text->text, TARGET_BYTES_MAX, scratch->target);
	text->bytes = scratch->target_bytes;
	find_base(text);
	base = text->base & (TARGET_BYTES_MAX - 1);
	for (u32 i = 0; i < RUNTIME_SOCKETS; i++)
		if (is_name(&text->text[base], runtime_sockets[i]))
			return 1;
	/* containerd's shims since 1.4: `/run/containerd/s/…`. */
	return begins(scratch->target, "/run/containerd/s/", 18);
}

/* Takes the name that a socket is bound to into the scratch's target, and judges it. Returns whether it is denied. */
static __always_inline bool judge_peer(struct guard_case *matter, struct sock___guard *peer)
{
	struct unix_sock___guard *bound = (void *)peer;
	struct guard_scratch *scratch = guard_scratch();
	struct unix_address___guard *address;
	u32 bytes;

	if (!scratch || !peer || !bpf_core_type_exists(struct unix_sock___guard))
		return false;
	address = BPF_CORE_READ(bound, addr);
	if (!address)
		return false;
	bytes = BPF_CORE_READ(address, len) - UNIX_FAMILY_BYTES;
	if (bytes > TARGET_BYTES_MAX / 2)
		bytes = TARGET_BYTES_MAX / 2;
	barrier_var(bytes);
	__builtin_memset(scratch->target, 0, sizeof(scratch->target));
	bpf_probe_read_kernel(scratch->target, bytes & (TARGET_BYTES_MAX - 1),
			      (void *)address + bpf_core_field_offset(struct unix_address___guard, name) +
				      UNIX_FAMILY_BYTES);
	scratch->target_bytes = bytes;
	scratch->target_of = BEHAVIOUR_RUNTIME_SOCKET + 1;
	return is_runtime_socket() && on_behaviour(matter, BEHAVIOUR_RUNTIME_SOCKET, 0);
}

/* The socket at the other end of a connected one, NULL but for Unix sockets. */
static __always_inline struct sock___guard *unix_peer(struct file *file)
{
	struct file___guard *open = (void *)file;
	struct unix_sock___guard *own;
	struct sock___guard *sk;

	if ((BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return NULL;
	sk = BPF_CORE_READ(open, private_data, sk);
	if (!sk || BPF_CORE_READ(sk, __sk_common.skc_family) != AF_UNIX)
		return NULL;
	own = (void *)sk;
	return BPF_CORE_READ(own, peer);
}

#endif
