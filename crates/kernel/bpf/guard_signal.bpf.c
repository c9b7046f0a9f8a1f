// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The guarding half of the kernel side for kernels without BPF LSM: a process that does what its container's row denies is
 * ended by a signal, which the kernel delivers before the process runs another instruction. What hands out a descriptor, a
 * mapping or a namespace is so ended before it can be used; what has its effect in the call itself has had it.
 */
#include "kernel_types.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include "lib/guard/script.h"
#include "lib/guard/program.h"
#include "lib/guard/opened.h"
#include "lib/guard/rights.h"
#include "lib/guard/unix.h"
#include "lib/interpreter.h"
#include "lib/pid.h"
#include "lib/syscalls.h"
/* Nobody asks before an exec. */
#define IS_ASKED_BEFORE false
#include "programs/guard/fork.bpf.c"
#include "programs/guard/exec.bpf.c"
#include "programs/guard/existing.bpf.c"
#include "programs/guard/call.bpf.c"
#include "programs/guard/map.bpf.c"
#include "programs/guard/dispatch.bpf.c"

SEC("license")
char LICENSE[] = "Dual BSD/GPL";
