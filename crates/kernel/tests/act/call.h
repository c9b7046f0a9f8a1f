/*
 * Any system call, as a test writes it down, and what some of them act on:
 *
 *   act child call kill child 9 . fails call unlinkat r:/tmp s:none 0 .
 */
#include <sys/socket.h>

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif
/* clang-format off */
#define NAMED(name) { #name, SYS_##name }
/* clang-format on */

static const struct {
	const char *name;
	long number;
} calls[] = {
	NAMED(renameat),
	NAMED(renameat2),
	NAMED(linkat),
	NAMED(symlinkat),
	NAMED(unlinkat),
	NAMED(mkdirat),
	NAMED(mknodat),
	NAMED(fchmod),
	NAMED(fchmodat),
	NAMED(fchmodat2),
	NAMED(fchown),
	NAMED(fchownat),
	NAMED(setxattr),
	NAMED(lsetxattr),
	NAMED(fsetxattr),
	NAMED(truncate),
	NAMED(mount),
	NAMED(umount2),
	NAMED(move_mount),
	NAMED(fsopen),
	NAMED(fsconfig),
	NAMED(fsmount),
	NAMED(open_tree),
	NAMED(ptrace),
	NAMED(process_vm_readv),
	NAMED(process_vm_writev),
	NAMED(kill),
	NAMED(tkill),
	NAMED(tgkill),
	NAMED(pidfd_open),
	NAMED(pidfd_send_signal),
	NAMED(memfd_create),
	NAMED(prctl),
	NAMED(init_module),
	NAMED(finit_module),
	NAMED(delete_module),
	NAMED(bpf),
	NAMED(perf_event_open),
	NAMED(keyctl),
	NAMED(add_key),
	NAMED(request_key),
	NAMED(splice),
	NAMED(vmsplice),
	NAMED(io_uring_setup),
	NAMED(userfaultfd),
	NAMED(kexec_load),
	NAMED(kexec_file_load),
	NAMED(dup),
	NAMED(dup3),
	NAMED(fcntl),
	NAMED(socketpair),
	NAMED(pipe2),
	NAMED(openat),
	NAMED(getpid),
	NAMED(close),
#ifdef SYS_open
	/* Not on every architecture. */
	NAMED(rename),
	NAMED(link),
	NAMED(symlink),
	NAMED(unlink),
	NAMED(rmdir),
	NAMED(mkdir),
	NAMED(mknod),
	NAMED(chmod),
	NAMED(chown),
	NAMED(lchown),
	NAMED(iopl),
	NAMED(ioperm),
	NAMED(dup2),
#endif
};

/* What the last `call` returned, and the process that `child` began. */
static long last_result;
static pid_t child_pid;

/*
 * An argument of `call`: a number, `s:TEXT`, `r:PATH` and `w:PATH` for a descriptor of that file, `last` for the last
 * result, `child` for a waiting child's number, `self` for our own, `pair:N` for the Nth descriptor of `pair`.
 */
static int pair[2];

static long value_of(const char *text)
{
	if (!strncmp(text, "s:", 2))
		return (long)(text + 2);
	if (!strncmp(text, "r:", 2))
		return done("open", open(text + 2, O_RDONLY));
	if (!strncmp(text, "w:", 2))
		return done("open", open(text + 2, O_RDWR));
	if (!strcmp(text, "last"))
		return last_result;
	if (!strcmp(text, "child"))
		return child_pid;
	if (!strcmp(text, "self"))
		return getpid();
	if (!strcmp(text, "pair:0") || !strcmp(text, "pair:1"))
		return pair[text[5] - '0'];
	return strtol(text, NULL, 0);
}

/* Any system call: its name, its arguments, a full stop. */
static void call_any(void)
{
	const char *name = word();
	long arguments[6] = { 0 };
	int fails = wants_failure, tries = wants_anything;

	wants_failure = wants_anything = 0;
	for (int i = 0;; i++) {
		const char *text = word();

		if (!strcmp(text, "."))
			break;
		arguments[i % 6] = value_of(text);
	}
	wants_failure = fails;
	wants_anything = tries;
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		if (!strcmp(calls[i].name, name)) {
			last_result = done(name, syscall(calls[i].number, arguments[0], arguments[1], arguments[2],
							 arguments[3], arguments[4], arguments[5]));
			return;
		}
	fprintf(stderr, "act: no call %s\n", name);
	exit(90);
}

/* A child that waits to be killed. */
static void begin_child(void)
{
	child_pid = done("fork", fork());
	if (child_pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
}

/* Two descriptors that lead to each other. */
static void make_pair(const char *kind)
{
	if (!strcmp(kind, "pipe"))
		done(kind, pipe(pair));
	else
		done(kind, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
}

/* A call as 32-bit programs make it: mkdir by `int $0x80`, with a path that stands below 4 GiB. */
static void call_compat(const char *path)
{
#ifdef __x86_64__
	char *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	long result;

	done("mmap", low == MAP_FAILED ? -1 : 0);
	strncpy(low, path, 4095);
	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(39), "b"(low), "c"(0700)
			 : "memory", "r8", "r9", "r10", "r11");
	errno = -result;
	last_result = done("mkdir", result);
#endif
}
