/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Files of the image that only a change of mode, owner, times or names brought into the upper layer of an overlay: their
 * content is the image's still.
 *
 * What is known stands at the overlay's own inode. It is lost with it: then user space has to compare the content. Whatever
 * may change the content, a write, a truncation, an opening that allows mappings, is met before it does.
 */
#ifndef YAGURA_GUARD_COPIED_UP_H
#define YAGURA_GUARD_COPIED_UP_H

#include "maps.h"
#include "../seen.h"

/* include/linux/fs.h */
#define MAY_WRITE 0x2
/* include/uapi/asm-generic/fcntl.h */
#define O_TRUNC 00001000
#define O_APPEND 00002000

/* An overlay's file and its place when it was copied up. */
struct copied_up {
	u64 folder; /* the entry of its folder, as an identity only; zero: not copied up while this was looked at */
	u64 folder_ino;
	u64 name; /* hash and length of its name; the hash depends on the folder's entry too */
	u32 is_written; /* its content may have been changed */
	u32 reserved;
};

struct {
	__uint(type, BPF_MAP_TYPE_INODE_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct copied_up);
} guard_copied_up SEC(".maps");

static __always_inline bool is_overlay_file(struct inode *inode)
{
	return inode->i_sb->s_magic == OVERLAYFS_SUPER_MAGIC && (inode->i_mode & S_IFMT) == S_IFREG;
}

/* What is known of a file; made where nothing is. NULL if there is no memory. */
static __always_inline struct copied_up *note_of(struct inode *inode)
{
	struct copied_up *note = bpf_inode_storage_get(&guard_copied_up, inode, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);

	/* Of two that make it at one time, one gets nothing. */
	return note ?: bpf_inode_storage_get(&guard_copied_up, inode, NULL, 0);
}

static __always_inline void note_copied_up(struct dentry *dentry)
{
	struct inode *inode = dentry->d_inode;
	struct dentry *folder = dentry->d_parent;
	struct copied_up *note;

	if (!inode || !is_overlay_file(inode))
		return;
	note = note_of(inode);
	if (!note)
		return;
	bpf_probe_read_kernel(&note->folder, sizeof(note->folder), &dentry->d_parent);
	note->folder_ino = BPF_CORE_READ(folder, d_inode, i_ino);
	note->name = BPF_CORE_READ(dentry, d_name.hash_len);
}

/* The content of a file may change from here on. False if that could not be noted. */
static __always_inline bool note_written(struct inode *inode)
{
	struct copied_up *note;

	if (!inode || !is_overlay_file(inode))
		return true;
	/* In this order: what is in the upper layer without a note never gets one. */
	if (overlay_upper(inode)) {
		note = bpf_inode_storage_get(&guard_copied_up, inode, NULL, 0);
		if (note)
			note->is_written = 1;
		return true;
	}
	note = note_of(inode);
	if (!note)
		return false;
	note->is_written = 1;
	return true;
}

/*
 * Whether an open file may be written past enforce_transfer: through a mapping, by its opening, or by the kernel itself.
 * What may only be written by calls is noted at the first: touch(1) opens for writing, and writes nothing.
 */
static __always_inline bool may_write_unseen(struct file *file)
{
	if (!(file->f_mode & FMODE_WRITE))
		return false;
	return (file->f_mode & FMODE_READ) || (file->f_flags & (O_TRUNC | O_APPEND));
}

/* Whether a file has the image's content and is at the image's place, given its entry. */
static __always_inline bool is_intact(struct dentry *dentry)
{
	struct inode *inode = dentry->d_inode;
	struct dentry *folder = dentry->d_parent;
	struct copied_up *note;
	u64 folder_address = 0;

	if (!inode || !is_overlay_file(inode))
		return false;
	note = bpf_inode_storage_get(&guard_copied_up, inode, NULL, 0);
	if (!note || !note->folder || note->is_written)
		return false;
	bpf_probe_read_kernel(&folder_address, sizeof(folder_address), &dentry->d_parent);
	return note->folder == folder_address && note->folder_ino == BPF_CORE_READ(folder, d_inode, i_ino) &&
	       note->name == BPF_CORE_READ(dentry, d_name.hash_len);
}

/* Says to the decision on a file, until forget_intact(), whether it is the image's: only a hook can look at its note. */
static __always_inline void tell_intact(struct guarded *member, struct dentry *dentry)
{
	member->intact = 0;
	if (is_intact(dentry))
		bpf_probe_read_kernel(&member->intact, sizeof(member->intact), &dentry->d_inode);
}

static __always_inline void forget_intact(struct guarded *member)
{
	member->intact = 0;
}

#endif
