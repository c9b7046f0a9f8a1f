/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Memory in which a thread's question is put together. It is the thread's own, since LSM programs may be preempted, and
 * is made at its first question: most threads never have one.
 */
#ifndef YAGURA_GUARD_SCRATCH_H
#define YAGURA_GUARD_SCRATCH_H

#include "maps.h"
#include "../path.h"
#include "../seen.h"

/* The path could not be told: no text of an allow list fits it. */
#define TEXT_UNKNOWN 0
/* Bytes of the names of sockets, file systems, modules. */
#define TARGET_BYTES_MAX 256

struct guard_text {
	u32 bytes;
	u32 base; /* where the last component begins */
	char text[PATH_BYTES_MAX];
};

enum guard_subject {
	SUBJECT_BEHAVIOUR = 0,
	SUBJECT_DRIFT = 1,
};

/* What is to happen. */
struct guard_question {
	u64 row; /* key of the row */
	u32 subject; /* of enum guard_subject */
	u32 number; /* of enum behaviour, or the cell of the drift */
	/* A question of user space's: the texts are given, the ancestors are in guard_asked. */
	u32 is_given;
	/* The answer. */
	u32 rule;
};

/* Bytes of a path that are compared with the tables: longer than every entry. */
#define INSIDE_BYTES 64

/* The path of a file inside its file system: its beginning, and its last name. */
struct inside {
	char path[INSIDE_BYTES];
	char name[INSIDE_BYTES];
};

/* Whose options say after which no script follows. */
enum option_family {
	OPTIONS_OF_SHELL,
	OPTIONS_OF_PYTHON,
	OPTIONS_OF_OTHERS, /* Perl, Ruby, PHP, Node, Lua */
};

/* A look through arguments, or a single name, that are in the walk's text. */
struct name_scan {
	u64 hash; /* of the last component so far */
	u32 bytes;
	u32 argument;
	u32 length; /* of the argument so far */
	u32 family; /* of enum option_family */
	bool is_option;
	bool is_long_option;
	bool is_text; /* an option gave program text */
	bool is_number; /* the last component is a number: a descriptor's, perhaps */
	bool takes_applet; /* the first argument is none of the script's */
	bool found;
};

/* A comparison of a path with a text of an allow list. */
struct glob {
	u32 pattern_bytes;
	u32 end; /* of the subject */
	u32 p;
	u32 s;
	u32 behind_star; /* zero: no star was met */
	u32 start;
	u32 matches;
};

/*
 * What loops go by is here too: of memory in a map the verifier knows nothing, so that it need not follow every step.
 */
struct guard_scratch {
	/* First, so that its text begins at a fixed place. */
	struct walk walk;
	struct guard_question question;
	struct guard_text exe; /* the program that acts */
	struct guard_text file; /* what it acts on, or what is to run */
	struct guard_text parent;
	struct guard_text ancestor;
	struct name_scan scan;
	struct glob glob;
	struct inside inside;
	struct denial_record record;
	/* The slack lets the verifier see that the longest string fits behind any masked offset. */
	char tail[4 * PATH_BYTES_MAX + PATH_BYTES_MAX];
	char target[TARGET_BYTES_MAX];
	u32 target_bytes;
	u32 target_of; /* the behaviour that the target belongs to, plus one */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct guard_scratch);
} guard_scratches SEC(".maps");

static __always_inline struct guard_scratch *guard_scratch(void)
{
	return bpf_task_storage_get(&guard_scratches, bpf_get_current_task_btf(), NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

static __always_inline struct walk *get_walk(void)
{
	return (struct walk *)guard_scratch();
}

struct base_search {
	const char *text;
	u32 bytes;
	u32 base;
};

static long find_slash(u32 index, void *data)
{
	struct base_search *search = data;

	if (index >= search->bytes)
		return 1;
	if (search->text[index & (PATH_BYTES_MAX - 1)] == '/')
		search->base = index + 1;
	return 0;
}

/* How the name of an anonymous memory file begins. */
static const char memfd_prefix[] = "memfd:";
#define MEMFD_PREFIX_BYTES (sizeof(memfd_prefix) - 1)

static __always_inline bool has_memfd_prefix(struct guard_text *text)
{
	for (u32 i = 0; i < MEMFD_PREFIX_BYTES; i++)
		if (text->text[i] != memfd_prefix[i])
			return false;
	return text->bytes >= MEMFD_PREFIX_BYTES;
}

static __always_inline void find_base(struct guard_text *text)
{
	struct base_search search = { .text = text->text, .bytes = text->bytes };

	if (has_memfd_prefix(text))
		search.base = MEMFD_PREFIX_BYTES;
	bpf_loop(PATH_BYTES_MAX, find_slash, &search, 0);
	text->base = search.base;
}

static __always_inline void set_name(struct guard_text *text, struct dentry *dentry)
{
	u32 bytes = BPF_CORE_READ(dentry, d_name.len);

	if (bytes >= NAME_BYTES_MAX)
		bytes = NAME_BYTES_MAX - 1;
	if (bpf_probe_read_kernel(text->text, bytes & (NAME_BYTES_MAX - 1), BPF_CORE_READ(dentry, d_name.name)))
		bytes = 0;
	text->bytes = bytes;
	find_base(text);
}

/* The path as far as it can be told; cut or unreachable ones are no paths to compare with. */
static __always_inline void set_path(struct guard_scratch *scratch, struct guard_text *text, struct seen_file *seen)
{
	u32 start;
	u32 bytes;

	walk_path((u64)seen->dentry, (u64)seen->mnt);
	start = scratch->walk.start & (PATH_BYTES_MAX - 1);
	bytes = PATH_BYTES_MAX - start;
	if (scratch->walk.flags || scratch->walk.start >= PATH_BYTES_MAX)
		bytes = TEXT_UNKNOWN;
	else
		bpf_probe_read_kernel(text->text, bytes & (2 * PATH_BYTES_MAX - 1), &scratch->walk.text[start]);
	text->bytes = bytes;
	find_base(text);
}

/* Which text of the scratch is filled. */
enum guard_place {
	PLACE_EXE,
	PLACE_FILE,
	PLACE_PARENT,
	PLACE_ANCESTOR,
};

static __always_inline struct guard_text *text_at(struct guard_scratch *scratch, u32 place)
{
	switch (place) {
	case PLACE_EXE:
		return &scratch->exe;
	case PLACE_FILE:
		return &scratch->file;
	case PLACE_PARENT:
		return &scratch->parent;
	default:
		return &scratch->ancestor;
	}
}

/* Fills a text with the path of an open file, given by its address (zero: unknown). Global: verified once. */
__noinline int set_file_text(u64 file_address, u32 place)
{
	struct guard_scratch *scratch = guard_scratch();
	struct seen_file seen = {};
	struct guard_text *text;

	if (!scratch)
		return 0;
	text = text_at(scratch, place);
	text->bytes = TEXT_UNKNOWN;
	text->base = 0;
	if (!file_address)
		return 0;
	see_file((struct file *)file_address, &seen);
	if (!seen.inode)
		return 0;
	if (is_internal_mount(seen.mnt))
		set_name(text, seen.dentry);
	else
		set_path(scratch, text, &seen);
	return 1;
}

/* The program that a task runs, given by its address. */
static __always_inline u64 exe_of(struct task_struct *task)
{
	return (u64)BPF_CORE_READ(task, mm, exe_file);
}

#endif
