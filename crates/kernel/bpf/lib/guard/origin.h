/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Where a file that is to run comes from, as far as the kernel can say it alone. */
#ifndef YAGURA_GUARD_ORIGIN_H
#define YAGURA_GUARD_ORIGIN_H

#include "maps.h"
#include "../seen.h"

/* Whether user space has compared exactly this content with the image's. */
static __always_inline bool has_verdict(struct inode *inode, u64 container)
{
	struct guard_verdict_key key = {
		.container = container,
		.ino = BPF_CORE_READ(inode, i_ino),
		.dev = BPF_CORE_READ(inode, i_sb, s_dev),
		.generation = BPF_CORE_READ(inode, i_generation),
		.ctime_ns = inode_ctime_ns(inode),
		.size = BPF_CORE_READ(inode, i_size),
	};

	return container && bpf_map_lookup_elem(&guard_verdicts, &key);
}

/*
 * Whether the file is the image's: a lower layer of the container's overlay, one that was copied up with its content as it
 * was, a file that was below a plain root before the container began, or one that user space has compared. None that is
 * open for writing is.
 */
static __always_inline bool is_of_image(struct seen_file *seen, struct guarded *member)
{
	struct inode *inode = seen->inode;
	bool is_of_root = BPF_CORE_READ(inode, i_sb, s_dev) == member->root_dev;

	if (is_of_root && is_overlay(inode) && !overlay_upper(inode))
		return true;
	if (BPF_CORE_READ(inode, i_writecount.counter) > 0)
		return false;
	if (is_of_root && (u64)inode == member->intact)
		return true;
	if (is_of_root && !is_overlay(inode) && inode_ctime_ns(inode) <= member->since_ns &&
	    is_below((u64)seen->dentry, member->root_dentry))
		return true;
	return has_verdict(inode, member->key);
}

/* The origin of a file: of enum origin_class. */
static __always_inline u32 origin_of(struct seen_file *seen, struct guarded *member)
{
	struct inode *inode = seen->inode;

	if (!inode || !is_regular(inode) || is_of_image(seen, member))
		return ORIGIN_IMAGE;
	if (is_internal_mount(seen->mnt))
		return ORIGIN_MEMFD;
	if (!BPF_CORE_READ(inode, i_nlink))
		return ORIGIN_DELETED;
	if (BPF_CORE_READ(inode, i_sb, s_dev) != member->root_dev)
		return ORIGIN_VOLUME;
	if (!is_overlay(inode) && !is_below((u64)seen->dentry, member->root_dentry))
		return ORIGIN_VOLUME;
	return ORIGIN_LAYER;
}

#endif
