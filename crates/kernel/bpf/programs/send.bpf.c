/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What sockets send and receive, as far as it tells what a connection is for: the first data of outbound connections,
 * where datagrams go, and what name servers are asked and answer.
 */
/* Bytes of a connection's first data that are kept, and of questions to name servers and their answers. */
#define FIRST_BYTES_MAX 256
#define NAMES_BYTES_MAX 512
/* First sends of a connection that are told as long as they are short. */
#define FIRST_SENDS_MAX 3
#define SHORT_SEND_BYTES 16
/* Connections to one Unix socket whose first data is told in one window. */
#define UNIX_FREE 32
/* Datagrams to one place, and questions to one name server, in one window before only their count is told. */
#define DATAGRAMS_FREE 1
#define QUESTIONS_FREE 256
/* Messages of one sendmmsg(2) that are looked at one by one. */
#define MESSAGES_MAX 8
/* Ports from here on are the other side's own choice: whoever sends from a port below answers. */
#define PORT_EPHEMERAL_MIN 32768
/* include/linux/socket.h */
#define MSG_PEEK 2
/* Calls that send or receive, beside those of lib/syscalls.h. */
#if defined(__TARGET_ARCH_x86)
#define NR_READ 0
#define NR_WRITE 1
#define NR_READV 19
#define NR_WRITEV 20
#define NR_RECVMMSG 299
#elif defined(__TARGET_ARCH_arm64)
#define NR_READ 63
#define NR_WRITE 64
#define NR_READV 65
#define NR_WRITEV 66
#define NR_RECVMMSG 243
#endif
/* The same numbers for programs of 32 bits on both architectures. */
#define NR_COMPAT_READ 3
#define NR_COMPAT_WRITE 4

/* struct user_msghdr (include/linux/socket.h), as far as it is read. */
struct passed_message {
	u64 name;
	u32 name_bytes;
	u32 padding;
	u64 buffers;
	u64 buffer_count;
};
/* struct mmsghdr */
#define MESSAGE_BYTES 64

static __always_inline void use_message(struct socket_work *work, u64 address)
{
	struct passed_message message = {};

	bpf_probe_read_user(&message, sizeof(message), (void *)address);
	work->name = message.name;
	work->name_bytes = message.name_bytes;
	work->payload = message.buffers;
	work->payload_count = message.buffer_count;
	work->is_list = 1;
}

static __always_inline void use_buffer(struct socket_work *work, u64 *arguments, bool is_list)
{
	work->payload = arguments[1];
	work->payload_count = arguments[2];
	work->is_list = is_list;
}

/* The calls that are not told by themselves. Returns false for others, such as io_uring's: they have no payload. */
static __always_inline bool use_plain_call(struct socket_work *work, u32 number, bool is_compat, u64 *arguments)
{
	if (is_compat) {
		if (number != NR_COMPAT_READ && number != NR_COMPAT_WRITE)
			return false;
		use_buffer(work, arguments, false);
	} else if (number == NR_READ || number == NR_WRITE) {
		use_buffer(work, arguments, false);
	} else if (number == NR_READV || number == NR_WRITEV) {
		use_buffer(work, arguments, true);
	} else if (number == NR_RECVMMSG) {
		work->call = CALL_RECVMSG;
		use_message(work, arguments[1]);
	} else {
		return false;
	}
	return true;
}

/*
 * Finds in the system call's arguments where the bytes are that were sent or received, and whom a datagram is for.
 * Global, so that it is verified once. Returns the call.
 */
__noinline int find_payload(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs *regs = (void *)bpf_task_pt_regs(task);
	bool is_compat = is_compat_call(task);
	u32 number = call_of(task, regs);
	u64 arguments[CALL_ARGUMENTS];
	u32 zero = 0;
	struct socket_work *work = bpf_map_lookup_elem(&socket_works, &zero);

	if (!work)
		return 0;
	syscall_arguments(task, regs, arguments);
	if (number == CALL_SENDTO || number == CALL_RECVFROM) {
		use_buffer(work, arguments, false);
		if (number == CALL_SENDTO) {
			work->name = arguments[4];
			work->name_bytes = arguments[5];
		}
	} else if (number == CALL_SENDMSG || number == CALL_SENDMMSG || number == CALL_RECVMSG) {
		work->call = number == CALL_RECVMSG ? CALL_RECVMSG : CALL_SENDMSG;
		/* Messages of 32-bit programs are laid out otherwise. */
		if (!is_compat)
			use_message(work, arguments[1]);
	} else if (!use_plain_call(work, syscall_number(regs), is_compat, arguments)) {
		return number;
	}
	work->fd = arguments[0];
	return number;
}

/* Keeps of the payload no more than was sent or received. */
static __always_inline void keep_payload(struct socket_work *work, u64 bytes, u64 most)
{
	work->payload_bytes = bytes < most ? bytes : most;
}

/* A question to a name server, or its answer. */
static __always_inline void tell_names(struct socket_work *work, struct sock *sk, u64 bytes)
{
	key_by_side(work, &work->remote);
	work->is_volume = 1;
	work->count = count_flow(&work->key, 1, QUESTIONS_FREE);
	if (!work->count)
		return;
	keep_payload(work, bytes, NAMES_BYTES_MAX);
	tell_of(work, sk);
}

/* A datagram, or several to the same place. */
static __always_inline void tell_datagrams(struct socket_work *work, struct sock *sk, u16 local_port, u32 count)
{
	key_by_side(work, &work->remote);
	/* A server's answers are one flow, whoever is answered. */
	if (local_port && local_port < PORT_EPHEMERAL_MIN && work->remote.port >= PORT_EPHEMERAL_MIN) {
		__builtin_memset(work->key.address, 0, sizeof(work->key.address));
		work->key.port = local_port;
	}
	work->key.call = CALL_SENDTO;
	work->is_volume = 1;
	work->payload = 0;
	work->count = count_flow(&work->key, count, DATAGRAMS_FREE);
	if (work->count)
		tell_of(work, sk);
}

/* Where a datagram went: the call's own address comes before the socket's. */
static __always_inline void find_destination(struct socket_work *work, struct sock *sk)
{
	passed_side(work->name, work->name_bytes, &work->remote);
	if (!work->remote.known)
		remote_of(sk, &work->remote);
}

/* The first bytes that a connection sends; more than once if they were few. */
static __always_inline void tell_first(struct socket_work *work, struct sock *sk, struct socket_memory *memory,
				       u64 bytes)
{
	memory->sends++;
	memory->bytes += bytes;
	find_payload();
	work->name = 0;
	work->count = FIRST_DATA;
	keep_payload(work, bytes, FIRST_BYTES_MAX);
	tell_of(work, sk);
}

static __always_inline bool wants_first(struct socket_memory *memory)
{
	return memory->is_outbound && memory->sends < FIRST_SENDS_MAX &&
	       (!memory->sends || memory->bytes < SHORT_SEND_BYTES);
}

/*
 * Whether the first data of a Unix socket is to be told: it has no name of its own and is connected to one that has, and
 * the program's connections to that were not told too often.
 */
static __always_inline bool is_unix_client(struct task_state *state, struct sock *sk)
{
	struct unix_sock *own = (void *)sk;
	struct socket_work *work;
	struct unix_sock *peer;

	if (!bpf_core_type_exists(struct unix_sock) || BPF_CORE_READ(own, addr))
		return false;
	peer = (void *)BPF_CORE_READ(own, peer);
	if (!peer || !BPF_CORE_READ(peer, addr))
		return false;
	work = begin_work(state, CALL_SENDTO, 0);
	if (!work)
		return false;
	key_by_name(work, sk);
	return count_flow(&work->key, 1, UNIX_FREE) != 0;
}

/* Sent on a connection. */
static __always_inline void on_stream(struct task_state *state, struct sock *sk, struct socket_memory *memory,
				      u64 bytes)
{
	struct socket_work *work;

	if (wants_first(memory)) {
		work = begin_work(state, CALL_SENDTO, bytes);
		if (work)
			tell_first(work, sk, memory, bytes);
		return;
	}
	if (!memory->server.known)
		return;
	work = begin_work(state, CALL_SENDTO, bytes);
	if (!work)
		return;
	find_payload();
	work->name = 0;
	work->remote = memory->server;
	tell_names(work, sk, bytes);
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(on_send, struct sock *sk, int sent, int flags)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *state = bpf_task_storage_get(&tasks, task, NULL, 0);
	struct socket_memory *memory;
	struct socket_work *work;
	u16 family, kind;
	u32 number;

	if (!state || sent <= 0)
		return 0;
	family = sk->__sk_common.skc_family;
	kind = sk->sk_type;
	if (kind == SOCK_STREAM) {
		memory = bpf_sk_storage_get(&socket_memories, sk, NULL, 0);
		if (!memory && family == AF_UNIX) {
			memory = bpf_sk_storage_get(&socket_memories, sk, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
			if (memory)
				memory->is_outbound = is_unix_client(state, sk);
		}
		if (memory)
			on_stream(state, sk, memory, sent);
		return 0;
	}
	if (!is_inet(family) && family != AF_PACKET)
		return 0;
	work = begin_work(state, CALL_SENDTO, sent);
	if (!work)
		return 0;
	number = find_payload();
	find_destination(work, sk);
	if (work->remote.known && is_names_port(work->remote.port)) {
		/* Its answer is to be told. */
		memory = bpf_sk_storage_get(&socket_memories, sk, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
		if (memory)
			memory->server = work->remote;
	}
	/* Told by the call's end, which knows the messages. */
	if (number == CALL_SENDMMSG)
		return 0;
	work->name = 0;
	if (work->remote.known && is_names_port(work->remote.port))
		tell_names(work, sk, sent);
	else
		tell_datagrams(work, sk, sk->__sk_common.skc_num, 1);
	return 0;
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(on_receive, struct sock *sk, int received, int flags)
{
	struct socket_memory *memory;
	struct task_state *state;
	struct socket_work *work;

	if (received <= 0 || (flags & MSG_PEEK))
		return 0;
	/* Few sockets have one: those of all others leave here. */
	memory = bpf_sk_storage_get(&socket_memories, sk, NULL, 0);
	if (!memory || !memory->server.known)
		return 0;
	state = bpf_task_storage_get(&tasks, bpf_get_current_task_btf(), NULL, 0);
	if (!state)
		return 0;
	work = begin_work(state, CALL_RECVFROM, received);
	if (!work)
		return 0;
	find_payload();
	work->name = 0;
	work->remote = memory->server;
	tell_names(work, sk, received);
	return 0;
}

/* On older kernels: calls that send or receive if their descriptor is a socket, by the call that they are told as. */
static __always_inline u32 plain_call_of(struct task_struct *task, struct pt_regs *regs)
{
	u32 number = syscall_number(regs);

	if (is_compat_call(task))
		return 0;
	if (number == NR_WRITE || number == NR_WRITEV)
		return CALL_SENDTO;
	if (number == NR_READ || number == NR_READV)
		return CALL_RECVFROM;
	return 0;
}

/* On older kernels what is sent is seen at the ends of calls. */
static __always_inline void on_old_send(struct call *call)
{
	struct sock *sk = kernel_socket(file_of(call->task, (int)call->arguments[0]));
	struct socket_memory *memory;
	struct socket_work *work;
	u64 key = (u64)sk;
	u16 family;

	if (!sk || call->result <= 0)
		return;
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	if (BPF_CORE_READ(sk, sk_type) == SOCK_STREAM) {
		memory = bpf_map_lookup_elem(&old_socket_memories, &key);
		if (memory)
			on_stream(call->state, sk, memory, call->result);
		return;
	}
	work = begin_work(call->state, CALL_SENDTO, call->result);
	if (!work || (!is_inet(family) && family != AF_PACKET))
		return;
	find_payload();
	find_destination(work, sk);
	work->name = 0;
	if (work->remote.known && is_names_port(work->remote.port))
		tell_names(work, sk, call->result);
	else
		tell_datagrams(work, sk, BPF_CORE_READ(sk, __sk_common.skc_num), 1);
}

/* The same of what is received: who sent a datagram stands in the call's own answer. */
static __always_inline void on_old_receive(struct call *call)
{
	struct sock *sk = kernel_socket(file_of(call->task, (int)call->arguments[0]));
	struct socket_work *work;

	if (!sk || call->result <= 0 || !is_inet(BPF_CORE_READ(sk, __sk_common.skc_family)))
		return;
	work = begin_work(call->state, CALL_RECVFROM, call->result);
	if (!work)
		return;
	find_payload();
	if (call->number == CALL_RECVFROM && call->arguments[4])
		passed_side(call->arguments[4], sizeof(struct passed_address), &work->remote);
	else
		find_destination(work, sk);
	work->name = 0;
	if (work->remote.known && is_names_port(work->remote.port))
		tell_names(work, sk, call->result);
}

ON_CALL_EXIT(on_old_send_exit, on_old_send)
ON_CALL_EXIT(on_old_receive_exit, on_old_receive)

/* One message of several. */
static __always_inline void on_message(struct socket_work *work, struct sock *sk, u64 address, u32 count)
{
	u32 bytes = 0;

	use_message(work, address);
	find_destination(work, sk);
	work->name = 0;
	if (!work->remote.known || !is_names_port(work->remote.port)) {
		tell_datagrams(work, sk, BPF_CORE_READ(sk, __sk_common.skc_num), count);
		return;
	}
	bpf_probe_read_user(&bytes, sizeof(bytes), (void *)address + sizeof(struct passed_message) + 24);
	work->result = bytes;
	work->key.call = CALL_SENDMSG;
	tell_names(work, sk, bytes);
}

/* Several datagrams in one call: the first ones one by one, the others with the last of them. */
static __always_inline void on_messages(struct call *call)
{
	struct socket_work *work = begin_work(call->state, CALL_SENDMSG, call->result);
	struct sock *sk = kernel_socket(file_of(call->task, (int)call->arguments[0]));
	u16 family;

	if (!work || !sk || is_compat_call(call->task) || !(filter_of(CALL_SENDMSG) & FILTER_SENT))
		return;
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	if (BPF_CORE_READ(sk, sk_type) == SOCK_STREAM || (!is_inet(family) && family != AF_PACKET))
		return;
	work->fd = call->arguments[0];
	for (u32 i = 0; i < MESSAGES_MAX; i++) {
		u32 count = i == MESSAGES_MAX - 1 ? call->result - i : 1;

		if (i >= call->result)
			break;
		on_message(work, sk, call->arguments[1] + i * MESSAGE_BYTES, count);
	}
}

ON_CALL_EXIT(on_messages_exit, on_messages)
