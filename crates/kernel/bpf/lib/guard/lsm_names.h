/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* New names for files: what they are by the place where they are made. */
#ifndef YAGURA_GUARD_LSM_NAMES_H
#define YAGURA_GUARD_LSM_NAMES_H

#include "opened.h"

/* include/uapi/linux/stat.h */
#define S_IFLNK 0120000

/* A search in the path that is in the scratch's walk. */
struct log_search {
	struct guard_scratch *scratch;
	bool found;
};

static long find_log_folder(u32 index, void *data)
{
	struct log_search *search = data;
	struct walk *walk = &search->scratch->walk;
	u32 at = walk->start + index;

	if (at >= PATH_BYTES_MAX)
		return 1;
	/* Behind the path is slack. */
	search->found = BEGINS(&walk->text[at & (PATH_BYTES_MAX - 1)], "/var/log/");
	return search->found;
}

/*
 * Whether an entry, given by its address, is below a folder of logs: as the host has it, or as a partition of its own has.
 * Global, so that it is verified once.
 */
__noinline int is_in_logs(u64 dentry_address)
{
	struct log_search search = { .scratch = guard_scratch() };

	if (!search.scratch)
		return 0;
	walk_inside(dentry_address);
	if (BEGINS(&search.scratch->walk.text[search.scratch->walk.start & (PATH_BYTES_MAX - 1)], "/log/"))
		return 1;
	bpf_loop(PATH_BYTES_MAX, find_log_folder, &search, 0);
	return search.found;
}

/* A name that is to be made, as if a file were written there: it has none yet. */
static __always_inline void see_name(struct dentry *dentry, struct opened *opened)
{
	opened->dentry = dentry;
	opened->inode = BPF_CORE_READ(dentry, d_parent, d_inode);
	opened->magic = BPF_CORE_READ(dentry, d_sb, s_magic);
	opened->writes = true;
}

/* Judges a symbolic link that is to be made. Returns whether it is denied. */
static __always_inline bool judge_link(struct guard_case *matter, struct dentry *dentry)
{
	struct opened opened = {};

	see_name(dentry, &opened);
	return is_hosts(&opened, matter->member) && is_in_logs((u64)dentry) &&
	       on_behaviour(matter, BEHAVIOUR_PLANTED_LINK, 0);
}

/* Judges the place that a file is to be at by another name. Returns whether it is denied. */
static __always_inline bool judge_name(struct guard_case *matter, struct dentry *dentry)
{
	struct guard_scratch *scratch = guard_scratch();
	struct opened opened = {};
	u32 number;

	see_name(dentry, &opened);
	if (!scratch || !is_hosts(&opened, matter->member))
		return false;
	read_inside(dentry, &scratch->inside);
	number = behaviour_on_host(&opened, &scratch->inside);
	return number != BEHAVIOUR_NONE && on_behaviour(matter, number, 0);
}

#endif
