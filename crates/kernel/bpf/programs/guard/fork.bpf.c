/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A thread begins: it is enforced on as its parent is, whatever cgroup or namespace it goes to. */

SEC("tp_btf/sched_process_fork")
int BPF_PROG(guard_fork, struct task_struct *parent, struct task_struct *child)
{
	struct guarded *member = bpf_task_storage_get(&guarded, parent, NULL, 0);
	struct guarded copy;

	if (!member)
		return 0;
	copy = *member;
	if (!bpf_task_storage_get(&guarded, child, &copy, BPF_LOCAL_STORAGE_GET_F_CREATE))
		count_guard_loss(GUARD_LOSS_MEMBER);
	return 0;
}
