/*
 * Steps that do what others do by another call: whoever stops the one must stop the other.
 */
#ifndef YAGURA_ACT_FORMS_H
#define YAGURA_ACT_FORMS_H

#include "act_reach.h"

/* Values of include/uapi/linux/{mount,sched,io_uring,bpf,mman}.h. */
#define OPEN_TREE_CLONE 1
#define MS_REMOUNT 32
#define CLONE_INTO_CGROUP 0x200000000UL
#define FSCONFIG_SET_FLAG 0
#define BPF_MAP_CREATE 0
#define BPF_MAP_TYPE_ARRAY 2
#define MAP_SHARED 1
#define MAP_POPULATE 0x8000
#define IORING_OP_OPENAT 18
#define IORING_OFF_SQES 0x10000000UL
#define IORING_ENTER_GETEVENTS 1
#define UFFD_USER_MODE_ONLY 1
/* Bytes of the rings that are mapped: four entries of either fit in one page, behind them the array of indices. */
#define RING_BYTES 4096

/* openat2 MODE PATH */
static long step_openat2(struct walk *walk, char **arguments)
{
	struct {
		unsigned long flags, mode, resolve;
	} how = { (unsigned long)flags_of(arguments[0]), 0, 0 };

	walk->fd = (int)CALL4(openat2, AT_FDCWD, arguments[1], &how, sizeof(how));
	return walk->fd;
}

/* open-under MODE PATH: relative to the descriptor. */
static long step_open_under(struct walk *walk, char **arguments)
{
	walk->fd = (int)CALL4(openat, walk->fd, arguments[1], flags_of(arguments[0]), 0644);
	return walk->fd;
}

/* load-under PATH: what a file relative to the descriptor holds is what will be written. */
static long step_load_under(struct walk *walk, char **arguments)
{
	int in = (int)CALL4(openat, walk->fd, arguments[0], O_RDONLY, 0);

	if (in < 0)
		return in;
	walk->length = CALL3(read, in, walk->text, sizeof(walk->text));
	CALL1(close, in);
	return walk->length;
}

struct ring_offsets {
	unsigned int head, tail, mask, entries, flags, dropped, array, reserved;
	unsigned long more;
};

struct completion_offsets {
	unsigned int head, tail, mask, entries, overflow, completions, flags, reserved;
	unsigned long more;
};

struct ring_parameters {
	unsigned int submissions, completions, flags, cpu, idle, features, queue, reserved[3];
	struct ring_offsets submit;
	struct completion_offsets complete;
};

struct submission {
	unsigned char operation, flags;
	unsigned short priority;
	int fd;
	unsigned long offset, address;
	unsigned int length, open_flags;
	unsigned long user_data, rest[3];
};

struct completion {
	unsigned long user_data;
	int result;
	unsigned int flags;
};

static char *map_ring(int ring, unsigned long offset)
{
	long at = CALL6(mmap, 0, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, offset);

	return (unsigned long)at > -4096UL ? 0 : (char *)at;
}

/* io-uring-open MODE PATH: opens by a ring, without the call that others open with. */
static long step_io_uring_open(struct walk *walk, char **arguments)
{
	struct ring_parameters parameters = { 0 };
	int ring = (int)CALL2(io_uring_setup, 4, &parameters);
	struct submission *entry;
	struct completion *done;
	char *rings;
	long result;

	if (ring < 0)
		return ring;
	/* Kernels that don't map both rings as one are older than any that this runs on. */
	rings = map_ring(ring, 0);
	entry = (struct submission *)map_ring(ring, IORING_OFF_SQES);
	if (!rings || !entry)
		return -EPERM;
	entry->operation = IORING_OP_OPENAT;
	entry->fd = AT_FDCWD;
	entry->address = (unsigned long)arguments[1];
	entry->length = 0644;
	entry->open_flags = (unsigned int)flags_of(arguments[0]);
	*(volatile unsigned int *)(rings + parameters.submit.array) = 0;
	__atomic_store_n((unsigned int *)(rings + parameters.submit.tail), 1, __ATOMIC_RELEASE);
	result = CALL6(io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, 0, 0);
	if (result < 0)
		return result;
	if (__atomic_load_n((unsigned int *)(rings + parameters.complete.tail), __ATOMIC_ACQUIRE) == 0)
		return -EPERM;
	done = (struct completion *)(rings + parameters.complete.completions);
	walk->fd = done->result;
	return walk->fd;
}

/* store-vector: writes what was loaded or given by pwritev. */
static long step_store_vector(struct walk *walk, char **arguments)
{
	struct {
		void *base;
		long length;
	} part = { walk->text, walk->length };

	(void)arguments;
	return walk->length < 0 ? -EPERM : CALL5(pwritev, walk->fd, &part, 1, 0, 0);
}

/* store-splice: the same by a pipe. */
static long step_store_splice(struct walk *walk, char **arguments)
{
	int ends[2];
	long result = CALL2(pipe2, ends, 0);

	(void)arguments;
	if (result < 0 || walk->length < 0)
		return -EPERM;
	result = CALL3(write, ends[1], walk->text, walk->length);
	return result < 0 ? result : CALL6(splice, ends[0], 0, walk->fd, 0, walk->length, 0);
}

/* store-mapped: the same by memory that is the file's. */
static long step_store_mapped(struct walk *walk, char **arguments)
{
	long at, result, byte;

	(void)arguments;
	if (walk->length < 0)
		return -EPERM;
	result = CALL2(ftruncate, walk->fd, walk->length);
	if (result < 0)
		return result;
	at = CALL6(mmap, 0, sizeof(walk->text), PROT_READ | PROT_WRITE, MAP_SHARED, walk->fd, 0);
	if ((unsigned long)at > -4096UL)
		return at;
	for (byte = 0; byte < walk->length; byte++)
		((volatile char *)at)[byte] = walk->text[byte];
	return 0;
}

/* sendfile: a byte of the file behind the descriptor goes into a pipe by its page, as by splice. */
static long step_sendfile(struct walk *walk, char **arguments)
{
	int ends[2];
	long result = CALL2(pipe2, ends, 0);

	(void)arguments;
	if (result < 0)
		return result;
	result = CALL4(sendfile, ends[1], walk->fd, 0, 1);
	walk->fd = ends[0];
	return result;
}

/* open-tree PATH: a copy of a mount that is nowhere yet. */
static long step_open_tree(struct walk *walk, char **arguments)
{
	walk->fd = (int)CALL3(open_tree, AT_FDCWD, arguments[0], OPEN_TREE_CLONE);
	return walk->fd;
}

/* remount PATH: what is mounted there may be written from now on. */
static long step_remount(struct walk *walk, char **arguments)
{
	(void)walk;
	return CALL5(mount, 0, arguments[0], 0, MS_REMOUNT | MS_BIND, 0);
}

/* fsconfig-flag KEY */
static long step_fsconfig_flag(struct walk *walk, char **arguments)
{
	return CALL5(fsconfig, walk->fd, FSCONFIG_SET_FLAG, arguments[0], 0, 0);
}

/* Goes on as a child; the parent tells what became of it. */
static long go_on(long child)
{
	int status = 0;

	if (child <= 0)
		return child;
	CALL4(wait4, child, &status, WAIT_ALL, 0);
	CALL1(exit_group, exit_code(status));
	return 0;
}

struct clone_arguments {
	unsigned long flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size;
	unsigned long cgroup;
};

/* clone FLAGS: a child in namespaces of its own goes on. */
static long step_clone(struct walk *walk, char **arguments)
{
	struct clone_arguments wanted = { .flags = (unsigned long)any_number(arguments[0]), .exit_signal = SIGCHLD };

	(void)walk;
	return go_on(CALL2(clone3, &wanted, sizeof(wanted)));
}

/* clone-into: a child in the cgroup behind the descriptor goes on. */
static long step_clone_into(struct walk *walk, char **arguments)
{
	struct clone_arguments wanted = {
		.flags = CLONE_INTO_CGROUP,
		.exit_signal = SIGCHLD,
		.cgroup = (unsigned long)walk->fd,
	};

	(void)arguments;
	return go_on(CALL2(clone3, &wanted, sizeof(wanted)));
}

/* get-fd FD: a descriptor of the process behind the descriptor. */
static long step_get_fd(struct walk *walk, char **arguments)
{
	walk->fd = (int)CALL3(pidfd_getfd, walk->fd, number(arguments[0]), 0);
	return walk->fd;
}

/* bpf-map: memory that programs of the kernel share. */
static long step_bpf_map(struct walk *walk, char **arguments)
{
	unsigned int map[24] = { BPF_MAP_TYPE_ARRAY, 4, 8, 1 };

	(void)arguments;
	walk->fd = (int)CALL3(bpf, BPF_MAP_CREATE, map, sizeof(map));
	return walk->fd;
}

/* request-key: one that there is not. */
static long step_request_key(struct walk *walk, char **arguments)
{
	(void)walk;
	(void)arguments;
	return CALL4(request_key, "user", "yagura-rehearsal-none", 0, PROCESS_KEYRING);
}

/* userfaultfd-user: for faults of programs alone, which needs no rights. */
static long step_userfaultfd_user(struct walk *walk, char **arguments)
{
	(void)arguments;
	walk->fd = (int)CALL1(userfaultfd, UFFD_USER_MODE_ONLY);
	return walk->fd;
}

/* give-capability PATH: to change owners, for whoever runs that file. */
static long step_give_capability(struct walk *walk, char **arguments)
{
	/* struct vfs_cap_data, revision 2, effective; CAP_CHOWN is the first. */
	unsigned int data[5] = { 0x02000001, 1, 0, 0, 0 };

	(void)walk;
	return CALL5(setxattr, arguments[0], "security.capability", data, sizeof(data), 0);
}

/* own: gives the running program the owner that it has, and says so if that is allowed. */
static long step_own(struct walk *walk, char **arguments)
{
	long result = CALL3(fchown, open_file("/proc/self/exe", O_RDONLY), 0, 0);

	(void)walk;
	(void)arguments;
	if (result == 0)
		say("! used\n");
	return result;
}

#endif
