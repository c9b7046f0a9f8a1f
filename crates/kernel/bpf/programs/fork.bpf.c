/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A thread begins: it belongs where its parent belongs, whatever cgroup or namespace it goes to later. */

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	struct task_state *state = bpf_task_storage_get(&tasks, parent, NULL, 0);
	struct task_state copy;

	if (!state)
		return 0;
	copy = *state;
	if (!bpf_task_storage_get(&tasks, child, &copy, BPF_LOCAL_STORAGE_GET_F_CREATE))
		count_loss(LOSS_NO_STORAGE);
	return 0;
}
