/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Facts about a file, all from the kernel's own structures. */
#ifndef YAGURA_FILE_H
#define YAGURA_FILE_H

#include "seen.h"
#include "walks.h"

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
