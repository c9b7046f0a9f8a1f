/*
 * Attempts at the ways out of a container, each stopping before its harm: files are opened and not written, or given
 * what they hold; calls are made with arguments that the kernel accepts without effect, or refuses after it has checked
 * the caller's rights. Each prints what the kernel answered. An attempt that is refused is no failure.
 */
#ifndef YAGURA_ACT_ESCAPE_H
#define YAGURA_ACT_ESCAPE_H

#include "act_process.h"

/* Values of include/uapi/linux/{sched,bpf,keyctl,mount,stat}.h. */
#define CLONE_NEWUTS 0x04000000
#define BPF_PROG_LOAD 5
#define BPF_SOCKET_FILTER 1
#define KEYCTL_GET_KEYRING_ID 0
#define KEYCTL_CHOWN 4
#define SESSION_KEYRING (-3)
#define PROCESS_KEYRING (-2)
#define FSCONFIG_SET_STRING 1
#define S_IFBLK 0060000
#define S_IFCHR 0020000
#define XATTR_CREATE 1
/* Bytes that the value of a kernel setting may have. */
#define SETTING_BYTES_MAX 4096

/* open-write PATH: opens a file for writing, and closes it. */
static int act_open_write(int count, char **arguments, char **environment)
{
	(void)count;
	(void)environment;
	tell("open", CALL4(openat, AT_FDCWD, arguments[0], O_WRONLY, 0));
	return 0;
}

/* open-read PATH: opens a file for reading, and closes it unread. */
static int act_open_read(int count, char **arguments, char **environment)
{
	(void)count;
	(void)environment;
	tell("open", CALL4(openat, AT_FDCWD, arguments[0], O_RDONLY, 0));
	return 0;
}

/* write-back PATH: writes to a file what it holds. */
static int act_write_back(int count, char **arguments, char **environment)
{
	static char value[SETTING_BYTES_MAX];
	int in = open_file(arguments[0], O_RDONLY), out;
	long length = CALL3(read, in, value, sizeof(value));

	(void)count;
	(void)environment;
	out = open_file(arguments[0], O_WRONLY);
	tell("open", out);
	/* Nothing is written that was not read whole. */
	if (out >= 0 && length >= 0 && length < (long)sizeof(value))
		tell("write", CALL3(write, out, value, length));
	return 0;
}

/* mount TYPE SOURCE TARGET DATA */
static int act_mount(int count, char **arguments, char **environment)
{
	(void)count;
	(void)environment;
	tell("mount", CALL5(mount, arguments[1], arguments[2], arguments[0], 0, arguments[3]));
	return 0;
}

/* node block|character PATH MAJOR MINOR */
static int act_node(int count, char **arguments, char **environment)
{
	long kind = same(arguments[0], "block") ? S_IFBLK : S_IFCHR;
	long device = any_number(arguments[2]) << 8 | (any_number(arguments[3]) & 0xff);

	(void)count;
	(void)environment;
	tell("mknod", CALL4(mknodat, AT_FDCWD, arguments[1], kind | 0600, device));
	return 0;
}

/* setns FILE: joins the namespace of any kind behind a file. */
static int act_setns(int count, char **arguments, char **environment)
{
	(void)count;
	(void)environment;
	tell("setns", CALL2(setns, open_file(arguments[0], O_RDONLY), 0));
	return 0;
}

/* trace PID: attaches to a process and lets go of it. */
static int act_trace(int count, char **arguments, char **environment)
{
	long pid = any_number(arguments[0]), result = CALL4(ptrace, PTRACE_ATTACH, pid, 0, 0);

	(void)count;
	(void)environment;
	tell("ptrace", result);
	if (result == 0) {
		CALL4(wait4, pid, 0, 0x40000000, 0);
		CALL4(ptrace, PTRACE_DETACH, pid, 0, 0);
	}
	return 0;
}

/* handle FOLDER FILE: opens a file by its handle. */
static int act_handle(int count, char **arguments, char **environment)
{
	struct {
		unsigned int bytes;
		int type;
		unsigned char content[128];
	} handle = { .bytes = 128 };
	int mount_id = 0, folder = open_file(arguments[0], O_RDONLY);

	(void)count;
	(void)environment;
	tell("name_to_handle_at", CALL5(name_to_handle_at, AT_FDCWD, arguments[1], &handle, &mount_id, 0));
	tell("open_by_handle_at", CALL3(open_by_handle_at, folder, &handle, O_RDONLY));
	return 0;
}

/* module FILE: offers something that is no module as one. */
static int act_module(int count, char **arguments, char **environment)
{
	static const char not_a_module[] = "not a module";

	(void)count;
	(void)environment;
	tell("init_module", CALL3(init_module, not_a_module, sizeof(not_a_module), ""));
	tell("finit_module", CALL3(finit_module, open_file(arguments[0], O_RDONLY), "", 0));
	return 0;
}

/* bpf: loads a program that returns 0, and lets go of it. */
static int act_bpf(int count, char **arguments, char **environment)
{
	static const unsigned char program[16] = { 0xb7, [8] = 0x95 };
	struct {
		unsigned int type;
		unsigned int instructions;
		unsigned long program;
		unsigned long license;
		unsigned char zero[96];
	} load = { BPF_SOCKET_FILTER, 2, (unsigned long)program, (unsigned long)"GPL", { 0 } };

	(void)count;
	(void)arguments;
	(void)environment;
	tell("bpf", CALL3(bpf, BPF_PROG_LOAD, &load, 48));
	return 0;
}

/* kexec: asks for a kernel with flags that don't exist. */
static int act_kexec(int count, char **arguments, char **environment)
{
	(void)count;
	(void)arguments;
	(void)environment;
	tell("kexec_load", CALL4(kexec_load, 0, 0, 0, 0x0000fff0));
	return 0;
}

/* fsconfig TYPE: one option for a file system that is never made. */
static int act_fsconfig(int count, char **arguments, char **environment)
{
	int fd = (int)CALL2(fsopen, arguments[0], 0);

	(void)count;
	(void)environment;
	tell("fsopen", fd);
	tell("fsconfig", CALL5(fsconfig, fd, FSCONFIG_SET_STRING, "rehearsal", "value", 0));
	return 0;
}

/* keys: a key in a keyring that ends with the process. */
static int act_keys(int count, char **arguments, char **environment)
{
	long key = CALL5(add_key, "user", "yagura-rehearsal", "x", 1, PROCESS_KEYRING);

	(void)count;
	(void)arguments;
	(void)environment;
	tell("add_key", key);
	tell("keyctl", CALL5(keyctl, KEYCTL_GET_KEYRING_ID, SESSION_KEYRING, 0, 0, 0));
	tell("keyctl", CALL5(keyctl, KEYCTL_CHOWN, key, -1, -1, 0));
	return 0;
}

static int act_userfaultfd(int count, char **arguments, char **environment)
{
	(void)count;
	(void)arguments;
	(void)environment;
	tell("userfaultfd", CALL1(userfaultfd, 0));
	return 0;
}

static int act_io_uring(int count, char **arguments, char **environment)
{
	unsigned char parameters[120] = { 0 };

	(void)count;
	(void)arguments;
	(void)environment;
	tell("io_uring_setup", CALL2(io_uring_setup, 4, parameters));
	return 0;
}

/* perf: counts this process's own page faults. */
static int act_perf(int count, char **arguments, char **environment)
{
	/* type PERF_TYPE_SOFTWARE, size, config PERF_COUNT_SW_PAGE_FAULTS */
	struct {
		unsigned int type;
		unsigned int size;
		unsigned long config;
		unsigned char zero[112];
	} event = { 1, 128, 2, { 0 } };

	(void)count;
	(void)arguments;
	(void)environment;
	tell("perf_event_open", CALL5(perf_event_open, &event, 0, -1, -1, 0));
	return 0;
}

/* splice FILE: a page of a file opened for reading goes into a pipe, and the byte that it begins with behind it. */
static int act_splice(int count, char **arguments, char **environment)
{
	int fd = open_file(arguments[0], O_RDONLY), ends[2];
	long offset = 0;
	char byte = 0;

	(void)count;
	(void)environment;
	if (fd < 0 || CALL3(read, fd, &byte, 1) != 1 || CALL2(pipe2, ends, 0) < 0)
		return FAILED_OPEN;
	tell("splice", CALL6(splice, fd, &offset, ends[1], 0, 1, 0));
	tell("write", CALL3(write, ends[1], &byte, 1));
	return 0;
}

/* capability FILE: a file capability (CAP_SYS_ADMIN, permitted) for whoever runs that file. */
static int act_capability(int count, char **arguments, char **environment)
{
	/* struct vfs_cap_data, revision 2. */
	unsigned int data[5] = { 0x02000000, 1u << 21, 0, 0, 0 };

	(void)count;
	(void)environment;
	tell("setxattr", CALL5(setxattr, arguments[0], "security.capability", data, sizeof(data), 0));
	return 0;
}

/* become-root PROGRAM [ARGUMENT…]: gives up root's uid but for the saved one, takes it back, and runs a program. */
static int act_become_root(int count, char **arguments, char **environment)
{
	(void)count;
	CALL3(setresuid, 65534, 65534, 0);
	tell("setresuid", CALL3(setresuid, 0, 0, 0));
	CALL3(execve, arguments[0], arguments, environment);
	return FAILED_EXEC;
}

/* no-arguments PROGRAM: runs a program without as much as its own name. */
static int act_no_arguments(int count, char **arguments, char **environment)
{
	char *nothing[] = { 0 };

	(void)count;
	CALL3(execve, arguments[0], nothing, environment);
	return FAILED_EXEC;
}

/* beyond FD PATH: from the descriptor of a folder that it was started with, opens a path and starts a program there. */
static int act_beyond(int count, char **arguments, char **environment)
{
	static char path[256];
	char *program[] = { "cat", arguments[1], 0 };
	int length, at;

	(void)count;
	descriptor_path(path, (int)number(arguments[0]));
	length = (int)length_of(path);
	CALL1(chdir, path);
	path[length++] = '/';
	for (at = 0; arguments[1][at] && length < 255; at++)
		path[length++] = arguments[1][at];
	tell("open", CALL4(openat, AT_FDCWD, path, O_RDONLY, 0));
	CALL3(execve, "/bin/cat", program, environment);
	return FAILED_EXEC;
}

#endif
