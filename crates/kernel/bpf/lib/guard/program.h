/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Behaviours that show when a program begins. */
#ifndef YAGURA_GUARD_PROGRAM_H
#define YAGURA_GUARD_PROGRAM_H

#include "act.h"
#include "../descriptor.h"

/* Whether rights are more than those that a thread had: root, or capabilities. */
static __always_inline bool is_gain(struct guard_rights *before, struct guard_rights *now)
{
	if (now->user_ns != before->user_ns)
		return false;
	return (!now->euid && before->euid) || (now->permitted & ~before->permitted);
}

static __always_inline void judge_program(struct guard_case *matter, struct file *file)
{
	struct guard_rights now = {};

	read_rights(matter->task, &now);
	if (is_gain(&matter->member->rights, &now))
		on_behaviour(matter, BEHAVIOUR_PRIVILEGE_GAIN, (u64)file);
}

#endif
