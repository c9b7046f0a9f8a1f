/*
 * act: what the tests have done in containers, one system call at a time. Its arguments are acts, done in their order;
 * most stay within one process, so that a test says exactly who does what:
 *
 *   act setuid 1000 fork exec /usr/bin/act exit 3
 *
 * Built by the tests themselves, statically, so that it runs in any image.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/capability.h>

/* Bytes of the long argument of `hostile`. */
#define LONG_BYTES 65536
/* Number of empty arguments of `empties`. */
#define EMPTIES 2000
/* Threads of `crowd`. */
#define CROWD 8

/* The acts that are still to be done. */
static char **next;
/* Whether the coming system call is meant to fail, and whether it does not matter. */
static int wants_failure, wants_anything;

static char *word(void)
{
	if (!*next) {
		fprintf(stderr, "act: an argument is missing\n");
		exit(90);
	}
	return *next++;
}

static long number(void)
{
	return strtol(word(), NULL, 0);
}

/* Every system call's result comes by here. */
static long done(const char *what, long result)
{
	if (!wants_anything && (result < 0) != wants_failure) {
		fprintf(stderr, "act: %s: %s\n", what, result < 0 ? strerror(errno) : "did not fail");
		exit(91);
	}
	wants_failure = wants_anything = 0;
	return result;
}

/* Waits until somebody opens the pipe for writing and closes it again. */
static void meet(const char *pipe)
{
	char byte;
	int fd = done("open", open(pipe, O_RDONLY | O_CLOEXEC));

	while (read(fd, &byte, 1) > 0)
		;
	close(fd);
}

static void set_capabilities(unsigned long mask)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = {
		{ (unsigned)mask, (unsigned)mask, 0 },
		{ (unsigned)(mask >> 32), (unsigned)(mask >> 32), 0 },
	};

	done("capset", syscall(SYS_capset, &header, data));
}

/* Opens a file by the system call that is named. */
static int open_by(const char *how, const char *path, int flags)
{
	if (!strcmp(how, "open"))
#ifdef SYS_open
		return done(how, syscall(SYS_open, path, flags, 0755));
#else
		return done(how, open(path, flags, 0755));
#endif
	if (!strcmp(how, "openat"))
		return done(how, syscall(SYS_openat, AT_FDCWD, path, flags, 0755));
	if (!strcmp(how, "creat"))
#ifdef SYS_creat
		return done(how, syscall(SYS_creat, path, 0755));
#else
		return done(how, creat(path, 0755));
#endif
	if (!strcmp(how, "openat2")) {
		struct open_how request = { .flags = flags, .mode = flags & O_CREAT ? 0755 : 0 };

		return done(how, syscall(SYS_openat2, AT_FDCWD, path, &request, sizeof(request)));
	}
	if (!strcmp(how, "handle")) {
		struct {
			struct file_handle head;
			unsigned char room[MAX_HANDLE_SZ];
		} handle = { .head.handle_bytes = MAX_HANDLE_SZ };
		int mount, dir = done("open", open("/volume", O_RDONLY | O_DIRECTORY));

		close(done("creat", creat(path, 0755)));
		done("name_to_handle_at", name_to_handle_at(AT_FDCWD, path, &handle.head, &mount, 0));
		return done(how, open_by_handle_at(dir, &handle.head, flags & ~O_CREAT));
	}
	fprintf(stderr, "act: no way %s to open\n", how);
	exit(90);
}

static void copy(const char *how, const char *from, const char *to)
{
	static char buffer[65536];
	int in = done("open", open(from, O_RDONLY));
	int out = open_by(how, to, O_WRONLY | O_CREAT | O_TRUNC);
	ssize_t got;

	while ((got = read(in, buffer, sizeof(buffer))) > 0)
		done("write", write(out, buffer, got));
	close(in);
	close(out);
}

/* Maps the first page of a file; the protection comes at once, or later by the call that is named. */
static void map_file(const char *how, const char *path)
{
	int fd = done("open", open(path, O_RDONLY));
	int at_once = !strcmp(how, "mmap");
	void *page = mmap(NULL, 4096, at_once ? PROT_READ | PROT_EXEC : PROT_READ, MAP_PRIVATE, fd, 0);

	done("mmap", page == MAP_FAILED ? -1 : 0);
	if (!strcmp(how, "mprotect"))
		done(how, mprotect(page, 4096, PROT_READ | PROT_EXEC));
	if (!strcmp(how, "pkey_mprotect"))
		done(how, syscall(SYS_pkey_mprotect, page, 4096, PROT_READ | PROT_EXEC, -1));
	close(fd);
}

/* Makes two neighbouring mappings executable in one call: an anonymous page, then a page of the file. */
static void map_behind(const char *path)
{
	int fd = done("open", open(path, O_RDONLY));
	char *pages = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	done("mmap", pages == MAP_FAILED ? -1 : 0);
	done("mmap", mmap(pages + 4096, 4096, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0) == MAP_FAILED ? -1 : 0);
	done("mprotect", mprotect(pages, 8192, PROT_READ | PROT_EXEC));
	close(fd);
}

static void *disturb(void *data)
{
	for (;;) {
		void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		munmap(page, 4096);
	}
	return NULL;
}

/* Maps the file often while other threads keep the process's memory map busy. */
static void map_amid_noise(long count, const char *path)
{
	int fd = done("open", open(path, O_RDONLY));
	pthread_t thread;

	for (int i = 0; i < 3; i++)
		done("thread", -pthread_create(&thread, NULL, disturb, NULL));
	for (long i = 0; i < count; i++) {
		void *page = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);

		done("mmap", page == MAP_FAILED ? -1 : 0);
		munmap(page, 4096);
	}
	close(fd);
}

static int ended(pid_t child)
{
	int status;

	done("waitpid", waitpid(child, &status, 0));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Executes this program so many times, each in a process of its own. */
static void storm(long count)
{
	char *arguments[] = { "/usr/bin/act", "exit", "0", NULL };

	for (long i = 0; i < count; i++) {
		pid_t child = vfork();

		if (!child) {
			execv(arguments[0], arguments);
			_exit(92);
		}
		done("vfork", child);
		if (ended(child))
			exit(92);
	}
}

/* So many generations, each the child of the one before, of which only the last goes on. */
static void generations(long count)
{
	for (long i = 0; i < count; i++) {
		pid_t child = done("fork", fork());

		if (child)
			_exit(ended(child));
	}
}

static void *leave_together(void *barrier)
{
	pthread_barrier_wait(barrier);
	syscall(SYS_exit, 0);
	return NULL;
}

/* Several threads end at the same moment, each by itself, the first one with the given code. */
static void crowd(long code)
{
	pthread_barrier_t barrier;
	pthread_t thread;

	pthread_barrier_init(&barrier, NULL, CROWD + 1);
	for (int i = 0; i < CROWD; i++)
		done("thread", -pthread_create(&thread, NULL, leave_together, &barrier));
	pthread_barrier_wait(&barrier);
	syscall(SYS_exit, code);
}

static void *outlive(void *pipe)
{
	meet(pipe);
	syscall(SYS_exit, 7);
	return NULL;
}

/* The first thread ends with the code; another goes on until it is met and ends with 7. */
static void leave_first(long code, char *pipe)
{
	pthread_t thread;

	done("thread", -pthread_create(&thread, NULL, outlive, pipe));
	syscall(SYS_exit, code);
}

/* Arguments that no terminal should see, of which the last is longer than a record. */
static void hostile(char *token)
{
	char *text = malloc(LONG_BYTES + 1);
	char *arguments[] = { "act", "exit", "0", token, "\x1b[2J\n\t\x7f", "\xff\xfe", "", text, NULL };

	memset(text, 'A', LONG_BYTES);
	text[LONG_BYTES] = 0;
	done("execv", execv("/usr/bin/act", arguments));
}

static void empties(char *token)
{
	static char *arguments[EMPTIES + 5] = { "act", "exit", "0" };

	arguments[3] = token;
	for (int i = 0; i < EMPTIES; i++)
		arguments[4 + i] = "";
	done("execv", execv("/usr/bin/act", arguments));
}

#include "call.h"

static void *go_on(void *nothing);

static int step_process(const char *act)
{
	pthread_t thread;

	if (!strcmp(act, "fork")) {
		pid_t child = done(act, fork());

		if (child) {
			int status = ended(child);

			/* Siblings of the child, if it made any. */
			while (wait(NULL) > 0)
				;
			exit(status);
		}
	} else if (!strcmp(act, "child")) {
		begin_child();
	} else if (!strcmp(act, "renames")) {
		for (long count = number(); count > 0; count--)
			done(act, prctl(PR_SET_NAME, "renamed"));
	} else if (!strcmp(act, "own-terminal")) {
		/* For a process that leads no group yet, such as a forked one. */
		int master = done(act, posix_openpt(O_RDWR | O_NOCTTY));

		done(act, grantpt(master));
		done(act, unlockpt(master));
		done(act, setsid());
		int terminal = done(act, open(ptsname(master), O_RDWR));

		for (int fd = 0; fd < 3; fd++)
			done(act, dup2(terminal, fd));
	} else if (!strcmp(act, "orphan")) {
		/* The child goes on only when it has been adopted. */
		pid_t parent = getpid();

		if (done(act, fork()))
			_exit(0);
		while (getppid() == parent)
			sched_yield();
	} else if (!strcmp(act, "sibling")) {
		/* A child of our parent, which waits for it as for ourselves. */
		if (done(act, syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0)))
			_exit(0);
	} else if (!strcmp(act, "thread")) {
		done(act, -pthread_create(&thread, NULL, go_on, NULL));
		pthread_join(thread, NULL);
	} else if (!strcmp(act, "generations")) {
		generations(number());
	} else if (!strcmp(act, "forks")) {
		for (long count = number(); count > 0; count--) {
			pid_t child = done(act, fork());

			if (!child)
				_exit(0);
			ended(child);
		}
	} else if (!strcmp(act, "storm")) {
		storm(number());
	} else if (!strcmp(act, "crowd")) {
		crowd(number());
	} else if (!strcmp(act, "leave-first")) {
		long code = number();

		leave_first(code, word());
	} else if (!strcmp(act, "exit")) {
		exit(number());
	} else if (!strcmp(act, "die")) {
		done(act, raise(number()));
	} else if (!strcmp(act, "exec")) {
		done(act, execv(*next, next));
		exit(92);
	} else if (!strcmp(act, "bare")) {
		/* Without any arguments. */
		char *none[] = { NULL };

		done(act, execv(word(), none));
	} else if (!strcmp(act, "hostile")) {
		hostile(word());
	} else if (!strcmp(act, "empties")) {
		empties(word());
	} else {
		return 0;
	}
	return 1;
}

/* Arguments of a call are not evaluated in their order, so each word has a line. */
static int step_identity(const char *act)
{
	long a = 0, b = 0, c = 0;

	if (!strcmp(act, "setuid") || !strcmp(act, "setgid") || !strcmp(act, "unshare")) {
		a = number();
	} else if (!strcmp(act, "setreuid") || !strcmp(act, "setregid")) {
		a = number();
		b = number();
	} else if (!strcmp(act, "setresuid") || !strcmp(act, "setresgid")) {
		a = number();
		b = number();
		c = number();
	}
	if (!strcmp(act, "setuid"))
		done(act, syscall(SYS_setuid, a));
	else if (!strcmp(act, "setgid"))
		done(act, syscall(SYS_setgid, a));
	else if (!strcmp(act, "setreuid"))
		done(act, syscall(SYS_setreuid, a, b));
	else if (!strcmp(act, "setregid"))
		done(act, syscall(SYS_setregid, a, b));
	else if (!strcmp(act, "setresuid"))
		done(act, syscall(SYS_setresuid, a, b, c));
	else if (!strcmp(act, "setresgid"))
		done(act, syscall(SYS_setresgid, a, b, c));
	else if (!strcmp(act, "capset"))
		set_capabilities(strtoul(word(), NULL, 0));
	else if (!strcmp(act, "unshare"))
		done(act, unshare(a));
	else if (!strcmp(act, "setns"))
		done(act, setns(done("open", open(word(), O_RDONLY)), 0));
	else if (!strcmp(act, "chroot"))
		done(act, chroot(word()));
	else if (!strcmp(act, "chdir"))
		done(act, chdir(word()));
	else if (!strcmp(act, "pivot_root"))
		/* Both arguments the same: the old root is stacked below the new one. */
		done(act, syscall(SYS_pivot_root, *next, *next)), next++;
	else
		return 0;
	return 1;
}

static int step_file(const char *act)
{
	const char *how, *path;

	if (!strcmp(act, "meet")) {
		meet(word());
	} else if (!strcmp(act, "copy")) {
		how = word();
		path = word();
		copy(how, path, word());
	} else if (!strcmp(act, "read")) {
		how = word();
		close(open_by(how, word(), O_RDONLY));
	} else if (!strcmp(act, "unlink")) {
		done(act, unlink(word()));
	} else if (!strcmp(act, "hold")) {
		/* Keeps the file open for writing. */
		done(act, open(word(), O_WRONLY));
	} else if (!strcmp(act, "map")) {
		how = word();
		map_file(how, word());
	} else if (!strcmp(act, "personality")) {
		done(act, personality(number()));
	} else if (!strcmp(act, "map-behind")) {
		map_behind(word());
	} else if (!strcmp(act, "map-amid-noise")) {
		long count = number();

		map_amid_noise(count, word());
	} else if (!strcmp(act, "call")) {
		call_any();
	} else if (!strcmp(act, "compat-mkdir")) {
		call_compat(word());
	} else if (!strcmp(act, "pair")) {
		make_pair(word());
	} else if (!strcmp(act, "map-nothing")) {
		void *page = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		done(act, page == MAP_FAILED ? -1 : 0);
	} else {
		return 0;
	}
	return 1;
}

#include "socket.h"
#include "written.h"

static void *go_on(void *nothing)
{
	while (*next) {
		const char *act = word();

		if (!strcmp(act, "fails")) {
			wants_failure = 1;
		} else if (!strcmp(act, "tries")) {
			wants_anything = 1;
		} else if (!step_process(act) && !step_identity(act) && !step_file(act) && !step_socket(act) &&
			   !step_written(act)) {
			fprintf(stderr, "act: no act %s\n", act);
			exit(90);
		}
	}
	exit(0);
}

int main(int count, char **arguments)
{
	(void)count;
	next = arguments + (*arguments != NULL);
	go_on(NULL);
}
