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

static __always_inline void on_open(struct call *call)
{
	struct task_state *state = call->state;
	struct seen_file seen = {};
	struct file *file;
	u32 mode;

	if (call->result < 0)
		return;
	file = file_of(call->task, call->result);
	if (!file)
		return;
	mode = BPF_CORE_READ(file, f_mode);
	if (!(mode & FMODE_WRITE) && !(state->flags & BASE_INTERPRETER))
		return;
	see_file(file, &seen);
	if (!seen.inode || !is_regular(seen.inode))
		return;
	if (mode & FMODE_WRITE) {
		remember_writer(seen.inode, state);
		return;
	}
	if ((mode & FMODE_PATH) || is_image_file(&seen, state))
		return;
	if (state->script_candidates >= SCRIPT_CANDIDATES_MAX) {
		count_loss(LOSS_SCRIPT_BUDGET);
		return;
	}
	state->script_candidates++;
	send_file_event(call->task, state, RECORD_SCRIPT, &seen, 0);
}

/* Every call that opens, and memfd_create: whoever makes an anonymous file holds it open for writing. */
ON_CALL_EXIT(on_open_exit, on_open)
