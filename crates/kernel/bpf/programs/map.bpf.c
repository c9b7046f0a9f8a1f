/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A file was mapped executable, or a mapping became so. The mapping itself is looked at, not the descriptor. */

/* include/uapi/asm-generic/mman-common.h */
#define PROT_READ 0x1
#define PROT_EXEC 0x4
#define MAP_ANONYMOUS 0x20
/* include/uapi/linux/personality.h: what may be read may be executed. */
#define READ_IMPLIES_EXEC 0x0400000
/* include/uapi/asm-generic/errno-base.h */
#define EBUSY 16
/* Looks at the memory map for one call: neighbouring mappings, and vain ones while other threads keep the map busy.
 * Stops a process from hiding a file behind other mappings, or from holding up its own call for long.
 */
#define LOOKS_MAX 1024

/* What a call made executable. */
struct range {
	u64 address; /* of what was not looked at yet */
	u64 end;
	struct file *file;
};

static long see_mapping(struct task_struct *task, struct vm_area_struct *vma, void *data)
{
	struct range *range = data;

	range->file = BPF_CORE_READ(vma, vm_file);
	range->address = BPF_CORE_READ(vma, vm_end);
	return 0;
}

/* Tells of a file that was mapped executable, if it may not be the image's. Global, so that it is verified once. */
__noinline int tell_mapping(u64 file_address, u32 flags)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *state = bpf_task_storage_get(&tasks, task, NULL, 0);
	struct seen_file seen = {};

	if (!state || !file_address)
		return 0;
	see_file((struct file *)file_address, &seen);
	if (!seen.inode || !is_regular(seen.inode) || is_image_file(&seen, state))
		return 0;
	send_file_event(task, state, RECORD_MAP, &seen, flags);
	return 1;
}

static long tell_next(u32 index, void *data)
{
	struct range *range = data;
	long failed;

	if (range->address >= range->end)
		return 1;
	failed = bpf_find_vma(bpf_get_current_task_btf(), range->address, see_mapping, range, 0);
	if (failed)
		return failed != -EBUSY;
	tell_mapping((u64)range->file, 0);
	return 0;
}

static __always_inline bool becomes_executable(struct task_struct *task, u64 prot)
{
	if (prot & PROT_EXEC)
		return true;
	return (prot & PROT_READ) && (BPF_CORE_READ(task, personality) & READ_IMPLIES_EXEC);
}

static __always_inline void on_mmap(struct call *call)
{
	struct range range = { .address = call->result, .end = call->result + 1 };

	if (is_error(call->result) || !becomes_executable(call->task, call->arguments[2]) ||
	    (call->arguments[3] & MAP_ANONYMOUS))
		return;
	bpf_loop(LOOKS_MAX, tell_next, &range, 0);
	if (range.address >= range.end)
		return;
	/* What the descriptor is now another thread may have changed: good to tell of, no proof that there is nothing. */
	if (!tell_mapping((u64)file_of(call->task, (int)call->arguments[4]), FILE_BY_DESCRIPTOR))
		count_loss(LOSS_MAPPING_BUSY);
}

static __always_inline void on_protect(struct call *call)
{
	struct range range = {};

	if (call->result || !becomes_executable(call->task, call->arguments[2]))
		return;
	range.address = call->arguments[0];
	range.end = range.address + call->arguments[1];
	bpf_loop(LOOKS_MAX, tell_next, &range, 0);
	if (range.address < range.end)
		count_loss(LOSS_MAPPING_BUSY);
}

ON_CALL_EXIT(on_mmap_exit, on_mmap)
ON_CALL_EXIT(on_protect_exit, on_protect)
