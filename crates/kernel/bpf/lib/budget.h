/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* How many records one container may cause, so that none is drowned by another. */
#ifndef YAGURA_BUDGET_H
#define YAGURA_BUDGET_H

#include "maps.h"

/*
 * Records that are rare and tell much, which one container may have in the ring of the programs that begin: 2,000 a
 * second, after a quiet time 10,000. Who makes more of them to drown others' finds them in the ring of calls.
 */
#define RARE_RECORD_NS 500000ULL
#define RARE_BURST_NS (10000 * RARE_RECORD_NS)

/*
 * Takes one record from what is paid for. A container earns records at a steady rate and can save some. Two CPUs may
 * count two records as one; that is close enough.
 */
static __always_inline bool take(u64 *paid_until_ns, u64 now, u64 record_ns, u64 burst_ns)
{
	u64 paid = *paid_until_ns;

	if (paid < now)
		paid = now;
	if (paid - now > burst_ns)
		return false;
	*paid_until_ns = paid + record_ns;
	return true;
}

/* What the container has used, NULL if it has just been given an account. */
static __always_inline struct container_budget *budget_of(u64 container)
{
	struct container_budget *budget = bpf_map_lookup_elem(&container_budgets, &container);
	struct container_budget fresh = {};

	if (!budget)
		bpf_map_update_elem(&container_budgets, &container, &fresh, BPF_NOEXIST);
	return budget;
}

/* What a container's records of volume are counted by: no flood of one kind uses up what the other may have. */
enum account {
	OF_CALLS,
	OF_WRITTEN,
};

/* Whether the container may have another record of volume, and if not counts it: its floods are its own loss. */
static __always_inline bool take_from_budget(u64 container, enum account account, u64 now)
{
	u32 zero = 0;
	struct call_settings *set = bpf_map_lookup_elem(&call_settings, &zero);
	struct container_budget *budget;
	u64 *paid_until_ns;

	if (!set || !set->record_ns)
		return true;
	budget = budget_of(container);
	if (!budget)
		return true;
	paid_until_ns = account == OF_WRITTEN ? &budget->written_until_ns : &budget->paid_until_ns;
	if (take(paid_until_ns, now, set->record_ns, set->burst_ns))
		return true;
	__sync_fetch_and_add(&budget->over, 1);
	count_loss(LOSS_CONTAINER_BUDGET);
	return false;
}

#endif
