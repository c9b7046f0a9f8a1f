/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What programs that stand on a container's cgroup decide by, and how they tell of it. User space writes the rows; the same
 * sizes are asserted in src/cgroup/row.rs.
 */
#ifndef YAGURA_CGROUP_H
#define YAGURA_CGROUP_H

#include "../kernel_types.h"
#include "../records.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

/* event::EnforcementRow::SLOTS_MAX */
#define CGROUP_SLOTS_MAX 8
/* Texts of all allow lists of a container: as many as leave a row below a page, which older kernels take at most. */
#define CGROUP_TEXTS_MAX 24
/* Bytes of one text of an allow list, event::AllowRow::TEXT_BYTES_MAX rounded up to a mask. */
#define CGROUP_TEXT_BYTES 128
/* Bytes of what is acted on: the longest name of a socket (struct sockaddr_un) and all settings' paths fit. */
#define TARGET_BYTES 128
/* Steps of one comparison: every byte tried with every byte, so that no text needs more. */
#define TEXT_STEPS_MAX (TARGET_BYTES * CGROUP_TEXT_BYTES)
/* Bytes. Denials: about 250 bytes each, so that 1,000 may wait. */
#define CGROUP_RING_BYTES (256 << 10)

/* include/uapi/linux/bpf.h */
#define BPF_MAP_TYPE_CGROUP_STORAGE 19
#define BPF_RB_FORCE_WAKEUP 2

/* event::Behaviour, those that are decided here. */
enum cgroup_behaviour {
	DENY_CORE_PATTERN = 8,
	DENY_MODPROBE_PATH = 9,
	DENY_UEVENT_HELPER = 10,
	DENY_KERNEL_SETTINGS = 14,
	DENY_BLOCK_DEVICE = 15,
	DENY_DEVICE_NODE = 16,
	DENY_KERNEL_MEMORY = 17,
	DENY_RUNTIME_SOCKET = 18,
};

/* event::EnforcementMeans, those of these programs. */
enum cgroup_means {
	MEANS_CGROUP_CONNECT = 5,
	MEANS_CGROUP_DEVICE = 6,
	MEANS_CGROUP_SYSCTL = 7,
};

/* What a program of this kind returns. */
enum cgroup_verdict {
	VERDICT_DENY = 0,
	VERDICT_ALLOW = 1,
};

struct cgroup_slot {
	u64 deny; /* bits of 1 << event::Behaviour */
	u64 watch;
	u32 rule;
	u32 texts; /* bits of 1 << index: what it lets through */
};

struct cgroup_text {
	u8 bytes;
	u8 is_path; /* compared with the whole path, else with what is behind the last slash */
	u8 reserved[2];
	char text[CGROUP_TEXT_BYTES];
};

struct cgroup_row {
	u64 container;
	struct cgroup_slot slot[CGROUP_SLOTS_MAX];
	struct cgroup_text text[CGROUP_TEXTS_MAX];
};

_Static_assert(sizeof(struct cgroup_slot) == 24, "cgroup_slot");
_Static_assert(sizeof(struct cgroup_text) == 132, "cgroup_text");
_Static_assert(sizeof(struct cgroup_row) == 3368, "cgroup_row");

/*
 * By cgroup id: the row of the cgroup that a program is attached to, whatever child cgroup the process is in. It is replaced
 * as a whole, and freed by the kernel with the cgroup. The kernel looks at no key here.
 */
struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_STORAGE);
	__type(key, u64);
	__type(value, struct cgroup_row);
} cgroup_rows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, CGROUP_RING_BYTES);
} guard_ring SEC(".maps");

/* Denials that were in force and could not be told. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} cgroup_losses SEC(".maps");

/* What is acted on. */
struct target {
	u32 bytes;
	u32 base; /* where its last component begins */
	char text[TARGET_BYTES];
};

struct comparison {
	struct cgroup_text *pattern;
	struct target *target;
	u32 at_pattern;
	u32 at_target;
	u32 behind_star; /* zero: no star was met */
	u32 star_target; /* where the target went on when it was */
	u32 fits;
};

static long compare_step(u32 index, void *data)
{
	struct comparison *this = data;
	bool is_left = this->at_pattern < this->pattern->bytes;
	char wanted = this->pattern->text[this->at_pattern & (CGROUP_TEXT_BYTES - 1)];

	if (is_left && wanted == '*') {
		this->at_pattern++;
		this->behind_star = this->at_pattern;
		this->star_target = this->at_target;
		return 0;
	}
	if (this->at_target >= this->target->bytes) {
		this->fits = !is_left;
		return 1;
	}
	if (is_left && (wanted == '?' || wanted == this->target->text[this->at_target & (TARGET_BYTES - 1)])) {
		this->at_pattern++;
		this->at_target++;
		return 0;
	}
	if (!this->behind_star)
		return 1;
	this->star_target++;
	this->at_target = this->star_target;
	this->at_pattern = this->behind_star;
	return 0;
}

/* Whether a text of the row, given by its index, fits. Global, so that it is verified once. */
__noinline int text_fits(u32 index, struct target *target)
{
	struct cgroup_row *row = bpf_get_local_storage(&cgroup_rows, 0);
	struct comparison comparison = { .target = target };
	u64 at = index;

	/* One number for the check and the access: the verifier does not connect two. */
	barrier_var(at);
	if (at >= CGROUP_TEXTS_MAX || !target)
		return 0;
	comparison.pattern = &row->text[at];
	if (!comparison.pattern->is_path)
		comparison.at_target = target->base;
	bpf_loop(TEXT_STEPS_MAX, compare_step, &comparison, 0);
	return comparison.fits;
}

/* Whether one of the texts fits. Global, so that it is verified once. */
__noinline int is_let_through(u32 texts, struct target *target)
{
	if (!target)
		return 0;
	for (u32 index = 0; index < CGROUP_TEXTS_MAX; index++)
		if ((texts & (1U << index)) && text_fits(index, target))
			return 1;
	return 0;
}

/* What was decided. */
struct decision {
	u64 container;
	u32 rule;
	u8 number; /* of enum cgroup_behaviour */
	u8 means; /* of enum cgroup_means */
	u8 outcome; /* of enum denial_outcome, zero: nothing is to be done */
};

/* include/uapi/linux/bpf.h */
struct bpf_dynptr {
	u64 opaque[2];
} __attribute__((aligned(8)));

static __always_inline void count_cgroup_loss(void)
{
	u32 zero = 0;
	u64 *lost = bpf_map_lookup_elem(&cgroup_losses, &zero);

	if (lost)
		__sync_fetch_and_add(lost, 1);
}

static __always_inline void fill_denial(struct decision *decision, u32 target_bytes, struct denial_record *record)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	__builtin_memset(record, 0, sizeof(*record));
	record->header.kind = RECORD_DENIAL;
	record->header.version = RECORD_VERSION;
	record->header.size = sizeof(*record) + target_bytes;
	record->header.time_ns = bpf_ktime_get_boot_ns();
	record->header.container = decision->container;
	record->header.cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	record->header.start_ns = BPF_CORE_READ(task, group_leader, start_boottime);
	record->header.pid = BPF_CORE_READ(task, tgid);
	record->number = decision->number;
	record->outcome = decision->outcome;
	record->means = decision->means;
	record->rule = decision->rule;
	record->target_bytes = target_bytes;
	BPF_CORE_READ_INTO(&record->name, task, comm);
}

/* Tells of a denial. What the process runs is known to who receives it. Global, so that it is verified once. */
__noinline int tell(struct decision *decision, struct target *target)
{
	struct denial_record *record;
	struct bpf_dynptr room;
	u32 bytes;

	if (!decision || !target)
		return 0;
	bytes = target->bytes;
	if (bytes > TARGET_BYTES)
		bytes = TARGET_BYTES;
	if (bpf_ringbuf_reserve_dynptr(&guard_ring, sizeof(*record) + bytes, 0, &room)) {
		bpf_ringbuf_discard_dynptr(&room, 0);
		count_cgroup_loss();
		return 0;
	}
	record = bpf_dynptr_data(&room, 0, sizeof(*record));
	if (record) {
		fill_denial(decision, bytes, record);
		bpf_dynptr_write(&room, sizeof(*record), target->text, bytes, 0);
	}
	bpf_ringbuf_submit_dynptr(&room, BPF_RB_FORCE_WAKEUP);
	return 0;
}

/* Judges a behaviour by the row of the cgroup that the program stands on. Denial goes before telling. */
static __always_inline enum cgroup_verdict judge(u8 number, u8 means, struct target *target)
{
	struct cgroup_row *row = bpf_get_local_storage(&cgroup_rows, 0);
	struct decision decision = { .number = number, .means = means };
	u64 bit = 1ULL << number;

	for (u32 i = 0; i < CGROUP_SLOTS_MAX; i++) {
		struct cgroup_slot *slot = &row->slot[i];
		bool denies = slot->deny & bit;

		if (!denies && (decision.outcome || !(slot->watch & bit)))
			continue;
		if (slot->texts && is_let_through(slot->texts, target))
			continue;
		decision.rule = slot->rule;
		decision.outcome = denies ? OUTCOME_BLOCKED : OUTCOME_WATCHED;
		if (denies)
			break;
	}
	if (!decision.outcome)
		return VERDICT_ALLOW;
	decision.container = row->container;
	tell(&decision, target);
	return decision.outcome == OUTCOME_BLOCKED ? VERDICT_DENY : VERDICT_ALLOW;
}

#endif
