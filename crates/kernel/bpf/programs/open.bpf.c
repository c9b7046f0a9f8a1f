/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * A file was opened. For writing: who did is remembered by inode, and told when the file runs. By an interpreter:
 * told if the file may be a script that is not the image's. And told as a call, if rules can match it. All look at the
 * opened file, never at the argument; only of an open that failed there is nothing else than what the caller wrote.
 */

/* include/uapi/asm-generic/fcntl.h: opens that may make a file or empty one. */
#define O_CREAT 00000100
#define O_WRONLY 00000001
#define O_TRUNC 00001000
#define O_TMPFILE 020000000
/* Multiplier and beginning of FNV-1a, which mixes well enough for names that are hashed already. */
#define MIX_PRIME 0x100000001b3ULL
#define MIX_SEED 0xcbf29ce484222325ULL

static __always_inline void remember_writer(struct inode *inode, struct task_state *state)
{
	struct writer_key key = {
		.ino = BPF_CORE_READ(inode, i_ino),
		.dev = BPF_CORE_READ(inode, i_sb, s_dev),
		.generation = BPF_CORE_READ(inode, i_generation),
	};
	struct writer writer = {
		.program = state->program,
		.time_ns = bpf_ktime_get_boot_ns(),
	};

	bpf_map_update_elem(&writers, &key, &writer, BPF_ANY);
}

/* What every kind of observation needs of an open that succeeded. */
static __always_inline void note_open(struct call *call, struct file *file, u32 mode)
{
	struct task_state *state = call->state;
	struct seen_file seen = {};

	if (!(mode & FMODE_WRITE) && !(state->flags & BASE_INTERPRETER))
		return;
	see_file(file, &seen);
	if (!seen.inode || !is_regular(seen.inode))
		return;
	if (mode & FMODE_WRITE) {
		remember_writer(seen.inode, state);
		return;
	}
	if ((mode & FMODE_PATH) || is_image_file(&seen, state))
		return;
	if (state->script_candidates >= SCRIPT_CANDIDATES_MAX) {
		count_loss(LOSS_SCRIPT_BUDGET);
		return;
	}
	state->script_candidates++;
	send_file_event(call->task, state, RECORD_SCRIPT, &seen, 0);
}

/*
 * A number for the path of an open file, given by its address: that of every name up to the bottom of the mount namespace, so that a
 * rename of any directory and any mount on the way make another one. Zero if the path is too deep to be told apart.
 * Names enter by the hash that the kernel keys with addresses nobody outside it knows: a container cannot look for
 * two names of one number.
 */
__noinline u64 path_number(u64 file_address)
{
	struct dentry *dentry = PEEK(file, file_address, f_path.dentry);
	struct mount *mount = mount_of(PEEK(file, file_address, f_path.mnt));
	struct dentry *top = PEEK(mount, mount, mnt.mnt_root);
	u64 number = MIX_SEED;

	for (int step = 0; step < PATH_STEPS_MAX; step++) {
		struct dentry *parent;

		if (dentry == top) {
			struct mount *above = PEEK(mount, mount, mnt_parent);

			if (above == mount)
				return number;
			dentry = PEEK(mount, mount, mnt_mountpoint);
			mount = above;
			top = PEEK(mount, mount, mnt.mnt_root);
			continue;
		}
		parent = PEEK(dentry, dentry, d_parent);
		if (parent == dentry)
			return 0;
		number = (number ^ PEEK(dentry, dentry, d_name.hash_len)) * MIX_PRIME;
		number ^= number >> 32;
		dentry = parent;
	}
	return 0;
}

/* The flags of the call, wherever it has them. */
static __always_inline u64 open_flags(struct call *call)
{
	u64 flags = 0;

	switch (call->number) {
	case CALL_OPEN:
		return call->arguments[1];
	case CALL_CREAT:
		return O_CREAT | O_WRONLY | O_TRUNC;
	case CALL_OPENAT2:
		/* include/uapi/linux/openat2.h: flags are the first of struct open_how. */
		bpf_probe_read_user(&flags, sizeof(flags), (void *)call->arguments[2]);
		return flags;
	default:
		return call->arguments[2];
	}
}

static __always_inline u32 open_class(u32 mode, u64 flags)
{
	if (flags & (O_CREAT | O_TRUNC | O_TMPFILE))
		return OPEN_CREATE;
	return mode & FMODE_WRITE ? OPEN_WRITE : OPEN_READ;
}

/* Whether user space has said that no rule can match this open. Fills the key. */
static __always_inline bool is_quiet(struct call *call, struct file *file, struct quiet_open_key *key)
{
	struct inode *inode = PEEK(file, file, f_inode);

	key->container = call->state->container;
	key->ino = PEEK(inode, inode, i_ino);
	key->dev = PEEK(super_block, PEEK(inode, inode, i_sb), s_dev);
	key->path = path_number((u64)file);
	return key->path && bpf_map_lookup_elem(&quiet_opens, key);
}

/* Finishes the record of an open: its flags where the call has them in memory. */
static __always_inline void send_open(struct call *call, struct call_record *record, u64 flags)
{
	if (call->number == CALL_OPENAT2)
		record->arguments[2] = flags;
	send_volume_call();
}

static __always_inline void tell_failed_open(struct call *call)
{
	struct call_record *record = begin_call(call);
	bool has_directory = call->number != CALL_OPEN && call->number != CALL_CREAT;
	u64 bytes = 0;

	if (!record)
		return;
	/* A handle has no path. */
	if (!has_directory)
		bytes = append_path_argument(call->arguments[0], AT_FDCWD);
	else if (call->number != CALL_OPEN_BY_HANDLE_AT)
		bytes = append_path_argument(call->arguments[1], call->arguments[0]);
	record->path_bytes = bytes;
	record->directory_bytes = bytes >> 32;
	send_open(call, record, open_flags(call));
}

static __always_inline void tell_open(struct call *call, struct file *file, u32 mode, struct call_settings *set)
{
	u64 flags = open_flags(call);
	struct quiet_open_key key = {
		.class = open_class(mode, flags),
		.epoch = set->epoch,
	};
	struct call_record *record;

	/* Such a descriptor neither reads nor writes: what is done with it is an open of its own. */
	if (mode & FMODE_PATH)
		return;
	if (!(set->open_classes & (1 << key.class)) || is_quiet(call, file, &key))
		return;
	record = begin_call(call);
	if (!record)
		return;
	record->fd = call->result;
	if (key.path)
		record->flags = CALL_HAS_OPEN_KEY;
	record->key.path = key.path;
	record->key.epoch = key.epoch;
	record->key.class = key.class;
	append_call_file((u64)file);
	send_open(call, record, flags);
}

static __always_inline void on_open(struct call *call)
{
	u32 zero = 0;
	struct call_settings *set;
	struct file *file = NULL;
	u32 mode = 0;

	if (!is_error(call->result)) {
		file = file_of(call->task, call->result);
		if (!file)
			return;
		mode = PEEK(file, file, f_mode);
		note_open(call, file, mode);
	}
	if (!is_wanted(call))
		return;
	set = bpf_map_lookup_elem(&call_settings, &zero);
	if (!set)
		return;
	if (file)
		tell_open(call, file, mode, set);
	else if (set->open_classes & OPEN_CLASS_FAILED)
		tell_failed_open(call);
}

/* Whoever makes an anonymous file holds it open for writing. */
static __always_inline void on_memfd(struct call *call)
{
	struct file *file;

	if (!is_error(call->result)) {
		file = file_of(call->task, call->result);
		if (file)
			note_open(call, file, FMODE_WRITE);
	}
	tell_call(call, CALL_MEMFD_CREATE);
}

ON_CALL_EXIT(on_open_exit, on_open)
ON_CALL_EXIT(on_memfd_exit, on_memfd)
