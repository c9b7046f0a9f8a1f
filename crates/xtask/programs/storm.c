/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes many system calls of one kind and prints how long that took, in nanoseconds. What the containers of
 * `cargo xtask bench` idle with, too; static, since no library is there.
 *
 *	storm idle
 *	storm exec|open|connect|mixed|mount COUNT PROCESSES [FILE FOLDER]
 *
 * FILE is what is opened, FOLDER what is mounted on itself.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROCESSES_MAX 64
#define BACKLOG 16
/* In a mixed storm: so many of each, for one exec. */
#define MIXED_OPENS 20
#define MIXED_CONNECTS 4

/* What is executed: this program. */
static char *program;
static const char *file_read = "/data";
static const char *folder_mounted = "/proc";

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void exec_once(void)
{
	char *const argv[] = { program, "exit", NULL };
	static char *const envp[] = { NULL };
	int status;
	pid_t child = vfork();

	if (child < 0)
		die("vfork");
	if (child == 0) {
		execve(argv[0], argv, envp);
		_exit(127);
	}
	if (waitpid(child, &status, 0) < 0)
		die("waitpid");
	if (status != 0) {
		fprintf(stderr, "the executed program ended with %d\n", status);
		exit(1);
	}
}

static void open_once(void)
{
	char bytes[64];
	int file = open(file_read, O_RDONLY | O_CLOEXEC);

	if (file < 0)
		die(file_read);
	if (read(file, bytes, sizeof(bytes)) < 0)
		die("read");
	close(file);
}

static void mount_once(void)
{
	if (mount(folder_mounted, folder_mounted, NULL, MS_BIND, NULL) != 0)
		die("mount");
	if (umount2(folder_mounted, 0) != 0)
		die("umount");
}

static int listen_on_loopback(struct sockaddr_in *address)
{
	socklen_t size = sizeof(*address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memset(address, 0, sizeof(*address));
	address->sin_family = AF_INET;
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (listener < 0 || bind(listener, (struct sockaddr *)address, size) || listen(listener, BACKLOG) ||
	    getsockname(listener, (struct sockaddr *)address, &size))
		die("listening on the loopback");
	return listener;
}

static void connect_once(int listener, const struct sockaddr_in *address)
{
	/* Reset instead of an orderly end: thousands of ports would else wait out their time. */
	struct linger reset = { .l_onoff = 1, .l_linger = 0 };
	int accepted, client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (client < 0 || setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)))
		die("socket");
	if (connect(client, (const struct sockaddr *)address, sizeof(*address)))
		die("connect");
	accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (accepted < 0)
		die("accept");
	close(client);
	close(accepted);
}

static void work(const char *kind, long count)
{
	struct sockaddr_in address;
	int listener = listen_on_loopback(&address);

	for (long i = 0; i < count; i++) {
		if (strcmp(kind, "exec") == 0) {
			exec_once();
		} else if (strcmp(kind, "open") == 0) {
			open_once();
		} else if (strcmp(kind, "connect") == 0) {
			connect_once(listener, &address);
		} else if (strcmp(kind, "mount") == 0) {
			mount_once();
		} else {
			exec_once();
			for (int n = 0; n < MIXED_OPENS; n++)
				open_once();
			for (int n = 0; n < MIXED_CONNECTS; n++)
				connect_once(listener, &address);
		}
	}
	close(listener);
}

static long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void storm(const char *kind, long count, long processes)
{
	long long begun = now_ns();
	int failed = 0;

	for (long i = 0; i < processes; i++) {
		pid_t child = fork();

		if (child < 0)
			die("fork");
		if (child == 0) {
			work(kind, count);
			_exit(0);
		}
	}
	for (long i = 0; i < processes; i++) {
		int status;

		if (wait(&status) < 0 || status != 0)
			failed = 1;
	}
	if (failed)
		exit(1);
	printf("%lld\n", now_ns() - begun);
}

int main(int argc, char **argv)
{
	long count, processes;

	if (argc == 2 && strcmp(argv[1], "exit") == 0)
		return 0;
	if (argc == 2 && strcmp(argv[1], "idle") == 0) {
		for (;;)
			pause();
	}
	if (argc != 4 && argc != 6) {
		fprintf(stderr, "usage: storm exec|open|connect|mixed|mount COUNT PROCESSES [FILE FOLDER]\n");
		return 2;
	}
	program = argv[0];
	if (argc == 6) {
		file_read = argv[4];
		folder_mounted = argv[5];
	}
	count = strtol(argv[2], NULL, 10);
	processes = strtol(argv[3], NULL, 10);
	if (count <= 0 || processes <= 0 || processes > PROCESSES_MAX) {
		fprintf(stderr, "storm: no such count or number of processes\n");
		return 2;
	}
	storm(argv[1], count, processes);
	return 0;
}
