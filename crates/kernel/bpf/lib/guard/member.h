/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Whether a thread belongs to a container, and which row it is enforced by.
 *
 * A process becomes a member at its first exec with a root other than the host's, and its children are members: the
 * runtime's own stages never are. Which container it is follows from the cgroup or the mount namespace in which it came,
 * so that going elsewhere later changes nothing.
 */
#ifndef YAGURA_GUARD_MEMBER_H
#define YAGURA_GUARD_MEMBER_H

#include "maps.h"
#include "../root.h"

/* Cgroups between a process and its container's own cgroup that are climbed. */
#define HOME_CGROUP_LEVELS_MAX 8
/* include/linux/sched.h */
#define PF_IO_WORKER 0x00000010

static __always_inline u64 key_by_cgroup(u64 id)
{
	u64 *key = bpf_map_lookup_elem(&guard_cgroups, &id);

	return key ? *key : 0;
}

/* Who comes into this mount namespace from elsewhere is known by the container's own cgroup, although the first process
 * came in one below it.
 */
static __always_inline void note_own_cgroup(struct task_struct *task, struct guarded *member, u64 own)
{
	u64 namespace = mount_namespace_id(BPF_CORE_READ(task, nsproxy, mnt_ns));
	struct guard_root *root = bpf_map_lookup_elem(&guard_roots, &namespace);

	if (root && root->cgroup == member->home_cgroup)
		root->cgroup = own;
}

/* The key of a container that user space has told, zero if it has not yet. */
static __always_inline u64 find_key(struct task_struct *task, struct guarded *member)
{
	struct kernfs_node *node = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn);
	u32 namespace = member->home_namespace;
	u64 key = key_by_cgroup(member->home_cgroup);
	u64 *known;

	if (key)
		return key;
	for (int level = 0; level < HOME_CGROUP_LEVELS_MAX && node; level++) {
		u64 id = BPF_CORE_READ(node, id);

		key = key_by_cgroup(id);
		if (key) {
			note_own_cgroup(task, member, id);
			return key;
		}
		node = kernfs_parent(node);
	}
	/* Sent into the container from elsewhere. */
	key = key_by_cgroup(member->root_cgroup);
	if (key)
		return key;
	known = bpf_map_lookup_elem(&guard_namespaces, &namespace);
	return known ? *known : 0;
}

/* Looks the container up again if any became known since. */
static __always_inline void refresh_member(struct task_struct *task, struct guarded *member)
{
	struct guard_settings *set = guard_set();
	u64 key;

	if (!set || member->generation == set->generation)
		return;
	/* A sensor that was started anew may know the container by another key. */
	key = find_key(task, member);
	if (key)
		member->key = key;
	member->generation = set->generation;
}

/* Capabilities are one 64-bit number since Linux 6.3, two halves of it before: the same eight bytes. */
#define READ_CAPS(cred, field)                                                                     \
	({                                                                                         \
		u64 caps = 0;                                                                      \
		bpf_probe_read_kernel(&caps, sizeof(caps),                                         \
				      (void *)(cred) + bpf_core_field_offset(struct cred, field)); \
		caps;                                                                              \
	})

static __always_inline void rights_of(const struct cred *cred, struct guard_rights *rights)
{
	rights->permitted = READ_CAPS(cred, cap_permitted);
	rights->effective = READ_CAPS(cred, cap_effective);
	rights->user_ns = (u64)BPF_CORE_READ(cred, user_ns);
	rights->uid = BPF_CORE_READ(cred, uid.val);
	rights->euid = BPF_CORE_READ(cred, euid.val);
}

static __always_inline void read_rights(struct task_struct *task, struct guard_rights *rights)
{
	rights_of(BPF_CORE_READ(task, real_cred), rights);
}

/* What a thread has and where it is now is lawful. */
static __always_inline void note_lawful(struct task_struct *task, struct guarded *member)
{
	read_rights(task, &member->rights);
	member->mount_ns = (u64)BPF_CORE_READ(task, nsproxy, mnt_ns);
	member->cgroup_ns = (u64)BPF_CORE_READ(task, nsproxy, cgroup_ns);
}

/* The root of the container: the same for all that come into one mount namespace. */
static __always_inline void note_root(struct task_struct *task, struct namespace_root *root, struct guarded *member)
{
	u64 namespace = mount_namespace_id(BPF_CORE_READ(task, nsproxy, mnt_ns));
	struct guard_settings *set = guard_set();
	struct guard_root made = {
		.dentry = (u64)root->dentry,
		.cgroup = member->home_cgroup,
		.dev = root->dev,
		.since_ns = start_time_ns(task) + (set ? set->wall_minus_boot_ns : 0),
	};
	struct guard_root *known;

	bpf_map_update_elem(&guard_roots, &namespace, &made, BPF_NOEXIST);
	known = bpf_map_lookup_elem(&guard_roots, &namespace);
	if (known) {
		/* Those that run already are met in no order that is certain. */
		if (known->since_ns > made.since_ns) {
			known->since_ns = made.since_ns;
			known->cgroup = made.cgroup;
		}
		made = *known;
	}
	member->root_dentry = made.dentry;
	member->root_dev = made.dev;
	member->since_ns = made.since_ns;
	member->root_cgroup = made.cgroup;
}

/* Makes a task a member. NULL if there is no memory. */
static __always_inline struct guarded *make_member(struct task_struct *task, struct namespace_root *root)
{
	struct guarded *member = bpf_task_storage_get(&guarded, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	struct guard_settings *set = guard_set();

	if (!member) {
		count_guard_loss(GUARD_LOSS_MEMBER);
		return NULL;
	}
	member->home_cgroup = cgroup_id(task);
	member->home_namespace = BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum);
	note_root(task, root, member);
	note_lawful(task, member);
	member->key = find_key(task, member);
	if (set)
		member->generation = set->generation;
	return member;
}

/* The member that the current thread is, NULL if it is none. Threads of io_uring act for their process. */
static __always_inline struct guarded *current_member(struct task_struct *task)
{
	struct guarded *member = bpf_task_storage_get(&guarded, task, NULL, 0);

	if (!member && (task->flags & PF_IO_WORKER))
		member = bpf_task_storage_get(&guarded, task->group_leader, NULL, 0);
	return member;
}

/* The key of the row that a member is enforced by: the default one as long as its own is not there. */
static __always_inline struct guard_row *row_of(struct task_struct *task, struct guarded *member, u64 *key)
{
	struct guard_settings *set = guard_set();
	struct guard_row *row;

	if (!set || !set->enabled)
		return NULL;
	refresh_member(task, member);
	*key = member->key;
	row = bpf_map_lookup_elem(&guard_rows, key);
	if (!row) {
		*key = 0;
		row = bpf_map_lookup_elem(&guard_rows, key);
	}
	if (!row || (row->flags & ROW_RELEASED))
		return NULL;
	return row;
}

#endif
