// Makes the calls that its arguments name and tells how each ended: `NAME=ERRNO`, 0 for success.
// Every call is made such that it does no harm if it is carried out.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long sleeping_child(void)
{
	long pid = fork();

	if (pid == 0) {
		for (;;)
			pause();
	}
	return pid;
}

static long end_child(long pid, long result)
{
	int error = errno;

	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	errno = error;
	return result;
}

// In a process of its own, which a new namespace ends with.
static long in_child(int (*act)(void))
{
	int status = 0;
	long pid = fork();

	if (pid == 0)
		_exit(act() == 0 ? 0 : errno);
	waitpid(pid, &status, 0);
	errno = WEXITSTATUS(status);
	return errno == 0 ? 0 : -1;
}

static int act_unshare(void)
{
	return unshare(CLONE_NEWNS);
}

static int act_unshare_files(void)
{
	return unshare(CLONE_FILES);
}

static int act_setns(void)
{
	return setns(open("/proc/self/ns/mnt", O_RDONLY), 0);
}

static int act_mount(void)
{
	return mount("asks", "/volume", "tmpfs", 0, NULL);
}

static int act_traceme(void)
{
	return (int)ptrace(PTRACE_TRACEME, 0, 0, 0);
}

static long call_clone(unsigned long flags)
{
	long pid = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0);
	if (pid > 0)
		waitpid((pid_t)pid, NULL, 0);
	return pid < 0 ? -1 : 0;
}

static long call(const char *name)
{
	static char memory[4096];

	if (!strcmp(name, "mount"))
		return in_child(act_mount);
	if (!strcmp(name, "umount"))
		return umount2("/volume", 0);
	if (!strcmp(name, "unshare"))
		return in_child(act_unshare);
	if (!strcmp(name, "unshare-files"))
		return in_child(act_unshare_files);
	if (!strcmp(name, "setns"))
		return in_child(act_setns);
	if (!strcmp(name, "traceme"))
		return in_child(act_traceme);
	if (!strcmp(name, "clone"))
		return call_clone(0);
	if (!strcmp(name, "clone-user"))
		return call_clone(CLONE_NEWUSER);
	if (!strcmp(name, "clone3"))
		return syscall(SYS_clone3, memory, 0);
	if (!strcmp(name, "ptrace")) {
		long pid = sleeping_child();

		return end_child(pid, ptrace(PTRACE_SEIZE, pid, 0, 0));
	}
	if (!strcmp(name, "process_vm_writev"))
		return syscall(SYS_process_vm_writev, getpid(), NULL, 0, NULL, 0, 0);
	if (!strcmp(name, "fsopen"))
		return syscall(SYS_fsopen, "tmpfs", 0) < 0 ? -1 : 0;
	if (!strcmp(name, "bpf"))
		return syscall(SYS_bpf, -1, NULL, 0);
	if (!strcmp(name, "init_module"))
		return syscall(SYS_init_module, NULL, 0UL, "");
	if (!strcmp(name, "keyctl"))
		return syscall(SYS_keyctl, 0, -3, 0) < 0 ? -1 : 0;
	if (!strcmp(name, "open_by_handle_at"))
		return syscall(SYS_open_by_handle_at, -1, memory, 0);
	if (!strcmp(name, "userfaultfd"))
		return syscall(SYS_userfaultfd, ~0U);
	if (!strcmp(name, "io_uring_setup"))
		return syscall(SYS_io_uring_setup, 0, NULL);
	if (!strcmp(name, "perf_event_open"))
		return syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0UL);
	if (!strcmp(name, "memfd_create"))
		return syscall(SYS_memfd_create, "asks", 0) < 0 ? -1 : 0;
	errno = EINVAL;
	return -1;
}

static double microseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

// `time NAME COUNT`: the median of a call's microseconds.
static int compare(const void *a, const void *b)
{
	double difference = *(const double *)a - *(const double *)b;

	return difference < 0 ? -1 : difference > 0;
}

static int measure(const char *name, int count)
{
	double *taken = calloc((size_t)count, sizeof(*taken));

	if (!taken)
		return 1;
	for (int i = 0; i < count; i++) {
		double before = microseconds();

		call(name);
		taken[i] = microseconds() - before;
	}
	qsort(taken, (size_t)count, sizeof(*taken), compare);
	printf("%s %.1f\n", name, taken[count / 2]);
	free(taken);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "time"))
		return measure(argv[2], atoi(argv[3]));
	for (int i = 1; i < argc; i++) {
		long result = call(argv[i]);

		printf("%s=%d\n", argv[i], result < 0 ? errno : 0);
	}
	return 0;
}
