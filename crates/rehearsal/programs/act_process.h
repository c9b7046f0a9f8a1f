/*
 * Acts on processes and files: code put into another process, programs that change, disguises. The other process is
 * always a child made for the purpose.
 */
#ifndef YAGURA_ACT_PROCESS_H
#define YAGURA_ACT_PROCESS_H

#include "act.h"

/* Values of include/uapi/linux/{ptrace,prctl}.h. */
#define PTRACE_POKEDATA 5
#define PTRACE_ATTACH 16
#define PTRACE_DETACH 17
#define PR_SET_NAME 15
#define SIGKILL 9
/* How long a victim waits to be killed, in milliseconds. */
#define VICTIM_MS 5000
/* How long a disguise is kept, in milliseconds. */
#define DISGUISE_MS 300
/* Processor time that `burn` may use, in milliseconds. */
#define BURN_MS_MAX 3000
/* Generations of a program that changes itself. */
#define GENERATIONS_MAX 8

/* What is written into a victim: at the same place there, for it is a child. */
static volatile long target_word = 1;

static long start_victim(void)
{
	long victim = fork_process();

	if (victim == 0) {
		sleep_ms(VICTIM_MS);
		CALL1(exit_group, 0);
	}
	return victim;
}

static void end_victim(long victim)
{
	CALL2(kill, victim, SIGKILL);
	CALL4(wait4, victim, 0, 0, 0);
}

static int act_ptrace(int count, char **arguments, char **environment)
{
	long victim = start_victim(), result;

	(void)count;
	(void)arguments;
	(void)environment;
	if (victim < 0)
		return FAILED_EXEC;
	result = CALL4(ptrace, PTRACE_ATTACH, victim, 0, 0);
	if (result == 0) {
		CALL4(wait4, victim, 0, 0, 0);
		result = CALL4(ptrace, PTRACE_POKEDATA, victim, &target_word, 2);
		CALL4(ptrace, PTRACE_DETACH, victim, 0, 0);
	}
	tell("ptrace", result);
	end_victim(victim);
	return result < 0 ? FAILED_COPY : 0;
}

static int act_vm_write(int count, char **arguments, char **environment)
{
	long victim = start_victim(), value = 2, result;
	struct {
		void *base;
		unsigned long length;
	} here = { &value, sizeof(value) }, there = { (void *)&target_word, sizeof(target_word) };

	(void)count;
	(void)arguments;
	(void)environment;
	if (victim < 0)
		return FAILED_EXEC;
	result = CALL6(process_vm_writev, victim, &here, 1, &there, 1, 0);
	tell("process_vm_writev", result);
	end_victim(victim);
	return result < 0 ? FAILED_COPY : 0;
}

/* Writes "/proc/PID/NAME" to `path`, which has room for 64 bytes. */
static void process_path(char *path, const char *process, const char *name)
{
	const char *parts[] = { "/proc/", process, "/", name };
	int part, length = 0;

	for (part = 0; part < 4; part++) {
		const char *text = parts[part];

		while (*text && length < 63)
			path[length++] = *text++;
	}
	path[length] = 0;
}

static void decimal(char *text, long value)
{
	char digits[20];
	int count = 0;

	do {
		digits[count++] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0 && count < 19);
	while (count > 0)
		*text++ = digits[--count];
	*text = 0;
}

static int act_mem_write(int count, char **arguments, char **environment)
{
	char pid[20], path[64];
	long victim = start_victim(), value = 2, result;
	int memory;

	(void)count;
	(void)arguments;
	(void)environment;
	if (victim < 0)
		return FAILED_EXEC;
	decimal(pid, victim);
	process_path(path, pid, "mem");
	memory = open_file(path, O_RDWR);
	result = CALL4(pwrite64, memory, &value, sizeof(value), &target_word);
	tell("write", result);
	end_victim(victim);
	return result < 0 ? FAILED_COPY : 0;
}

/* as NAME PROGRAM [ARGUMENT…]: runs a program under another name. */
static int act_as(int count, char **arguments, char **environment)
{
	char *program = arguments[1];

	(void)count;
	arguments[1] = arguments[0];
	CALL3(execve, program, arguments + 1, environment);
	return FAILED_EXEC;
}

/* rename NAME MS: calls itself something else, and stays for a while. */
static int act_rename(int count, char **arguments, char **environment)
{
	(void)count;
	(void)environment;
	CALL2(prctl, PR_SET_NAME, arguments[0]);
	sleep_ms(number(arguments[1]));
	return 0;
}

/* Takes the name between brackets, as kernel threads are shown, and stays for a moment. */
static int disguise(const char *shown)
{
	char name[16] = { 0 };
	int at;

	for (at = 0; at < 15 && shown[at + 1] && shown[at + 1] != ']'; at++)
		name[at] = shown[at + 1];
	CALL2(prctl, PR_SET_NAME, name);
	sleep_ms(DISGUISE_MS);
	return 0;
}

/* burn MS: keeps a processor busy. */
static int act_burn(int count, char **arguments, char **environment)
{
	struct {
		long seconds;
		long nanoseconds;
	} start, now;
	long wanted = number(arguments[0]);

	(void)count;
	(void)environment;
	if (wanted > BURN_MS_MAX)
		wanted = BURN_MS_MAX;
	CALL2(clock_gettime, 1, &start);
	do {
		CALL2(clock_gettime, 1, &now);
	} while ((now.seconds - start.seconds) * 1000 + (now.nanoseconds - start.nanoseconds) / 1000000 < wanted);
	return 0;
}

/* mutate PATH LEFT: writes its own image and a few bytes more to PATH and the number, and runs that with one less. */
static int act_mutate(int count, char **arguments, char **environment)
{
	static char path[256];
	char *next[] = { path, "mutate", arguments[0], 0, 0 };
	char left[20];
	long generations = any_number(arguments[1]);
	int self = open_file("/proc/self/exe", O_RDONLY), file, length = 0;

	(void)count;
	if (generations == 0 || generations > GENERATIONS_MAX) {
		say_marker();
		return 0;
	}
	while (arguments[0][length] && length < 240) {
		path[length] = arguments[0][length];
		length++;
	}
	decimal(path + length, generations);
	file = create_program(path);
	if (self < 0 || file < 0)
		return FAILED_OPEN;
	if (copy_all(self, file) < 0 || write_all(file, path, length_of(path)) < 0)
		return FAILED_COPY;
	CALL1(close, file);
	decimal(left, generations - 1);
	next[3] = left;
	CALL3(execve, path, next, environment);
	return FAILED_EXEC;
}

/* rewrite-self LEFT: puts a longer copy of itself in its own place and runs that with one less. */
static int act_rewrite_self(int count, char **arguments, char **environment)
{
	static char path[256];
	char *next[] = { path, "rewrite-self", 0, 0 };
	char left[20];
	long generations = any_number(arguments[0]);
	int self = open_file("/proc/self/exe", O_RDONLY), file;

	(void)count;
	if (generations == 0 || generations > GENERATIONS_MAX) {
		say_marker();
		return 0;
	}
	if (CALL4(readlinkat, AT_FDCWD, "/proc/self/exe", path, sizeof(path) - 1) <= 0)
		return FAILED_OPEN;
	CALL3(unlinkat, AT_FDCWD, path, 0);
	file = create_program(path);
	if (self < 0 || file < 0)
		return FAILED_OPEN;
	if (copy_all(self, file) < 0 || write_all(file, "again", 5) < 0)
		return FAILED_COPY;
	CALL1(close, file);
	decimal(left, generations - 1);
	next[2] = left;
	CALL3(execve, path, next, environment);
	return FAILED_EXEC;
}

/* read FILE: reads the beginning of a file and throws it away. */
static int act_read(int count, char **arguments, char **environment)
{
	char buffer[512];
	int fd = open_file(arguments[0], O_RDONLY);

	(void)count;
	(void)environment;
	if (fd < 0)
		return FAILED_OPEN;
	return CALL3(read, fd, buffer, sizeof(buffer)) < 0 ? FAILED_COPY : 0;
}

#endif
