/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Which container a process belongs to, and the facts that every record carries. */
#ifndef YAGURA_PROCESS_H
#define YAGURA_PROCESS_H

#include "file.h"
#include "root.h"

/* Cgroups between a process and its container's own cgroup that are climbed. */
#define CGROUP_LEVELS_MAX 8
/* include/linux/pid_types.h */
#define PIDTYPE_PGID 2
#define PIDTYPE_SID 3

static __always_inline s64 wall_time_ns(u64 boot_ns)
{
	u32 zero = 0;
	struct settings *set = bpf_map_lookup_elem(&settings, &zero);

	return set ? (s64)boot_ns + set->wall_minus_boot_ns : 0;
}

static __always_inline struct container_state *find_by_cgroup(struct task_struct *task)
{
	struct kernfs_node *node = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn);

	for (int level = 0; level < CGROUP_LEVELS_MAX; level++) {
		struct container_state *found;
		u64 id;

		if (!node)
			return NULL;
		id = BPF_CORE_READ(node, id);
		found = bpf_map_lookup_elem(&containers_by_cgroup, &id);
		if (found)
			return found;
		node = kernfs_parent(node);
	}
	return NULL;
}

/* Pid 1 of a pid namespace other than the first. */
static __always_inline bool is_namespace_init(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	u32 level = BPF_CORE_READ(pid, level);
	struct upid inner = {};

	if (!level || level > 32)
		return false;
	bpf_probe_read_kernel(&inner, sizeof(inner),
			      (void *)pid + bpf_core_field_offset(struct pid, numbers) +
				      level * bpf_core_type_size(struct upid));
	return inner.nr == 1;
}

/*
 * Finds or makes the container of a process whose root is not the host's. A cgroup names the container if it is
 * the container's own: its first process has a parent in another one.
 */
static __always_inline void enter_container(struct task_struct *task, struct namespace_root *root, u64 start_ns,
					    struct task_state *state)
{
	u64 namespace = mount_namespace_id(BPF_CORE_READ(task, nsproxy, mnt_ns));
	u64 cgroup = cgroup_id(task);
	struct container_state made = {};
	struct container_state *found;

	found = find_by_cgroup(task);
	if (!found)
		found = bpf_map_lookup_elem(&containers_by_namespace, &namespace);
	if (found) {
		made = *found;
		if (!is_namespace_init(task))
			state->flags |= BASE_ENTERED;
	} else {
		made.container = bpf_ktime_get_boot_ns();
		made.root_dentry = (u64)root->dentry;
		made.root_dev = root->dev;
		made.since_ns = wall_time_ns(start_ns);
	}
	/* Two processes may come into an unknown container at once: the first to be written is the container. */
	bpf_map_update_elem(&containers_by_namespace, &namespace, &made, BPF_NOEXIST);
	found = bpf_map_lookup_elem(&containers_by_namespace, &namespace);
	if (found)
		made = *found;
	if (cgroup_id(BPF_CORE_READ(task, real_parent)) != cgroup)
		bpf_map_update_elem(&containers_by_cgroup, &cgroup, &made, BPF_NOEXIST);
	state->container = made.container;
	state->root_dentry = made.root_dentry;
	state->root_dev = made.root_dev;
	state->since_ns = made.since_ns;
}

static __always_inline void fill_header(struct task_struct *task, struct task_state *state, u16 kind,
					struct record_header *header)
{
	header->kind = kind;
	header->version = RECORD_VERSION;
	header->time_ns = bpf_ktime_get_boot_ns();
	header->container = state->container;
	header->cgroup = cgroup_id(task);
	header->start_ns = start_time_ns(task);
	header->program = state->program;
	header->pid = BPF_CORE_READ(task, tgid);
	header->flags = state->flags;
}

static __always_inline void fill_credentials(struct task_struct *task, struct credentials_record *record)
{
	const struct cred *cred = BPF_CORE_READ(task, cred);

	record->uid = BPF_CORE_READ(cred, uid.val);
	record->gid = BPF_CORE_READ(cred, gid.val);
	record->euid = BPF_CORE_READ(cred, euid.val);
	record->egid = BPF_CORE_READ(cred, egid.val);
	record->login_uid = -1;
	if (bpf_core_field_exists(task->loginuid))
		record->login_uid = BPF_CORE_READ(task, loginuid.val);
	/* One 64-bit number since Linux 6.3, two halves of it before: the same eight bytes. */
	bpf_probe_read_kernel(&record->capabilities, sizeof(record->capabilities),
			      (void *)cred + bpf_core_field_offset(struct cred, cap_effective));
}

static __always_inline void fill_namespaces(struct task_struct *task, struct namespaces_record *record)
{
	record->mount = BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum);
	record->pid = BPF_CORE_READ(task, nsproxy, pid_ns_for_children, ns.inum);
	record->user = BPF_CORE_READ(task, cred, user_ns, ns.inum);
}

/* The root, and the flags that follow from it. */
static __always_inline void fill_root(struct task_struct *task, struct namespace_root *root,
				      struct record_header *header, struct root_record *record)
{
	struct dentry *dentry = root->dentry;

	record->ino = BPF_CORE_READ(dentry, d_inode, i_ino);
	record->dev = root->dev;
	record->magic = BPF_CORE_READ(dentry, d_sb, s_magic);
	if (root->chroot)
		header->flags |= BASE_CHROOT;
	if (is_host_root(root))
		header->flags |= BASE_HOST_ROOT;
	if (is_namespace_init(task))
		header->flags |= BASE_INIT;
}

#endif
