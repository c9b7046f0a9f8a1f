/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The observing programs walk in memory of the CPU. */
#ifndef YAGURA_WALKS_H
#define YAGURA_WALKS_H

#include "maps.h"
#include "path.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, u32);
	__type(value, struct walk);
} walks SEC(".maps");

static __always_inline struct walk *get_walk(void)
{
	u32 slot = memory_slot();

	return bpf_map_lookup_elem(&walks, &slot);
}

#endif
