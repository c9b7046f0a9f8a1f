/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A process changed who it is (credentials) or where it is (namespaces, root). */

static __always_inline int on_credentials(struct trace_event_raw_sys_exit *context)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *state = bpf_task_storage_get(&tasks, task, NULL, 0);
	struct credentials_event_record record = {};

	if (!state || context->ret)
		return 0;
	fill_header(task, state, RECORD_CREDENTIALS, &record.header);
	record.header.size = sizeof(record);
	fill_credentials(task, &record.credentials);
	send_exec_class(&record, sizeof(record), CONVENIENT);
	return 0;
}

static __always_inline int on_namespaces(struct trace_event_raw_sys_exit *context)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *state = bpf_task_storage_get(&tasks, task, NULL, 0);
	struct namespaces_event_record record = {};
	struct namespace_root root = {};

	if (!state || context->ret || !find_namespace_root(task, &root))
		return 0;
	fill_header(task, state, RECORD_NAMESPACES, &record.header);
	record.header.size = sizeof(record);
	fill_namespaces(task, &record.namespaces);
	fill_root(task, &root, &record.header, &record.root);
	send_exec_class(&record, sizeof(record), CONVENIENT);
	return 0;
}

#define ON_SYSCALL(call, handler)                                      \
	SEC("tp/syscalls/sys_exit_" #call)                             \
	int on_##call##_exit(struct trace_event_raw_sys_exit *context) \
	{                                                              \
		return handler(context);                               \
	}

ON_SYSCALL(setuid, on_credentials)
ON_SYSCALL(setgid, on_credentials)
ON_SYSCALL(setreuid, on_credentials)
ON_SYSCALL(setregid, on_credentials)
ON_SYSCALL(setresuid, on_credentials)
ON_SYSCALL(setresgid, on_credentials)
ON_SYSCALL(capset, on_credentials)
ON_SYSCALL(unshare, on_namespaces)
ON_SYSCALL(setns, on_namespaces)
ON_SYSCALL(chroot, on_namespaces)
ON_SYSCALL(pivot_root, on_namespaces)
