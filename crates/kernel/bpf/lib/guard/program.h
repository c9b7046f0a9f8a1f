/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Behaviours that show when a program begins. */
#ifndef YAGURA_GUARD_PROGRAM_H
#define YAGURA_GUARD_PROGRAM_H

#include "act.h"
#include "opened.h"

/* Whether rights are more than those that a thread had: root, or capabilities. */
static __always_inline bool is_gain(struct guard_rights *before, struct guard_rights *now)
{
	if (now->user_ns != before->user_ns)
		return false;
	return (!now->euid && before->euid) || (now->permitted & ~before->permitted);
}

/* What runtimes' own tools are called. */
static const char runtime_tools[][24] = {
	"runc",	   "crun",    "containerd", "containerd-shim", "containerd-shim-runc-v2",
	"ctr",	   "nerdctl", "docker",	    "dockerd",	       "crictl",
	"kubelet", "podman",  "conmon",
};
#define RUNTIME_TOOLS (sizeof(runtime_tools) / sizeof(runtime_tools[0]))

static __always_inline bool is_tool(const char *name, const char *tool)
{
	for (u32 i = 0; i < sizeof(runtime_tools[0]); i++) {
		if (name[i] != tool[i])
			return false;
		if (!tool[i])
			return true;
	}
	return true;
}

/* Whether the name in the scratch is a runtime's tool's. Global, so that it is verified once. */
__noinline int is_runtime_tool(void)
{
	struct guard_scratch *scratch = guard_scratch();

	if (!scratch)
		return 0;
	for (u32 i = 0; i < RUNTIME_TOOLS; i++)
		if (is_tool(scratch->inside.name, runtime_tools[i]))
			return 1;
	return 0;
}

/* Whether the program is a runtime's tool, or one of the host's. */
static __always_inline bool is_of_runtime(struct guard_case *matter, struct file *file)
{
	struct guard_scratch *scratch = guard_scratch();
	struct opened opened = {};

	if (!scratch)
		return false;
	see_opened(file, &opened);
	if (!opened.inode)
		return false;
	if (is_foreign(&opened, matter->task, matter->member))
		return true;
	read_inside(opened.dentry, &scratch->inside);
	if (is_runtime_tool())
		return true;
	return is_hosts(&opened, matter->member) &&
	       (BEGINS(scratch->inside.path, "/usr/bin/") || BEGINS(scratch->inside.path, "/usr/sbin/") ||
		BEGINS(scratch->inside.path, "/bin/") || BEGINS(scratch->inside.path, "/sbin/"));
}

/* Whether the working directory is the host's: a mount of another namespace. */
static __always_inline bool is_cwd_foreign(struct guard_case *matter)
{
	struct task_struct *task = matter->task;
	struct opened opened = { .mnt = BPF_CORE_READ(task, fs, pwd.mnt) };

	return is_foreign(&opened, task, matter->member);
}

/* Judges the rights that a program begins with. */
static __always_inline void judge_gain(struct guard_case *matter, struct file *file)
{
	struct guard_rights now = {};

	read_rights(matter->task, &now);
	if (is_gain(&matter->member->rights, &now))
		on_behaviour(matter, BEHAVIOUR_PRIVILEGE_GAIN, (u64)file);
}

/* Judges what program it is and where. Returns whether it is denied. */
static __always_inline bool judge_program(struct guard_case *matter, struct file *file)
{
	if (is_cwd_foreign(matter) && on_behaviour(matter, BEHAVIOUR_LEAKED_DESCRIPTOR, (u64)file))
		return true;
	return (matter->row->any & (1ULL << BEHAVIOUR_RUNTIME_TOOLS)) && is_of_runtime(matter, file) &&
	       on_behaviour(matter, BEHAVIOUR_RUNTIME_TOOLS, (u64)file);
}

#endif
