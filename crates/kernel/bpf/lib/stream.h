/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What a descriptor leads to. */
#ifndef YAGURA_STREAM_H
#define YAGURA_STREAM_H

#include "file.h"

/* include/uapi/linux/stat.h */
#define S_IFIFO 0010000
#define S_IFCHR 0020000
#define S_IFSOCK 0140000
/* include/uapi/linux/major.h: terminals, /dev/tty and /dev/console, the slaves of pseudo terminals. */
#define TTY_MAJOR 4
#define TTYAUX_MAJOR 5
#define UNIX98_PTY_SLAVE_MAJOR 136
#define UNIX98_PTY_MAJOR_COUNT 8
/* include/linux/socket.h */
#define STREAM_AF_INET 2
#define STREAM_AF_INET6 10

/* Local names, as what else there is to sockets stands elsewhere. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct in6_addr___stream {
	__u8 bytes[ADDRESS_BYTES];
};

struct sock_common___stream {
	unsigned short skc_family;
	__be32 skc_daddr;
	__be16 skc_dport;
	struct in6_addr___stream skc_v6_daddr;
};

struct sock___stream {
	struct sock_common___stream __sk_common;
};

struct socket___stream {
	struct sock___stream *sk;
};

struct file___stream {
	void *private_data;
};

#pragma clang attribute pop

/* A device number as user space knows it: include/linux/kdev_t.h new_encode_dev. */
static __always_inline u32 user_device(u32 major, u32 minor)
{
	return (minor & 0xff) | (major << 8) | ((minor & ~0xffU) << 12);
}

static __always_inline bool is_terminal(u32 major)
{
	return major == TTY_MAJOR || major == TTYAUX_MAJOR ||
	       (major >= UNIX98_PTY_SLAVE_MAJOR && major < UNIX98_PTY_SLAVE_MAJOR + UNIX98_PTY_MAJOR_COUNT);
}

/* An IPv4 address as IPv6 writes it. */
static __always_inline void map_address(__u8 *to, __be32 address)
{
	__builtin_memset(to, 0, 10);
	to[10] = 0xff;
	to[11] = 0xff;
	__builtin_memcpy(to + 12, &address, sizeof(address));
}

/* The kernel's socket of an open file that is one, NULL if it is none. */
static __always_inline struct sock___stream *sock_of(struct file *file)
{
	struct file___stream *open = (void *)file;
	struct socket___stream *socket = BPF_CORE_READ(open, private_data);

	return socket ? BPF_CORE_READ(socket, sk) : NULL;
}

/* Reads the peer's address and port; false if there is none. */
static __always_inline bool read_peer(struct sock___stream *sk, __u8 *address, __u16 *port)
{
	u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	*port = __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_dport));
	if (!*port)
		return false;
	if (family == STREAM_AF_INET)
		map_address(address, BPF_CORE_READ(sk, __sk_common.skc_daddr));
	else if (family == STREAM_AF_INET6)
		bpf_probe_read_kernel(address, ADDRESS_BYTES,
				      (void *)sk +
					      bpf_core_field_offset(struct sock___stream, __sk_common.skc_v6_daddr));
	else
		return false;
	return true;
}

static __always_inline bool is_internet(struct sock___stream *sk)
{
	u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	return family == STREAM_AF_INET || family == STREAM_AF_INET6;
}

static __always_inline void fill_stream_peer(struct file *file, struct stream_record *record)
{
	struct sock___stream *sk = sock_of(file);

	/* Other families keep something else where the addresses stand. */
	if (sk && is_internet(sk))
		record->has_remote = read_peer(sk, record->remote, &record->remote_port);
}

static __always_inline void fill_stream(struct file *file, struct stream_record *record)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	u16 type = BPF_CORE_READ(inode, i_mode) & S_IFMT;
	u32 device = BPF_CORE_READ(inode, i_rdev);

	if (!inode)
		return;
	record->ino = BPF_CORE_READ(inode, i_ino);
	record->kind = STREAM_OTHER;
	if (type == S_IFREG) {
		record->kind = STREAM_FILE;
	} else if (type == S_IFIFO) {
		record->kind = STREAM_PIPE;
	} else if (type == S_IFSOCK) {
		record->kind = STREAM_SOCKET;
		fill_stream_peer(file, record);
	} else if (type == S_IFCHR && is_terminal(device >> DEVICE_MINOR_BITS)) {
		record->kind = STREAM_TERMINAL;
		record->ino = user_device(device >> DEVICE_MINOR_BITS, device & DEVICE_MINOR_MASK);
	}
}

#endif
