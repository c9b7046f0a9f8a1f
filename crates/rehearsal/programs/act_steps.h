/*
 * steps STEP [ARGUMENT...] [, STEP [ARGUMENT...]]...: an attempt at a way out of the container, as steps of one process,
 * so that whoever stops one of them stops all that follow. Each is told before and after ("? NAME", "= NAME RESULT"):
 * what was begun and not ended was cut off. The first that fails is the last. "! WORD" tells of what could only be known
 * by having got there.
 *
 * Harmless: settings are given what they hold, calls that would change the kernel carry arguments that it refuses after
 * it has checked the caller's rights, everything else acts on stand-ins that the caller names.
 */
#ifndef YAGURA_ACT_STEPS_H
#define YAGURA_ACT_STEPS_H

#include "act_escape.h"
#include "act_network.h"

/* Values of include/uapi/linux/{fcntl,mount,sched,socket,userfaultfd,keyctl,ptrace}.h. */
#define O_APPEND 02000
#define MS_RDONLY 1
#define MS_BIND 4096
#define MS_REC 16384
#define MS_PRIVATE (1 << 18)
#define EPERM 1
#define EEXIST 17
#define PTRACE_SEIZE 0x4206
#define PTRACE_INTERRUPT 0x4207
#define WAIT_ALL 0x40000000
#define KEYCTL_READ 11
#define UFFD_API 0xaa
#define UFFDIO_API 0xc018aa3f
#define SOL_SOCKET 1
#define SO_ATTACH_BPF 50
#define FSCONFIG_CMD_CREATE 6
#define MOVE_MOUNT_EMPTY_PATH 4
/* Bytes of a file's handle, as the kernel bounds them. */
#define HANDLE_BYTES_MAX 128
/* Bytes of a secret that are told. */
#define TOLD_BYTES_MAX 128

/* What steps hand on to those behind them. */
struct walk {
	/* The descriptor opened last. */
	int fd;
	/* What is to be written. */
	char text[SETTING_BYTES_MAX];
	long length;
	char **environment;
};

struct step {
	const char *name;
	/* Arguments that it takes, at the least. */
	int arguments;
	long (*take)(struct walk *walk, char **arguments);
};

static long step_mkdir(struct walk *walk, char **arguments)
{
	long result = CALL3(mkdirat, AT_FDCWD, arguments[0], 0755);

	(void)walk;
	return result == -EEXIST ? 0 : result;
}

/* load PATH: what a file holds is what will be written. */
static long step_load(struct walk *walk, char **arguments)
{
	int in = open_file(arguments[0], O_RDONLY);

	if (in < 0)
		return in;
	walk->length = CALL3(read, in, walk->text, sizeof(walk->text));
	CALL1(close, in);
	return walk->length;
}

/* text TEXT: that is what will be written. */
static long step_text(struct walk *walk, char **arguments)
{
	walk->length = 0;
	while (arguments[0][walk->length] && walk->length < (long)sizeof(walk->text)) {
		walk->text[walk->length] = arguments[0][walk->length];
		walk->length++;
	}
	return walk->length;
}

static int flags_of(const char *mode)
{
	if (same(mode, "w"))
		return O_WRONLY;
	if (same(mode, "rw"))
		return O_RDWR;
	if (same(mode, "create"))
		return O_WRONLY | O_CREAT;
	if (same(mode, "append"))
		return O_WRONLY | O_CREAT | O_APPEND;
	if (same(mode, "path"))
		return O_PATH;
	return O_RDONLY;
}

/* open MODE PATH */
static long step_open(struct walk *walk, char **arguments)
{
	walk->fd = (int)CALL4(openat, AT_FDCWD, arguments[1], flags_of(arguments[0]), 0644);
	return walk->fd;
}

/* open-at FD MODE PATH: from the descriptor of a folder that it was started with. */
static long step_open_at(struct walk *walk, char **arguments)
{
	walk->fd = (int)CALL4(openat, number(arguments[0]), arguments[2], flags_of(arguments[1]), 0644);
	return walk->fd;
}

/* reopen MODE: the same file once more, through /proc. */
static long step_reopen(struct walk *walk, char **arguments)
{
	char path[32];

	descriptor_path(path, walk->fd);
	walk->fd = (int)CALL4(openat, AT_FDCWD, path, flags_of(arguments[0]), 0);
	return walk->fd;
}

/* store: writes what was loaded or given, and all of it was read. */
static long step_store(struct walk *walk, char **arguments)
{
	(void)arguments;
	if (walk->length < 0 || walk->length >= (long)sizeof(walk->text))
		return -1;
	return CALL3(write, walk->fd, walk->text, walk->length);
}

/* tell: a line of what the descriptor reads, as proof of having read it. */
static long step_tell(struct walk *walk, char **arguments)
{
	char line[TOLD_BYTES_MAX];
	long got = CALL3(read, walk->fd, line, sizeof(line)), length = 0;

	(void)arguments;
	if (got < 0)
		return got;
	while (length < got && line[length] != '\n')
		length++;
	say("! ");
	CALL3(write, 1, line, length);
	say("\n");
	return got;
}

/* read: some bytes, which are thrown away. */
static long step_read(struct walk *walk, char **arguments)
{
	char buffer[512];

	(void)arguments;
	return CALL3(read, walk->fd, buffer, sizeof(buffer));
}

static long step_used(struct walk *walk, char **arguments)
{
	(void)walk;
	(void)arguments;
	say("! used\n");
	return 0;
}

/* mount TYPE SOURCE TARGET [DATA] */
static long step_mount(struct walk *walk, char **arguments)
{
	(void)walk;
	return CALL5(mount, arguments[1], arguments[2], arguments[0], 0, arguments[3]);
}

/* mount-read-only TYPE SOURCE TARGET */
static long step_mount_read_only(struct walk *walk, char **arguments)
{
	(void)walk;
	return CALL5(mount, arguments[1], arguments[2], arguments[0], MS_RDONLY, 0);
}

/* private: no mount that is made from here on is seen elsewhere. */
static long step_private(struct walk *walk, char **arguments)
{
	(void)walk;
	(void)arguments;
	return CALL5(mount, 0, "/", 0, MS_REC | MS_PRIVATE, 0);
}

/* pivot-root ROOT OLD */
static long step_pivot_root(struct walk *walk, char **arguments)
{
	(void)walk;
	return CALL2(pivot_root, arguments[0], arguments[1]);
}

/* mount-cgroup TARGET: version 1, whichever hierarchy the kernel has; one without controllers if there is none. */
static long step_mount_cgroup(struct walk *walk, char **arguments)
{
	static const char *const hierarchies[] = {
		"memory", "rdma", "pids", "cpu", "none,name=systemd", "none,name=yagura-rehearsal",
	};
	unsigned int at;
	long result = -1;

	(void)walk;
	for (at = 0; at < sizeof(hierarchies) / sizeof(hierarchies[0]); at++) {
		result = CALL5(mount, "cgroup", arguments[0], "cgroup", 0, hierarchies[at]);
		if (result == 0)
			break;
	}
	return result;
}

/* bind SOURCE TARGET */
static long step_bind(struct walk *walk, char **arguments)
{
	(void)walk;
	return CALL5(mount, arguments[0], arguments[1], 0, MS_BIND, 0);
}

/* mknod block|character PATH MAJOR MINOR */
static long step_mknod(struct walk *walk, char **arguments)
{
	long kind = same(arguments[0], "block") ? S_IFBLK : S_IFCHR;

	(void)walk;
	return CALL4(mknodat, AT_FDCWD, arguments[1], kind | 0600,
		     any_number(arguments[2]) << 8 | (any_number(arguments[3]) & 0xff));
}

/* link TARGET PATH: a symbolic link. */
static long step_link(struct walk *walk, char **arguments)
{
	(void)walk;
	return CALL3(symlinkat, arguments[0], AT_FDCWD, arguments[1]);
}

/* hard-link FILE PATH */
static long step_hard_link(struct walk *walk, char **arguments)
{
	(void)walk;
	return CALL5(linkat, AT_FDCWD, arguments[0], AT_FDCWD, arguments[1], 0);
}

/* rename FROM TO */
static long step_rename(struct walk *walk, char **arguments)
{
	(void)walk;
	return CALL5(renameat2, AT_FDCWD, arguments[0], AT_FDCWD, arguments[1], 0);
}

/* mode OCTAL PATH */
static long step_mode(struct walk *walk, char **arguments)
{
	const char *digit;
	long mode = 0;

	(void)walk;
	for (digit = arguments[0]; *digit >= '0' && *digit <= '7' && mode < 07777; digit++)
		mode = mode * 8 + (*digit - '0');
	return CALL3(fchmodat, AT_FDCWD, arguments[1], mode);
}

/* copy FROM TO */
static long step_copy(struct walk *walk, char **arguments)
{
	int in = open_file(arguments[0], O_RDONLY), out = create_program(arguments[1]);
	long result = in < 0 ? in : out < 0 ? out : copy_all(in, out);

	(void)walk;
	CALL1(close, in);
	CALL1(close, out);
	return result;
}

/* connect PATH; a path that begins with @ is an abstract name. */
static long step_connect(struct walk *walk, char **arguments)
{
	struct {
		unsigned short family;
		char path[108];
	} address = { AF_UNIX, { 0 } };
	int length = 0;

	while (arguments[0][length] && length < 107) {
		address.path[length] = arguments[0][length];
		length++;
	}
	if (address.path[0] == '@')
		address.path[0] = 0;
	else
		length++;
	walk->fd = (int)CALL3(socket, AF_UNIX, SOCK_STREAM, 0);
	if (walk->fd < 0)
		return walk->fd;
	return CALL3(connect, walk->fd, &address, 2 + length);
}

/* setns: joins the namespace behind the descriptor. */
static long step_setns(struct walk *walk, char **arguments)
{
	(void)arguments;
	return CALL2(setns, walk->fd, 0);
}

/* setns-process FLAGS: joins namespaces of the process behind the descriptor. */
static long step_setns_process(struct walk *walk, char **arguments)
{
	return CALL2(setns, walk->fd, any_number(arguments[0]));
}

/* pidfd PID */
static long step_pidfd(struct walk *walk, char **arguments)
{
	walk->fd = (int)CALL2(pidfd_open, any_number(arguments[0]), 0);
	return walk->fd;
}

/* unshare FLAGS */
static long step_unshare(struct walk *walk, char **arguments)
{
	(void)walk;
	return CALL1(unshare, any_number(arguments[0]));
}

/* kill PID: ends a process. */
static long step_kill(struct walk *walk, char **arguments)
{
	(void)walk;
	return CALL2(kill, any_number(arguments[0]), SIGKILL);
}

/* wait MS: until what was ended has ended. */
static long step_wait(struct walk *walk, char **arguments)
{
	(void)walk;
	sleep_ms(number(arguments[0]));
	return 0;
}

/* chroot PATH */
static long step_chroot(struct walk *walk, char **arguments)
{
	(void)walk;
	return CALL1(chroot, arguments[0]);
}

/* hostname NAME: of the namespace that it is in. */
static long step_hostname(struct walk *walk, char **arguments)
{
	(void)walk;
	return CALL2(sethostname, arguments[0], length_of(arguments[0]));
}

/* become UID, and nobody else. */
static long step_become(struct walk *walk, char **arguments)
{
	long uid = any_number(arguments[0]);

	(void)walk;
	return CALL3(setresuid, uid, uid, uid);
}

/* become-for-now UID: the saved one stays what it was. */
static long step_become_for_now(struct walk *walk, char **arguments)
{
	long uid = any_number(arguments[0]);

	(void)walk;
	return CALL3(setresuid, uid, uid, -1);
}

/* root: says so if it is. */
static long step_root(struct walk *walk, char **arguments)
{
	(void)walk;
	(void)arguments;
	if (CALL1(geteuid, 0) != 0)
		return -EPERM;
	say("! root\n");
	return 0;
}

/* run PROGRAM STEP: another program, a copy of this one, takes the next step. */
static long step_run(struct walk *walk, char **arguments)
{
	char *words[] = { arguments[0], "steps", arguments[1], 0 };

	return CALL3(execve, arguments[0], words, walk->environment);
}

#endif
