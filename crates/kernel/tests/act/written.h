/* Files that are written, and the ways in which they are closed for the last time. */
#include <linux/io_uring.h>
#include <stdint.h>

static int open_new(const char *path, int flags)
{
	return done("open", open(path, O_CREAT | flags, 0644));
}

static void write_text(int fd, const char *text)
{
	done("write", write(fd, text, strlen(text)));
}

/* Closed by a copy of its descriptor, after more was written. */
static void write_twice(const char *path)
{
	int fd = open_new(path, O_WRONLY);
	int copy = done("dup", dup(fd));

	write_text(fd, "first");
	close(fd);
	write_text(copy, "second");
	close(copy);
}

/* Closed by the end of a mapping, which it was written through. */
static void write_mapped(const char *path)
{
	int fd = open_new(path, O_RDWR);
	char *page;

	done("ftruncate", ftruncate(fd, 4096));
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	done("mmap", page == MAP_FAILED ? -1 : 0);
	close(fd);
	strcpy(page, "mapped");
	munmap(page, 4096);
}

/* Left in a message to a socket that nothing leads to but the message itself: the kernel clears it away. */
static void write_in_flight(const char *path)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(2 * sizeof(int))];
	} control = { .head = { CMSG_LEN(2 * sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct iovec byte = { "x", 1 };
	struct msghdr message = {
		.msg_iov = &byte, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
	};
	int ends[2], sent[2];

	done("socketpair", socketpair(AF_UNIX, SOCK_DGRAM, 0, ends));
	sent[0] = ends[0];
	sent[1] = open_new(path, O_WRONLY);
	write_text(sent[1], "in flight");
	memcpy(CMSG_DATA(&control.head), sent, sizeof(sent));
	done("sendmsg", sendmsg(ends[1], &message, 0));
	close(sent[1]);
	close(ends[0]);
	close(ends[1]);
}

/* One request by io_uring, done by a thread of the kernel's; returns its result. */
static long ring_request(int ring, char *sent, char *ended, struct io_uring_params *made, struct io_uring_sqe *requests,
			 struct io_uring_sqe request)
{
	struct io_uring_cqe *results = (void *)(ended + made->cq_off.cqes);
	uint32_t *tail = (void *)(sent + made->sq_off.tail), *head = (void *)(ended + made->cq_off.head);
	uint32_t place = *tail & (made->sq_entries - 1);
	long result;

	request.flags = IOSQE_ASYNC;
	requests[place] = request;
	((uint32_t *)(sent + made->sq_off.array))[place] = place;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	done("io_uring_enter", syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0));
	result = results[*head & (made->cq_entries - 1)].res;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	errno = -result;
	return done("request", result);
}

/* Opened, written and closed without a call of its own. */
static void write_by_ring(const char *path)
{
	struct io_uring_params made = { 0 };
	int ring = done("io_uring_setup", syscall(SYS_io_uring_setup, 4, &made));
	char *sent = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
	char *ended = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_CQ_RING);
	void *requests = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
	struct io_uring_sqe opening = { .opcode = IORING_OP_OPENAT,
					.fd = AT_FDCWD,
					.addr = (uintptr_t)path,
					.len = 0644,
					.open_flags = O_CREAT | O_WRONLY };
	struct io_uring_sqe writing = { .opcode = IORING_OP_WRITE, .addr = (uintptr_t) "ring", .len = 4 };
	struct io_uring_sqe closing = { .opcode = IORING_OP_CLOSE };

	done("mmap", sent == MAP_FAILED || ended == MAP_FAILED || requests == MAP_FAILED ? -1 : 0);
	writing.fd = closing.fd = ring_request(ring, sent, ended, &made, requests, opening);
	ring_request(ring, sent, ended, &made, requests, writing);
	ring_request(ring, sent, ended, &made, requests, closing);
}

/* The same file again and again. */
static void write_often(long count, const char *path)
{
	while (count-- > 0) {
		int fd = open_new(path, O_WRONLY);

		write_text(fd, "x");
		close(fd);
	}
}

static int step_written(const char *act)
{
	const char *path;
	long a;
	int fd;

	if (!strcmp(act, "write")) {
		a = number();
		fd = open_new(word(), O_WRONLY | a);
		write_text(fd, word());
		close(fd);
	} else if (!strcmp(act, "open-to-write")) {
		a = number();
		close(open_new(word(), O_WRONLY | a));
	} else if (!strcmp(act, "leave")) {
		/* Without closing it. */
		write_text(open_new(word(), O_WRONLY), "left");
	} else if (!strcmp(act, "write-deleted")) {
		path = word();
		fd = open_new(path, O_WRONLY);
		write_text(fd, "gone");
		done(act, unlink(path));
		close(fd);
	} else if (!strcmp(act, "write-twice")) {
		write_twice(word());
	} else if (!strcmp(act, "write-mapped")) {
		write_mapped(word());
	} else if (!strcmp(act, "write-in-flight")) {
		write_in_flight(word());
	} else if (!strcmp(act, "write-by-ring")) {
		write_by_ring(word());
	} else if (!strcmp(act, "write-often")) {
		a = number();
		write_often(a, word());
	} else {
		return 0;
	}
	return 1;
}
