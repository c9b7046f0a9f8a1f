// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Programs that stand on the cgroup of one container, and so on its child cgroups: they refuse devices, kernel settings and
 * sockets on kernels without BPF LSM too. Whatever else stands there, as the runtime's own device program, has to agree
 * as well: nothing is allowed here that is denied there.
 *
 * Fails open: a cgroup that was not given a row yet has a zeroed one, by which nothing is denied. A process that has left the
 * cgroup is not seen any more.
 */
#include "kernel_types.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "lib/cgroup.h"

/* include/uapi/linux/bpf.h; read as the verifier knows it, not relocated. */
struct bpf_cgroup_dev_ctx {
	__u32 access_type; /* access << 16 | type */
	__u32 major;
	__u32 minor;
};

struct bpf_sysctl {
	__u32 write;
	__u32 file_pos;
};

struct bpf_sock_addr;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct sockaddr;

/* include/linux/filter.h; the length is there from Linux 6.7 on. */
struct bpf_sock_addr_kern {
	struct sockaddr *uaddr;
	u32 uaddrlen;
};

#pragma clang attribute pop

extern void *bpf_cast_to_kern_ctx(void *) __ksym __weak;

#define DEVICE_BLOCK 1
#define DEVICE_CHARACTER 2
#define ACCESS_MKNOD 1

/* Documentation/admin-guide/devices.txt */
#define MAJOR_MEMORY 1
#define MAJOR_TERMINAL 5
#define MAJOR_MISCELLANEOUS 10
#define MAJOR_PTS_FIRST 136
#define MAJOR_PTS_LAST 143

/* Nodes that every container has or may make: nothing is behind them that is not its own. */
static __always_inline bool is_ordinary(u32 major, u32 minor)
{
	switch (major) {
	case MAJOR_MEMORY:
		/* null, zero, full, random, urandom */
		return minor == 3 || minor == 5 || minor == 7 || minor == 8 || minor == 9;
	case MAJOR_TERMINAL:
		/* tty, console, ptmx */
		return minor <= 2;
	case MAJOR_MISCELLANEOUS:
		/* tun, fuse */
		return minor == 200 || minor == 229;
	default:
		return major >= MAJOR_PTS_FIRST && major <= MAJOR_PTS_LAST;
	}
}

/* mem, kmem, port */
static __always_inline bool is_memory(u32 major, u32 minor)
{
	return major == MAJOR_MEMORY && (minor == 1 || minor == 2 || minor == 4);
}

/* Not static: libbpf does not put constants of a file's own in their places. */
const char block_format[] = "block device %u:%u";
const char character_format[] = "character device %u:%u";

SEC("cgroup/dev")
int enforce_device(struct bpf_cgroup_dev_ctx *context)
{
	u32 type = context->access_type & 0xffff;
	u32 access = context->access_type >> 16;
	u32 major = context->major;
	u32 minor = context->minor;
	u64 numbers[] = { major, minor };
	bool is_block = type == DEVICE_BLOCK;
	struct target target = {};
	u8 number;
	long bytes;

	if (access & ACCESS_MKNOD) {
		if (!is_block && is_ordinary(major, minor))
			return VERDICT_ALLOW;
		number = DENY_DEVICE_NODE;
	} else if (is_block) {
		number = DENY_BLOCK_DEVICE;
	} else if (is_memory(major, minor)) {
		number = DENY_KERNEL_MEMORY;
	} else {
		return VERDICT_ALLOW;
	}
	if (is_block)
		bytes = bpf_snprintf(target.text, TARGET_BYTES, block_format, numbers, sizeof(numbers));
	else
		bytes = bpf_snprintf(target.text, TARGET_BYTES, character_format, numbers, sizeof(numbers));
	/* Without the terminator. */
	if (bytes > 1 && bytes <= TARGET_BYTES)
		target.bytes = bytes - 1;
	return judge(number, MEANS_CGROUP_DEVICE, &target);
}

const char settings_folder[] = "/proc/sys/";
#define SETTINGS_FOLDER_BYTES (sizeof(settings_folder) - 1)

static __always_inline bool is_setting(struct target *target, const char *name, u32 bytes)
{
	return !bpf_strncmp(target->text + SETTINGS_FOLDER_BYTES, bytes, name);
}

#define IS_SETTING(target, name) is_setting(target, name, sizeof(name))

/* Ends the target where its text does and finds its last component. */
static __always_inline void measure(struct target *target, bool is_abstract)
{
	for (u32 i = 0; i < TARGET_BYTES; i++) {
		char byte = target->text[i];

		if (i >= target->bytes)
			break;
		if (!byte && !is_abstract) {
			target->bytes = i;
			break;
		}
		if (byte == '/')
			target->base = i + 1;
	}
}

SEC("cgroup/sysctl")
int enforce_sysctl(struct bpf_sysctl *context)
{
	struct target target = {};
	u8 number;

	if (!context->write)
		return VERDICT_ALLOW;
	__builtin_memcpy(target.text, settings_folder, SETTINGS_FOLDER_BYTES);
	/* A name that does not fit is cut, and none of those below. */
	bpf_sysctl_get_name(context, target.text + SETTINGS_FOLDER_BYTES, TARGET_BYTES - SETTINGS_FOLDER_BYTES, 0);
	target.bytes = TARGET_BYTES;
	measure(&target, false);
	if (IS_SETTING(&target, "kernel/core_pattern"))
		number = DENY_CORE_PATTERN;
	else if (IS_SETTING(&target, "kernel/modprobe"))
		number = DENY_MODPROBE_PATH;
	else if (IS_SETTING(&target, "kernel/hotplug"))
		number = DENY_UEVENT_HELPER;
	else
		number = DENY_KERNEL_SETTINGS;
	return judge(number, MEANS_CGROUP_SYSCTL, &target);
}

/* include/uapi/linux/un.h */
#define UNIX_PATH_BYTES_MAX 108
#define UNIX_PATH_OFFSET 2
/* Bytes of a name compared. */
#define SOCKET_NAME_BYTES 32

struct socket_name {
	char text[SOCKET_NAME_BYTES];
};

/* Last components of the names of runtimes' sockets, filled by user space. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, struct socket_name);
	__type(value, u8);
} runtime_sockets SEC(".maps");

/* How sockets of containerd's shims are called; the first byte of an abstract name is zero. */
const char shim_abstract[] = "/containerd-shim/";
const char shim_folder[] = "/run/containerd/s/";

static __always_inline bool is_runtime_socket(struct target *target, bool is_abstract)
{
	struct socket_name name = {};

	if (is_abstract)
		return !bpf_strncmp(target->text + 1, sizeof(shim_abstract) - 1, shim_abstract) ||
		       !bpf_strncmp(target->text + 1, sizeof(shim_abstract) - 2, shim_abstract + 1);
	if (!bpf_strncmp(target->text, sizeof(shim_folder) - 1, shim_folder))
		return true;
	if (bpf_probe_read_kernel_str(name.text, sizeof(name.text), &target->text[target->base & (TARGET_BYTES - 1)]) <=
	    0)
		return false;
	return bpf_map_lookup_elem(&runtime_sockets, &name) != NULL;
}

SEC("cgroup/connect_unix")
int enforce_connect_unix(struct bpf_sock_addr *context)
{
	struct bpf_sock_addr_kern *kernel = bpf_cast_to_kern_ctx(context);
	u32 bytes = BPF_CORE_READ(kernel, uaddrlen);
	struct target target = {};
	bool is_abstract;

	if (bytes <= UNIX_PATH_OFFSET)
		return VERDICT_ALLOW;
	bytes -= UNIX_PATH_OFFSET;
	if (bytes > UNIX_PATH_BYTES_MAX)
		bytes = UNIX_PATH_BYTES_MAX;
	/* The same again, in a way that the verifier keeps. */
	barrier_var(bytes);
	bytes &= TARGET_BYTES - 1;
	if (bpf_probe_read_kernel(target.text, bytes, (void *)BPF_CORE_READ(kernel, uaddr) + UNIX_PATH_OFFSET))
		return VERDICT_ALLOW;
	target.bytes = bytes;
	is_abstract = !target.text[0];
	measure(&target, is_abstract);
	if (!is_runtime_socket(&target, is_abstract))
		return VERDICT_ALLOW;
	return judge(DENY_RUNTIME_SOCKET, MEANS_CGROUP_CONNECT, &target);
}

SEC("license")
char LICENSE[] = "Dual BSD/GPL";
