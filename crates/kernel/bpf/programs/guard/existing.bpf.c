/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The threads that run already. The first process gives the host's root, the others become members of their containers. */

/* Whether a process still runs a program of the outside: a stage of the runtime that is on its way in. */
static __always_inline bool is_on_its_way(struct task_struct *task)
{
	struct file *exe = (void *)exe_of(task);
	struct seen_file seen = {};
	struct vfsmount *mnt;
	u64 namespace;

	if (!exe)
		return true;
	see_file(exe, &seen);
	mnt = seen.mnt;
	namespace = (u64)BPF_CORE_READ(mount_of(mnt), mnt_ns);
	/* What is in no namespace runs from memory, as the runtime's copy of itself does, or from a mount taken away. */
	if (is_internal_mount(mnt))
		return true;
	return namespace && namespace != (u64)BPF_CORE_READ(task, nsproxy, mnt_ns);
}

/* The host's root is that of its first process; where a hardened kernel hides that one, the sensor's own. */
static __always_inline void learn_guarded_host(struct task_struct *visited)
{
	bool is_first = BPF_CORE_READ(visited, pid) == 1;
	struct namespace_root root = {};
	struct host_root host = { .known = 1 };
	u32 zero = 0;

	if (is_host_known() || !find_namespace_root(is_first ? visited : bpf_get_current_task_btf(), &root))
		return;
	host.dentry = (u64)root.dentry;
	host.dev = root.dev;
	bpf_map_update_elem(&host_roots, &zero, &host, BPF_ANY);
}

SEC("iter/task")
int guard_existing(struct bpf_iter__task *context)
{
	struct task_struct *task = context->task;
	struct namespace_root root = {};

	if (!task || !BPF_CORE_READ(task, mm) || !find_namespace_root(task, &root))
		return 0;
	learn_guarded_host(task);
	if (is_host_root(&root) || bpf_task_storage_get(&guarded, task, NULL, 0) || is_on_its_way(task))
		return 0;
	make_member(task, &root);
	return 0;
}
