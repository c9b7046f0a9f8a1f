/*
 * What the parts of `act` share: one attempt is one function, called with the arguments behind its name.
 */
#ifndef YAGURA_ACT_H
#define YAGURA_ACT_H

#include "system.h"

/* Values of include/uapi/linux/{socket,in,fcntl,poll}.h, equal on all supported machines. */
#define AF_UNIX 1
#define AF_INET 2
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define SOCK_RAW 3
#define SOCK_NONBLOCK 04000
#define IPPROTO_RAW 255
#define O_WRONLY 1
#define O_RDWR 2
#define O_CREAT 0100
#define O_TRUNC 01000
#define POLLIN 1
#define POLLOUT 4
#define EINPROGRESS 115

/* How long an answer may take, in milliseconds. */
#define ANSWER_MS 2000
/* How long a sweep waits for one connection, in milliseconds: peers refuse or accept at once. */
#define SWEEP_MS 200

struct act {
	const char *name;
	/* Arguments that it can't do without. */
	int arguments;
	int (*run)(int count, char **arguments, char **environment);
};

struct poll_entry {
	int fd;
	short wanted;
	short found;
};

/* Compilers call this for structures that begin as zeros. */
__attribute__((used)) void *memset(void *to, int value, unsigned long length)
{
	volatile char *bytes = to;

	while (length--)
		*bytes++ = (char)value;
	return to;
}

static inline long length_of(const char *text)
{
	long length = 0;

	while (text[length])
		length++;
	return length;
}

static inline void say(const char *text)
{
	CALL3(write, 1, text, length_of(text));
}

/* Prints "NAME RESULT", as in "mount -1": what the kernel answered to an attempt. */
static inline void tell(const char *name, long result)
{
	char digits[24];
	int at = sizeof(digits) - 1;
	unsigned long rest = result < 0 ? -(unsigned long)result : (unsigned long)result;

	digits[at] = '\n';
	do {
		digits[--at] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest && at > 2);
	if (result < 0)
		digits[--at] = '-';
	digits[--at] = ' ';
	say(name);
	CALL3(write, 1, digits + at, (long)sizeof(digits) - at);
}

static inline int write_all(int fd, const char *bytes, long length)
{
	long put = 0;

	while (put < length) {
		long now = CALL3(write, fd, bytes + put, length - put);

		if (now <= 0)
			return -1;
		put += now;
	}
	return 0;
}

/* Waits until `fd` is ready for `wanted`; 0 if it was not in time. */
static inline int wait_ready(int fd, short wanted, long ms)
{
	struct poll_entry entry = { fd, wanted, 0 };
	struct {
		long seconds;
		long nanoseconds;
	} span = { ms / 1000, (ms % 1000) * 1000000 };

	return CALL5(ppoll, &entry, 1, &span, 0, 8) > 0;
}

/* Copies everything from `from` to `to`. */
static inline int copy_all(int from, int to)
{
	static char buffer[4096];

	for (;;) {
		long got = CALL3(read, from, buffer, sizeof(buffer));

		if (got <= 0)
			return (int)got;
		if (write_all(to, buffer, got) < 0)
			return -1;
	}
}

static inline int create_program(const char *path)
{
	int file = (int)CALL4(openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0755);

	if (file >= 0)
		CALL2(fchmod, file, 0755);
	return file;
}

/* Number without the bound that `number` has for times. */
static inline long any_number(const char *text)
{
	long value = 0;

	while (*text >= '0' && *text <= '9' && value < 1000000000000L)
		value = value * 10 + (*text++ - '0');
	return value;
}

#endif
