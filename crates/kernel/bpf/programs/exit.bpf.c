/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A process ends. */

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	struct task_state *state = bpf_task_storage_get(&tasks, task, NULL, 0);
	struct exit_record record = {};

	/* A process that never ran a program of its own is not in the reader's table. */
	if (!state || state->program.pid != (u32)BPF_CORE_READ(task, tgid) || BPF_CORE_READ(task, signal, live.counter) > 0)
		return 0;
	fill_header(task, state, RECORD_EXIT, &record.header);
	record.header.size = sizeof(record);
	record.status = BPF_CORE_READ(task, exit_code);
	send(&volume_ring, LOSS_VOLUME_RING, &record, sizeof(record));
	return 0;
}
