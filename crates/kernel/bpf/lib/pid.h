/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The process that a number means, found as the kernel finds it. */
#ifndef YAGURA_PID_H
#define YAGURA_PID_H

#include "flavors.h"

/* include/linux/xarray.h */
#define XA_NODE_MARK 2
#define XA_MARK_BITS 3
#define XA_CHUNK_SHIFT 6
#define XA_CHUNK_MASK ((1U << XA_CHUNK_SHIFT) - 1)
/* Levels of a tree of 32-bit numbers. */
#define XA_LEVELS_MAX 6

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct xarray {
	void *xa_head;
};

struct xa_node {
	unsigned char shift;
	void *slots[1 << XA_CHUNK_SHIFT];
};

struct idr {
	struct xarray idr_rt;
};

struct pid_namespace___numbers {
	struct idr idr;
};

struct hlist_node {
	struct hlist_node *next;
};

struct hlist_head {
	struct hlist_node *first;
};

struct pid___tasks {
	struct hlist_head tasks[4];
};

struct task_struct___links {
	struct hlist_node pid_links[4];
};

struct inode___private {
	void *i_private;
};

#pragma clang attribute pop

/* The innermost pid namespace of a task. */
static __always_inline struct pid_namespace *pid_namespace_of(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	u32 level = BPF_CORE_READ(pid, level);
	struct upid inner = {};

	bpf_probe_read_kernel(&inner, sizeof(inner),
			      (void *)pid + bpf_core_field_offset(struct pid, numbers) +
				      (level & 31) * bpf_core_type_size(struct upid));
	return inner.ns;
}

/* The kernel's struct for a number in the caller's pid namespace, zero if there is none. Global: verified once. */
__noinline u64 find_pid(u32 number)
{
	struct pid_namespace___numbers *ns = (void *)pid_namespace_of(bpf_get_current_task_btf());
	u64 entry = (u64)BPF_CORE_READ(ns, idr.idr_rt.xa_head);

	for (int level = 0; level < XA_LEVELS_MAX; level++) {
		struct xa_node *node = (void *)(entry - XA_NODE_MARK);
		u32 shift;

		if ((entry & XA_MARK_BITS) != XA_NODE_MARK)
			break;
		shift = BPF_CORE_READ(node, shift) & 31;
		/* Beyond what the tree holds. */
		if (!level && (u64)number >> shift > XA_CHUNK_MASK)
			return 0;
		bpf_probe_read_kernel(&entry, sizeof(entry),
				      (void *)node + bpf_core_field_offset(struct xa_node, slots) +
					      ((number >> shift) & XA_CHUNK_MASK) * sizeof(entry));
	}
	return (entry & XA_MARK_BITS) ? 0 : entry;
}

/* The thread that a struct pid stands for, zero if there is none any more or if it is no struct pid at all. */
__noinline u64 task_of_pid(u64 pid_address)
{
	struct pid___tasks *pid = (void *)pid_address;
	struct hlist_node *first;
	struct task_struct *task;

	if (!pid_address)
		return 0;
	first = BPF_CORE_READ(pid, tasks[0].first);
	if (!first)
		return 0;
	task = (void *)first - bpf_core_field_offset(struct task_struct___links, pid_links);
	return (u64)BPF_CORE_READ(task, thread_pid) == pid_address ? (u64)task : 0;
}

#endif
