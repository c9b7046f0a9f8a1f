/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A program begins: sched_process_exec, and the first pass over the programs that are running already. */

static __always_inline void append_arguments(struct scratch *scratch, struct task_struct *task,
					     struct exec_record *record)
{
	struct mm_struct *mm = BPF_CORE_READ(task, mm);
	unsigned long start = BPF_CORE_READ(mm, arg_start);
	u64 bytes = BPF_CORE_READ(mm, arg_end) - start;

	if (bytes > ARGV_BYTES_MAX) {
		bytes = ARGV_BYTES_MAX;
		record->argv_truncated = 1;
	}
	/* The process's own memory, but the process has not run an instruction yet. */
	if (bpf_probe_read_user(&scratch->tail[scratch->tail_bytes & TAIL_MASK], bytes & (2 * ARGV_BYTES_MAX - 1),
				(void *)start)) {
		record->argv_truncated = 1;
		return;
	}
	record->argv_bytes = bytes;
	scratch->tail_bytes += bytes;
}

static __always_inline void append_environment(struct scratch *scratch, struct task_struct *task,
					       struct exec_record *record)
{
	struct mm_struct *mm = BPF_CORE_READ(task, mm);
	unsigned long start = BPF_CORE_READ(mm, env_start);
	u64 bytes = BPF_CORE_READ(mm, env_end) - start;

	if (bytes > ENVIRONMENT_BYTES_MAX) {
		bytes = ENVIRONMENT_BYTES_MAX;
		record->environment_truncated = 1;
	}
	if (bpf_probe_read_user(&scratch->tail[scratch->tail_bytes & TAIL_MASK],
				bytes & (2 * ENVIRONMENT_BYTES_MAX - 1), (void *)start)) {
		record->environment_truncated = 1;
		return;
	}
	record->environment_bytes = bytes;
	scratch->tail_bytes += bytes;
}

static __always_inline void fill_streams(struct task_struct *task, struct exec_record *record)
{
	struct file **fds = BPF_CORE_READ(task, files, fdt, fd);
	struct file *files[STREAMS] = {};

	/* The smallest table of descriptors has more (include/linux/fdtable.h NR_OPEN_DEFAULT). */
	bpf_probe_read_kernel(files, sizeof(files), fds);
	for (int i = 0; i < STREAMS; i++)
		if (files[i])
			fill_stream(files[i], &record->streams[i]);
}

static __always_inline u32 terminal_device(struct task_struct *task)
{
	struct tty_struct *tty = BPF_CORE_READ(task, signal, tty);

	if (!tty)
		return 0;
	return user_device(BPF_CORE_READ(tty, driver, major),
			   BPF_CORE_READ(tty, driver, minor_start) + BPF_CORE_READ(tty, index));
}

/* `sh < file`: the script is standard input. */
static __always_inline void append_standard_input(struct scratch *scratch, struct task_struct *task,
						  struct task_state *state, struct dentry *root,
						  struct exec_record *record)
{
	struct file **fds = BPF_CORE_READ(task, files, fdt, fd);
	struct seen_file seen = {};
	struct file *file = NULL;

	bpf_probe_read_kernel(&file, sizeof(file), fds);
	if (!file)
		return;
	see_file(file, &seen);
	if (!seen.inode || !is_regular(seen.inode) || is_image_file(&seen, state))
		return;
	record->standard_input.flags = FILE_STDIN;
	append_file(scratch, &seen, state, root, &record->standard_input);
}

static __always_inline void fill_process(struct task_struct *task, struct exec_record *record)
{
	struct task_struct *parent = BPF_CORE_READ(task, real_parent);
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	struct pid *session = BPF_CORE_READ(task, signal, pids[PIDTYPE_SID]);
	struct pid *group = BPF_CORE_READ(task, signal, pids[PIDTYPE_PGID]);
	u32 level = BPF_CORE_READ(pid, level);
	struct upid inner = {};

	record->parent_pid = BPF_CORE_READ(parent, tgid);
	record->parent_start_ns = start_time_ns(parent);
	bpf_probe_read_kernel(&inner, sizeof(inner),
			      (void *)pid + bpf_core_field_offset(struct pid, numbers) +
				      (level & 31) * bpf_core_type_size(struct upid));
	record->inner_pid = inner.nr;
	record->session = BPF_CORE_READ(session, numbers[0].nr);
	record->process_group = BPF_CORE_READ(group, numbers[0].nr);
	record->tty = terminal_device(task);
	BPF_CORE_READ_INTO(&record->name, task, comm);
	fill_streams(task, record);
	fill_credentials(task, &record->credentials);
	fill_namespaces(task, &record->namespaces);
}

static __always_inline void send_program(struct task_struct *task, struct task_state *state,
					 struct program_key started_from, struct namespace_root *root,
					 struct file *file, const char *filename, const char *interp, u32 flags)
{
	struct scratch *scratch = get_scratch();
	enum urgency urgency = CONVENIENT;
	struct seen_file seen = {};
	struct exec_record *record;

	if (!scratch)
		return;
	record = &scratch->exec;
	__builtin_memset(record, 0, sizeof(*record));
	scratch->tail_bytes = 0;
	fill_header(task, state, RECORD_EXEC, &record->header);
	record->header.flags |= flags;
	record->started_from = started_from;
	fill_process(task, record);
	fill_root(task, root, &record->header, &record->root);
	see_file(file, &seen);
	append_file(scratch, &seen, state, root->dentry, &record->file);
	if (state->flags & BASE_INTERPRETER)
		append_standard_input(scratch, task, state, root->dentry, record);
	if (filename) {
		record->filename_bytes = append_kernel_string(scratch, filename);
		record->interpreter_bytes = append_kernel_string(scratch, interp);
	}
	u32 ignored = 0;

	record->cwd_bytes = append_path(scratch, BPF_CORE_READ(task, fs, pwd.dentry), BPF_CORE_READ(task, fs, pwd.mnt),
					&ignored, root->dentry);
	if (filename) {
		append_arguments(scratch, task, record);
		append_environment(scratch, task, record);
	}
	/* What came into the container from outside, too: its runtime is asked while it still runs. */
	if (!started_from.pid || (record->header.flags & (BASE_EXISTING | BASE_HOST_ROOT)) ||
	    record->standard_input.flags || !is_image_file(&seen, state))
		urgency = URGENT;
	else
		urgency = call_urgency(record->header.time_ns);
	send_with_tail(scratch, &record->header, sizeof(*record), urgency);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
	struct task_state *state = bpf_task_storage_get(&tasks, task, NULL, 0);
	struct file *file = BPF_CORE_READ(bprm, file);
	const char *filename = BPF_CORE_READ(bprm, filename);
	const char *interp = BPF_CORE_READ(bprm, interp);
	struct program_key started_from = {};
	struct namespace_root root = {};

	if (!find_namespace_root(task, &root))
		return 0;
	if (!state) {
		if (is_host_root(&root))
			return 0;
		state = bpf_task_storage_get(&tasks, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
		if (!state) {
			count_loss(LOSS_NO_STORAGE);
			return 0;
		}
		enter_container(task, &root, start_time_ns(task), state);
	}
	started_from = state->program;
	state->program.pid = BPF_CORE_READ(task, tgid);
	state->program.exec_ns = bpf_ktime_get_boot_ns();
	state->script_candidates = 0;
	state->told = 0;
	state->flags &= ~(BASE_INTERPRETER | BASE_EXE_DELETED);
	if (is_interpreter(file, task))
		state->flags |= BASE_INTERPRETER;
	send_program(task, state, started_from, &root, file, filename, interp, 0);
	return 0;
}

static __always_inline bool is_learning_host(void)
{
	u32 zero = 0;
	struct settings *set = bpf_map_lookup_elem(&settings, &zero);

	return set && set->learn_host_only;
}

/* The host's root is that of its first process; where a hardened kernel hides that one, the sensor's own. */
static __always_inline void learn_host(struct task_struct *visited)
{
	bool is_first = BPF_CORE_READ(visited, pid) == 1;
	struct namespace_root root = {};
	struct host_root host = {};
	u32 zero = 0;

	if (!find_namespace_root(is_first ? visited : bpf_get_current_task_btf(), &root))
		return;
	host.dentry = (u64)root.dentry;
	host.dev = root.dev;
	host.known = 1;
	if (is_first || !is_host_known())
		bpf_map_update_elem(&host_roots, &zero, &host, BPF_ANY);
}

/* Every thread that runs already: the host's first process gives the host's root, the others their container. */
SEC("iter/task")
int on_existing(struct bpf_iter__task *context)
{
	struct task_struct *task = context->task;
	struct program_key started_from = {};
	struct task_state *parent = NULL;
	struct namespace_root root = {};
	struct task_state *state;
	struct file *file;

	/* At the end. */
	if (!task) {
		visitor = 0;
		return 0;
	}
	visitor = bpf_get_current_pid_tgid();
	if (is_learning_host()) {
		learn_host(task);
		return 0;
	}
	if (!BPF_CORE_READ(task, mm) || !find_namespace_root(task, &root))
		return 0;
	if (is_host_root(&root) || bpf_task_storage_get(&tasks, task, NULL, 0))
		return 0;
	state = bpf_task_storage_get(&tasks, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!state) {
		count_loss(LOSS_NO_STORAGE);
		return 0;
	}
	enter_container(task, &root, start_time_ns(task), state);
	if (task->real_parent)
		parent = bpf_task_storage_get(&tasks, task->real_parent, NULL, 0);
	if (parent) {
		started_from = parent->program;
		if (!(parent->flags & BASE_ENTERED))
			state->flags &= ~BASE_ENTERED;
	}
	state->program.pid = BPF_CORE_READ(task, tgid);
	state->program.exec_ns = start_time_ns(task);
	file = BPF_CORE_READ(task, mm, exe_file);
	if (!file)
		return 0;
	if (is_interpreter(file, NULL))
		state->flags |= BASE_INTERPRETER;
	if (BPF_CORE_READ(task, pid) == BPF_CORE_READ(task, tgid))
		send_program(task, state, started_from, &root, file, NULL, NULL, BASE_EXISTING);
	return 0;
}
