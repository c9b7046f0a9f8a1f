/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A program begins. It has not run an instruction yet: a signal here ends it before it has any effect. */

/* `sh < file`: the script is standard input. */
static __always_inline struct file *standard_input(struct task_struct *task)
{
	struct file **fds = BPF_CORE_READ(task, files, fdt, fd);
	struct file *file = NULL;

	bpf_probe_read_kernel(&file, sizeof(file), fds);
	return file;
}

/* Notes what the program will read its script from. */
static __always_inline void meet_interpreter(struct guard_case *matter, struct linux_binprm *bprm, struct file *file)
{
	struct guarded *member = matter->member;
	const char *filename = BPF_CORE_READ(bprm, filename);
	bool is_from_input;

	member->flags &= ~(MEMBER_INTERPRETER | MEMBER_SCRIPT_UNNAMED);
	member->script = 0;
	if (!is_interpreter(file, matter->task))
		return;
	member->flags |= MEMBER_INTERPRETER;
	if (BPF_CORE_READ(bprm, interp) != filename) {
		take_script((u64)filename);
		return;
	}
	is_from_input = find_script(family_of(file));
	if (is_from_input)
		on_drift(matter, DRIFT_SCRIPTS, standard_input(matter->task));
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(guard_exec, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
	struct guarded *member = bpf_task_storage_get(&guarded, task, NULL, 0);
	struct file *file = BPF_CORE_READ(bprm, file);
	struct namespace_root root = {};
	struct guard_case matter = {};

	if (!member) {
		if (!find_namespace_root(task, &root) || is_host_root(&root) || !make_member(task, &root))
			return 0;
	}
	if (!begin_case(task, MEANS_KILL_AT_EXEC, &matter)) {
		/* Where nothing is enforced now, it may be later. */
		if (matter.member)
			note_lawful(task, matter.member);
		return 0;
	}
	if (!IS_ASKED_BEFORE)
		judge_gain(&matter, file);
	note_lawful(task, matter.member);
	/* Where the exec itself was asked about, it has been told. */
	if (!IS_ASKED_BEFORE && (judge_program(&matter, file) || on_drift(&matter, DRIFT_BINARIES, file)))
		return 0;
	meet_interpreter(&matter, bprm, file);
	return 0;
}
