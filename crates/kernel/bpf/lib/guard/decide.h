/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What a row says to a question: the same as `decide_row` of the crate `policy`, with which it is compared on random rows
 * and questions (tests/guard/decide.rs).
 */
#ifndef YAGURA_GUARD_DECIDE_H
#define YAGURA_GUARD_DECIDE_H

#include "scratch.h"

/* Programs above a process that are compared. Deeper ones excuse nothing. */
#define ANCESTORS_MAX 16
/* Times that a decision is made anew because its row was replaced under it. */
#define DECISIONS_MAX 2
/*
 * Steps of one comparison: every byte of a path tried with every byte of a text. A comparison goes back to the latest star
 * alone, so that no text needs more.
 */
#define GLOB_STEPS_MAX (PATH_BYTES_MAX * GUARD_TEXT_BYTES)

/* What user space asks, to see what the kernel would do. */
struct guard_asked {
	u32 subject; /* of enum guard_subject */
	u32 number;
	u64 row;
	u32 bytes[3]; /* of the acting program, the file and the parent's program; zero: unknown */
	u32 ancestors;
	char text[3][PATH_BYTES_MAX];
	u32 ancestor_bytes[ANCESTORS_MAX];
	char ancestor[ANCESTORS_MAX][PATH_BYTES_MAX];
	u32 action; /* the answer: of enum guard_action */
	u32 rule;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct guard_asked);
} guard_question SEC(".maps");

/* The two sides of a comparison. */
struct glob_sides {
	struct glob *glob;
	const char *pattern;
	const char *subject;
};

static long glob_step(u32 index, void *data)
{
	struct glob_sides *sides = data;
	struct glob *glob = sides->glob;
	char wanted = sides->pattern[glob->p & (GUARD_TEXT_BYTES - 1)];
	bool has_pattern = glob->p < glob->pattern_bytes;

	if (glob->s >= glob->end) {
		/* Only stars may be left. */
		if (has_pattern && wanted == '*') {
			glob->p++;
			return 0;
		}
		glob->matches = !has_pattern;
		return 1;
	}
	if (has_pattern && wanted == '*') {
		glob->p++;
		glob->behind_star = glob->p;
		glob->start = glob->s;
		return 0;
	}
	if (has_pattern && (wanted == '?' || wanted == sides->subject[glob->s & (PATH_BYTES_MAX - 1)])) {
		glob->p++;
		glob->s++;
		return 0;
	}
	if (!glob->behind_star)
		return 1;
	glob->start++;
	glob->s = glob->start;
	glob->p = glob->behind_star;
	return 0;
}

/* Whether a path is what a text of an entry asks for; an empty one asks for nothing. */
static __always_inline bool text_fits(struct glob *glob, struct guard_allow_entry *entry, u32 place,
				      struct guard_text *text)
{
	struct glob_sides sides = { .glob = glob, .pattern = entry->text[place], .subject = text->text };

	if (!entry->bytes[place])
		return true;
	if (text->bytes == TEXT_UNKNOWN)
		return false;
	__builtin_memset(glob, 0, sizeof(*glob));
	glob->pattern_bytes = entry->bytes[place];
	glob->end = text->bytes;
	if (!entry->is_path[place])
		glob->s = text->base;
	else if (text->text[0] != '/')
		return false;
	bpf_loop(GLOB_STEPS_MAX, glob_step, &sides, 0);
	return glob->matches;
}

/*
 * Whether an entry, given by its list and index, fits all that is asked for but what is above the process; with `level`
 * also the ancestor that is in the scratch. Global, so that it is verified once.
 */
__noinline int entry_fits(u64 list, u32 index, u32 with_ancestor)
{
	struct guard_allow_key key = { .list = list, .index = index };
	struct guard_allow_entry *entry = bpf_map_lookup_elem(&guard_allow, &key);
	struct guard_scratch *scratch = guard_scratch();
	bool is_drift;

	if (!entry || !scratch)
		return 0;
	/* Without an ancestor to compare, an entry that asks for one fits nothing; with one, only those are left. */
	if (!entry->bytes[TEXT_ANCESTOR] == !!with_ancestor)
		return 0;
	if (with_ancestor && !text_fits(&scratch->glob, entry, TEXT_ANCESTOR, &scratch->ancestor))
		return 0;
	is_drift = scratch->question.subject == SUBJECT_DRIFT;
	/* The name of an anonymous memory file may look like any path. */
	if (is_drift && scratch->question.number % GUARD_CLASSES == ORIGIN_MEMFD && entry->is_path[TEXT_PROGRAM])
		return 0;
	if (is_drift && !text_fits(&scratch->glob, entry, TEXT_PROGRAM, &scratch->file))
		return 0;
	if (!is_drift && (!text_fits(&scratch->glob, entry, TEXT_PROGRAM, &scratch->exe) ||
			  !text_fits(&scratch->glob, entry, TEXT_FILE, &scratch->file)))
		return 0;
	return text_fits(&scratch->glob, entry, TEXT_PARENT, &scratch->parent);
}

struct list_search {
	u64 list;
	u32 count;
	u32 with_ancestor;
	bool fits;
};

static long search_entry(u32 index, void *data)
{
	struct list_search *search = data;

	if (index >= search->count)
		return 1;
	search->fits = entry_fits(search->list, index, search->with_ancestor);
	return search->fits;
}

static __always_inline bool search_list(u64 list, u32 count, u32 with_ancestor)
{
	struct list_search search = { .list = list, .count = count, .with_ancestor = with_ancestor };

	bpf_loop(GUARD_ALLOW_MAX, search_entry, &search, 0);
	return search.fits;
}

/* Fills the scratch's text of an ancestor that user space gave. Returns 0 when there is none. */
static __always_inline int take_given_ancestor(struct guard_scratch *scratch, u32 level)
{
	u32 zero = 0;
	struct guard_asked *asked = bpf_map_lookup_elem(&guard_question, &zero);
	u32 bytes;

	if (!asked || level >= asked->ancestors || level >= ANCESTORS_MAX)
		return 0;
	/* The same again, in a way that the verifier keeps. */
	barrier_var(level);
	level &= ANCESTORS_MAX - 1;
	bytes = asked->ancestor_bytes[level];
	if (bytes > PATH_BYTES_MAX)
		bytes = PATH_BYTES_MAX;
	bpf_probe_read_kernel(scratch->ancestor.text, PATH_BYTES_MAX, asked->ancestor[level]);
	scratch->ancestor.bytes = bytes;
	find_base(&scratch->ancestor);
	return 1;
}

struct ancestor_search {
	u64 list;
	u32 count;
	struct task_struct *task;
	bool fits;
};

static long search_ancestor(u32 level, void *data)
{
	struct ancestor_search *search = data;
	struct guard_scratch *scratch = guard_scratch();
	struct task_struct *task = search->task;
	struct task_struct *parent;

	if (!scratch)
		return 1;
	if (scratch->question.is_given) {
		if (!take_given_ancestor(scratch, level))
			return 1;
	} else {
		parent = BPF_CORE_READ(task, real_parent);
		if (!parent || parent == task)
			return 1;
		search->task = parent;
		set_file_text(exe_of(parent), PLACE_ANCESTOR);
	}
	search->fits = search_list(search->list, search->count, true);
	return search->fits;
}

/* Whether a list lets through what is asked. Global, so that it is verified once. */
__noinline int list_allows(u64 list, u32 count, u32 needs)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct ancestor_search search = { .list = list, .count = count, .task = task };
	struct guard_scratch *scratch = guard_scratch();

	if (!count || !scratch)
		return 0;
	if ((needs & (1 << TEXT_PARENT)) && !scratch->question.is_given)
		set_file_text(exe_of(BPF_CORE_READ(task, real_parent)), PLACE_PARENT);
	if (search_list(list, count, false))
		return 1;
	if (!(needs & (1 << TEXT_ANCESTOR)))
		return 0;
	bpf_loop(ANCESTORS_MAX, search_ancestor, &search, 0);
	return search.fits;
}

/* What a slot does about a behaviour, its allow list left aside. */
static __always_inline u32 slot_action(struct guard_slot *slot, u64 bit)
{
	if (slot->deny & bit)
		return ACTION_DENY;
	return slot->watch & bit ? ACTION_WATCH : ACTION_NONE;
}

/* Denial goes before telling; among rules that say the same, the first is told. */
static __always_inline u32 decide_behaviour(struct guard_row *row, struct guard_question *question)
{
	u64 bit = 1ULL << (question->number & 63);
	u32 decided = ACTION_NONE;

	for (u32 i = 0; i < GUARD_SLOTS_MAX; i++) {
		struct guard_slot *slot = &row->slot[i];
		u32 action = slot_action(slot, bit);

		if (action <= decided || list_allows(slot->allow.id, slot->allow.count, slot->allow.needs))
			continue;
		decided = action;
		question->rule = slot->rule;
	}
	return decided;
}

static __always_inline u32 decide_drift(struct guard_row *row, struct guard_question *question)
{
	struct guard_cell *cell;

	if (question->number >= GUARD_CELLS)
		return ACTION_NONE;
	cell = &row->cell[question->number];
	if (!cell->action || list_allows(cell->allow.id, cell->allow.count, cell->allow.needs))
		return ACTION_NONE;
	question->rule = cell->rule;
	return cell->action;
}

static __always_inline int decide_by(struct guard_row *row, struct guard_question *question)
{
	question->rule = 0;
	if (question->subject == SUBJECT_DRIFT)
		return decide_drift(row, question);
	return decide_behaviour(row, question);
}

/* Answers the scratch's question by its row: of enum guard_action. */
static __always_inline int guard_decide(struct guard_scratch *scratch)
{
	int action = ACTION_NONE;

	for (u32 time = 0; time < DECISIONS_MAX; time++) {
		u64 key = scratch->question.row;
		struct guard_row *row = bpf_map_lookup_elem(&guard_rows, &key);

		if (!row)
			return ACTION_NONE;
		action = decide_by(row, &scratch->question);
		/* Replaced meanwhile: once more, by the new one. */
		if (*(volatile u64 *)&row->key == key)
			break;
	}
	return action;
}

#endif
