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
} call_programs SEC(".maps")
= {
	.values = {
		[CALL_OPEN] = (void *)&on_open_exit,
		[CALL_OPENAT] = (void *)&on_open_exit,
		[CALL_OPENAT2] = (void *)&on_open_exit,
		[CALL_CREAT] = (void *)&on_open_exit,
		[CALL_OPEN_BY_HANDLE_AT] = (void *)&on_open_exit,
		[CALL_RENAME] = (void *)&on_plain_exit,
		[CALL_RENAMEAT] = (void *)&on_plain_exit,
		[CALL_RENAMEAT2] = (void *)&on_plain_exit,
		[CALL_LINK] = (void *)&on_plain_exit,
		[CALL_LINKAT] = (void *)&on_plain_exit,
		[CALL_SYMLINK] = (void *)&on_plain_exit,
		[CALL_SYMLINKAT] = (void *)&on_plain_exit,
		[CALL_UNLINK] = (void *)&on_plain_exit,
		[CALL_UNLINKAT] = (void *)&on_plain_exit,
		[CALL_RMDIR] = (void *)&on_plain_exit,
		[CALL_MKDIR] = (void *)&on_plain_exit,
		[CALL_MKDIRAT] = (void *)&on_plain_exit,
		[CALL_MKNOD] = (void *)&on_plain_exit,
		[CALL_MKNODAT] = (void *)&on_plain_exit,
		[CALL_CHMOD] = (void *)&on_plain_exit,
		[CALL_FCHMOD] = (void *)&on_plain_exit,
		[CALL_FCHMODAT] = (void *)&on_plain_exit,
		[CALL_FCHMODAT2] = (void *)&on_plain_exit,
		[CALL_CHOWN] = (void *)&on_plain_exit,
		[CALL_LCHOWN] = (void *)&on_plain_exit,
		[CALL_FCHOWN] = (void *)&on_plain_exit,
		[CALL_FCHOWNAT] = (void *)&on_plain_exit,
		[CALL_SETXATTR] = (void *)&on_plain_exit,
		[CALL_LSETXATTR] = (void *)&on_plain_exit,
		[CALL_FSETXATTR] = (void *)&on_plain_exit,
		[CALL_TRUNCATE] = (void *)&on_plain_exit,
		[CALL_CHROOT] = (void *)&on_namespaces_exit,
		[CALL_MOUNT] = (void *)&on_plain_exit,
		[CALL_UMOUNT2] = (void *)&on_plain_exit,
		[CALL_MOVE_MOUNT] = (void *)&on_plain_exit,
		[CALL_FSOPEN] = (void *)&on_plain_exit,
		[CALL_FSCONFIG] = (void *)&on_plain_exit,
		[CALL_FSMOUNT] = (void *)&on_plain_exit,
		[CALL_OPEN_TREE] = (void *)&on_plain_exit,
		[CALL_PIVOT_ROOT] = (void *)&on_namespaces_exit,
		[CALL_UNSHARE] = (void *)&on_namespaces_exit,
		[CALL_SETNS] = (void *)&on_namespaces_exit,
		[CALL_PTRACE] = (void *)&on_target_exit,
		[CALL_PROCESS_VM_WRITEV] = (void *)&on_target_exit,
		[CALL_PROCESS_VM_READV] = (void *)&on_target_exit,
		[CALL_KILL] = (void *)&on_target_exit,
		[CALL_TKILL] = (void *)&on_target_exit,
		[CALL_TGKILL] = (void *)&on_target_exit,
		[CALL_PIDFD_SEND_SIGNAL] = (void *)&on_target_exit,
		[CALL_MEMFD_CREATE] = (void *)&on_memfd_exit,
		[CALL_PRCTL] = (void *)&on_prctl_exit,
		[CALL_INIT_MODULE] = (void *)&on_plain_exit,
		[CALL_FINIT_MODULE] = (void *)&on_plain_exit,
		[CALL_DELETE_MODULE] = (void *)&on_plain_exit,
		[CALL_BPF] = (void *)&on_plain_exit,
		[CALL_PERF_EVENT_OPEN] = (void *)&on_plain_exit,
		[CALL_KEYCTL] = (void *)&on_keyctl_exit,
		[CALL_ADD_KEY] = (void *)&on_plain_exit,
		[CALL_REQUEST_KEY] = (void *)&on_plain_exit,
		[CALL_SPLICE] = (void *)&on_splice_exit,
		[CALL_VMSPLICE] = (void *)&on_vmsplice_exit,
		[CALL_IO_URING_SETUP] = (void *)&on_plain_exit,
		[CALL_USERFAULTFD] = (void *)&on_plain_exit,
		[CALL_CAPSET] = (void *)&on_credentials_exit,
		[CALL_SETUID] = (void *)&on_credentials_exit,
		[CALL_SETGID] = (void *)&on_credentials_exit,
		[CALL_SETREUID] = (void *)&on_credentials_exit,
		[CALL_SETREGID] = (void *)&on_credentials_exit,
		[CALL_SETRESUID] = (void *)&on_credentials_exit,
		[CALL_SETRESGID] = (void *)&on_credentials_exit,
		[CALL_KEXEC_LOAD] = (void *)&on_plain_exit,
		[CALL_KEXEC_FILE_LOAD] = (void *)&on_plain_exit,
		[CALL_IOPL] = (void *)&on_plain_exit,
		[CALL_IOPERM] = (void *)&on_plain_exit,
		[CALL_MMAP] = (void *)&on_mmap_exit,
		[CALL_MPROTECT] = (void *)&on_protect_exit,
		[CALL_PKEY_MPROTECT] = (void *)&on_protect_exit,
		[CALL_DUP] = (void *)&on_copy_exit,
		[CALL_DUP2] = (void *)&on_copy_exit,
		[CALL_DUP3] = (void *)&on_copy_exit,
		[CALL_FCNTL] = (void *)&on_copy_exit,
		[CALL_SOCKET] = (void *)&on_socket_exit,
		[CALL_CONNECT] = (void *)&on_connect_exit,
		[CALL_BIND] = (void *)&on_local_exit,
		[CALL_LISTEN] = (void *)&on_local_exit,
		[CALL_ACCEPT] = (void *)&on_accept_exit,
		[CALL_ACCEPT4] = (void *)&on_accept_exit,
		[CALL_SENDTO] = (void *)&on_old_send_exit,
		[CALL_SENDMSG] = (void *)&on_old_send_exit,
		[CALL_RECVFROM] = (void *)&on_old_receive_exit,
		[CALL_RECVMSG] = (void *)&on_old_receive_exit,
		[CALL_SENDMMSG] = (void *)&on_messages_exit,
	},
};

SEC("tp_btf/sys_exit")
int BPF_PROG(on_call_exit, struct pt_regs *regs, s64 ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u32 number = call_of(task, regs);
	u32 filter;

	if (!HAS_SEND_TRACEPOINT && !number)
		number = plain_call_of(task, regs);
	if (!number)
		return 0;
	filter = filter_of(number);
	if (!filter)
		return 0;
	/* What a connection left behind for its call's end is taken up there, whatever came of it. */
	if (is_error(ret) && !(filter & FILTER_FAILED) && number != CALL_CONNECT)
		return 0;
	/* Seen where the socket sends and receives. */
	if (HAS_SEND_TRACEPOINT && number >= CALL_SENDTO && number <= CALL_RECVMSG)
		return 0;
	bpf_tail_call(ctx, &call_programs, number);
	return 0;
}
