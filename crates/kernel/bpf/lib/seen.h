/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What file a descriptor or a mapping shows. */
#ifndef YAGURA_SEEN_H
#define YAGURA_SEEN_H

#include "path.h"

/* include/uapi/linux/magic.h */
#define OVERLAYFS_SUPER_MAGIC 0x794c7630
/* include/uapi/linux/stat.h */
#define S_IFMT 00170000
#define S_IFREG 0100000
/* include/linux/kdev_t.h */
#define DEVICE_MINOR_BITS 20
#define DEVICE_MINOR_MASK ((1U << DEVICE_MINOR_BITS) - 1)
/* include/linux/fs.h */
#define FMODE_READ 0x1
#define FMODE_WRITE 0x2
#define FMODE_PATH 0x4000

struct seen_file {
	struct dentry *dentry;
	struct vfsmount *mnt;
	struct inode *inode;
};

/*
 * The file as the process sees it. A mapping of an overlay file holds the layer's own file: from Linux 6.7 on the
 * overlay's path stands behind it, before that its path (but not its inode) is already the overlay's.
 */
static __always_inline void see_file(struct file *file, struct seen_file *seen)
{
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	struct vfsmount *mnt = BPF_CORE_READ(file, f_path.mnt);

	if (bpf_core_type_exists(struct backing_file) && is_internal_mount(mnt)) {
		struct path behind;
		struct dentry *above;

		/* What stands behind a file that is no backing file is memory of another: believe it only if it
		 * leads to an overlay.
		 */
		bpf_probe_read_kernel(&behind, sizeof(behind),
				      (void *)file + bpf_core_field_offset(struct backing_file, user_path));
		above = behind.dentry;
		if (above && BPF_CORE_READ(above, d_sb, s_magic) == OVERLAYFS_SUPER_MAGIC) {
			dentry = above;
			mnt = behind.mnt;
		}
	}
	seen->dentry = dentry;
	seen->mnt = mnt;
	seen->inode = BPF_CORE_READ(dentry, d_inode);
}

static __always_inline bool is_regular(struct inode *inode)
{
	return (BPF_CORE_READ(inode, i_mode) & S_IFMT) == S_IFREG;
}

static __always_inline bool is_overlay(struct inode *inode)
{
	return BPF_CORE_READ(inode, i_sb, s_magic) == OVERLAYFS_SUPER_MAGIC;
}

#endif
