/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * A file that was open for writing was closed for the last time: whatever copies of its descriptor, mappings or messages
 * held it open, they are gone, and a process that dies closes like any other. Calls cannot tell that: one that closes a
 * descriptor need not be the last, and the last need not be a call.
 *
 * Seen in one of two ways, of which user space attaches the first that the kernel takes:
 *
 * - where a trampoline may stand, at the function that drops a file's locks, which every last close calls before it
 *   lets go of anything;
 * - elsewhere, where the memory of the file is given back, from Linux 6.7 on: all of the file still stands in it,
 *   and its name and inode nearly always outlive it. This is passed by everything that the kernel gives back from
 *   caches of its own; what is no file leaves after one comparison.
 */

/* include/linux/fs.h */
#define FMODE_OPENED 0x80000
/* include/linux/sched.h */
#define PF_IO_WORKER 0x10
#define PF_KTHREAD 0x200000
/* fs/file_table.c: "filp", the name of the cache of open files, as a number in memory. */
#define FILE_CACHE_NAME 0x706c6966ULL

/* The cache of open files, zero until it was met. */
volatile u64 file_cache;

/* A file that is closed. */
struct closing {
	struct task_struct *task;
	struct task_state *state;
	/* Whether a thread of the kernel's closes it: then the state says what is known of who opened it. */
	bool is_elsewhere;
};

/* Whether there is a content that can be found again: a regular file with a name that is not empty. */
static __always_inline bool has_content(struct inode *inode)
{
	return (PEEK(inode, inode, i_mode) & S_IFMT) == S_IFREG && PEEK(inode, inode, i_size) > 0 &&
	       BPF_CORE_READ(inode, i_nlink);
}

/* The file as its container sees it. Takes the inode from the file itself: that of its name may be gone already. */
static __always_inline bool see_written(struct file *file, struct inode *inode, struct seen_file *seen)
{
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	struct vfsmount *mnt = BPF_CORE_READ(file, f_path.mnt);
	struct inode *named = BPF_CORE_READ(dentry, d_inode);

	seen->dentry = dentry;
	seen->mnt = mnt;
	seen->inode = inode;
	/* Before Linux 6.7 the layer's file behind one of an overlay bears the overlay's name. */
	return (!named || named == inode) && !is_internal_mount(mnt);
}

/* The mount namespace that a mount is in, NULL if it is in none any more. */
static __always_inline struct mnt_namespace *namespace_of(struct vfsmount *mnt)
{
	u64 namespace = (u64)BPF_CORE_READ(mount_of(mnt), mnt_ns);

	return namespace < ERR_PTR_MIN ? (void *)namespace : NULL;
}

/*
 * A thread of the kernel's closes what was on its way from process to process or in the hands of io_uring when its
 * holder died. The container is the one whose namespace the file was opened in, the program the one that last opened the
 * file for writing.
 */
static __always_inline bool find_opener(struct seen_file *seen, struct task_state *opener)
{
	u64 namespace = mount_namespace_id(namespace_of(seen->mnt));
	struct container_state *container = bpf_map_lookup_elem(&containers_by_namespace, &namespace);
	struct file_record known = {};

	find_writer(seen->inode, &known);
	if (!container) {
		if (known.flags & FILE_WRITER_KNOWN)
			count_loss(LOSS_CLOSED_ELSEWHERE);
		return false;
	}
	opener->container = container->container;
	opener->root_dentry = container->root_dentry;
	opener->root_dev = container->root_dev;
	opener->program = known.writer;
	return true;
}

/*
 * The root that the path leads up to. A process that ends has let go of its own before its files are closed: the
 * mount's namespace has the same one, and if that is gone too there is the container's.
 */
static __always_inline void find_root(struct closing *closing, struct seen_file *seen, struct namespace_root *root)
{
	struct dentry *dentry = (void *)closing->state->root_dentry;
	struct mount *bottom;

	if (!closing->is_elsewhere && find_namespace_root(closing->task, root))
		return;
	if (namespace_of(seen->mnt)) {
		bottom = (void *)visible_root((u64)seen->mnt);
		dentry = BPF_CORE_READ(bottom, mnt.mnt_root);
	}
	root->dentry = dentry;
	root->dev = BPF_CORE_READ(dentry, d_sb, s_dev);
}

static __always_inline void fill_closer(struct closing *closing, struct record_header *header)
{
	fill_header(closing->task, closing->state, RECORD_WRITTEN, header);
	if (!closing->is_elsewhere)
		return;
	header->cgroup = 0;
	header->start_ns = 0;
	header->pid = closing->state->program.pid;
}

static __always_inline void send_written(struct closing *closing, struct seen_file *seen, u32 own_writers)
{
	struct scratch *scratch = get_scratch();
	u64 now = bpf_ktime_get_boot_ns();
	struct namespace_root root = {};
	struct file_event_record *record;
	struct inode *inode = seen->inode;
	u64 bytes;

	if (!scratch || !take_from_budget(closing->state->container, OF_WRITTEN, now))
		return;
	/* At the end of the head: the tail must follow. */
	record = (void *)&scratch->exec + sizeof(struct exec_record) - sizeof(*record);
	__builtin_memset(record, 0, sizeof(*record));
	scratch->tail_bytes = 0;
	find_root(closing, seen, &root);
	fill_closer(closing, &record->header);
	fill_root(closing->task, &root, &record->header, &record->root);
	append_file(scratch, seen, closing->state, root.dentry, &record->file);
	/* Others than this file itself. */
	if (BPF_CORE_READ(inode, i_writecount.counter) <= (int)own_writers)
		record->file.flags &= ~FILE_BEING_WRITTEN;
	bytes = sizeof(*record) + (scratch->tail_bytes & TAIL_MASK);
	record->header.size = bytes;
	send(&call_ring, CALL_RING_BYTES, LOSS_CALL_RING, record, bytes, call_urgency(now));
}

/*
 * Tells of the file at an address if it is one of a container's that was open for writing. `own_writers` is how often the
 * file still counts among its inode's writers. Global, so that it is verified once.
 */
__noinline int tell_written(u64 file_address, u32 own_writers)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u32 mode = PEEK(file, file_address, f_mode);
	struct closing closing = { .task = task };
	struct task_state opener = {};
	struct seen_file seen = {};
	struct inode *inode;
	u32 kind;

	if ((mode & (FMODE_WRITE | FMODE_OPENED)) != (FMODE_WRITE | FMODE_OPENED))
		return 0;
	kind = task->flags & (PF_KTHREAD | PF_IO_WORKER);
	closing.state = bpf_task_storage_get(&tasks, task, NULL, 0);
	/* Threads that the kernel makes for io_uring belong to their process, and nobody is told of their beginning. */
	if (!closing.state && kind == PF_IO_WORKER)
		closing.state = bpf_task_storage_get(&tasks, task->group_leader, NULL, 0);
	if (!closing.state && kind != PF_KTHREAD)
		return 0;
	inode = PEEK(file, file_address, f_inode);
	if (!has_content(inode) || !see_written((struct file *)file_address, inode, &seen))
		return 0;
	if (!closing.state) {
		if (!find_opener(&seen, &opener))
			return 0;
		closing.state = &opener;
		closing.is_elsewhere = true;
	}
	send_written(&closing, &seen, own_writers);
	return 0;
}

SEC("fentry/locks_remove_file")
int BPF_PROG(on_file_closing, struct file *file)
{
	u64 address = 0;

	/* A pointer of the kernel's is no number to the verifier until it has been read. */
	bpf_probe_read_kernel(&address, sizeof(address), &file);
	tell_written(address, 1);
	return 0;
}

/* Whether this is the cache of open files, which no other is merged with. Remembers it. */
static __always_inline bool is_file_cache(struct kmem_cache *cache)
{
	u64 known = file_cache;
	u64 name = 0;

	if (known)
		return known == (u64)cache;
	bpf_probe_read_kernel_str(&name, sizeof(name), cache->name);
	if (name != FILE_CACHE_NAME)
		return false;
	file_cache = (u64)cache;
	return true;
}

SEC("tp_btf/kmem_cache_free")
int BPF_PROG(on_file_freed, unsigned long caller, const void *object, struct kmem_cache *cache)
{
	/* Without such a field the kernel refuses the program, as it must: there a file is given back later, by anyone. */
	u64 place = bpf_core_field_offset(struct file___v67, f_task_work);

	barrier_var(place);
	if (is_file_cache(cache))
		tell_written((u64)object, 0);
	return 0;
}
