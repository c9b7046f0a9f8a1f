/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Records are put together in memory of the CPU and then sent whole. */
#ifndef YAGURA_EMIT_H
#define YAGURA_EMIT_H

#include "process.h"
#include "stream.h"

/* Longest tail of a record: two paths of files, filename, interpreter, working directory, arguments,
 * environment.
 */
#define TAIL_BYTES_MAX 16384
#define TAIL_MASK (TAIL_BYTES_MAX - 1)

struct scratch {
	union {
		struct exec_record exec;
		struct file_event_record file_event;
	};
	/* The slack lets the verifier see that the longest string fits behind any masked offset. */
	char tail[TAIL_BYTES_MAX + ARGV_BYTES_MAX];
	u32 tail_bytes;
	u64 root_dentry; /* of the process's mount namespace, for the records of calls */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

static __always_inline struct scratch *get_scratch(void)
{
	u32 slot = memory_slot();

	return bpf_map_lookup_elem(&scratches, &slot);
}

/* Appends the path; returns its bytes and adds to the file's flags. */
static __always_inline u32 append_path(struct scratch *scratch, struct dentry *dentry, struct vfsmount *mnt, u32 *flags,
				       struct dentry *root)
{
	struct walk *walk;
	u32 start;
	u32 bytes;

	walk_path((u64)dentry, (u64)mnt);
	walk = get_walk();
	if (!walk)
		return 0;
	start = walk->start & (PATH_BYTES_MAX - 1);
	bytes = PATH_BYTES_MAX - start;
	if (walk->start >= PATH_BYTES_MAX)
		bytes = 0;
	*flags |= walk->flags;
	if (BPF_CORE_READ(mnt, mnt_root) != root)
		*flags |= FILE_OTHER_MOUNT;
	bpf_probe_read_kernel(&scratch->tail[scratch->tail_bytes & TAIL_MASK], bytes & (2 * PATH_BYTES_MAX - 1),
			      &walk->text[start]);
	scratch->tail_bytes += bytes;
	return bytes;
}

/* A file without a file system has a name, but no path. */
static __always_inline u32 append_name(struct scratch *scratch, struct dentry *dentry)
{
	u32 bytes = BPF_CORE_READ(dentry, d_name.len);

	if (bytes >= NAME_BYTES_MAX)
		bytes = NAME_BYTES_MAX - 1;
	bpf_probe_read_kernel(&scratch->tail[scratch->tail_bytes & TAIL_MASK], bytes & (NAME_BYTES_MAX - 1),
			      BPF_CORE_READ(dentry, d_name.name));
	scratch->tail_bytes += bytes;
	return bytes;
}

static __always_inline void append_file(struct scratch *scratch, struct seen_file *seen, struct task_state *state,
					struct dentry *root, struct file_record *record)
{
	fill_file(seen, state, record);
	if (record->flags & FILE_MEMFD)
		record->path_bytes = append_name(scratch, seen->dentry);
	else
		record->path_bytes = append_path(scratch, seen->dentry, seen->mnt, &record->flags, root);
}

/* Appends a string of the kernel's; returns its bytes without terminator. */
static __always_inline u32 append_kernel_string(struct scratch *scratch, const char *text)
{
	long bytes = bpf_probe_read_kernel_str(&scratch->tail[scratch->tail_bytes & TAIL_MASK], PATH_BYTES_MAX, text);

	if (bytes <= 1)
		return 0;
	scratch->tail_bytes += bytes - 1;
	return bytes - 1;
}

/* How soon the reader must see a record. */
enum urgency {
	/* With the next one that is urgent, when the ring begins to fill, or when the reader looks by itself. */
	CONVENIENT,
	/* At once: somebody may have to be told, and a process may end before its file can be read. */
	URGENT,
};

/* Records that are not urgent one by one, sent by a CPU, wake the reader at most so often; it looks again that long after waking. */
#define CALL_WAKE_NS 1000000

/*
 * How the reader is woken for programs of the image and for calls in volume. They have come through every filter, so they
 * are wanted soon; but a flood of them must not wake it for each.
 */
static __always_inline enum urgency call_urgency(u64 now)
{
	u32 zero = 0;
	u64 *last = bpf_map_lookup_elem(&call_wakes, &zero);

	if (!last || now - *last < CALL_WAKE_NS)
		return CONVENIENT;
	*last = now;
	return URGENT;
}

/* include/uapi/linux/bpf.h */
#define BPF_RB_NO_WAKEUP 1
#define BPF_RB_FORCE_WAKEUP 2
#define BPF_RB_AVAIL_DATA 0
/* A ring wakes its reader when this part of it is waiting. */
#define RING_PART_WAITING 8

/*
 * Waking the reader costs the process that is observed a switch to another task, more than all else here. Nearly
 * every record tells of something that is the image's: those are read in batches.
 */
static __always_inline void send(void *ring, u32 ring_bytes, u32 place, void *record, u64 bytes, enum urgency urgency)
{
	u64 flags = BPF_RB_NO_WAKEUP;

	if (urgency == URGENT || bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA) > ring_bytes / RING_PART_WAITING)
		flags = BPF_RB_FORCE_WAKEUP;
	if (bpf_ringbuf_output(ring, record, bytes, flags))
		count_loss(place);
}

static __always_inline void send_exec_class(void *record, u64 bytes, enum urgency urgency)
{
	send(&exec_ring, EXEC_RING_BYTES, LOSS_EXEC_RING, record, bytes, urgency);
}

static __always_inline void send_volume(void *record, u64 bytes)
{
	send(&volume_ring, VOLUME_RING_BYTES, LOSS_VOLUME_RING, record, bytes, CONVENIENT);
}

/* Sends a record whose fixed part is at the end of the scratch's head, so that the tail follows it directly. */
static __always_inline void send_with_tail(struct scratch *scratch, struct record_header *header, u32 fixed_bytes,
					   enum urgency urgency)
{
	u32 bytes = fixed_bytes + (scratch->tail_bytes & TAIL_MASK);

	header->size = bytes;
	send_exec_class(header, bytes, urgency);
}

/* A file was mapped executable or opened by an interpreter. */
static __always_inline void send_file_event(struct task_struct *task, struct task_state *state, u16 kind,
					    struct seen_file *seen, u32 file_flags)
{
	struct scratch *scratch = get_scratch();
	struct namespace_root root = {};
	struct file_event_record *record;

	if (!scratch)
		return;
	if (!find_namespace_root(task, &root))
		return;
	/* At the end of the head: the tail must follow. */
	record = (void *)&scratch->exec + sizeof(struct exec_record) - sizeof(*record);
	__builtin_memset(record, 0, sizeof(*record));
	scratch->tail_bytes = 0;
	fill_header(task, state, kind, &record->header);
	fill_root(task, &root, &record->header, &record->root);
	record->file.flags = file_flags;
	append_file(scratch, seen, state, root.dentry, &record->file);
	send_with_tail(scratch, &record->header, sizeof(*record), URGENT);
}

#endif
