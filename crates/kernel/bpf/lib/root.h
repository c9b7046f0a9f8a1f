/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Where a process is: its mount namespace's root, its cgroup. */
#ifndef YAGURA_ROOT_H
#define YAGURA_ROOT_H

#include "path.h"

/* The host's root directory, learned from its first process. */
struct host_root {
	u64 dentry;
	u32 dev;
	u32 known;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct host_root);
} host_roots SEC(".maps");

/* The visible root directory of a process's mount namespace. */
struct namespace_root {
	struct dentry *dentry;
	u32 dev;
	bool chroot;
};

static __always_inline bool find_namespace_root(struct task_struct *task, struct namespace_root *found)
{
	struct dentry *dentry = BPF_CORE_READ(task, fs, root.dentry);
	struct vfsmount *mnt = BPF_CORE_READ(task, fs, root.mnt);
	struct mount *mount;

	if (!dentry || !mnt)
		return false;
	mount = (void *)visible_root((u64)mnt);
	found->chroot = dentry != BPF_CORE_READ(mount, mnt.mnt_root);
	dentry = BPF_CORE_READ(mount, mnt.mnt_root);
	found->dentry = dentry;
	found->dev = BPF_CORE_READ(dentry, d_sb, s_dev);
	return true;
}

static __always_inline bool is_host_root(struct namespace_root *root)
{
	u32 zero = 0;
	struct host_root *host = bpf_map_lookup_elem(&host_roots, &zero);

	return host && (u64)root->dentry == host->dentry && root->dev == host->dev;
}

static __always_inline bool is_host_known(void)
{
	u32 zero = 0;
	struct host_root *host = bpf_map_lookup_elem(&host_roots, &zero);

	return host && host->known;
}

static __always_inline u64 cgroup_id(struct task_struct *task)
{
	return BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
}

static __always_inline u64 start_time_ns(struct task_struct *task)
{
	return BPF_CORE_READ(task, group_leader, start_boottime);
}

#endif
