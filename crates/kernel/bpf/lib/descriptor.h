/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Results of system calls, and what descriptors lead to. */
#ifndef YAGURA_DESCRIPTOR_H
#define YAGURA_DESCRIPTOR_H

#include "path.h"

/* include/uapi/linux/fcntl.h */
#define AT_FDCWD -100
/* include/linux/err.h */
#define MAX_ERRNO 4095

static __always_inline bool is_error(s64 result)
{
	return (u64)result >= (u64)-MAX_ERRNO;
}

/* The open file of a descriptor of the current task, whose memory is read as it is: this is on the way of every open. */
static __always_inline struct file *file_of(struct task_struct *task, long fd)
{
	struct fdtable *table = task->files->fdt;
	struct file *file = NULL;

	if (fd < 0 || fd >= table->max_fds)
		return NULL;
	bpf_probe_read_kernel(&file, sizeof(file), table->fd + fd);
	return file;
}

/* Whether a mount is in another namespace than the process; the kernel's own mounts and those taken out are in none. */
static __always_inline bool is_of_other_namespace(struct vfsmount *mnt, struct task_struct *task)
{
	u64 namespace = (u64)BPF_CORE_READ(mount_of(mnt), mnt_ns);

	return namespace && namespace < ERR_PTR_MIN && namespace != (u64)BPF_CORE_READ(task, nsproxy, mnt_ns);
}

#endif
