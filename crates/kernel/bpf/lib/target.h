/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The process that a call acts on, found as the kernel finds it: by its number in the caller's pid namespace. */
#ifndef YAGURA_TARGET_H
#define YAGURA_TARGET_H

#include "call.h"
#include "pid.h"

/* What a pidfd stands for. From Linux 6.9 on it is an inode's, before that the descriptor's own. */
static __always_inline u64 pid_of_descriptor(struct task_struct *task, long fd)
{
	struct file *file = file_of(task, fd);
	struct file___stream *open = (void *)file;
	struct inode___private *inode;
	void *pid;

	if (!file)
		return 0;
	pid = BPF_CORE_READ(open, private_data);
	if (pid)
		return (u64)pid;
	inode = (void *)BPF_CORE_READ(file, f_inode);
	return (u64)BPF_CORE_READ(inode, i_private);
}

/* Fills the record's target from a thread given by its address; nothing but zeroes if it is zero. */
__noinline int fill_target(u64 task_address)
{
	struct task_struct *task = (void *)task_address;
	struct scratch *scratch = get_scratch();
	struct container_state *container;
	struct call_record *record;
	u64 namespace;

	if (!scratch)
		return 0;
	record = call_record_of(scratch);
	record->flags |= CALL_HAS_TARGET;
	if (!task_address)
		return 0;
	record->target.pid = BPF_CORE_READ(task, tgid);
	record->target.start_ns = start_time_ns(task);
	container = find_by_cgroup(task);
	if (!container) {
		namespace = mount_namespace_id(BPF_CORE_READ(task, nsproxy, mnt_ns));
		container = bpf_map_lookup_elem(&containers_by_namespace, &namespace);
	}
	if (container)
		record->target.container = container->container;
	return 1;
}

#endif
