/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Executes programs in turn, over and over until /stop is there, and tells when one begins to run or ceases to.
 *
 *	turns PROGRAM...
 *
 * A line for each change: nanoseconds of CLOCK_MONOTONIC, the program, `ran` or `stopped`. At the end one for each
 * program: `total`, the program, how often it ran, how often it was stopped.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROGRAMS_MAX 8

static long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static int runs(char *path)
{
	char *const argv[] = { path, "exit", NULL };
	static char *const envp[] = { NULL };
	int status;
	pid_t child = vfork();

	if (child == 0) {
		execve(path, argv, envp);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0) {
		perror(path);
		exit(1);
	}
	return status == 0;
}

int main(int argc, char **argv)
{
	static unsigned long totals[PROGRAMS_MAX][2];
	int before[PROGRAMS_MAX];

	if (argc < 2 || argc > PROGRAMS_MAX) {
		fprintf(stderr, "usage: turns PROGRAM...\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 1; i < argc; i++)
		before[i] = -1;
	while (access("/stop", F_OK) != 0) {
		for (int i = 1; i < argc; i++) {
			int ran = runs(argv[i]);

			totals[i][ran]++;
			if (ran != before[i])
				printf("%lld %s %s\n", now_ns(), argv[i], ran ? "ran" : "stopped");
			before[i] = ran;
		}
	}
	for (int i = 1; i < argc; i++)
		printf("total %s %lu %lu\n", argv[i], totals[i][1], totals[i][0]);
	return 0;
}
