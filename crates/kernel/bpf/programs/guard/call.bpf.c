/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The end of every system call: a signal here ends the process before it can use what the call gave it. */

/* include/uapi/linux/sched.h */
#define CLONE_NEWNS 0x00020000
#define CLONE_NEWCGROUP 0x02000000
#define CLONE_NEWUSER 0x10000000
/* include/uapi/linux/ptrace.h */
#define PTRACE_ATTACH 16
#define PTRACE_SEIZE 0x4206
/* include/uapi/linux/mount.h */
#define OPEN_TREE_CLONE 1

/* A call that ended. */
struct guard_call {
	u32 number; /* of enum call_number */
	s64 result;
	u64 arguments[CALL_ARGUMENTS];
};

static __always_inline bool see_guard_call(struct pt_regs *regs, s64 result, struct guard_case *matter,
					   struct guard_call *call)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (!begin_case(task, MEANS_KILL_AT_CALL, matter))
		return false;
	call->number = call_of(task, regs);
	call->result = result;
	syscall_arguments(task, regs, call->arguments);
	return true;
}

/* A program for the end of calls. */
#define ON_GUARDED_CALL(name, handler)                         \
	SEC("tp_btf/sys_exit")                                 \
	int BPF_PROG(name, struct pt_regs *regs, s64 ret)      \
	{                                                      \
		struct guard_case matter = {};                 \
		struct guard_call call = {};                   \
                                                               \
		if (see_guard_call(regs, ret, &matter, &call)) \
			handler(&matter, &call);               \
		return 0;                                      \
	}

/* The behaviour that a call is by itself. */
static __always_inline u32 plain_behaviour(struct guard_call *call)
{
	switch (call->number) {
	case CALL_MOUNT:
	case CALL_MOVE_MOUNT:
	case CALL_MOUNT_SETATTR:
		return BEHAVIOUR_MOUNT;
	case CALL_OPEN_TREE:
		return call->arguments[2] & OPEN_TREE_CLONE ? BEHAVIOUR_MOUNT : BEHAVIOUR_NONE;
	case CALL_PIVOT_ROOT:
		return BEHAVIOUR_PIVOT_ROOT;
	case CALL_FSOPEN:
	case CALL_FSPICK:
	case CALL_FSCONFIG:
	case CALL_FSMOUNT:
		return BEHAVIOUR_FILESYSTEM_CONTEXT;
	case CALL_INIT_MODULE:
	case CALL_FINIT_MODULE:
		return BEHAVIOUR_KERNEL_MODULE;
	case CALL_KEXEC_LOAD:
	case CALL_KEXEC_FILE_LOAD:
		return BEHAVIOUR_KEXEC;
	case CALL_BPF:
		return BEHAVIOUR_BPF;
	case CALL_PERF_EVENT_OPEN:
		return BEHAVIOUR_PERF_EVENT;
	case CALL_KEYCTL:
	case CALL_ADD_KEY:
	case CALL_REQUEST_KEY:
		return BEHAVIOUR_KEYRING;
	case CALL_USERFAULTFD:
		return BEHAVIOUR_USERFAULTFD;
	case CALL_IO_URING_SETUP:
		return BEHAVIOUR_IO_URING;
	case CALL_IOPL:
	case CALL_IOPERM:
		return BEHAVIOUR_PORT_ACCESS;
	default:
		return BEHAVIOUR_NONE;
	}
}

static __always_inline bool is_device(u64 mode)
{
	return (mode & S_IFMT) == S_IFBLK || (mode & S_IFMT) == S_IFCHR;
}

static __always_inline void on_plain(struct guard_case *matter, struct guard_call *call)
{
	u32 number = plain_behaviour(call);

	if ((call->number == CALL_MKNOD && is_device(call->arguments[1])) ||
	    (call->number == CALL_MKNODAT && is_device(call->arguments[2])))
		number = BEHAVIOUR_DEVICE_NODE;
	if (number != BEHAVIOUR_NONE)
		on_behaviour(matter, number, 0);
}

static __always_inline void on_open(struct guard_case *matter, struct guard_call *call)
{
	struct file *file = file_of(matter->task, call->result);

	if (!file)
		return;
	if (call->number == CALL_OPEN_BY_HANDLE_AT && on_behaviour(matter, BEHAVIOUR_FILE_HANDLE, (u64)file))
		return;
	if (judge_opened(matter, file))
		return;
	if (is_given_script(matter->member, file))
		on_drift(matter, DRIFT_SCRIPTS, file);
}

/* Whether a thread is where it was not, and where one may not go unseen. */
static __always_inline bool is_elsewhere(struct guard_case *matter)
{
	struct task_struct *task = matter->task;

	return (u64)BPF_CORE_READ(task, nsproxy, mnt_ns) != matter->member->mount_ns ||
	       (u64)BPF_CORE_READ(task, nsproxy, cgroup_ns) != matter->member->cgroup_ns ||
	       (u64)BPF_CORE_READ(task, real_cred, user_ns) != matter->member->rights.user_ns;
}

static __always_inline void on_namespaces(struct guard_case *matter, struct guard_call *call)
{
	u32 number = BEHAVIOUR_NONE;

	if (call->number == CALL_SETNS)
		number = BEHAVIOUR_NAMESPACE_ENTRY;
	else if (call->number == CALL_UNSHARE)
		number = call->arguments[0] & (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUSER)
				 ? BEHAVIOUR_NAMESPACE_CREATION
				 : BEHAVIOUR_NONE;
	/* The child comes out of the same call. */
	else if (!call->result && is_elsewhere(matter))
		number = BEHAVIOUR_NAMESPACE_CREATION;
	if (number == BEHAVIOUR_NONE)
		return;
	on_behaviour(matter, number, 0);
	note_lawful(matter->task, matter->member);
}

static __always_inline void on_target(struct guard_case *matter, struct guard_call *call)
{
	bool writes = call->number == CALL_PROCESS_VM_WRITEV;
	u64 pid = writes ? call->arguments[0] : call->arguments[1];

	if (!writes && call->arguments[0] != PTRACE_ATTACH && call->arguments[0] != PTRACE_SEIZE)
		return;
	if (is_outside(task_of_pid(find_pid(pid)), matter->member) &&
	    on_behaviour(matter, BEHAVIOUR_PROCESS_OUTSIDE, 0))
		return;
	if (writes)
		on_behaviour(matter, BEHAVIOUR_PROCESS_MEMORY, 0);
}

static __always_inline void on_splice(struct guard_case *matter, struct guard_call *call)
{
	struct file *file = file_of(matter->task, (int)call->arguments[0]);
	struct seen_file seen = {};

	if (!file || (BPF_CORE_READ(file, f_mode) & FMODE_WRITE))
		return;
	see_file(file, &seen);
	if (seen.inode && is_regular(seen.inode))
		on_behaviour(matter, BEHAVIOUR_SPLICE_READ_ONLY, (u64)file);
}

static __always_inline void on_connect(struct guard_case *matter, struct guard_call *call)
{
	struct file *file = file_of(matter->task, (int)call->arguments[0]);

	if (file)
		judge_peer(matter, unix_peer(file));
}

/* Rights came by no lawful way: the call that has just ended changes none. */
static __always_inline void on_rights(struct guard_case *matter, struct guard_call *call)
{
	if (matter->member->flags & MEMBER_TOLD_INTEGRITY)
		return;
	matter->member->flags |= MEMBER_TOLD_INTEGRITY;
	on_behaviour(matter, BEHAVIOUR_INTEGRITY, 0);
}

/* Rights were changed by a call that may do so. */
static __always_inline void on_lawful(struct guard_case *matter, struct guard_call *call)
{
	struct guard_rights now = {};

	read_rights(matter->task, &now);
	if (is_gain(&matter->member->rights, &now))
		on_behaviour(matter, BEHAVIOUR_PRIVILEGE_GAIN, 0);
	note_lawful(matter->task, matter->member);
}

ON_GUARDED_CALL(guard_plain, on_plain)
ON_GUARDED_CALL(guard_open, on_open)
ON_GUARDED_CALL(guard_namespace, on_namespaces)
ON_GUARDED_CALL(guard_target, on_target)
ON_GUARDED_CALL(guard_splice, on_splice)
ON_GUARDED_CALL(guard_connect, on_connect)
ON_GUARDED_CALL(guard_rights, on_rights)
ON_GUARDED_CALL(guard_lawful, on_lawful)
