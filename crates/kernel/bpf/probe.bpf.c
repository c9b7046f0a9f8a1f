// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * One empty program for each means that a backend would need: whether it loads and attaches is the only honest
 * answer to whether this kernel and these rights allow it. Each is loaded alone, attached, and taken away again.
 */
#include "kernel_types.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("tp_btf/sched_process_exec")
int BPF_PROG(probe_tp_btf)
{
	return 0;
}

SEC("tp/syscalls/sys_exit_openat")
int probe_tracepoint(void *context)
{
	return 0;
}

SEC("lsm/bprm_check_security")
int BPF_PROG(probe_lsm)
{
	return 0;
}

SEC("fentry/bprm_execve")
int BPF_PROG(probe_fentry)
{
	return 0;
}

SEC("iter/task")
int probe_iterator(void *context)
{
	return 0;
}

SEC("license")
char LICENSE[] = "Dual BSD/GPL";
