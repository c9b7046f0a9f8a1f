/*
 * Acts on sockets. They all act on one descriptor, the one that was made last; `swap` takes the one before instead, and
 * `use` any other, by the order in which they were made:
 *
 *   act unshare 0x40000000 loopback socket 2 1 0 bind 127.0.0.1 80 listen socket 2 1 0 connect 127.0.0.1 80 \
 *       send write hello use 0 accept
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

/* Bytes of what is sent or received at most. */
#define DATA_BYTES 4096
/* Messages of one call. */
#define MESSAGES 20

/* Descriptors of one run that `use` knows. */
#define MADE_MAX 64

/* The descriptor that is acted on, and the one before. */
static int current = -1, previous = -1;
/* All of them in their order. */
static int made[MADE_MAX];
static int made_count;

static void act_on(int fd)
{
	previous = current;
	current = fd;
}

static void take(int fd)
{
	if (made_count < MADE_MAX)
		made[made_count++] = fd;
	act_on(fd);
}

/* Text, or bytes as `hex:` and their digits. */
static size_t data(const char *text, char *to)
{
	size_t bytes = 0;

	if (strncmp(text, "hex:", 4)) {
		bytes = strlen(text);
		memcpy(to, text, bytes);
		return bytes;
	}
	for (text += 4; text[0] && text[1]; text += 2)
		sscanf(text, "%2hhx", (unsigned char *)&to[bytes++]);
	return bytes;
}

/* An address and a port; `unix:PATH` and `unix:@NAME` (abstract) have no port. */
static socklen_t address(struct sockaddr_storage *to)
{
	struct sockaddr_in6 *v6 = (void *)to;
	struct sockaddr_in *v4 = (void *)to;
	struct sockaddr_un *un = (void *)to;
	const char *text = word();

	memset(to, 0, sizeof(*to));
	if (!strncmp(text, "unix:", 5)) {
		un->sun_family = AF_UNIX;
		strcpy(un->sun_path, text + 5);
		if (un->sun_path[0] != '@')
			return sizeof(*un);
		un->sun_path[0] = 0;
		return offsetof(struct sockaddr_un, sun_path) + strlen(text + 5);
	}
	if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(number());
		return sizeof(*v6);
	}
	v4->sin_family = AF_INET;
	inet_pton(AF_INET, text, &v4->sin_addr);
	v4->sin_port = htons(number());
	return sizeof(*v4);
}

static void raise_loopback(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = done("socket", socket(AF_UNIX, SOCK_DGRAM, 0));

	done("ioctl", ioctl(fd, SIOCSIFFLAGS, &request));
	close(fd);
}

/* Sends by the call that is named, in two parts where it takes several. */
static void send_by(const char *how, char *bytes, size_t count, struct sockaddr_storage *to, socklen_t to_bytes)
{
	struct iovec parts[2] = { { bytes, count / 2 }, { bytes + count / 2, count - count / 2 } };
	struct msghdr message = {
		.msg_name = to_bytes ? to : NULL, .msg_namelen = to_bytes, .msg_iov = parts, .msg_iovlen = 2
	};
	struct mmsghdr messages[2] = { { .msg_hdr = message }, { .msg_hdr = message } };

	if (!strcmp(how, "write"))
		done(how, write(current, bytes, count));
	else if (!strcmp(how, "writev"))
		done(how, writev(current, parts, 2));
	else if (!strcmp(how, "send") || !strcmp(how, "sendto"))
		done(how, sendto(current, bytes, count, 0, (void *)(to_bytes ? to : NULL), to_bytes));
	else if (!strcmp(how, "sendmsg"))
		done(how, sendmsg(current, &message, 0));
	else if (!strcmp(how, "sendmmsg"))
		done(how, sendmmsg(current, messages, 2, 0));
	else if (!strcmp(how, "fastopen"))
		done(how, sendto(current, bytes, count, MSG_FASTOPEN, (void *)to, to_bytes));
	else
		exit(90);
}

static void receive_by(const char *how)
{
	static char bytes[DATA_BYTES];
	struct iovec part = { bytes, sizeof(bytes) };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	if (!strcmp(how, "read"))
		done(how, read(current, bytes, sizeof(bytes)));
	else if (!strcmp(how, "recv"))
		done(how, recv(current, bytes, sizeof(bytes), 0));
	else if (!strcmp(how, "recvmsg"))
		done(how, recvmsg(current, &message, 0));
	else
		exit(90);
}

/* So many datagrams to one place: one by one, or several in a call. */
static void flood(const char *how, long count, struct sockaddr_storage *to, socklen_t bytes)
{
	struct iovec part = { "x", 1 };
	struct msghdr message = { .msg_name = to, .msg_namelen = bytes, .msg_iov = &part, .msg_iovlen = 1 };
	struct mmsghdr messages[MESSAGES];

	for (int i = 0; i < MESSAGES; i++)
		messages[i].msg_hdr = message;
	while (count > 0)
		if (!strcmp(how, "sendmmsg"))
			count -= done(how, sendmmsg(current, messages, count < MESSAGES ? count : MESSAGES, 0));
		else
			count -= done(how, sendto(current, "x", 1, 0, (void *)to, bytes));
}

static void copy_descriptor(const char *how, int to)
{
	close(to);
	if (!strcmp(how, "dup"))
		done(how, syscall(SYS_dup, current));
	else if (!strcmp(how, "dup2"))
#ifdef SYS_dup2
		done(how, syscall(SYS_dup2, current, to));
#else
		done(how, syscall(SYS_dup3, current, to, 0));
#endif
	else if (!strcmp(how, "dup3"))
		done(how, syscall(SYS_dup3, current, to, 0));
	else
		done(how, fcntl(current, F_DUPFD, to));
}

/* What else than a socket a stream may lead to. */
static int step_stream(const char *act)
{
	int fds[2];

	if (!strcmp(act, "pipe")) {
		done(act, pipe(fds));
		take(fds[1]);
		take(fds[0]);
	} else if (!strcmp(act, "terminal")) {
		take(done(act, posix_openpt(O_RDWR | O_NOCTTY)));
		done(act, grantpt(current));
		done(act, unlockpt(current));
		take(done(act, open(ptsname(current), O_RDWR | O_NOCTTY)));
	} else if (!strcmp(act, "take")) {
		take(done(act, open(word(), O_RDWR)));
	} else if (!strcmp(act, "duplicate")) {
		const char *how = word();

		copy_descriptor(how, number());
	} else {
		return 0;
	}
	return 1;
}

static int step_traffic(const char *act)
{
	static char bytes[DATA_BYTES];
	struct sockaddr_storage to;
	const char *how;
	socklen_t length;
	long count;

	if (!strcmp(act, "send")) {
		how = word();
		send_by(how, bytes, data(word(), bytes), NULL, 0);
	} else if (!strcmp(act, "sendto")) {
		length = address(&to);
		how = word();
		send_by(how, bytes, data(word(), bytes), &to, length);
	} else if (!strcmp(act, "receive")) {
		receive_by(word());
	} else if (!strcmp(act, "flood")) {
		how = word();
		count = number();
		length = address(&to);
		flood(how, count, &to, length);
	} else if (!strcmp(act, "scan")) {
		/* So many ports of one host, each asked once. */
		count = number();
		length = address(&to);
		for (long port = 1; port <= count; port++) {
			int fd = done("socket", socket(AF_INET, SOCK_STREAM, 0));

			((struct sockaddr_in *)&to)->sin_port = htons(port);
			connect(fd, (void *)&to, length);
			close(fd);
		}
	} else if (!strcmp(act, "connects")) {
		/* Each with a socket of its own, and refused. */
		count = number();
		length = address(&to);
		while (count--) {
			int fd = done("socket", socket(to.ss_family, SOCK_STREAM, 0));

			if (connect(fd, (void *)&to, length) == 0)
				exit(91);
			close(fd);
		}
	} else {
		return 0;
	}
	return 1;
}

static int step_socket(const char *act)
{
	struct sockaddr_storage to;
	socklen_t bytes;
	int fd, type;

	if (!strcmp(act, "loopback")) {
		raise_loopback();
	} else if (!strcmp(act, "socket")) {
		fd = number();
		type = number();
		fd = done(act, socket(fd, type, number()));
		if (fd >= 0)
			take(fd);
	} else if (!strcmp(act, "connect")) {
		bytes = address(&to);
		done(act, connect(current, (void *)&to, bytes));
	} else if (!strcmp(act, "bind")) {
		bytes = address(&to);
		done(act, bind(current, (void *)&to, bytes));
	} else if (!strcmp(act, "listen")) {
		done(act, listen(current, 5));
	} else if (!strcmp(act, "accept")) {
		take(done(act, syscall(SYS_accept, current, NULL, NULL)));
	} else if (!strcmp(act, "accept4")) {
		take(done(act, accept4(current, NULL, NULL, SOCK_CLOEXEC)));
	} else if (!strcmp(act, "swap")) {
		act_on(previous);
	} else if (!strcmp(act, "use")) {
		act_on(made[number() % MADE_MAX]);
	} else {
		return step_stream(act) || step_traffic(act);
	}
	return 1;
}
