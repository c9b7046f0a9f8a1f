/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Facts about a file, all from the kernel's own structures. */
#ifndef YAGURA_FILE_H
#define YAGURA_FILE_H

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

static __always_inline void find_writer(struct inode *inode, struct file_record *record)
{
	struct writer_key key = {
		.ino = BPF_CORE_READ(inode, i_ino),
		.dev = BPF_CORE_READ(inode, i_sb, s_dev),
		.generation = BPF_CORE_READ(inode, i_generation),
	};
	struct writer *writer = bpf_map_lookup_elem(&writers, &key);

	if (writer) {
		record->writer = writer->program;
		record->writer_time_ns = writer->time_ns;
		record->flags |= FILE_WRITER_KNOWN;
	}
}

/*
 * Whether the kernel side can already say that the file is the image's, so that no record is needed: a lower layer
 * of the container's overlay, a file that was below a plain root before the container began, or a verdict of user
 * space on exactly this content with no writer since.
 */
static __always_inline bool is_image_file(struct seen_file *seen, struct task_state *state)
{
	struct inode *inode = seen->inode;
	struct image_file_key key = {
		.container = state->container,
		.ino = BPF_CORE_READ(inode, i_ino),
		.dev = BPF_CORE_READ(inode, i_sb, s_dev),
		.generation = BPF_CORE_READ(inode, i_generation),
		.size = BPF_CORE_READ(inode, i_size),
	};
	struct writer_key writer_key = {
		.ino = key.ino,
		.dev = key.dev,
		.generation = key.generation,
	};
	struct writer *writer;
	u64 *verdict_ns;

	if (key.dev == state->root_dev && is_overlay(inode) && !overlay_upper(inode))
		return true;
	if (BPF_CORE_READ(inode, i_writecount.counter) > 0)
		return false;
	key.ctime_ns = inode_ctime_ns(inode);
	if (key.dev == state->root_dev && !is_overlay(inode) && key.ctime_ns <= state->since_ns &&
	    is_below((u64)seen->dentry, state->root_dentry))
		return true;
	verdict_ns = bpf_map_lookup_elem(&image_files, &key);
	if (!verdict_ns)
		return false;
	writer = bpf_map_lookup_elem(&writers, &writer_key);
	return !writer || writer->time_ns < *verdict_ns;
}

/* Fills the record, without the path. */
static __always_inline void fill_file(struct seen_file *seen, struct task_state *state, struct file_record *record)
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
	record->flags |= FILE_PRESENT;
	if (record->magic == OVERLAYFS_SUPER_MAGIC) {
		record->flags |= FILE_OVERLAY;
		if (overlay_upper(inode))
			record->flags |= FILE_UPPER;
	} else if (record->dev == state->root_dev && is_below((u64)seen->dentry, state->root_dentry)) {
		record->flags |= FILE_BELOW_ROOT;
	}
	if (is_internal_mount(mnt))
		record->flags |= FILE_MEMFD;
	else if (!record->links)
		record->flags |= FILE_DELETED;
	if (BPF_CORE_READ(inode, i_writecount.counter) > 0)
		record->flags |= FILE_BEING_WRITTEN;
	if (BPF_CORE_READ(mnt, mnt_flags) & MNT_READONLY)
		record->flags |= FILE_READ_ONLY_MOUNT;
	find_writer(inode, record);
}

#endif
