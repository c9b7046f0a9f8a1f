/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* User space asks what the kernel would decide: the question is in guard_question, and so is the answer. */

static __always_inline void take_text(struct guard_text *text, struct guard_asked *asked, u32 place)
{
	u32 bytes = asked->bytes[place];

	if (bytes > PATH_BYTES_MAX)
		bytes = PATH_BYTES_MAX;
	bpf_probe_read_kernel(text->text, PATH_BYTES_MAX, asked->text[place]);
	text->bytes = bytes;
	find_base(text);
}

SEC("syscall")
int ask_row(void *context)
{
	u32 zero = 0;
	struct guard_asked *asked = bpf_map_lookup_elem(&guard_question, &zero);
	struct guard_scratch *scratch = guard_scratch();

	if (!asked || !scratch)
		return 1;
	take_text(&scratch->exe, asked, PLACE_EXE);
	take_text(&scratch->file, asked, PLACE_FILE);
	take_text(&scratch->parent, asked, PLACE_PARENT);
	scratch->question.subject = asked->subject;
	scratch->question.number = asked->number;
	scratch->question.row = asked->row;
	scratch->question.is_given = 1;
	asked->action = guard_decide(scratch);
	asked->rule = scratch->question.rule;
	scratch->question.is_given = 0;
	return 0;
}
