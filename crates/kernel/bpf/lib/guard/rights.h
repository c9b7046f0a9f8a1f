/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Rights, and who may be acted on. */
#ifndef YAGURA_GUARD_RIGHTS_H
#define YAGURA_GUARD_RIGHTS_H

#include "act.h"
#include "../syscalls.h"

/* Whether a call may change rights or namespaces. */
static __always_inline bool is_lawful_change(u32 number)
{
	switch (number) {
	case CALL_SETNS:
	case CALL_UNSHARE:
	case CALL_CLONE:
	case CALL_CAPSET:
	case CALL_SETUID:
	case CALL_SETREUID:
	case CALL_SETRESUID:
	case CALL_SETGID:
	case CALL_SETREGID:
	case CALL_SETRESGID:
	case CALL_SETFSUID:
		return true;
	default:
		return false;
	}
}

/* Whether a thread has more than at its last lawful change: root, capabilities, or another user namespace. */
static __always_inline bool has_more(struct task_struct *task, struct guarded *member)
{
	const struct cred *cred = task->real_cred;
	u64 permitted = READ_CAPS(cred, cap_permitted);
	u64 effective = READ_CAPS(cred, cap_effective);
	u64 had = member->rights.permitted | member->rights.effective;

	return ((permitted | effective) & ~had) || (!cred->euid.val && member->rights.euid) ||
	       (!cred->uid.val && member->rights.uid) || (u64)cred->user_ns != member->rights.user_ns;
}

/* Whether a process, given by its address, is outside the container. */
static __always_inline bool is_outside(u64 task_address, struct guarded *member)
{
	struct task_struct *task = (void *)task_address;
	struct kernfs_node *node;

	if (!task || BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum) == member->home_namespace)
		return false;
	node = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn);
	for (int level = 0; level < HOME_CGROUP_LEVELS_MAX && node; level++) {
		if (BPF_CORE_READ(node, id) == member->home_cgroup)
			return false;
		node = kernfs_parent(node);
	}
	return true;
}

#endif
