/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The end of every system call. A program for each call's own tracepoint would cost the same on calls that are looked
 * at, more than a tenth of a second each when it is taken away again, and would not see the calls of 32-bit programs.
 */

/* By number of the call. Filled when the object is loaded. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, CALLS_MAX);
	__uint(key_size, sizeof(u32));
	__array(values, int(void *));
} call_programs SEC(".maps") = {
	.values = {
		[CALL_OPEN] = (void *)&on_open_exit,
		[CALL_OPENAT] = (void *)&on_open_exit,
		[CALL_OPENAT2] = (void *)&on_open_exit,
		[CALL_CREAT] = (void *)&on_open_exit,
		[CALL_OPEN_BY_HANDLE_AT] = (void *)&on_open_exit,
		[CALL_MEMFD_CREATE] = (void *)&on_open_exit,
		[CALL_SETUID] = (void *)&on_credentials_exit,
		[CALL_SETGID] = (void *)&on_credentials_exit,
		[CALL_SETREUID] = (void *)&on_credentials_exit,
		[CALL_SETREGID] = (void *)&on_credentials_exit,
		[CALL_SETRESUID] = (void *)&on_credentials_exit,
		[CALL_SETRESGID] = (void *)&on_credentials_exit,
		[CALL_CAPSET] = (void *)&on_credentials_exit,
		[CALL_UNSHARE] = (void *)&on_namespaces_exit,
		[CALL_SETNS] = (void *)&on_namespaces_exit,
		[CALL_CHROOT] = (void *)&on_namespaces_exit,
		[CALL_PIVOT_ROOT] = (void *)&on_namespaces_exit,
		[CALL_MMAP] = (void *)&on_mmap_exit,
		[CALL_MPROTECT] = (void *)&on_protect_exit,
		[CALL_PKEY_MPROTECT] = (void *)&on_protect_exit,
	},
};

SEC("tp_btf/sys_exit")
int BPF_PROG(on_call_exit, struct pt_regs *regs, s64 ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u32 number = call_of(task, regs);
	u32 filter;

	if (!number)
		return 0;
	filter = filter_of(number);
	if (!filter || (is_error(ret) && !(filter & FILTER_FAILED)))
		return 0;
	if (!bpf_task_storage_get(&tasks, task, NULL, 0))
		return 0;
	bpf_tail_call(ctx, &call_programs, number);
	return 0;
}
