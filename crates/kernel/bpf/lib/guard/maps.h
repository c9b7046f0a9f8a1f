/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Every map of the guarding half. All are pinned: they outlive the sensor. */
#ifndef YAGURA_GUARD_MAPS_H
#define YAGURA_GUARD_MAPS_H

#include "rows.h"
#include "../../records.h"
#include <bpf/bpf_helpers.h>

/* Containers alive at one time. */
#define GUARD_CONTAINERS_MAX 8192
/* Entries of all allow lists together. */
#define GUARD_ALLOW_ENTRIES_MAX 65536
/* Files that may run although they are not the image's own. */
#define GUARD_VERDICTS_MAX 16384
/* Bytes. Denials: about 600 bytes each, so that 1,700 may wait. */
#define GUARD_RING_BYTES (1 << 20)

/* By container's key; key 0 is the row of containers of which nothing is known yet. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GUARD_CONTAINERS_MAX);
	__type(key, u64);
	__type(value, struct guard_row);
} guard_rows SEC(".maps");

/* By cgroup id: the container's key. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GUARD_CONTAINERS_MAX);
	__type(key, u64);
	__type(value, u64);
} guard_cgroups SEC(".maps");

/* By inode number of the mount namespace: the key of a container that has no cgroup of its own. Others are known by the
 * cgroup of who came first into the namespace: such a number is given to another namespace as soon as the container ends.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GUARD_CONTAINERS_MAX);
	__type(key, u32);
	__type(value, u64);
} guard_namespaces SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, GUARD_ALLOW_ENTRIES_MAX);
	__type(key, struct guard_allow_key);
	__type(value, struct guard_allow_entry);
} guard_allow SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, GUARD_VERDICTS_MAX);
	__type(key, struct guard_verdict_key);
	__type(value, u64);
} guard_verdicts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct guard_settings);
} guard_settings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, GUARD_LOSS_COUNT);
	__type(key, u32);
	__type(value, u64);
} guard_losses SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, GUARD_RING_BYTES);
} guard_ring SEC(".maps");

/* The root of a container that was entered, as it was found by its first process. */
struct guard_root {
	u64 dentry; /* as an identity only */
	s64 since_ns; /* wall time at which the first process that was met had begun */
	u64 cgroup; /* id of the cgroup in which that process came, never used again for another */
	u32 dev;
	u32 reserved;
};

/* By number of the mount namespace. Only who comes from outside makes entries, so that a container cannot push others out. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, GUARD_CONTAINERS_MAX);
	__type(key, u64);
	__type(value, struct guard_root);
} guard_roots SEC(".maps");

/* Rights that a thread had at its last lawful change of them. */
struct guard_rights {
	u64 permitted;
	u64 effective;
	u64 user_ns; /* as an identity only, as below */
	u32 uid;
	u32 euid;
};

enum guard_member_flag {
	MEMBER_INTERPRETER = 1 << 0,
	/* The script is named by a descriptor: the first file that is not the image's is taken for it. */
	MEMBER_SCRIPT_UNNAMED = 1 << 1,
	/* An alarm about rights was told: it is not told at every call again. */
	MEMBER_TOLD_INTEGRITY = 1 << 2,
};

/* A thread of a container. A thread without it is outside: that look-up is all it costs. */
struct guarded {
	u64 key; /* zero: not known yet */
	u64 root_dentry;
	s64 since_ns;
	u64 home_cgroup; /* id of the cgroup in which it came into the container */
	u64 root_cgroup; /* and of that in which the first process came into its mount namespace */
	u64 mount_ns; /* identity of the mount namespace that it is in lawfully, and likewise below */
	u64 cgroup_ns;
	u64 script; /* hash of the base name of the script that an interpreter was given, zero if none */
	u64 intact; /* inode that a hook has just found to be the image's although it was copied up, zero if none */
	struct guard_rights rights;
	u32 home_namespace; /* inode number of the mount namespace in which it came into the container */
	u32 root_dev;
	u32 generation; /* of the settings when its key was looked up */
	u32 flags; /* of enum guard_member_flag */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct guarded);
} guarded SEC(".maps");

static __always_inline void count_guard_loss(u32 place)
{
	u64 *count = bpf_map_lookup_elem(&guard_losses, &place);

	if (count)
		(*count)++;
}

static __always_inline struct guard_settings *guard_set(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&guard_settings, &zero);
}

#endif
