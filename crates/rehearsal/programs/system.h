/*
 * System calls and a program start without a C library, so that a rehearsal's programs are a few kilobytes,
 * need nothing from the image, and run under any libc or none.
 */
#ifndef YAGURA_SYSTEM_H
#define YAGURA_SYSTEM_H

#include <asm/unistd.h>

/* Values of include/uapi/linux/{fcntl,memfd,mman}.h and asm-generic/signal-defs.h, equal on all supported machines. */
#define AT_FDCWD (-100)
#define AT_EMPTY_PATH 0x1000
#define O_RDONLY 0
#define MEMFD_CLOEXEC 1
#define PROT_READ 1
#define PROT_WRITE 2
#define PROT_EXEC 4
#define MAP_PRIVATE 2
#define MAP_FIXED 0x10
#define MAP_ANONYMOUS 0x20
#define SIGCHLD 17
#define EINTR 4
#define O_PATH 010000000

/* What every rehearsed program prints when it really ran. The Rust side looks for it. */
#define MARKER "yagura-rehearsal-ran\n"

/* Exit codes of the helpers: what went wrong before the rehearsed program could start. */
enum failure {
	FAILED_USAGE = 90,
	FAILED_OPEN = 91,
	FAILED_COPY = 92,
	FAILED_EXEC = 93,
	FAILED_MAP = 94,
};

static inline long system_call(long number, long a, long b, long c, long d, long e, long f)
{
#if defined(__x86_64__)
	long result;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
	return x0;
#else
#error "the rehearsal's programs know x86_64 and aarch64 only"
#endif
}

#define CALL1(n, a) system_call(__NR_##n, (long)(a), 0, 0, 0, 0, 0)
#define CALL2(n, a, b) system_call(__NR_##n, (long)(a), (long)(b), 0, 0, 0, 0)
#define CALL3(n, a, b, c) system_call(__NR_##n, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define CALL4(n, a, b, c, d) system_call(__NR_##n, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define CALL5(n, a, b, c, d, e) system_call(__NR_##n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)
#define CALL6(n, a, b, c, d, e, f) \
	system_call(__NR_##n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

static inline int same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

static inline int open_file(const char *path, int flags)
{
	return (int)CALL4(openat, AT_FDCWD, path, flags, 0);
}

static inline void say_marker(void)
{
	static const char text[] = MARKER;

	CALL3(write, 1, text, sizeof(text) - 1);
}

static inline void sleep_ms(long ms)
{
	struct {
		long seconds;
		long nanoseconds;
	} span = { ms / 1000, (ms % 1000) * 1000000 };

	CALL2(nanosleep, &span, &span);
}

/* Decimal number at `text`, cut at a minute: longer sleeps have no place in a rehearsal. */
static inline long number(const char *text)
{
	long value = 0;

	while (*text >= '0' && *text <= '9' && value < 60000)
		value = value * 10 + (*text++ - '0');
	return value < 60000 ? value : 60000;
}

/* Writes "/proc/self/fd/N" to `path`, which has room for 32 bytes. */
static inline void descriptor_path(char *path, int fd)
{
	static const char prefix[] = "/proc/self/fd/";
	char digits[12];
	int length = 0, count = 0;

	while (prefix[length]) {
		path[length] = prefix[length];
		length++;
	}
	do {
		digits[count++] = (char)('0' + fd % 10);
		fd /= 10;
	} while (fd > 0 && count < 11);
	while (count > 0)
		path[length++] = digits[--count];
	path[length] = 0;
}

/* fork(2) without a C library; 0 in the child. */
static inline long fork_process(void)
{
	return CALL5(clone, SIGCHLD, 0, 0, 0, 0);
}

/* Exit code of a wait status; 128 and the signal's number for a process that a signal ended, as shells tell it. */
static inline int exit_code(int status)
{
	return (status & 0x7f) ? 128 + (status & 0x7f) : (status >> 8) & 0xff;
}

#ifndef YAGURA_LIBRARY
/* A program defines this; its result is the exit code. `environment` ends in a null pointer. */
static int run(int count, char **arguments, char **environment);

__attribute__((noreturn, used)) void yagura_start(long *stack)
{
	int count = (int)stack[0];
	char **arguments = (char **)(stack + 1);

	CALL1(exit_group, run(count, arguments, arguments + count + 1));
	__builtin_unreachable();
}

/* The kernel passes the arguments on the stack, where no C function finds them. */
#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n\txor %ebp,%ebp\n\tmov %rsp,%rdi\n\tand $-16,%rsp\n\tcall yagura_start\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n_start:\n\tmov x29,#0\n\tmov x0,sp\n\tbl yagura_start\n");
#endif
#endif

#endif
