/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A process ends. */

/* include/linux/sched/signal.h */
#define SIGNAL_GROUP_EXIT 0x4

/* What wait(2) tells: of a process whose threads ended one by one it is the first thread's, whichever was the last. */
static __always_inline int exit_status(struct task_struct *task)
{
	if (BPF_CORE_READ(task, signal, flags) & SIGNAL_GROUP_EXIT)
		return BPF_CORE_READ(task, signal, group_exit_code);
	return BPF_CORE_READ(task, group_leader, exit_code);
}

/* Whether the running program's file has lost its last name. Asked while the memory map is still there. */
static __always_inline void note_deleted(struct task_struct *task, struct task_state *state)
{
	struct file *file = BPF_CORE_READ(task, mm, exe_file);
	struct seen_file seen = {};
	struct inode *inode;

	if (!file)
		return;
	see_file(file, &seen);
	inode = seen.inode;
	if (inode && !BPF_CORE_READ(inode, i_nlink))
		state->flags |= BASE_EXE_DELETED;
}

/* Before Linux 6.16 the memory map is gone when the end is told; a process that ends by itself is seen here. */
SEC("tp/syscalls/sys_enter_exit_group")
int on_exit_group(void *context)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *state = bpf_task_storage_get(&tasks, task, NULL, 0);

	if (state)
		note_deleted(task, state);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	struct task_state *state = bpf_task_storage_get(&tasks, task, NULL, 0);
	struct exit_record record = {};

	/* A process that never ran a program of its own is not in the reader's table. */
	if (!state || state->program.pid != (u32)BPF_CORE_READ(task, tgid) || !is_last_thread(ctx, task))
		return 0;
	if (BPF_CORE_READ(task, mm))
		note_deleted(task, state);
	fill_header(task, state, RECORD_EXIT, &record.header);
	record.header.size = sizeof(record);
	record.status = exit_status(task);
	send_volume(&record, sizeof(record));
	return 0;
}
