// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The part of the observing half that is loaded only when somebody wants to know of written files: it stands where every
 * file of the machine is closed. Its maps are those of observe.bpf.c (src/written.rs has them shared), but for the CPU's
 * memory in which records are put together: one way of attaching it can be preempted.
 */
#include "kernel_types.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include "lib/emit.h"
#include "lib/budget.h"
#include "programs/written.bpf.c"

SEC("license")
char LICENSE[] = "Dual BSD/GPL";
