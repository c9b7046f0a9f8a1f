/*
 * Steps that reach into other processes and into the kernel: memory, programs, keys, rings.
 */
#ifndef YAGURA_ACT_REACH_H
#define YAGURA_ACT_REACH_H

#include "act_steps.h"

/* What is put into the word of a victim. */
#define PUT_WORD 2L

/* attach PID, and wait until it stands still. */
static long step_attach(struct walk *walk, char **arguments)
{
	long pid = any_number(arguments[0]), result = CALL4(ptrace, PTRACE_ATTACH, pid, 0, 0);

	(void)walk;
	return result < 0 ? result : CALL4(wait4, pid, 0, WAIT_ALL, 0);
}

/* seize PID: the same without a signal. */
static long step_seize(struct walk *walk, char **arguments)
{
	long pid = any_number(arguments[0]), result = CALL4(ptrace, PTRACE_SEIZE, pid, 0, 0);

	(void)walk;
	if (result == 0)
		result = CALL4(ptrace, PTRACE_INTERRUPT, pid, 0, 0);
	return result < 0 ? result : CALL4(wait4, pid, 0, WAIT_ALL, 0);
}

/* poke PID ADDRESS: a word of a process that is traced, which is let go then. */
static long step_poke(struct walk *walk, char **arguments)
{
	long pid = any_number(arguments[0]);
	long result = CALL4(ptrace, PTRACE_POKEDATA, pid, any_number(arguments[1]), PUT_WORD);

	(void)walk;
	CALL4(ptrace, PTRACE_DETACH, pid, 0, 0);
	return result;
}

/* put ADDRESS: a word into the memory behind the descriptor. */
static long step_put(struct walk *walk, char **arguments)
{
	long value = PUT_WORD;

	return CALL4(pwrite64, walk->fd, &value, sizeof(value), any_number(arguments[0]));
}

/* vm-write PID ADDRESS */
static long step_vm_write(struct walk *walk, char **arguments)
{
	long value = PUT_WORD;
	struct {
		void *base;
		unsigned long length;
	} here = { &value, sizeof(value) }, there = { (void *)any_number(arguments[1]), sizeof(value) };

	(void)walk;
	return CALL6(process_vm_writev, any_number(arguments[0]), &here, 1, &there, 1, 0);
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

struct handle {
	unsigned int bytes;
	int type;
	unsigned char content[HANDLE_BYTES_MAX];
};

/* open-handle FOLDER TYPE HEX: opens a file of the folder's file system for writing, wherever it is. */
static long step_open_handle(struct walk *walk, char **arguments)
{
	struct handle handle = { 0, (int)any_number(arguments[1]), { 0 } };
	const char *hex = arguments[2];
	int folder = open_file(arguments[0], O_RDONLY);

	if (folder < 0)
		return folder;
	while (handle.bytes < HANDLE_BYTES_MAX && digit_of(hex[0]) >= 0 && digit_of(hex[1]) >= 0) {
		handle.content[handle.bytes++] = (unsigned char)(digit_of(hex[0]) << 4 | digit_of(hex[1]));
		hex += 2;
	}
	walk->fd = (int)CALL3(open_by_handle_at, folder, &handle, O_WRONLY);
	return walk->fd;
}

/* init-module: something that is no module, from memory. */
static long step_init_module(struct walk *walk, char **arguments)
{
	static const char not_a_module[] = "not a module";

	(void)walk;
	(void)arguments;
	return CALL3(init_module, not_a_module, sizeof(not_a_module), "");
}

/* finit-module PATH: the same from a file. */
static long step_finit_module(struct walk *walk, char **arguments)
{
	(void)walk;
	return CALL3(finit_module, open_file(arguments[0], O_RDONLY), "", 0);
}

/* kexec-load, with flags that don't exist. */
static long step_kexec_load(struct walk *walk, char **arguments)
{
	(void)walk;
	(void)arguments;
	return CALL4(kexec_load, 0, 0, 0, 0x0000fff0);
}

/* kexec-file-load, with flags that don't exist. */
static long step_kexec_file_load(struct walk *walk, char **arguments)
{
	(void)walk;
	(void)arguments;
	return CALL5(kexec_file_load, -1, -1, 0, "", 0xfff0);
}

/* bpf: a program that returns 0. */
static long step_bpf(struct walk *walk, char **arguments)
{
	static const unsigned char program[16] = { 0xb7, [8] = 0x95 };
	struct {
		unsigned int type;
		unsigned int instructions;
		unsigned long program;
		unsigned long license;
		unsigned char zero[96];
	} load = { BPF_SOCKET_FILTER, 2, (unsigned long)program, (unsigned long)"GPL", { 0 } };

	(void)arguments;
	walk->fd = (int)CALL3(bpf, BPF_PROG_LOAD, &load, 48);
	return walk->fd;
}

/* bpf-attach: that program to a socket of its own. */
static long step_bpf_attach(struct walk *walk, char **arguments)
{
	int ends[2];
	long result = CALL4(socketpair, AF_UNIX, SOCK_DGRAM, 0, ends);

	(void)arguments;
	return result < 0 ? result : CALL5(setsockopt, ends[0], SOL_SOCKET, SO_ATTACH_BPF, &walk->fd, sizeof(walk->fd));
}

/* add-key: into a keyring that ends with the process. */
static long step_add_key(struct walk *walk, char **arguments)
{
	(void)arguments;
	walk->fd = (int)CALL5(add_key, "user", "yagura-rehearsal", "x", 1, PROCESS_KEYRING);
	return walk->fd;
}

/* read-key: what is in it. */
static long step_read_key(struct walk *walk, char **arguments)
{
	char value[8];

	(void)arguments;
	return CALL5(keyctl, KEYCTL_READ, walk->fd, value, sizeof(value), 0);
}

static long step_userfaultfd(struct walk *walk, char **arguments)
{
	(void)arguments;
	walk->fd = (int)CALL1(userfaultfd, 0);
	return walk->fd;
}

/* userfaultfd-api: the first word with the kernel about page faults. */
static long step_userfaultfd_api(struct walk *walk, char **arguments)
{
	unsigned long api[3] = { UFFD_API, 0, 0 };

	(void)arguments;
	return CALL3(ioctl, walk->fd, UFFDIO_API, api);
}

static long step_io_uring(struct walk *walk, char **arguments)
{
	unsigned char parameters[120] = { 0 };

	(void)arguments;
	walk->fd = (int)CALL2(io_uring_setup, 4, parameters);
	return walk->fd;
}

/* io-uring-enter: into the ring, with nothing to do. */
static long step_io_uring_enter(struct walk *walk, char **arguments)
{
	(void)arguments;
	return CALL6(io_uring_enter, walk->fd, 0, 0, 0, 0, 0);
}

/* perf: counts this process's own page faults. */
static long step_perf(struct walk *walk, char **arguments)
{
	/* type PERF_TYPE_SOFTWARE, size, config PERF_COUNT_SW_PAGE_FAULTS */
	struct {
		unsigned int type;
		unsigned int size;
		unsigned long config;
		unsigned char zero[112];
	} event = { 1, 128, 2, { 0 } };

	(void)arguments;
	walk->fd = (int)CALL5(perf_event_open, &event, 0, -1, -1, 0);
	return walk->fd;
}

/* splice: a byte of the file behind the descriptor, which may not be written, by its page into a pipe. */
static long step_splice(struct walk *walk, char **arguments)
{
	int ends[2];
	long offset = 0, result = CALL2(pipe2, ends, 0);

	(void)arguments;
	if (result < 0)
		return result;
	result = CALL6(splice, walk->fd, &offset, ends[1], 0, 1, 0);
	walk->fd = ends[0];
	return result;
}

/* fsopen TYPE */
static long step_fsopen(struct walk *walk, char **arguments)
{
	walk->fd = (int)CALL2(fsopen, arguments[0], 0);
	return walk->fd;
}

/* fsconfig KEY VALUE */
static long step_fsconfig(struct walk *walk, char **arguments)
{
	return CALL5(fsconfig, walk->fd, FSCONFIG_SET_STRING, arguments[0], arguments[1], 0);
}

static long step_fscreate(struct walk *walk, char **arguments)
{
	(void)arguments;
	return CALL5(fsconfig, walk->fd, FSCONFIG_CMD_CREATE, 0, 0, 0);
}

static long step_fsmount(struct walk *walk, char **arguments)
{
	(void)arguments;
	walk->fd = (int)CALL3(fsmount, walk->fd, 0, 0);
	return walk->fd;
}

/* move-mount TARGET */
static long step_move_mount(struct walk *walk, char **arguments)
{
	return CALL5(move_mount, walk->fd, "", AT_FDCWD, arguments[0], MOVE_MOUNT_EMPTY_PATH);
}

/* port-access: to the port that old kernels wrote to for a short delay. */
static long step_port_access(struct walk *walk, char **arguments)
{
	(void)walk;
	(void)arguments;
#ifdef __NR_ioperm
	return CALL3(ioperm, 0x80, 1, 1);
#else
	return -38;
#endif
}

#endif
