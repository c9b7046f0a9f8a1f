/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Sockets are made, connected, bound, listened on and accepted. */

/* Events of one flow in one window before only its count is told: room for whoever tries a few times. */
#define CONNECTS_FREE 32
/* Connections taken of one peer, and sockets made alike. */
#define ACCEPTS_FREE 1
#define SOCKETS_FREE 1
/* include/uapi/asm-generic/errno.h */
#define EISCONN 106
#define EALREADY 114
#define EINPROGRESS 115
/* include/net/tcp_states.h */
#define TCP_SYN_SENT 2
#define TCP_CLOSE 7

/* Tells of the call unless its flow was told of often enough. */
static __always_inline void tell_flow(struct socket_work *work, struct sock *sk, u32 free)
{
	work->count = count_flow(&work->key, 1, free);
	if (work->count)
		tell_of(work, sk);
}

static __always_inline void on_socket(struct call *call)
{
	u16 family = call->arguments[0];
	u16 kind = call->arguments[1] & SOCK_TYPE_MASK;
	u16 asked[4] = { family, kind, call->arguments[2], is_error(call->result) };
	struct socket_work *work;

	/* Every look-up of a user or an address makes one of these. */
	if (!is_wanted(call) || family == AF_UNIX || family == AF_NETLINK)
		return;
	work = begin_work(call->state, CALL_SOCKET, call->result);
	if (!work)
		return;
	__builtin_memcpy(work->key.address, asked, sizeof(asked));
	work->is_volume = is_inet(family) && kind != SOCK_RAW;
	work->count = count_flow(&work->key, 1, SOCKETS_FREE);
	if (!work->count)
		return;
	if (!is_error(call->result))
		work->fd = call->result;
	tell_of(work, kernel_socket(file_of(call->task, call->result)));
}

/*
 * A TCP connection begins, by whatever system call: its address is the one that the kernel uses. Its first data is told
 * if the connection is.
 */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_socket_state, struct sock *sk, int before, int after)
{
	struct connecting *connecting = NULL;
	struct task_struct *task;
	struct task_state *state;
	struct socket_work *work;

	if (after == TCP_CLOSE)
		forget_connection(sk);
	if (after != TCP_SYN_SENT)
		return 0;
	task = bpf_get_current_task_btf();
	state = bpf_task_storage_get(&tasks, task, NULL, 0);
	if (!state)
		return 0;
	work = begin_work(state, CALL_CONNECT, -EINPROGRESS);
	if (!work)
		return 0;
	trusted_remote_of(sk, &work->remote);
	key_by_side(work, &work->remote);
	work->count = count_flow(&work->key, 1, CONNECTS_FREE);
	remember_connection(sk, work->count != 0, &work->remote);
	if (call_of(task, (struct pt_regs *)bpf_task_pt_regs(task)) == CALL_CONNECT)
		connecting = bpf_task_storage_get(&connections, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (connecting) {
		/* Told when the call ends, with its result. */
		connecting->sk = (u64)sk;
		connecting->count = work->count;
		connecting->remote = work->remote;
	} else if (work->count && (filter_of(CALL_CONNECT) & FILTER_SENT)) {
		/* io_uring, data that goes ahead of the connection, socketcall(2). */
		tell_of(work, sk);
	}
	return 0;
}

/* Who was to be connected by a call without a TCP connection. Returns false if there is nothing to tell. */
static __always_inline bool find_peer(struct call *call, struct socket_work *work, struct sock *sk)
{
	u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
	bool failed = is_error(call->result);

	if (family == AF_NETLINK)
		return false;
	if (family == AF_UNIX) {
		if (!failed) {
			key_by_name(work, sk);
			return true;
		}
		work->name = call->arguments[1];
		work->name_bytes = call->arguments[2];
		work->key.result = call->result;
		return true;
	}
	if (!is_inet(family))
		return true;
	if (failed)
		passed_side(call->arguments[1], call->arguments[2], &work->remote);
	else
		remote_of(sk, &work->remote);
	/* The end of an association, or a socket that was asked for its own address. */
	return work->remote.known && work->remote.port;
}

/* Another thread may have put another socket behind the descriptor: the one that was connected counts. */
static __always_inline void tell_connecting(struct call *call, struct connecting *connecting)
{
	struct socket_work *work;

	if (!connecting->count)
		return;
	work = begin_work(call->state, CALL_CONNECT, call->result);
	if (!work)
		return;
	work->fd = call->arguments[0];
	work->count = connecting->count;
	work->remote = connecting->remote;
	tell_of(work, (void *)connecting->sk);
}

/* A connection that has only begun is no failure. */
static __always_inline bool is_wanted_connect(struct call *call)
{
	return is_wanted(call) || ((call->filter & FILTER_SENT) && call->result == -EINPROGRESS);
}

static __always_inline void on_connect(struct call *call)
{
	struct connecting *connecting = bpf_task_storage_get(&connections, call->task, NULL, 0);
	struct socket_work *work;
	struct sock *sk;

	if (connecting && connecting->sk) {
		if (is_wanted_connect(call))
			tell_connecting(call, connecting);
		connecting->sk = 0;
		return;
	}
	if (!is_wanted_connect(call) || call->result == -EALREADY || call->result == -EISCONN)
		return;
	sk = kernel_socket(file_of(call->task, (int)call->arguments[0]));
	work = begin_work(call->state, CALL_CONNECT, call->result);
	if (!sk || !work || !find_peer(call, work, sk))
		return;
	work->fd = call->arguments[0];
	if (work->remote.known)
		key_by_side(work, &work->remote);
	tell_flow(work, sk, CONNECTS_FREE);
}

/* Calls that give a socket its own address. */
static __always_inline void on_local(struct call *call)
{
	struct socket_work *work = begin_work(call->state, call->number, call->result);
	struct sock *sk = kernel_socket(file_of(call->task, (int)call->arguments[0]));
	bool is_refused = call->number == CALL_BIND && is_error(call->result);
	u16 family;

	if (!work || !sk || !is_wanted(call))
		return;
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	if (family == AF_NETLINK)
		return;
	work->fd = call->arguments[0];
	if (is_inet(family) && is_refused)
		passed_side(call->arguments[1], call->arguments[2], &work->local);
	else
		local_of(sk, &work->local);
	if (family == AF_UNIX && is_refused) {
		work->name = call->arguments[1];
		work->name_bytes = call->arguments[2];
	} else if (family == AF_UNIX) {
		key_by_name(work, sk);
	} else if (work->local.known) {
		key_by_side(work, &work->local);
	}
	work->key.result = call->result;
	tell_flow(work, sk, CONNECTS_FREE);
}

static __always_inline void on_accept(struct call *call)
{
	struct socket_work *work;
	struct sock *sk;

	if (!is_wanted(call) || is_error(call->result))
		return;
	sk = kernel_socket(file_of(call->task, call->result));
	work = begin_work(call->state, call->number, call->result);
	if (!work || !sk)
		return;
	work->fd = call->result;
	work->is_server = 1;
	if (is_inet(BPF_CORE_READ(sk, __sk_common.skc_family))) {
		/* Whatever the peer's port: each of its connections has another. */
		address_of(sk, work->key.address);
		work->key.port = BPF_CORE_READ(sk, __sk_common.skc_num);
	} else {
		key_by_name(work, sk);
	}
	tell_flow(work, sk, ACCEPTS_FREE);
}

ON_CALL_EXIT(on_socket_exit, on_socket)
ON_CALL_EXIT(on_connect_exit, on_connect)
ON_CALL_EXIT(on_local_exit, on_local)
ON_CALL_EXIT(on_accept_exit, on_accept)
