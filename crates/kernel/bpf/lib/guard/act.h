/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * From a question to what is done about it.
 *
 * Fails closed: where there is no memory to compare with allow lists, what a row denies is denied. Fails open where a thread
 * could not be remembered as a container's. Both are counted.
 */
#ifndef YAGURA_GUARD_ACT_H
#define YAGURA_GUARD_ACT_H

#include "behaviours.h"
#include "decide.h"
#include "member.h"
#include "origin.h"

/* include/uapi/asm-generic/signal.h */
#define SIGKILL 9
/* include/uapi/linux/bpf.h */
#define BPF_RB_FORCE_WAKEUP 2
#define TAIL_MASK (4 * PATH_BYTES_MAX - 1)

/* A member that is about to do something, and its row. */
struct guard_case {
	struct task_struct *task;
	struct guarded *member;
	struct guard_row *row;
	u64 key; /* of the row */
	u8 means; /* of enum denial_means */
	u8 outcome; /* of a denial, of enum denial_outcome */
};

/* What the current thread is to be judged by. False for all that are outside, and where nothing is enforced. */
static __always_inline bool begin_case(struct task_struct *task, u8 means, struct guard_case *matter)
{
	matter->task = task;
	matter->means = means;
	matter->outcome = means == MEANS_BPF_LSM ? OUTCOME_BLOCKED : OUTCOME_KILLED;
	matter->member = current_member(task);
	if (!matter->member)
		return false;
	matter->row = row_of(task, matter->member, &matter->key);
	return matter->row != NULL;
}

static __always_inline void fill_file_facts(struct seen_file *seen, struct guarded *member, struct file_record *record)
{
	struct inode *inode = seen->inode;
	struct vfsmount *mnt = seen->mnt;

	record->ino = BPF_CORE_READ(inode, i_ino);
	record->dev = BPF_CORE_READ(inode, i_sb, s_dev);
	record->generation = BPF_CORE_READ(inode, i_generation);
	record->ctime_ns = inode_ctime_ns(inode);
	record->mtime_ns = inode_mtime_ns(inode);
	record->size = BPF_CORE_READ(inode, i_size);
	record->mode = BPF_CORE_READ(inode, i_mode);
	record->links = BPF_CORE_READ(inode, i_nlink);
	record->uid = BPF_CORE_READ(inode, i_uid.val);
	record->magic = BPF_CORE_READ(inode, i_sb, s_magic);
	record->flags = FILE_PRESENT;
	if (is_overlay(inode)) {
		record->flags |= FILE_OVERLAY;
		if (overlay_upper(inode))
			record->flags |= FILE_UPPER;
	} else if (record->dev == member->root_dev && is_below((u64)seen->dentry, member->root_dentry)) {
		record->flags |= FILE_BELOW_ROOT;
	}
	if (is_internal_mount(mnt))
		record->flags |= FILE_MEMFD;
	else if (!record->links)
		record->flags |= FILE_DELETED;
	if (BPF_CORE_READ(inode, i_writecount.counter) > 0)
		record->flags |= FILE_BEING_WRITTEN;
	if (BPF_CORE_READ(mnt, mnt_root) != (void *)member->root_dentry)
		record->flags |= FILE_OTHER_MOUNT;
}

/* Appends a text of the scratch to the record; returns its bytes. */
static __always_inline u32 append_text(struct guard_scratch *scratch, u32 *at, const char *text, u32 bytes, u32 most)
{
	if (bytes > most)
		bytes = most;
	bpf_probe_read_kernel(&scratch->tail[*at & TAIL_MASK], bytes & (2 * PATH_BYTES_MAX - 1), text);
	*at += bytes;
	return bytes;
}

/* Tells of a denial. The file is given by its address, zero if there is none. Global, so that it is verified once. */
__noinline int tell_denial(u64 file_address, u32 outcome, u32 means)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct guarded *member = current_member(task);
	struct guard_scratch *scratch = guard_scratch();
	struct seen_file seen = {};
	struct denial_record *record;
	u32 number;
	u32 at = 0;

	if (!scratch || !member)
		return 0;
	record = &scratch->record;
	__builtin_memset(record, 0, sizeof(*record));
	number = scratch->question.number;
	record->is_drift = scratch->question.subject == SUBJECT_DRIFT;
	record->number = record->is_drift ? number / GUARD_CLASSES : number;
	record->origin = record->is_drift ? number % GUARD_CLASSES : 0;
	record->outcome = outcome;
	record->means = means;
	record->rule = scratch->question.rule;
	record->header.kind = RECORD_DENIAL;
	record->header.version = RECORD_VERSION;
	record->header.time_ns = bpf_ktime_get_boot_ns();
	record->header.container = member->key;
	record->header.cgroup = cgroup_id(task);
	record->header.start_ns = start_time_ns(task);
	record->header.pid = BPF_CORE_READ(task, tgid);
	BPF_CORE_READ_INTO(&record->name, task, comm);
	if (file_address) {
		see_file((struct file *)file_address, &seen);
		if (seen.inode) {
			fill_file_facts(&seen, member, &record->file);
			record->file.path_bytes =
				append_text(scratch, &at, scratch->file.text, scratch->file.bytes, PATH_BYTES_MAX);
		}
	}
	record->exe_bytes = append_text(scratch, &at, scratch->exe.text, scratch->exe.bytes, PATH_BYTES_MAX);
	if (!record->is_drift && scratch->target_of == number + 1)
		record->target_bytes =
			append_text(scratch, &at, scratch->target, scratch->target_bytes, TARGET_BYTES_MAX);
	/* The tail follows the fixed part. */
	record->header.size = sizeof(*record) + (at & TAIL_MASK);
	if (bpf_ringbuf_output(&guard_ring, record, sizeof(*record) + (at & TAIL_MASK), BPF_RB_FORCE_WAKEUP))
		count_guard_loss(GUARD_LOSS_RING);
	return 0;
}

/* There was no memory to decide in. */
#define UNDECIDED -1

/*
 * Answers the question whose subject and number are given, on a file by its address (zero: none), and tells. Returns of
 * enum guard_action what is to be done, or UNDECIDED. Global, so that it is verified once.
 */
__noinline int judge(u64 key, u32 subject, u32 number, u64 file_address)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct guard_scratch *scratch = guard_scratch();

	if (!scratch) {
		count_guard_loss(GUARD_LOSS_SCRATCH);
		return UNDECIDED;
	}
	scratch->question.row = key;
	scratch->question.subject = subject;
	scratch->question.number = number;
	set_file_text(exe_of(task), PLACE_EXE);
	set_file_text(file_address, PLACE_FILE);
	return guard_decide(scratch);
}

/* What follows from the answer: kills or denies, and tells. Returns whether it is denied. */
static __always_inline bool settle(struct guard_case *matter, u32 action, u64 file_address)
{
	if (action == ACTION_NONE)
		return false;
	if (action == ACTION_DENY && matter->outcome == OUTCOME_KILLED)
		bpf_send_signal(SIGKILL);
	tell_denial(file_address, action == ACTION_DENY ? matter->outcome : OUTCOME_WATCHED, matter->means);
	return action == ACTION_DENY;
}

/* Judges a behaviour. Returns whether it is denied. */
static __always_inline bool on_behaviour(struct guard_case *matter, u32 number, u64 file_address)
{
	u64 bit = 1ULL << (number & 63);
	int action;

	if (!(matter->row->any & bit))
		return false;
	action = judge(matter->key, SUBJECT_BEHAVIOUR, number, file_address);
	if (action == UNDECIDED)
		action = matter->row->denied & bit ? ACTION_DENY : ACTION_WATCH;
	return settle(matter, action, file_address);
}

/* Judges a file that is mapped executable: a library, unless it is the program itself. Returns whether it is denied. */
static __always_inline bool on_drift(struct guard_case *matter, u32 kind, struct file *file);

static __always_inline bool on_mapped(struct guard_case *matter, struct file *file)
{
	struct task_struct *task = matter->task;
	struct file *exe = BPF_CORE_READ(task, mm, exe_file);
	struct seen_file program = {};
	struct seen_file mapped = {};

	see_file(file, &mapped);
	if (exe)
		see_file(exe, &program);
	return mapped.inode != program.inode && on_drift(matter, DRIFT_LIBRARIES, file);
}

/* Judges a file that is to run. Returns whether it is denied. */
static __always_inline bool on_drift(struct guard_case *matter, u32 kind, struct file *file)
{
	struct seen_file seen = {};
	u32 number;
	u32 origin;
	int action;

	if (!file)
		return false;
	see_file(file, &seen);
	origin = origin_of(&seen, matter->member);
	if (origin >= GUARD_CLASSES)
		return false;
	number = kind * GUARD_CLASSES + origin;
	if (number >= GUARD_CELLS || !matter->row->cell[number].action)
		return false;
	action = judge(matter->key, SUBJECT_DRIFT, number, (u64)file);
	if (action == UNDECIDED)
		action = matter->row->cell[number].action;
	return settle(matter, action, (u64)file);
}

#endif
