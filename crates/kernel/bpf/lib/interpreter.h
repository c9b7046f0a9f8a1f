/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Programs that run scripts. */
#ifndef YAGURA_INTERPRETER_H
#define YAGURA_INTERPRETER_H

#include "path.h"

/* Bytes of an interpreter's name compared. */
#define INTERPRETER_NAME_BYTES 16
/* Bytes of a first argument that are looked through for its last component. */
#define BASE_NAME_SCAN_MAX 128

struct interpreter_name {
	char text[INTERPRETER_NAME_BYTES];
};

enum interpreter_kind {
	INTERPRETER_ALWAYS = 1,
	/* Many programs in one file: the name it was called by says which. */
	INTERPRETER_BY_CALL = 2,
};

/* Base names of interpreters without version: "python" stands for python3.11. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, struct interpreter_name);
	__type(value, u8);
} interpreters SEC(".maps");

/* Keeps the letters up to the first character that is none: "python3.11" is "python". */
static __always_inline void cut_version(const char *raw, struct interpreter_name *name)
{
	bool ended = false;

	for (int i = 0; i < INTERPRETER_NAME_BYTES; i++) {
		char c = raw[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')))
			ended = true;
		name->text[i] = ended ? 0 : c;
	}
}

/* Where the last component of the text in the walk begins. Global, so that the verifier forgets how it was found. */
__noinline int base_name_start(void)
{
	struct walk *walk = get_walk();
	int start = 0;

	if (!walk)
		return 0;
	for (int at = 0; at < BASE_NAME_SCAN_MAX; at++) {
		char c = walk->text[at];

		if (!c)
			break;
		if (c == '/')
			start = at + 1;
	}
	return start;
}

/*
 * The kind of the name by which a process was called: the last component of its first argument, at an address of
 * its own memory. Global, so that it is verified once. The process has not run yet, and it is this very text by which
 * such a program chooses what to be.
 */
__noinline int called_as_kind(u64 argument)
{
	struct interpreter_name name = {};
	struct walk *walk = get_walk();
	u8 *kind;

	if (!walk || bpf_probe_read_user_str(walk->text, BASE_NAME_SCAN_MAX, (void *)argument) < 0)
		return 0;
	cut_version(&walk->text[base_name_start() & (2 * BASE_NAME_SCAN_MAX - 1)], &name);
	kind = bpf_map_lookup_elem(&interpreters, &name);
	return kind ? *kind : 0;
}

/* Whether scripts are to be expected of the program. */
static __always_inline bool is_interpreter(struct file *file, struct task_struct *called)
{
	char raw[INTERPRETER_NAME_BYTES] = {};
	struct interpreter_name name = {};
	u8 *kind;

	bpf_probe_read_kernel_str(raw, sizeof(raw), BPF_CORE_READ(file, f_path.dentry, d_name.name));
	cut_version(raw, &name);
	kind = bpf_map_lookup_elem(&interpreters, &name);
	/* Busybox is what it was called as: its "cat" opens data, its "sh" scripts. */
	if (kind && *kind == INTERPRETER_BY_CALL && called)
		return called_as_kind(BPF_CORE_READ(called, mm, arg_start)) != 0;
	return kind != NULL;
}

#endif
