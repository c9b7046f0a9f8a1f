/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Which program takes a call that ended. One program stands at the end of all calls: outside containers it is one load. */

/* Places in the table that are no calls. */
enum guard_place_of_program {
	AT_RIGHTS = 0,
};

/* By number of the call. Filled when the object is loaded; pinned, since the kernel empties it otherwise. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, CALLS_MAX);
	__uint(key_size, sizeof(u32));
	__array(values, int(void *));
} guard_calls SEC(".maps")
= {
	.values = {
		[AT_RIGHTS] = (void *)&guard_rights,
		[CALL_OPEN] = (void *)&guard_open,
		[CALL_OPENAT] = (void *)&guard_open,
		[CALL_OPENAT2] = (void *)&guard_open,
		[CALL_CREAT] = (void *)&guard_open,
		[CALL_OPEN_BY_HANDLE_AT] = (void *)&guard_open,
		[CALL_MKNOD] = (void *)&guard_plain,
		[CALL_MKNODAT] = (void *)&guard_plain,
		[CALL_MOUNT] = (void *)&guard_plain,
		[CALL_MOVE_MOUNT] = (void *)&guard_plain,
		[CALL_MOUNT_SETATTR] = (void *)&guard_plain,
		[CALL_OPEN_TREE] = (void *)&guard_plain,
		[CALL_PIVOT_ROOT] = (void *)&guard_plain,
		[CALL_FSOPEN] = (void *)&guard_plain,
		[CALL_FSPICK] = (void *)&guard_plain,
		[CALL_FSCONFIG] = (void *)&guard_plain,
		[CALL_FSMOUNT] = (void *)&guard_plain,
		[CALL_INIT_MODULE] = (void *)&guard_plain,
		[CALL_FINIT_MODULE] = (void *)&guard_plain,
		[CALL_KEXEC_LOAD] = (void *)&guard_plain,
		[CALL_KEXEC_FILE_LOAD] = (void *)&guard_plain,
		[CALL_BPF] = (void *)&guard_plain,
		[CALL_PERF_EVENT_OPEN] = (void *)&guard_plain,
		[CALL_KEYCTL] = (void *)&guard_plain,
		[CALL_ADD_KEY] = (void *)&guard_plain,
		[CALL_REQUEST_KEY] = (void *)&guard_plain,
		[CALL_USERFAULTFD] = (void *)&guard_plain,
		[CALL_IO_URING_SETUP] = (void *)&guard_plain,
		[CALL_IOPL] = (void *)&guard_plain,
		[CALL_IOPERM] = (void *)&guard_plain,
		[CALL_SETNS] = (void *)&guard_namespace,
		[CALL_UNSHARE] = (void *)&guard_namespace,
		[CALL_CLONE] = (void *)&guard_namespace,
		[CALL_PTRACE] = (void *)&guard_target,
		[CALL_PROCESS_VM_WRITEV] = (void *)&guard_target,
		[CALL_SPLICE] = (void *)&guard_splice,
		[CALL_CONNECT] = (void *)&guard_connect,
		[CALL_CAPSET] = (void *)&guard_lawful,
		[CALL_SETUID] = (void *)&guard_lawful,
		[CALL_SETREUID] = (void *)&guard_lawful,
		[CALL_SETRESUID] = (void *)&guard_lawful,
		[CALL_SETGID] = (void *)&guard_lawful,
		[CALL_SETREGID] = (void *)&guard_lawful,
		[CALL_SETRESGID] = (void *)&guard_lawful,
		[CALL_SETFSUID] = (void *)&guard_lawful,
		[CALL_MMAP] = (void *)&guard_map,
		[CALL_MPROTECT] = (void *)&guard_map,
		[CALL_PKEY_MPROTECT] = (void *)&guard_map,
	},
};

SEC("tp_btf/sys_exit")
int BPF_PROG(guard_call, struct pt_regs *regs, s64 ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct guard_case matter = {};
	struct guarded *member;
	u32 number;

	/* Outside containers nobody has stored anything: one load, for every call of the machine. */
	if (bpf_core_field_exists(task->bpf_storage) && !task->bpf_storage)
		return 0;
	member = bpf_task_storage_get(&guarded, task, NULL, 0);
	if (!member)
		return 0;
	number = call_of(task, regs);
	if (!is_lawful_change(number)) {
		if (has_more(task, member))
			bpf_tail_call(ctx, &guard_calls, AT_RIGHTS);
	} else if (!begin_case(task, MEANS_KILL_AT_CALL, &matter)) {
		/* Where nothing is enforced now, it may be later. */
		note_lawful(task, member);
		return 0;
	}
	if (!number || is_error(ret))
		return 0;
	bpf_tail_call(ctx, &guard_calls, number);
	return 0;
}
