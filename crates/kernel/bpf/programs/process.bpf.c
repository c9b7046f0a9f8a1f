/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Calls on other processes, and calls of which only some kinds tell anything. The rest is left out here, where it
 * costs least.
 */

/* include/uapi/linux/prctl.h */
#define PR_SET_DUMPABLE 4
#define PR_SET_NAME 15
#define PR_SET_SECCOMP 22
#define PR_SET_MM 35
#define PR_CAP_AMBIENT 47
/* include/uapi/linux/ptrace.h, arch/x86/include/uapi/asm/ptrace-abi.h */
#define PTRACE_POKETEXT 4
#define PTRACE_POKEDATA 5
#define PTRACE_POKEUSR 6
#define PTRACE_SETREGS 13
#define PTRACE_SETFPREGS 15
#define PTRACE_ATTACH 16
#define PTRACE_SETREGSET 0x4205
#define PTRACE_SEIZE 0x4206
/* include/uapi/linux/keyctl.h: asked for at every login. */
#define KEYCTL_GET_KEYRING_ID 0

/* Whether the kind of ptrace changes another process. */
static __always_inline bool is_telling_ptrace(u64 request)
{
	switch (request) {
	case PTRACE_POKETEXT:
	case PTRACE_POKEDATA:
	case PTRACE_POKEUSR:
	case PTRACE_SETREGS:
	case PTRACE_SETFPREGS:
	case PTRACE_ATTACH:
	case PTRACE_SETREGSET:
	case PTRACE_SEIZE:
		return true;
	default:
		return false;
	}
}

/* The signal of a call that sends one. Zero only asks whether there is such a process. */
static __always_inline u32 signal_of(struct call *call)
{
	return call->number == CALL_TGKILL ? call->arguments[2] : call->arguments[1];
}

/* The struct pid of the target; zero for groups of processes, and if it is gone. */
static __always_inline u64 target_of(struct call *call)
{
	u64 number = call->arguments[0];

	switch (call->number) {
	case CALL_PIDFD_SEND_SIGNAL:
		return pid_of_descriptor(call->task, (int)number);
	case CALL_PTRACE:
	case CALL_TGKILL:
		number = call->arguments[1];
		break;
	default:
		break;
	}
	return (int)number > 0 ? find_pid(number) : 0;
}

/* Signals, ptrace, other processes' memory. */
static __always_inline void on_target(struct call *call)
{
	bool is_memory = call->number == CALL_PROCESS_VM_READV || call->number == CALL_PROCESS_VM_WRITEV;
	struct task_struct *target;

	if (!is_wanted(call))
		return;
	if (call->number == CALL_PTRACE) {
		if (!is_telling_ptrace(call->arguments[0]))
			return;
	} else if (!is_memory && !signal_of(call)) {
		return;
	}
	target = (struct task_struct *)task_of_pid(target_of(call));
	/* What a process does to itself is its own affair. */
	if (target && BPF_CORE_READ(target, tgid) == (int)(bpf_get_current_pid_tgid() >> 32))
		return;
	if (!begin_call(call))
		return;
	fill_target((u64)target);
	fill_call(call->number);
}

static __always_inline void on_prctl(struct call *call)
{
	switch ((u32)call->arguments[0]) {
	case PR_SET_NAME:
		tell_call(call, CALL_PRCTL);
		break;
	case PR_SET_DUMPABLE:
	case PR_SET_SECCOMP:
	case PR_SET_MM:
	case PR_CAP_AMBIENT:
		/* None of these has a name. */
		tell_call(call, 0);
		break;
	default:
		break;
	}
}

static __always_inline void on_keyctl(struct call *call)
{
	if ((u32)call->arguments[0] != KEYCTL_GET_KEYRING_ID)
		tell_call(call, CALL_KEYCTL);
}

static __always_inline u32 type_of(struct file *file)
{
	return BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT;
}

/* Pages of a file that may only be read go into a pipe: told once of a thread's program, which is enough to know it. */
static __always_inline void on_splice(struct call *call)
{
	struct file *from = file_of(call->task, (int)call->arguments[0]);
	struct file *to = file_of(call->task, (int)call->arguments[2]);

	if (!is_wanted(call) || (call->state->told & TOLD_SPLICE) || !from || !to)
		return;
	if (type_of(from) != S_IFREG || type_of(to) != S_IFIFO || (BPF_CORE_READ(from, f_mode) & FMODE_WRITE))
		return;
	call->state->told |= TOLD_SPLICE;
	tell_call(call, CALL_SPLICE);
}

static __always_inline void on_vmsplice(struct call *call)
{
	if (!is_wanted(call) || (call->state->told & TOLD_VMSPLICE))
		return;
	call->state->told |= TOLD_VMSPLICE;
	tell_call(call, CALL_VMSPLICE);
}

ON_CALL_EXIT(on_target_exit, on_target)
ON_CALL_EXIT(on_prctl_exit, on_prctl)
ON_CALL_EXIT(on_keyctl_exit, on_keyctl)
ON_CALL_EXIT(on_splice_exit, on_splice)
ON_CALL_EXIT(on_vmsplice_exit, on_vmsplice)
