// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The observing half of the kernel side, one object: every program shares one set of maps. These programs only
 * look; they fail open, and count what they could not tell.
 */
#include "kernel_types.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include "lib/tell.h"
#include "lib/interpreter.h"
#include "lib/target.h"
#include "lib/connection.h"
#include "programs/exec.bpf.c"
#include "programs/fork.bpf.c"
#include "programs/exit.bpf.c"
#include "programs/open.bpf.c"
#include "programs/map.bpf.c"
#include "programs/identity.bpf.c"
#include "programs/plain.bpf.c"
#include "programs/process.bpf.c"
#include "programs/socket.bpf.c"
#include "programs/send.bpf.c"
#include "programs/dup.bpf.c"
#include "programs/dispatch.bpf.c"

SEC("license")
char LICENSE[] = "Dual BSD/GPL";
