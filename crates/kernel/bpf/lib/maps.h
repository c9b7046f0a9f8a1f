/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Every map and every setting of the kernel side. */
#ifndef YAGURA_MAPS_H
#define YAGURA_MAPS_H

#include "../kernel_types.h"
#include "../records.h"
#include <bpf/bpf_helpers.h>

/* Bytes. Exec-class records: about 1 kB each, so that 4,000 execs may wait for the reader. */
#define EXEC_RING_BYTES (4 << 20)
/* Bytes. Ends of processes. */
#define VOLUME_RING_BYTES (1 << 20)
/* Bytes. System calls that come in volume: about 500 bytes each, so that 8,000 may wait. */
#define CALL_RING_BYTES (4 << 20)
/* Opens of which user space has said that no rule can match them. */
#define QUIET_OPENS_MAX 32768
/* Inodes whose last writer is remembered. */
#define WRITERS_MAX 32768
/* Contents known to be the image's. */
#define IMAGE_FILES_MAX 16384
/* Containers alive at one time. */
#define CONTAINERS_MAX 8192
/* Files that are not the image's which one program may open before an interpreter's scripts are no longer told
 * from its data. Stops a script from flooding the reader by opening files in a loop.
 */
#define SCRIPT_CANDIDATES_MAX 256

/* What is known of a thread of a container. A thread without it is outside: that look-up is all it costs. */
struct task_state {
	u64 container;
	struct program_key program;
	u64 root_dentry; /* root directory of the container, as an identity only */
	s64 since_ns; /* wall time of the container's first program */
	u32 root_dev;
	u32 flags; /* of enum base_flag: ENTERED, INTERPRETER */
	u32 script_candidates;
	u32 told; /* of enum told: what is told once of a program */
};

enum told {
	TOLD_SPLICE = 1 << 0,
	TOLD_VMSPLICE = 1 << 1,
	/* A socket was told to be standard input; the next two bits are for output and error. */
	TOLD_STREAM = 1 << 2,
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct task_state);
} tasks SEC(".maps");

struct container_state {
	u64 container;
	u64 root_dentry;
	s64 since_ns;
	u32 root_dev;
	u32 reserved;
};

/* By cgroup id, for cgroups that are one container's own. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, CONTAINERS_MAX);
	__type(key, u64);
	__type(value, struct container_state);
} containers_by_cgroup SEC(".maps");

/* By mount namespace, for runtimes that make no cgroup (v2) of the container's own. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, CONTAINERS_MAX);
	__type(key, u64);
	__type(value, struct container_state);
} containers_by_namespace SEC(".maps");

struct writer_key {
	u64 ino;
	u32 dev;
	u32 generation;
};

struct writer {
	struct program_key program;
	u64 time_ns;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, WRITERS_MAX);
	__type(key, struct writer_key);
	__type(value, struct writer);
} writers SEC(".maps");

/* Value: time in nanoseconds of the record that the verdict rests on. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, IMAGE_FILES_MAX);
	__type(key, struct image_file_key);
	__type(value, u64);
} image_files SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, EXEC_RING_BYTES);
} exec_ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, VOLUME_RING_BYTES);
} volume_ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, CALL_RING_BYTES);
} call_ring SEC(".maps");

/* By number of the call: of enum call_filter. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CALLS_MAX);
	__type(key, u32);
	__type(value, u32);
} call_filters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct call_settings);
} call_settings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, QUIET_OPENS_MAX);
	__type(key, struct quiet_open_key);
	__type(value, u8);
} quiet_opens SEC(".maps");

/* What a container's calls and written files have used of its budget. User space reads the last field. */
struct container_budget {
	u64 paid_until_ns; /* how far its records of volume are paid for, at one record in `record_ns` */
	u64 rare_until_ns; /* the same of those that are rare */
	u64 written_until_ns; /* the same of written files */
	u64 over; /* records that were not sent */
};

/* By container. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, CONTAINERS_MAX);
	__type(key, u64);
	__type(value, struct container_budget);
} container_budgets SEC(".maps");

/* When the reader of the call ring was last woken from this CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} call_wakes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LOSS_COUNT);
	__type(key, u32);
	__type(value, u64);
} losses SEC(".maps");

/* Written by user space. */
struct settings {
	/* Wall clock minus CLOCK_BOOTTIME in nanoseconds: programs have no wall clock of their own. */
	s64 wall_minus_boot_ns;
	/* First pass over the running processes: only learn the host's root. */
	u32 learn_host_only;
	u32 reserved;
};

_Static_assert(sizeof(struct settings) == SETTINGS_BYTES, "settings");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct settings);
} settings SEC(".maps");

/*
 * The thread that walks through the running processes, zero if none does. Where the kernel may be preempted anywhere,
 * another program may come upon the same CPU in between: this thread has memory of its own.
 */
volatile u32 visitor;

/* Which of a CPU's two places in memory is the current thread's. */
static __always_inline u32 memory_slot(void)
{
	u32 thread = visitor;

	return thread && thread == (u32)bpf_get_current_pid_tgid();
}

static __always_inline void count_loss(u32 place)
{
	u64 *count = bpf_map_lookup_elem(&losses, &place);

	if (count)
		(*count)++;
}

#endif
