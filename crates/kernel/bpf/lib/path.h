/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Walks from a directory entry up to the root of its mount namespace. Reads kernel memory only. */
#ifndef YAGURA_PATH_H
#define YAGURA_PATH_H

#include "flavors.h"
#include "../records.h"

/* Components and mount borders that one walk follows. Deeper paths keep their end and are flagged. */
#define PATH_STEPS_MAX 64
/* Mounts upon mounts that are climbed from a process's root directory to its namespace's. */
#define MOUNT_STEPS_MAX 128
/* Directories that are climbed to find out whether a file is below the container's root. */
#define BELOW_ROOT_STEPS_MAX 48
/* include/linux/limits.h NAME_MAX, rounded up to a mask. */
#define NAME_BYTES_MAX 256
#define MNT_READONLY 0x40
/* include/linux/err.h: pointers above this are error codes. MNT_NS_INTERNAL is one (fs/mount.h). */
#define ERR_PTR_MIN ((u64)-4095)

struct walk {
	/* The path, filled from its end; the slack lets the verifier see that a name always fits. */
	char text[PATH_BYTES_MAX + NAME_BYTES_MAX];
	u32 start;
	u32 flags; /* of enum file_flag */
};

/* The memory that walks fill: a CPU's (lib/walks.h), or where programs may be preempted a thread's (lib/guard/scratch.h). */
static __always_inline struct walk *get_walk(void);

static __always_inline struct mount *mount_of(struct vfsmount *mnt)
{
	return (void *)mnt - bpf_core_field_offset(struct mount, mnt);
}

/* The kernel's own mounts (memfd, shared memory, overlay layers) are in no namespace. */
static __always_inline bool is_internal_mount(struct vfsmount *mnt)
{
	return (u64)BPF_CORE_READ(mount_of(mnt), mnt_ns) >= ERR_PTR_MIN;
}

/* Puts a name and its slash before what is there. Returns false if there is no room. */
static __always_inline bool prepend(struct walk *walk, struct dentry *dentry)
{
	const unsigned char *name = BPF_CORE_READ(dentry, d_name.name);
	u32 bytes = BPF_CORE_READ(dentry, d_name.len);
	u32 position = walk->start;

	if (bytes >= NAME_BYTES_MAX)
		bytes = NAME_BYTES_MAX - 1;
	if (bytes + 1 > position || position > PATH_BYTES_MAX)
		return false;
	position -= bytes;
	bpf_probe_read_kernel(&walk->text[position & (PATH_BYTES_MAX - 1)], bytes & (NAME_BYTES_MAX - 1), name);
	position -= 1;
	walk->text[position & (PATH_BYTES_MAX - 1)] = '/';
	walk->start = position;
	return true;
}

/*
 * Fills the walk for a path given as two addresses (a global function takes no kernel pointers, and is verified
 * once instead of at every call). What changes from step to step is kept in the walk, so that the verifier meets
 * the same state again instead of following every length.
 */
__noinline int walk_path(u64 dentry_address, u64 mnt_address)
{
	struct dentry *dentry = (void *)dentry_address;
	struct mount *mount = mount_of((void *)mnt_address);
	struct walk *walk = get_walk();

	if (!walk)
		return 0;
	walk->start = PATH_BYTES_MAX;
	walk->flags = FILE_PATH_TRUNCATED;
	for (int step = 0; step < PATH_STEPS_MAX; step++) {
		struct dentry *parent;

		if (dentry == BPF_CORE_READ(mount, mnt.mnt_root)) {
			struct mount *above = BPF_CORE_READ(mount, mnt_parent);

			if (above == mount) {
				/* The bottom of a namespace. A mount taken out of its namespace has none (or an error
				 * code) there.
				 */
				walk->flags = 0;
				if ((u64)BPF_CORE_READ(mount, mnt_ns) - 1 >= ERR_PTR_MIN - 1)
					walk->flags = FILE_UNREACHABLE;
				break;
			}
			dentry = BPF_CORE_READ(mount, mnt_mountpoint);
			mount = above;
			continue;
		}
		parent = BPF_CORE_READ(dentry, d_parent);
		if (parent == dentry) {
			walk->flags = FILE_UNREACHABLE;
			break;
		}
		if (!prepend(walk, dentry))
			break;
		dentry = parent;
	}
	if (walk->start == PATH_BYTES_MAX && !(walk->flags & FILE_PATH_TRUNCATED)) {
		walk->start = PATH_BYTES_MAX - 1;
		walk->text[PATH_BYTES_MAX - 1] = '/';
	}
	return 0;
}

/*
 * The mount whose root is what a mount namespace shows as its root directory: the topmost of those that lie upon each
 * other at the bottom. Climbs mounts only, so that no depth of folders hides it. Takes a mount by its address, and
 * returns one; of mounts deeper than the bound the last one that was reached.
 */
__noinline u64 visible_root(u64 mnt_address)
{
	struct mount *mount = mount_of((void *)mnt_address);
	struct mount *visible = mount;

	for (int step = 0; step < MOUNT_STEPS_MAX; step++) {
		struct mount *above = BPF_CORE_READ(mount, mnt_parent);

		if (above == mount)
			break;
		if (BPF_CORE_READ(mount, mnt_mountpoint) != BPF_CORE_READ(above, mnt.mnt_root))
			visible = above;
		mount = above;
	}
	return (u64)visible;
}

/* Whether the entry is the container's root directory or below it, by the file system's own tree. */
__noinline int is_below(u64 dentry_address, u64 root_dentry)
{
	struct dentry *dentry = (void *)dentry_address;

	for (int step = 0; step < BELOW_ROOT_STEPS_MAX; step++) {
		struct dentry *parent;

		if ((u64)dentry == root_dentry)
			return 1;
		parent = BPF_CORE_READ(dentry, d_parent);
		if (parent == dentry)
			return 0;
		dentry = parent;
	}
	return 0;
}

#endif
