/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Tells of a call: where its paths, names and descriptors stand among its arguments is a table. */
#ifndef YAGURA_TELL_H
#define YAGURA_TELL_H

#include "call.h"

enum argument {
	NONE = 0,
	FIRST = 1,
	SECOND = 2,
	THIRD = 3,
	FOURTH = 4,
	/* No argument: a relative path begins at the working directory. */
	CWD = 7,
};

enum shape_flag {
	/* Made often. The others are rare and telling, and go with the programs that begin. */
	SHAPE_VOLUME = 1 << 0,
	/* The result is a descriptor. */
	SHAPE_MAKES_FD = 1 << 1,
};

/* Which arguments are what: of enum argument. A path without a directory is a name. */
struct shape {
	u8 fd;
	u8 directory;
	u8 path;
	u8 new_directory;
	u8 new_path;
	u8 data;
	u8 flags; /* of enum shape_flag */
};

#define PATH(at, name)                                               \
	{                                                            \
		.directory = at, .path = name, .flags = SHAPE_VOLUME \
	}
#define PATHS(at, name, new_at, new_name)                                                                           \
	{                                                                                                           \
		.directory = at, .path = name, .new_directory = new_at, .new_path = new_name, .flags = SHAPE_VOLUME \
	}

static const struct shape shapes[CALLS_MAX] = {
	[CALL_RENAME] = PATHS(CWD, FIRST, CWD, SECOND),
	[CALL_RENAMEAT] = PATHS(FIRST, SECOND, THIRD, FOURTH),
	[CALL_RENAMEAT2] = PATHS(FIRST, SECOND, THIRD, FOURTH),
	[CALL_LINK] = PATHS(CWD, FIRST, CWD, SECOND),
	[CALL_LINKAT] = PATHS(FIRST, SECOND, THIRD, FOURTH),
	/* The text of the link, which is no path of the caller's. */
	[CALL_SYMLINK] = PATHS(NONE, FIRST, CWD, SECOND),
	[CALL_SYMLINKAT] = PATHS(NONE, FIRST, SECOND, THIRD),
	[CALL_UNLINK] = PATH(CWD, FIRST),
	[CALL_UNLINKAT] = PATH(FIRST, SECOND),
	[CALL_RMDIR] = PATH(CWD, FIRST),
	[CALL_MKDIR] = PATH(CWD, FIRST),
	[CALL_MKDIRAT] = PATH(FIRST, SECOND),
	[CALL_MKNOD] = PATH(CWD, FIRST),
	[CALL_MKNODAT] = PATH(FIRST, SECOND),
	[CALL_CHMOD] = PATH(CWD, FIRST),
	[CALL_FCHMOD] = { .fd = FIRST, .flags = SHAPE_VOLUME },
	[CALL_FCHMODAT] = PATH(FIRST, SECOND),
	[CALL_FCHMODAT2] = PATH(FIRST, SECOND),
	[CALL_CHOWN] = PATH(CWD, FIRST),
	[CALL_LCHOWN] = PATH(CWD, FIRST),
	[CALL_FCHOWN] = { .fd = FIRST, .flags = SHAPE_VOLUME },
	[CALL_FCHOWNAT] = PATH(FIRST, SECOND),
	/* The attribute, then the file. */
	[CALL_SETXATTR] = PATHS(NONE, SECOND, CWD, FIRST),
	[CALL_LSETXATTR] = PATHS(NONE, SECOND, CWD, FIRST),
	[CALL_FSETXATTR] = { .fd = FIRST, .path = SECOND, .flags = SHAPE_VOLUME },
	[CALL_TRUNCATE] = PATH(CWD, FIRST),
	[CALL_CHROOT] = { .directory = CWD, .path = FIRST },
	/* Source, target, type of the file system. A source need not be a path. */
	[CALL_MOUNT] = { .directory = CWD, .path = FIRST, .new_directory = CWD, .new_path = SECOND, .data = THIRD },
	[CALL_UMOUNT2] = { .directory = CWD, .path = FIRST },
	[CALL_MOVE_MOUNT] = { .directory = FIRST, .path = SECOND, .new_directory = THIRD, .new_path = FOURTH },
	[CALL_FSOPEN] = { .path = FIRST, .flags = SHAPE_MAKES_FD },
	/* Key and value. */
	[CALL_FSCONFIG] = { .path = THIRD, .data = FOURTH },
	[CALL_FSMOUNT] = { .flags = SHAPE_MAKES_FD },
	[CALL_OPEN_TREE] = { .directory = FIRST, .path = SECOND, .flags = SHAPE_MAKES_FD },
	[CALL_PIVOT_ROOT] = { .directory = CWD, .path = FIRST, .new_directory = CWD, .new_path = SECOND },
	[CALL_SETNS] = { .fd = FIRST },
	[CALL_MEMFD_CREATE] = { .path = FIRST, .flags = SHAPE_MAKES_FD },
	[CALL_PRCTL] = { .path = SECOND },
	/* Its parameters. */
	[CALL_INIT_MODULE] = { .data = THIRD },
	[CALL_FINIT_MODULE] = { .fd = FIRST, .data = SECOND },
	[CALL_DELETE_MODULE] = { .path = FIRST },
	[CALL_PERF_EVENT_OPEN] = { .flags = SHAPE_MAKES_FD },
	/* Type and description. */
	[CALL_ADD_KEY] = { .path = FIRST, .data = SECOND },
	[CALL_REQUEST_KEY] = { .path = FIRST, .data = SECOND },
	[CALL_SPLICE] = { .fd = FIRST },
	[CALL_IO_URING_SETUP] = { .flags = SHAPE_MAKES_FD },
	[CALL_USERFAULTFD] = { .flags = SHAPE_MAKES_FD },
	[CALL_KEXEC_FILE_LOAD] = { .fd = FIRST },
};

static __always_inline u64 argument(struct call_record *record, u32 which)
{
	u32 index = which - FIRST;

	if (which == CWD)
		return (u64)(s64)AT_FDCWD;
	if (index >= CALL_ARGUMENTS)
		return 0;
	barrier_var(index);
	return record->arguments[index & 7];
}

/* Appends a path with its directory or, where there is no directory, a name. As append_path_argument(). */
static __always_inline u64 append_shaped(struct call_record *record, u32 directory, u32 path)
{
	if (path == NONE)
		return 0;
	if (directory == NONE)
		return append_user_string(argument(record, path));
	return append_path_argument(argument(record, path), argument(record, directory));
}

/*
 * Fills a record that was begun with what the shape says; what only some calls have (a target, a socket) is the
 * program's. Global, so that it is verified once.
 */
__noinline int fill_call(u32 shape_number)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct scratch *scratch = get_scratch();
	struct call_record *record;
	const struct shape *shape;
	u64 bytes;

	if (!scratch || shape_number >= CALLS_MAX)
		return 0;
	barrier_var(shape_number);
	shape = &shapes[shape_number & (CALLS_MAX - 1)];
	record = call_record_of(scratch);
	if (shape->fd != NONE) {
		record->fd = argument(record, shape->fd);
		append_call_file((u64)file_of(task, record->fd));
	}
	if ((shape->flags & SHAPE_MAKES_FD) && !is_error(record->result)) {
		record->fd = record->result;
		append_call_file((u64)file_of(task, record->fd));
	}
	bytes = append_shaped(record, shape->directory, shape->path);
	record->path_bytes = bytes;
	record->directory_bytes = bytes >> 32;
	bytes = append_shaped(record, shape->new_directory, shape->new_path);
	record->new_path_bytes = bytes;
	record->new_directory_bytes = bytes >> 32;
	if (shape->data != NONE)
		record->data_bytes = append_user_string(argument(record, shape->data));
	if (shape->flags & SHAPE_VOLUME)
		send_volume_call();
	else
		send_call();
	return 0;
}

/* Tells of a call, if it is wanted as it ended. */
static __always_inline void tell_call(struct call *call, u32 shape)
{
	if (is_wanted(call) && begin_call(call))
		fill_call(shape);
}

#endif
