// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The guarding half of the kernel side for kernels with BPF LSM: what a container's row denies is refused before it takes
 * effect. What no hook sees is left to the tracepoints of the other object: scripts on standard input, rights.
 */
#include "kernel_types.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include "lib/guard/script.h"
#include "lib/guard/program.h"
#include "lib/guard/opened.h"
#include "lib/guard/rights.h"
#include "lib/guard/copied_up.h"
#include "lib/guard/lsm_names.h"
#include "lib/guard/unix.h"
#include "lib/interpreter.h"
#include "lib/syscalls.h"
/* enforce_exec asks before an exec. */
#define IS_ASKED_BEFORE true
#include "programs/guard/fork.bpf.c"
#include "programs/guard/exec.bpf.c"
#include "programs/guard/existing.bpf.c"
#include "programs/guard/lsm.bpf.c"
#include "programs/guard/lsm_names.bpf.c"

SEC("license")
char LICENSE[] = "Dual BSD/GPL";
