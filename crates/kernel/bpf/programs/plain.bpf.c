/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Calls that are told as they are: what their arguments mean is the table of lib/tell.h. */

static __always_inline void on_plain(struct call *call)
{
	tell_call(call, call->number);
}

ON_CALL_EXIT(on_plain_exit, on_plain)
