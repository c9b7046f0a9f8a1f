/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * A file was opened. For writing: who did is remembered by inode, and told when the file runs. By an interpreter:
 * told if the file may be a script that is not the image's. Both look at the opened file, never at the argument.
 */

static __always_inline void remember_writer(struct inode *inode, struct task_state *state)
{
	struct writer_key key = {
		.ino = BPF_CORE_READ(inode, i_ino),
		.dev = BPF_CORE_READ(inode, i_sb, s_dev),
		.generation = BPF_CORE_READ(inode, i_generation),
	};
	struct writer writer = {
		.program = state->program,
		.time_ns = bpf_ktime_get_boot_ns(),
	};

	bpf_map_update_elem(&writers, &key, &writer, BPF_ANY);
}

static __always_inline struct file *file_of(struct task_struct *task, long fd)
{
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **fds = BPF_CORE_READ(table, fd);
	struct file *file = NULL;

	if (fd < 0 || fd >= BPF_CORE_READ(table, max_fds))
		return NULL;
	bpf_probe_read_kernel(&file, sizeof(file), fds + fd);
	return file;
}

static __always_inline int on_open(long fd)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *state = bpf_task_storage_get(&tasks, task, NULL, 0);
	struct seen_file seen = {};
	struct file *file;
	u32 mode;

	if (!state || fd < 0)
		return 0;
	file = file_of(task, fd);
	if (!file)
		return 0;
	mode = BPF_CORE_READ(file, f_mode);
	if (!(mode & FMODE_WRITE) && !(state->flags & BASE_INTERPRETER))
		return 0;
	see_file(file, &seen);
	if (!seen.inode || !is_regular(seen.inode))
		return 0;
	if (mode & FMODE_WRITE) {
		remember_writer(seen.inode, state);
		return 0;
	}
	if ((mode & FMODE_PATH) || is_image_file(&seen, state))
		return 0;
	if (state->script_candidates >= SCRIPT_CANDIDATES_MAX) {
		count_loss(LOSS_SCRIPT_BUDGET);
		return 0;
	}
	state->script_candidates++;
	send_file_event(task, state, RECORD_SCRIPT, &seen, 0);
	return 0;
}

SEC("tp/syscalls/sys_exit_open")
int on_open_exit(struct trace_event_raw_sys_exit *context)
{
	return on_open(context->ret);
}

SEC("tp/syscalls/sys_exit_openat")
int on_openat_exit(struct trace_event_raw_sys_exit *context)
{
	return on_open(context->ret);
}

SEC("tp/syscalls/sys_exit_openat2")
int on_openat2_exit(struct trace_event_raw_sys_exit *context)
{
	return on_open(context->ret);
}

SEC("tp/syscalls/sys_exit_creat")
int on_creat_exit(struct trace_event_raw_sys_exit *context)
{
	return on_open(context->ret);
}

SEC("tp/syscalls/sys_exit_open_by_handle_at")
int on_open_by_handle_exit(struct trace_event_raw_sys_exit *context)
{
	return on_open(context->ret);
}

/* Whoever makes an anonymous file holds it open for writing. */
SEC("tp/syscalls/sys_exit_memfd_create")
int on_memfd_create_exit(struct trace_event_raw_sys_exit *context)
{
	return on_open(context->ret);
}
