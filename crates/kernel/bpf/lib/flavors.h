/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Everything that differs between kernel versions, in one place. */
#ifndef YAGURA_FLAVORS_H
#define YAGURA_FLAVORS_H

#include "../kernel_types.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define NSEC_PER_SEC 1000000000LL

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* include/linux/fs.h I_CTIME_QUERIED: from Linux 6.13 on a bit among the nanoseconds says that the time was asked for
 * since it last changed. It is no part of the time.
 */
#define CTIME_QUERIED (1U << 31)

/* Linux 6.11 and later: seconds and nanoseconds apart. */
struct inode___v611 {
	s64 i_mtime_sec;
	s64 i_ctime_sec;
	u32 i_mtime_nsec;
	u32 i_ctime_nsec;
};

struct timespec64___yagura {
	s64 tv_sec;
	long tv_nsec;
};

/* Linux 6.7 to 6.10: renamed so that nobody touches them directly. */
struct inode___v67 {
	struct timespec64___yagura __i_mtime;
	struct timespec64___yagura __i_ctime;
};

/* Linux 6.6: only the change time was renamed. */
struct inode___v66 {
	struct timespec64___yagura i_mtime;
	struct timespec64___yagura __i_ctime;
};

/* Linux 6.15 and later: the parent of a kernfs node was renamed. */
struct kernfs_node___v615 {
	struct kernfs_node *__parent;
};

struct kernfs_node___old {
	struct kernfs_node *parent;
};

struct inode___old {
	struct timespec64___yagura i_mtime;
	struct timespec64___yagura i_ctime;
};

/* Before 6.18 a mount namespace had a number of its own, never used twice. */
struct mnt_namespace___seq {
	u64 seq;
};

struct ns_common___id {
	u64 ns_id;
};

struct mnt_namespace___id {
	struct ns_common___id ns;
};

/* overlayfs built in: its inode is described by the kernel's type information. */
struct ovl_inode {
	struct inode vfs_inode;
	struct dentry *__upperdentry;
};

/* Linux 6.7 and later: a mapping of an overlay file holds the layer's file, with the overlay's path behind it. */
struct backing_file {
	struct file file;
	struct path user_path;
};

/* Linux 6.7 and later: a file's memory is given back at once, in the context that closed it. */
struct file___v67 {
	struct {
		void *next;
	} f_task_work;
};

/* Linux 6.16 and later: the tracepoint says whether the thread was the last of its process. */
struct trace_event_raw_sched_process_exit___v616 {
	bool group_dead;
};

#pragma clang attribute pop

static __always_inline s64 inode_ctime_ns(struct inode *inode)
{
	struct inode___v611 *v611 = (void *)inode;
	struct inode___v67 *v67 = (void *)inode;
	struct inode___old *old = (void *)inode;

	if (bpf_core_field_exists(v611->i_ctime_sec))
		return BPF_CORE_READ(v611, i_ctime_sec) * NSEC_PER_SEC +
		       (BPF_CORE_READ(v611, i_ctime_nsec) & ~CTIME_QUERIED);
	if (bpf_core_field_exists(v67->__i_ctime))
		return BPF_CORE_READ(v67, __i_ctime.tv_sec) * NSEC_PER_SEC + BPF_CORE_READ(v67, __i_ctime.tv_nsec);
	return BPF_CORE_READ(old, i_ctime.tv_sec) * NSEC_PER_SEC + BPF_CORE_READ(old, i_ctime.tv_nsec);
}

static __always_inline s64 inode_mtime_ns(struct inode *inode)
{
	struct inode___v611 *v611 = (void *)inode;
	struct inode___v67 *v67 = (void *)inode;
	struct inode___v66 *v66 = (void *)inode;

	if (bpf_core_field_exists(v611->i_mtime_sec))
		return BPF_CORE_READ(v611, i_mtime_sec) * NSEC_PER_SEC + BPF_CORE_READ(v611, i_mtime_nsec);
	if (bpf_core_field_exists(v67->__i_mtime))
		return BPF_CORE_READ(v67, __i_mtime.tv_sec) * NSEC_PER_SEC + BPF_CORE_READ(v67, __i_mtime.tv_nsec);
	return BPF_CORE_READ(v66, i_mtime.tv_sec) * NSEC_PER_SEC + BPF_CORE_READ(v66, i_mtime.tv_nsec);
}

static __always_inline struct kernfs_node *kernfs_parent(struct kernfs_node *node)
{
	struct kernfs_node___v615 *v615 = (void *)node;
	struct kernfs_node___old *old = (void *)node;

	if (bpf_core_field_exists(v615->__parent))
		return BPF_CORE_READ(v615, __parent);
	return BPF_CORE_READ(old, parent);
}

/* A number that no other mount namespace has had since boot; the inode number is soon used again. */
static __always_inline u64 mount_namespace_id(struct mnt_namespace *ns)
{
	struct mnt_namespace___seq *seq = (void *)ns;
	struct mnt_namespace___id *id = (void *)ns;

	if (bpf_core_field_exists(seq->seq))
		return BPF_CORE_READ(seq, seq);
	if (bpf_core_field_exists(id->ns.ns_id))
		return BPF_CORE_READ(id, ns.ns_id);
	return BPF_CORE_READ(ns, ns.inum);
}

/*
 * Whether the last thread of a process ends; to be called with the arguments of sched_process_exit. Before 6.16 threads
 * that end at the same moment may all count as the last: a process may then end twice for the reader, never not at all.
 */
static __always_inline bool is_last_thread(unsigned long long *arguments, struct task_struct *task)
{
	if (bpf_core_field_exists(struct trace_event_raw_sched_process_exit___v616, group_dead))
		return ((volatile unsigned long long *)arguments)[1] & 1;
	return BPF_CORE_READ(task, signal, live.counter) <= 0;
}

/* Linux 6.2 and later: kernel memory at any address can be read as fast as the kernel itself reads it. */
extern void *bpf_rdonly_cast(const void *address, u32 type) __ksym __weak;

/*
 * One field of a kernel struct at an address, for what is read at every open: BPF_CORE_READ() costs several times as
 * much. Both yield zero where there is no memory.
 */
#define PEEK(type, address, field)                                                                                  \
	({                                                                                                          \
		typeof(((struct type *)0)->field) peeked;                                                           \
		const void *at = (const void *)(address);                                                           \
                                                                                                                    \
		if (bpf_ksym_exists(bpf_rdonly_cast))                                                               \
			peeked = ((struct type *)bpf_rdonly_cast(at, bpf_core_type_id_kernel(struct type)))->field; \
		else                                                                                                \
			bpf_core_read(&peeked, sizeof(peeked), &((struct type *)at)->field);                        \
		peeked;                                                                                             \
	})

/* arch/x86/include/asm/thread_info.h TS_COMPAT: a system call as programs of 32 bits make it, at its end too. */
#define COMPAT_STATUS 0x2
/* arch/arm64/include/asm/thread_info.h TIF_32BIT */
#define COMPAT_FLAG (1UL << 22)
/* arch/x86/include/uapi/asm/unistd.h __X32_SYSCALL_BIT: the same calls for pointers of 32 bits. */
#define X32_CALL 0x40000000U

#if defined(__TARGET_ARCH_x86)
static __always_inline u32 syscall_number(struct pt_regs *regs)
{
	return (u32)regs->orig_ax & ~X32_CALL;
}

static __always_inline bool is_compat_call(struct task_struct *task)
{
	return task->thread_info.status & COMPAT_STATUS;
}

static __always_inline void syscall_arguments(struct task_struct *task, struct pt_regs *regs, u64 *arguments)
{
	if (is_compat_call(task)) {
		arguments[0] = (u32)regs->bx;
		arguments[1] = (u32)regs->cx;
		arguments[2] = (u32)regs->dx;
		arguments[3] = (u32)regs->si;
		arguments[4] = (u32)regs->di;
		arguments[5] = (u32)regs->bp;
		return;
	}
	arguments[0] = regs->di;
	arguments[1] = regs->si;
	arguments[2] = regs->dx;
	arguments[3] = regs->r10;
	arguments[4] = regs->r8;
	arguments[5] = regs->r9;
}
#elif defined(__TARGET_ARCH_arm64)
static __always_inline u32 syscall_number(struct pt_regs *regs)
{
	return regs->syscallno;
}

static __always_inline bool is_compat_call(struct task_struct *task)
{
	return task->thread_info.flags & COMPAT_FLAG;
}

static __always_inline void syscall_arguments(struct task_struct *task, struct pt_regs *regs, u64 *arguments)
{
	arguments[0] = regs->orig_x0;
	arguments[1] = regs->user_regs.regs[1];
	arguments[2] = regs->user_regs.regs[2];
	arguments[3] = regs->user_regs.regs[3];
	arguments[4] = regs->user_regs.regs[4];
	arguments[5] = regs->user_regs.regs[5];
}
#endif

/* The upper layer's entry of an overlay inode, NULL if the file is a lower layer's. */
static __always_inline void *overlay_upper(struct inode *inode)
{
	unsigned long offset = bpf_core_type_size(struct inode);
	void *upper = NULL;

	if (bpf_core_type_exists(struct ovl_inode))
		offset = bpf_core_field_offset(struct ovl_inode, __upperdentry) -
			 bpf_core_field_offset(struct ovl_inode, vfs_inode);
	/* Where overlayfs is a module its types are not in the kernel's own information, but in every version so far
	 * the pointer stands right behind the inode (fs/overlayfs/ovl_entry.h, struct ovl_inode).
	 */
	bpf_probe_read_kernel(&upper, sizeof(upper), (void *)inode + offset);
	return upper;
}

#endif
