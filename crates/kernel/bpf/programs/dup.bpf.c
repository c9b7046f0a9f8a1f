/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * A descriptor was copied. Sockets are told wherever they go, pipes and terminals if they become a standard stream: that
 * is how a shell is put at the end of a connection. Files are told when they are opened, and where they take the place of a
 * socket that was told to be a standard stream: a shell that redirects one command puts the stream back afterwards.
 */
/* include/uapi/linux/fcntl.h */
#define F_DUPFD 0
#define F_DUPFD_CLOEXEC 1030
/* Copies of one thing onto one descriptor in one window before only their count is told. */
#define COPIES_FREE 4

/* The file of a stream that is no socket: a pipe without a name has a number alone. */
static __always_inline void append_stream(struct file *file, struct file_record *record)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);

	if (!is_internal_mount(BPF_CORE_READ(file, f_path.mnt))) {
		append_call_file((u64)file);
		return;
	}
	record->ino = BPF_CORE_READ(inode, i_ino);
	record->dev = BPF_CORE_READ(inode, i_sb, s_dev);
	record->mode = BPF_CORE_READ(inode, i_mode);
	record->uid = BPF_CORE_READ(inode, i_uid.val);
	record->magic = BPF_CORE_READ(inode, i_sb, s_magic);
	record->flags = FILE_PRESENT;
}

/* Tells of a pipe or terminal that became a standard stream. */
static __always_inline void tell_stream(struct socket_work *work, struct file *file, bool is_back)
{
	struct call_record *record = begin_socket_call(work);

	if (!record)
		return;
	append_stream(file, &record->file);
	/* What takes a socket's place must not come before the socket: the same way as that. */
	if (is_back)
		send_call();
	else
		send_volume_call();
}

/* The bit that says that a socket was told to be this standard stream; none for other descriptors. */
static __always_inline u32 told_stream(s64 copy)
{
	return copy >= 0 && copy < STREAMS ? TOLD_STREAM << copy : 0;
}

/* Whether the copy takes the place of such a socket. */
static __always_inline bool puts_back(struct task_state *state, struct stream_record *stream, s64 copy)
{
	u32 bit = told_stream(copy);

	if (stream->kind == STREAM_SOCKET || !(state->told & bit))
		return false;
	state->told &= ~bit;
	return true;
}

static __always_inline bool is_told(struct stream_record *stream, s64 copy)
{
	if (stream->kind == STREAM_SOCKET)
		return true;
	return copy < STREAMS && (stream->kind == STREAM_PIPE || stream->kind == STREAM_TERMINAL);
}

static __always_inline void on_copy(struct call *call)
{
	u32 command = call->arguments[1];
	struct stream_record stream = {};
	struct socket_work *work;
	struct file *file;
	bool is_back;

	if (is_error(call->result) || !is_wanted(call))
		return;
	if (call->number == CALL_FCNTL && command != F_DUPFD && command != F_DUPFD_CLOEXEC)
		return;
	/* Onto itself: nothing changed. */
	if ((int)call->arguments[0] == call->result)
		return;
	file = file_of(call->task, call->result);
	work = begin_work(call->state, call->number, call->result);
	if (!file || !work)
		return;
	fill_stream(file, &stream);
	is_back = puts_back(call->state, &stream, call->result);
	if (!is_back && !is_told(&stream, call->result))
		return;
	work->fd = call->result;
	work->key.port = call->result;
	work->key.call = CALL_DUP;
	work->is_volume = call->result >= STREAMS;
	__builtin_memcpy(work->key.address, &stream.ino, sizeof(stream.ino));
	work->count = is_back ? 1 : count_flow(&work->key, 1, COPIES_FREE);
	if (!work->count)
		return;
	if (stream.kind == STREAM_SOCKET) {
		call->state->told |= told_stream(call->result);
		tell_of(work, kernel_socket(file));
	} else {
		tell_stream(work, file, is_back);
	}
}

ON_CALL_EXIT(on_copy_exit, on_copy)
