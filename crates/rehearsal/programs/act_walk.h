/*
 * The steps by name, and what walks them; and the other side: what the harness runs on the host for them to act on.
 */
#ifndef YAGURA_ACT_WALK_H
#define YAGURA_ACT_WALK_H

#include "act_forms.h"

/* Values of include/uapi/linux/loop.h. */
#define LOOP_CTL_GET_FREE 0x4c82
#define LOOP_CONFIGURE 0x4c0a
#define LO_FLAGS_READ_ONLY 1
#define LO_FLAGS_AUTOCLEAR 4
/* Others may take the device that was free a moment ago. */
#define LOOP_TRIES_MAX 16

static const struct step steps[] = {
	{ "mkdir", 1, step_mkdir },
	{ "load", 1, step_load },
	{ "text", 1, step_text },
	{ "open", 2, step_open },
	{ "open-at", 3, step_open_at },
	{ "reopen", 1, step_reopen },
	{ "store", 0, step_store },
	{ "tell", 0, step_tell },
	{ "read", 0, step_read },
	{ "used", 0, step_used },
	{ "mount", 3, step_mount },
	{ "mount-read-only", 3, step_mount_read_only },
	{ "private", 0, step_private },
	{ "pivot-root", 2, step_pivot_root },
	{ "mount-cgroup", 1, step_mount_cgroup },
	{ "bind", 2, step_bind },
	{ "mknod", 4, step_mknod },
	{ "link", 2, step_link },
	{ "hard-link", 2, step_hard_link },
	{ "rename", 2, step_rename },
	{ "mode", 2, step_mode },
	{ "copy", 2, step_copy },
	{ "connect", 1, step_connect },
	{ "setns", 0, step_setns },
	{ "setns-process", 1, step_setns_process },
	{ "pidfd", 1, step_pidfd },
	{ "unshare", 1, step_unshare },
	{ "kill", 1, step_kill },
	{ "wait", 1, step_wait },
	{ "chroot", 1, step_chroot },
	{ "hostname", 1, step_hostname },
	{ "become", 1, step_become },
	{ "become-for-now", 1, step_become_for_now },
	{ "root", 0, step_root },
	{ "run", 2, step_run },
	{ "attach", 1, step_attach },
	{ "seize", 1, step_seize },
	{ "poke", 2, step_poke },
	{ "put", 1, step_put },
	{ "vm-write", 2, step_vm_write },
	{ "open-handle", 3, step_open_handle },
	{ "init-module", 0, step_init_module },
	{ "finit-module", 1, step_finit_module },
	{ "kexec-load", 0, step_kexec_load },
	{ "kexec-file-load", 0, step_kexec_file_load },
	{ "bpf", 0, step_bpf },
	{ "bpf-attach", 0, step_bpf_attach },
	{ "add-key", 0, step_add_key },
	{ "read-key", 0, step_read_key },
	{ "userfaultfd", 0, step_userfaultfd },
	{ "userfaultfd-api", 0, step_userfaultfd_api },
	{ "io-uring", 0, step_io_uring },
	{ "io-uring-enter", 0, step_io_uring_enter },
	{ "perf", 0, step_perf },
	{ "splice", 0, step_splice },
	{ "fsopen", 1, step_fsopen },
	{ "fsconfig", 2, step_fsconfig },
	{ "fscreate", 0, step_fscreate },
	{ "fsmount", 0, step_fsmount },
	{ "move-mount", 1, step_move_mount },
	{ "port-access", 0, step_port_access },
	{ "openat2", 2, step_openat2 },
	{ "open-under", 2, step_open_under },
	{ "load-under", 1, step_load_under },
	{ "io-uring-open", 2, step_io_uring_open },
	{ "store-vector", 0, step_store_vector },
	{ "store-splice", 0, step_store_splice },
	{ "store-mapped", 0, step_store_mapped },
	{ "sendfile", 0, step_sendfile },
	{ "open-tree", 1, step_open_tree },
	{ "remount", 1, step_remount },
	{ "fsconfig-flag", 1, step_fsconfig_flag },
	{ "clone", 1, step_clone },
	{ "clone-into", 0, step_clone_into },
	{ "get-fd", 1, step_get_fd },
	{ "bpf-map", 0, step_bpf_map },
	{ "request-key", 0, step_request_key },
	{ "userfaultfd-user", 0, step_userfaultfd_user },
	{ "give-capability", 1, step_give_capability },
	{ "own", 0, step_own },
};

static const struct step *step_called(const char *name)
{
	unsigned int at;

	for (at = 0; at < sizeof(steps) / sizeof(steps[0]); at++)
		if (same(steps[at].name, name))
			return &steps[at];
	return 0;
}

/* Takes one step of `count` words. "reach ERRNO" before it: that answer means that the kernel got to it. */
static int take_step(struct walk *walk, int count, char **words)
{
	const struct step *step;
	long expected = 0, result;

	if (count > 2 && same(words[0], "reach")) {
		expected = any_number(words[1]);
		words += 2;
		count -= 2;
	}
	step = count > 0 ? step_called(words[0]) : 0;
	if (!step || count - 1 < step->arguments)
		return FAILED_USAGE;
	/* In one call: what is told must not be cut in two. */
	say("? ");
	say(step->name);
	say("\n");
	result = step->take(walk, words + 1);
	say("= ");
	tell(step->name, result);
	return result < 0 && result != -expected ? FAILED_COPY : 0;
}

static int act_steps(int count, char **arguments, char **environment)
{
	static struct walk walk;
	int from = 0, to, failed = 0;

	walk.fd = -1;
	walk.length = -1;
	walk.environment = environment;
	while (from < count && !failed) {
		for (to = from; to < count && !same(arguments[to], ","); to++)
			;
		failed = take_step(&walk, to - from, arguments + from);
		from = to + 1;
	}
	return failed;
}

static void wait_for_end(void)
{
	char byte;

	while (CALL3(read, 0, &byte, 1) > 0)
		;
}

/* victim FILE: has a file open, tells its pid and where its word is, and lives until standard input ends. */
static int act_victim(int count, char **arguments, char **environment)
{
	(void)count;
	(void)environment;
	open_file(arguments[0], O_RDONLY);
	tell("pid", CALL1(getpid, 0));
	tell("word", (long)&target_word);
	wait_for_end();
	return 0;
}

/* struct loop_config. */
struct loop_settings {
	unsigned int fd;
	unsigned int block_size;
	unsigned long numbers[5];
	unsigned int number;
	unsigned int encryption[2];
	unsigned int flags;
	unsigned char names[160];
	unsigned long init[2];
	unsigned long reserved[8];
};

/* Attaches a file to a free loop device, read-only, until nobody has it open; the device's number. */
static long attach_loop(int file)
{
	struct loop_settings settings = { .fd = (unsigned int)file, .flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR };
	int control = open_file("/dev/loop-control", O_RDWR), tries;
	char path[32] = "/dev/loop";
	long number = control, device;

	for (tries = 0; control >= 0 && tries < LOOP_TRIES_MAX; tries++) {
		number = CALL3(ioctl, control, LOOP_CTL_GET_FREE, 0);
		if (number < 0)
			break;
		decimal(path + 9, number);
		device = open_file(path, O_RDONLY);
		if (device < 0)
			return device;
		if (CALL3(ioctl, device, LOOP_CONFIGURE, &settings) == 0)
			return number;
		CALL1(close, device);
		number = -1;
	}
	return number;
}

/* loop FILE: makes a block device of a file, tells its number, and keeps it until standard input ends. */
static int act_loop(int count, char **arguments, char **environment)
{
	(void)count;
	(void)environment;
	tell("loop", attach_loop(open_file(arguments[0], O_RDONLY)));
	wait_for_end();
	return 0;
}

/* handle-of FILE: tells type and content of a file's handle. */
static int act_handle_of(int count, char **arguments, char **environment)
{
	static const char digits[] = "0123456789abcdef";
	struct handle handle = { HANDLE_BYTES_MAX, 0, { 0 } };
	char hex[2 * HANDLE_BYTES_MAX + 1];
	int mount_id = 0;
	unsigned int at;

	(void)count;
	(void)environment;
	if (CALL5(name_to_handle_at, AT_FDCWD, arguments[0], &handle, &mount_id, 0) < 0)
		return FAILED_OPEN;
	for (at = 0; at < handle.bytes && at < HANDLE_BYTES_MAX; at++) {
		hex[2 * at] = digits[handle.content[at] >> 4];
		hex[2 * at + 1] = digits[handle.content[at] & 15];
	}
	hex[2 * at] = 0;
	tell("type", handle.type);
	say("content ");
	say(hex);
	say("\n");
	return 0;
}

#endif
