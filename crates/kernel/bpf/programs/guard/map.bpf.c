/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A file was mapped executable, or a mapping became so: a library, or a program that the loader was given. */

/* include/uapi/asm-generic/mman-common.h */
#define PROT_READ 0x1
#define PROT_EXEC 0x4
#define MAP_ANONYMOUS 0x20
/* include/uapi/linux/personality.h: what may be read may be executed. */
#define READ_IMPLIES_EXEC 0x0400000
/* include/uapi/asm-generic/errno-base.h */
#define EBUSY 16
/* Looks at the memory map for one call: neighbouring mappings, and vain ones while other threads keep the map busy. */
#define MAPPING_LOOKS_MAX 1024

/* What a call made executable. */
struct guarded_range {
	u64 address; /* of what was not looked at yet */
	u64 end;
	struct file *file;
};

static long see_guarded_mapping(struct task_struct *task, struct vm_area_struct *vma, void *data)
{
	struct guarded_range *range = data;

	range->file = BPF_CORE_READ(vma, vm_file);
	range->address = BPF_CORE_READ(vma, vm_end);
	return 0;
}

static __always_inline int judge_mapping(struct file *file)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct guard_case matter = {};

	if (!file || !begin_case(task, MEANS_KILL_AT_CALL, &matter))
		return 0;
	return on_mapped(&matter, file);
}

static long judge_next(u32 index, void *data)
{
	struct guarded_range *range = data;
	long failed;

	if (range->address >= range->end)
		return 1;
	failed = bpf_find_vma(bpf_get_current_task_btf(), range->address, see_guarded_mapping, range, 0);
	if (failed)
		return failed != -EBUSY;
	return judge_mapping(range->file);
}

static __always_inline bool gets_executable(struct task_struct *task, u64 prot)
{
	if (prot & PROT_EXEC)
		return true;
	return (prot & PROT_READ) && (BPF_CORE_READ(task, personality) & READ_IMPLIES_EXEC);
}

/* Looks into no case of its own: what stands on the stack here is missing further down. */
SEC("tp_btf/sys_exit")
int BPF_PROG(guard_map, struct pt_regs *regs, s64 ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct guarded_range range = { .address = ret, .end = ret + 1 };
	u64 arguments[CALL_ARGUMENTS];
	u32 number = call_of(task, regs);

	syscall_arguments(task, regs, arguments);
	if (!gets_executable(task, arguments[2]))
		return 0;
	if (number == CALL_MMAP && (arguments[3] & MAP_ANONYMOUS))
		return 0;
	if (number != CALL_MMAP) {
		range.address = arguments[0];
		range.end = range.address + arguments[1];
	}
	bpf_loop(MAPPING_LOOKS_MAX, judge_next, &range, 0);
	if (range.address < range.end)
		count_guard_loss(GUARD_LOSS_MAPPING);
	return 0;
}
