/* Files that are written, and the ways in which they are closed for the last time. */

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
	} else if (!strcmp(act, "write-often")) {
		a = number();
		write_often(a, word());
	} else {
		return 0;
	}
	return 1;
}
