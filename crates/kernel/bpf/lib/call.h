/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * System calls at their end. One program (programs/dispatch.bpf.c) stands at the end of all calls, looks up what the
 * call is and whether anybody wants it, and goes over to the program for it, declared here with ON_CALL_EXIT.
 *
 * A record is built in the CPU's scratch memory: begin_call(), then the strings in the order of their lengths in
 * struct call_record, then send_call() or send_volume_call(). Nothing else can come between on the same CPU: these
 * programs run with preemption disabled.
 *
 * Strings that the caller passed are read from its memory, where another thread may have changed them since the kernel
 * looked: good to tell of, no proof.
 */
#ifndef YAGURA_CALL_H
#define YAGURA_CALL_H

#include "budget.h"
#include "descriptor.h"
#include "emit.h"
#include "syscalls.h"

/* A call that ended. */
struct call {
	struct task_struct *task;
	struct task_state *state;
	u32 number; /* of enum call_number */
	u32 filter; /* of enum call_filter */
	s64 result;
	u64 arguments[CALL_ARGUMENTS];
};

static __always_inline u32 filter_of(u32 number)
{
	u32 *filter = bpf_map_lookup_elem(&call_filters, &number);

	return filter ? *filter : 0;
}

/* Reads what ended from the tracepoint's arguments: the registers, then the result. False outside containers. */
static __always_inline bool see_call(struct pt_regs *regs, s64 result, struct call *call)
{
	call->task = bpf_get_current_task_btf();
	call->state = bpf_task_storage_get(&tasks, call->task, NULL, 0);
	if (!call->state)
		return false;
	call->number = call_of(call->task, regs);
	call->filter = filter_of(call->number);
	call->result = result;
	syscall_arguments(call->task, regs, call->arguments);
	return true;
}

/* Whether user space wants the call as it ended. */
static __always_inline bool is_wanted(struct call *call)
{
	if (!(call->filter & FILTER_SENT))
		return false;
	return !is_error(call->result) || (call->filter & FILTER_FAILED);
}

/* A program for the end of calls: `ON_CALL_EXIT(on_kill_exit, on_kill)` has `on_kill(struct call *)` called. */
#define ON_CALL_EXIT(name, handler)                       \
	SEC("tp_btf/sys_exit")                            \
	int BPF_PROG(name, struct pt_regs *regs, s64 ret) \
	{                                                 \
		struct call call = {};                    \
                                                          \
		if (see_call(regs, ret, &call))           \
			handler(&call);                   \
		return 0;                                 \
	}

/* The record is at the end of the scratch's head: the tail must follow. */
static __always_inline struct call_record *call_record_of(struct scratch *scratch)
{
	return (void *)&scratch->exec + sizeof(struct exec_record) - sizeof(struct call_record);
}

/* Begins the record of a call. NULL if there can be none. */
static __always_inline struct call_record *begin_call(struct call *call)
{
	struct scratch *scratch = get_scratch();
	struct task_struct *task = call->task;
	struct namespace_root root = {};
	struct root_record ignored = {};
	struct call_record *record;

	if (!scratch)
		return NULL;
	record = call_record_of(scratch);
	__builtin_memset(record, 0, sizeof(*record));
	scratch->tail_bytes = 0;
	scratch->root_dentry = 0;
	fill_header(task, call->state, RECORD_CALL, &record->header);
	if (find_namespace_root(task, &root)) {
		fill_root(task, &root, &record->header, &ignored);
		scratch->root_dentry = (u64)root.dentry;
	}
	record->thread = BPF_CORE_READ(task, pid);
	record->call = call->number;
	record->result = call->result;
	__builtin_memcpy(record->arguments, call->arguments, sizeof(record->arguments));
	record->fd = -1;
	return record;
}

/* Appends a string of the caller's memory; returns its bytes. Global, as all below, so that it is verified once. */
__noinline u32 append_user_string(u64 address)
{
	struct scratch *scratch = get_scratch();
	long bytes;

	if (!scratch || !address)
		return 0;
	bytes = bpf_probe_read_user_str(&scratch->tail[scratch->tail_bytes & TAIL_MASK], PATH_BYTES_MAX,
					(void *)address);
	if (bytes <= 1 || bytes > PATH_BYTES_MAX)
		return 0;
	scratch->tail_bytes += bytes - 1;
	return bytes - 1;
}

/* Appends the path of the directory that a relative path begins at; returns its bytes. */
__noinline u32 append_directory(u64 dirfd)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct scratch *scratch = get_scratch();
	struct vfsmount *mnt;
	struct dentry *dentry;
	u32 ignored = 0;

	if (!scratch)
		return 0;
	if ((int)dirfd == AT_FDCWD) {
		dentry = BPF_CORE_READ(task, fs, pwd.dentry);
		mnt = BPF_CORE_READ(task, fs, pwd.mnt);
	} else {
		struct file *file = file_of(task, (int)dirfd);

		if (!file)
			return 0;
		dentry = BPF_CORE_READ(file, f_path.dentry);
		mnt = BPF_CORE_READ(file, f_path.mnt);
	}
	return append_path(scratch, dentry, mnt, &ignored, NULL);
}

/*
 * Appends a path of the caller's memory and, if it is relative, where it begins. Returns the bytes of the path in the
 * lower half and those of the directory in the upper.
 */
__noinline u64 append_path_argument(u64 address, u64 dirfd)
{
	char first = 0;
	u64 bytes;

	if (!address || bpf_probe_read_user(&first, sizeof(first), (void *)address))
		return 0;
	bytes = append_user_string(address);
	if (first != '/')
		bytes |= (u64)append_directory(dirfd) << 32;
	return bytes;
}

/* Appends the facts of an open file, given by its address; to be called before anything else is appended. */
__noinline int append_call_file(u64 file_address)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *state = bpf_task_storage_get(&tasks, task, NULL, 0);
	struct scratch *scratch = get_scratch();
	struct seen_file seen = {};

	if (!scratch || !state || !file_address)
		return 0;
	see_file((struct file *)file_address, &seen);
	if (!seen.inode)
		return 0;
	append_file(scratch, &seen, state, (struct dentry *)scratch->root_dentry, &call_record_of(scratch)->file);
	if (is_of_other_namespace(seen.mnt, task))
		call_record_of(scratch)->file.flags |= FILE_OTHER_NAMESPACE;
	return 1;
}

/* Appends bytes of the caller's memory; returns how many. */
__noinline u32 append_user_bytes(u64 address, u64 bytes)
{
	struct scratch *scratch = get_scratch();

	if (!scratch || !address || !bytes)
		return 0;
	if (bytes > DATA_BYTES_MAX)
		bytes = DATA_BYTES_MAX;
	if (bpf_probe_read_user(&scratch->tail[scratch->tail_bytes & TAIL_MASK], bytes & (2 * DATA_BYTES_MAX - 1),
				(void *)address))
		return 0;
	scratch->tail_bytes += bytes;
	return bytes;
}

/* Sends a record of the exec class that a container can cause at will. */
static __always_inline void send_rare(u64 container, void *record, u64 bytes, enum urgency urgency)
{
	struct container_budget *budget = budget_of(container);

	if (budget && !take(&budget->rare_until_ns, bpf_ktime_get_boot_ns(), RARE_RECORD_NS, RARE_BURST_NS))
		send(&call_ring, CALL_RING_BYTES, LOSS_CALL_RING, record, bytes, CONVENIENT);
	else
		send_exec_class(record, bytes, urgency);
}

/* Sends the record of a call that is made often. */
__noinline int send_volume_call(void)
{
	struct scratch *scratch = get_scratch();
	struct call_record *record;
	u64 now = bpf_ktime_get_boot_ns();
	u64 bytes;

	if (!scratch)
		return 0;
	record = call_record_of(scratch);
	if (!take_from_budget(record->header.container, OF_CALLS, now))
		return 0;
	bytes = sizeof(*record) + (scratch->tail_bytes & TAIL_MASK);
	record->header.size = bytes;
	send(&call_ring, CALL_RING_BYTES, LOSS_CALL_RING, record, bytes, call_urgency(now));
	return 1;
}

/* Sends the record of a call that is rare and tells much: with the programs that begin, at once. */
__noinline int send_call(void)
{
	struct scratch *scratch = get_scratch();
	struct call_record *record;
	u64 bytes;

	if (!scratch)
		return 0;
	record = call_record_of(scratch);
	bytes = sizeof(*record) + (scratch->tail_bytes & TAIL_MASK);
	record->header.size = bytes;
	send_rare(record->header.container, record, bytes, URGENT);
	return 0;
}

#endif
