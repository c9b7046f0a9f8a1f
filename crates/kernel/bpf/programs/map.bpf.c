/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A file was mapped executable, or a mapping became so. The mapping itself is looked at, not the descriptor. */

/* include/uapi/asm-generic/mman-common.h */
#define PROT_EXEC 0x4
/* Addresses above this are error codes (include/linux/err.h). */
#define MAX_ERRNO 4095

struct mapping {
	struct file *file;
};

static long see_mapping(struct task_struct *task, struct vm_area_struct *vma, void *data)
{
	struct mapping *mapping = data;

	mapping->file = BPF_CORE_READ(vma, vm_file);
	return 0;
}

static __always_inline int on_executable_mapping(struct task_struct *task, struct task_state *state, u64 address)
{
	struct mapping mapping = {};
	struct seen_file seen = {};

	if (bpf_find_vma(task, address, see_mapping, &mapping, 0)) {
		count_loss(LOSS_MAPPING_BUSY);
		return 0;
	}
	if (!mapping.file)
		return 0;
	see_file(mapping.file, &seen);
	if (!seen.inode || !is_regular(seen.inode) || is_image_file(&seen, state))
		return 0;
	send_file_event(task, state, RECORD_MAP, &seen, 0);
	return 0;
}

SEC("tp/syscalls/sys_exit_mmap")
int on_mmap_exit(struct trace_event_raw_sys_exit *context)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *state = bpf_task_storage_get(&tasks, task, NULL, 0);
	struct pt_regs *regs;

	if (!state || (u64)context->ret >= (u64)-MAX_ERRNO)
		return 0;
	regs = (void *)bpf_task_pt_regs(task);
	if (!(SYSCALL_PROT(regs) & PROT_EXEC))
		return 0;
	return on_executable_mapping(task, state, context->ret);
}

static __always_inline int on_protect(struct trace_event_raw_sys_exit *context)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *state = bpf_task_storage_get(&tasks, task, NULL, 0);
	struct pt_regs *regs;

	if (!state || context->ret)
		return 0;
	regs = (void *)bpf_task_pt_regs(task);
	if (!(SYSCALL_PROT(regs) & PROT_EXEC))
		return 0;
	return on_executable_mapping(task, state, SYSCALL_ADDRESS(regs));
}

SEC("tp/syscalls/sys_exit_mprotect")
int on_mprotect_exit(struct trace_event_raw_sys_exit *context)
{
	return on_protect(context);
}

SEC("tp/syscalls/sys_exit_pkey_mprotect")
int on_pkey_mprotect_exit(struct trace_event_raw_sys_exit *context)
{
	return on_protect(context);
}
