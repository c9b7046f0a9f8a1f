// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The guarding half's decision alone, for user space to ask: nothing is attached. */
#include "kernel_types.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include "lib/guard/decide.h"
#include "programs/guard/ask.bpf.c"

SEC("license")
char LICENSE[] = "Dual BSD/GPL";
