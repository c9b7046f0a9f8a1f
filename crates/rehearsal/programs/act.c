/*
 * act NAME [ARGUMENT…]: does one thing that a rehearsal asks for, and no more. Harmless by itself: what it reaches is
 * made for the purpose, and every count and time is bounded.
 */
#include "act_escape.h"
#include "act_network.h"
#include "act_process.h"
#include "act_walk.h"

static const struct act acts[] = {
	/* Network. */
	{ "say", 3, act_say },
	{ "say-unix", 2, act_say_unix },
	{ "shim-socket", 1, act_shim_socket },
	{ "upload", 4, act_upload },
	{ "sweep", 3, act_sweep },
	{ "attempts", 4, act_attempts },
	{ "udp-flood", 3, act_udp_flood },
	{ "syn-flood", 3, act_syn_flood },
	{ "dns", 2, act_dns },
	{ "listen", 2, act_listen },
	{ "shell", 3, act_shell },
	{ "bind-shell", 1, act_bind_shell },
	{ "send-self", 2, act_send_self },
	{ "receive", 2, act_receive },
	/* Processes and files. */
	{ "ptrace", 0, act_ptrace },
	{ "vm-write", 0, act_vm_write },
	{ "mem-write", 0, act_mem_write },
	{ "as", 2, act_as },
	{ "rename", 2, act_rename },
	{ "burn", 1, act_burn },
	{ "mutate", 2, act_mutate },
	{ "rewrite-self", 1, act_rewrite_self },
	{ "read", 1, act_read },
	/* Ways out. */
	{ "open-write", 1, act_open_write },
	{ "open-read", 1, act_open_read },
	{ "write-back", 1, act_write_back },
	{ "mount", 4, act_mount },
	{ "node", 4, act_node },
	{ "setns", 1, act_setns },
	{ "trace", 1, act_trace },
	{ "handle", 2, act_handle },
	{ "module", 1, act_module },
	{ "bpf", 0, act_bpf },
	{ "kexec", 0, act_kexec },
	{ "fsconfig", 1, act_fsconfig },
	{ "keys", 0, act_keys },
	{ "userfaultfd", 0, act_userfaultfd },
	{ "io-uring", 0, act_io_uring },
	{ "perf", 0, act_perf },
	{ "splice", 1, act_splice },
	{ "capability", 1, act_capability },
	{ "become-root", 1, act_become_root },
	{ "no-arguments", 1, act_no_arguments },
	{ "beyond", 2, act_beyond },
	{ "steps", 1, act_steps },
	/* For the host's side of it. */
	{ "victim", 1, act_victim },
	{ "loop", 1, act_loop },
	{ "handle-of", 1, act_handle_of },
};

static int run(int count, char **arguments, char **environment)
{
	unsigned int at;

	/* Without a word of what to do: a disguise as a kernel thread keeps to it, anything else says that it ran. */
	if (count < 2) {
		if (arguments[0][0] == '[')
			return disguise(arguments[0]);
		say_marker();
		return 0;
	}
	for (at = 0; at < sizeof(acts) / sizeof(acts[0]); at++)
		if (same(acts[at].name, arguments[1]) && count - 2 >= acts[at].arguments)
			return acts[at].run(count - 2, arguments + 2, environment);
	return FAILED_USAGE;
}
