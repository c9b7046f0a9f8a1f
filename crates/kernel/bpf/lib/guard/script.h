/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Which script an interpreter was given. Only the script that it was started for is held back: what it sources, imports or
 * reads is told apart from data by user space alone, which tells of it.
 */
#ifndef YAGURA_GUARD_SCRIPT_H
#define YAGURA_GUARD_SCRIPT_H

#include "act.h"

/* Arguments of an interpreter that are looked through for its script. */
#define SCRIPT_ARGUMENTS_MAX 8
/* Bytes of them. */
#define SCRIPT_SCAN_BYTES 512
/* Multiplier and beginning of FNV-1a. */
#define NAME_HASH_PRIME 0x100000001b3ULL
#define NAME_HASH_SEED 0xcbf29ce484222325ULL
/* What the names of programs make that take an applet before their script. */
#define BUSYBOX_HASH 0xd8cb043ac1924969ULL
#define TOYBOX_HASH 0x97df2d6620f3a7f8ULL

static __always_inline bool gives_text(u32 family, char option)
{
	switch (family) {
	case OPTIONS_OF_SHELL:
		return option == 'c';
	case OPTIONS_OF_PYTHON:
		return option == 'c' || option == 'm';
	default:
		return option == 'e' || option == 'E' || option == 'r' || option == 'p';
	}
}

static __always_inline void scan_letter(struct name_scan *scan, char c)
{
	if (!scan->length)
		scan->is_option = c == '-';
	else if (scan->length == 1 && scan->is_option && c == '-')
		scan->is_long_option = true;
	else if (scan->argument && scan->is_option && !scan->is_long_option && gives_text(scan->family, c))
		scan->is_text = true;
	scan->length++;
	if (c == '/') {
		scan->hash = NAME_HASH_SEED;
		scan->is_number = true;
		return;
	}
	scan->hash = (scan->hash ^ (u8)c) * NAME_HASH_PRIME;
	if (c < '0' || c > '9')
		scan->is_number = false;
}

static __always_inline void begin_name(struct name_scan *scan)
{
	scan->length = 0;
	scan->is_option = false;
	scan->is_long_option = false;
	scan->is_number = true;
	scan->hash = NAME_HASH_SEED;
}

static __always_inline struct name_scan *begin_scan(struct guard_scratch *scratch, u32 bytes)
{
	__builtin_memset(&scratch->scan, 0, sizeof(scratch->scan));
	scratch->scan.bytes = bytes;
	begin_name(&scratch->scan);
	return &scratch->scan;
}

static long scan_argument(u32 index, void *data)
{
	struct guard_scratch *scratch = *(struct guard_scratch **)data;
	struct name_scan *scan = &scratch->scan;
	char c;

	if (index >= scan->bytes)
		return 1;
	c = scratch->walk.text[index & (SCRIPT_SCAN_BYTES - 1)];
	if (c) {
		scan_letter(scan, c);
		return 0;
	}
	/* The first argument is the interpreter's own name. */
	if (scan->argument == 1 && scan->takes_applet) {
		scan->takes_applet = false;
	} else if (scan->argument && scan->length && !scan->is_option) {
		scan->found = true;
		return 1;
	}
	if (!scan->argument && (scan->hash == BUSYBOX_HASH || scan->hash == TOYBOX_HASH))
		scan->takes_applet = true;
	if (scan->is_text || ++scan->argument > SCRIPT_ARGUMENTS_MAX)
		return 1;
	begin_name(scan);
	return 0;
}

static long scan_name(u32 index, void *data)
{
	struct guard_scratch *scratch = *(struct guard_scratch **)data;
	struct name_scan *scan = &scratch->scan;
	char c;

	if (index >= scan->bytes)
		return 1;
	c = scratch->walk.text[index & (SCRIPT_SCAN_BYTES - 1)];
	if (!c)
		return 1;
	scan_letter(scan, c);
	return 0;
}

static __always_inline void note_script(struct guarded *member, struct name_scan *scan)
{
	member->script = scan->hash;
	if (scan->is_number)
		member->flags |= MEMBER_SCRIPT_UNNAMED;
}

/* The number that stands for a name, without its folders. Global, so that it is verified once. */
__noinline u64 name_number(u64 text_address)
{
	struct guard_scratch *scratch = guard_scratch();
	struct name_scan *scan;

	if (!scratch || bpf_probe_read_kernel_str(scratch->walk.text, SCRIPT_SCAN_BYTES, (void *)text_address) < 0)
		return 0;
	scan = begin_scan(scratch, SCRIPT_SCAN_BYTES);
	bpf_loop(SCRIPT_SCAN_BYTES, scan_name, &scratch, 0);
	return scan->hash;
}

/*
 * Remembers the script that the current process was given by its arguments: it has not run, so that they are as they were
 * passed. Returns whether its program is read from standard input. Global, so that it is verified once.
 */
__noinline int find_script(u32 family)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct guarded *member = bpf_task_storage_get(&guarded, task, NULL, 0);
	struct guard_scratch *scratch = guard_scratch();
	struct name_scan *scan;
	u64 start = BPF_CORE_READ(task, mm, arg_start);
	u64 bytes = BPF_CORE_READ(task, mm, arg_end) - start;

	if (!member || !scratch)
		return 0;
	if (bytes > SCRIPT_SCAN_BYTES)
		bytes = SCRIPT_SCAN_BYTES;
	if (bpf_probe_read_user(scratch->walk.text, bytes & (2 * SCRIPT_SCAN_BYTES - 1), (void *)start))
		return 0;
	scan = begin_scan(scratch, bytes);
	scan->family = family;
	bpf_loop(SCRIPT_SCAN_BYTES, scan_argument, &scratch, 0);
	if (scan->found && !scan->is_text)
		note_script(member, scan);
	return !scan->found && !scan->is_text;
}

/* The same of a program that is itself a script: the kernel was told its name. */
__noinline int take_script(u64 name_address)
{
	struct guarded *member = bpf_task_storage_get(&guarded, bpf_get_current_task_btf(), NULL, 0);
	struct guard_scratch *scratch = guard_scratch();
	struct name_scan *scan;

	if (!member || !scratch ||
	    bpf_probe_read_kernel_str(scratch->walk.text, SCRIPT_SCAN_BYTES, (void *)name_address) < 0)
		return 0;
	scan = begin_scan(scratch, SCRIPT_SCAN_BYTES);
	bpf_loop(SCRIPT_SCAN_BYTES, scan_name, &scratch, 0);
	note_script(member, scan);
	return 0;
}

/* Whose options an interpreter has, by the beginning of its file's name. */
static __always_inline u32 family_of(struct file *file)
{
	char name[4] = {};

	bpf_probe_read_kernel(name, sizeof(name) - 1, BPF_CORE_READ(file, f_path.dentry, d_name.name));
	if (name[0] == 'p' && name[1] == 'y')
		return OPTIONS_OF_PYTHON;
	if ((name[0] == 'p' && (name[1] == 'e' || name[1] == 'h')) || (name[0] == 'r' && name[1] == 'u') ||
	    name[0] == 'n' || name[0] == 'l')
		return OPTIONS_OF_OTHERS;
	return OPTIONS_OF_SHELL;
}

/* Whether a file that an interpreter opens is the script that it was given. */
static __always_inline bool is_given_script(struct guarded *member, struct file *file)
{
	if (!(member->flags & MEMBER_INTERPRETER) || !member->script)
		return false;
	if (member->flags & MEMBER_SCRIPT_UNNAMED)
		return true;
	return name_number((u64)BPF_CORE_READ(file, f_path.dentry, d_name.name)) == member->script;
}

#endif
