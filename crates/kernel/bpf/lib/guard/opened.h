/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What behaviour the opening of a file is. Told by the file system and the path inside it, which are the same through
 * whatever mount and by whatever name a file is reached.
 */
#ifndef YAGURA_GUARD_OPENED_H
#define YAGURA_GUARD_OPENED_H

#include "act.h"
#include "rights.h"
#include "../descriptor.h"
#include "../pid.h"

/* include/uapi/linux/magic.h */
#define PROC_SUPER_MAGIC 0x9fa0
#define SYSFS_MAGIC 0x62656572
#define CGROUP_SUPER_MAGIC 0x27e0eb
#define CGROUP2_SUPER_MAGIC 0x63677270
#define DEBUGFS_MAGIC 0x64626720
#define TRACEFS_MAGIC 0x74726163
#define SECURITYFS_MAGIC 0x73636673
#define BINFMTFS_MAGIC 0x42494e4d
#define EFIVARFS_MAGIC 0xde5e81e4
#define TMPFS_MAGIC 0x01021994
#define DEVPTS_SUPER_MAGIC 0x1cd1
#define MQUEUE_MAGIC 0x19800202
/* include/uapi/linux/stat.h */
#define S_IFCHR 0020000
#define S_IFBLK 0060000
#define EXECUTABLE_BITS 0111
/* include/linux/kdev_t.h and Documentation/admin-guide/devices.txt: memory devices. */
#define KERNEL_DEVICE(major, minor) (((u32)(major) << DEVICE_MINOR_BITS) | (minor))
#define DEVICE_MEM KERNEL_DEVICE(1, 1)
#define DEVICE_KMEM KERNEL_DEVICE(1, 2)
#define DEVICE_PORT KERNEL_DEVICE(1, 4)
/* Not one of enum behaviour. */
#define BEHAVIOUR_NONE 0xff

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* Of an entry of /proc: what it is about (fs/proc/internal.h). */
struct proc_inode___guard {
	struct pid *pid;
	struct inode vfs_inode;
};

/* Of a cgroup's directory: its node. */
struct inode___node {
	struct kernfs_node *i_private;
};

#pragma clang attribute pop

struct opened {
	struct file *file;
	struct dentry *dentry;
	struct inode *inode;
	struct vfsmount *mnt;
	u64 magic;
	u32 mode; /* of the file */
	u32 kind; /* of the inode */
	bool writes;
};

/* Fills the walk with the path inside the file system. Global, so that it is verified once. */
__noinline int walk_inside(u64 dentry_address)
{
	struct dentry *dentry = (void *)dentry_address;
	struct walk *walk = get_walk();

	if (!walk)
		return 0;
	walk->start = PATH_BYTES_MAX;
	for (int step = 0; step < PATH_STEPS_MAX; step++) {
		struct dentry *parent = BPF_CORE_READ(dentry, d_parent);

		if (parent == dentry || !prepend(walk, dentry))
			break;
		dentry = parent;
	}
	return 0;
}

/* The first bytes of folders that matter on a host, as numbers in memory. */
#define FIRST_ETC 0x2f6374652fULL /* "/etc/" */
#define FIRST_ETC_MASK 0xffffffffffULL
#define FIRST_VAR_LIB 0x62696c2f7261762fULL /* "/var/lib" */
#define NEXT_KUBELET 0x74656c6562756b2fULL /* "/kubelet" */
#define NEXT_DOCKER 0x2f72656b636f642fULL /* "/docker/" */
#define NEXT_CONTAINE 0x656e6961746e6f63ULL /* "containe", behind a slash: containerd, containers */
#define FIRST_VAR_SPOOL 0x6f70732f7261762fULL /* "/var/spo" */
#define FIRST_VAR_LOG 0x676f6c2f7261762fULL /* "/var/log" */
#define FIRST_ROOT_SSH 0x732e2f746f6f722fULL /* "/root/.s" */
#define FIRST_USR_LIB 0x62696c2f7273752fULL /* "/usr/lib" */
#define NEXT_SYSTEMD 0x646d65747379732fULL /* "/systemd" */
/* Bytes of a path that are looked through for such folders. */
#define HOST_SCAN_BYTES 512

/* Eight bytes of the path; behind it is slack. */
static __always_inline u64 path_word(struct walk *walk, u32 at, u32 behind)
{
	return *(u64 *)&walk->text[at + behind];
}

/*
 * Where a host's own path begins in the path in the walk: a whole tree of a host's may stand in a folder of another, as
 * the root of a virtual machine, a chroot or a node in a container does. Storage of containers is none. Global: verified
 * once. Returns where the path begins if there is nothing of the kind.
 */
__noinline int find_host_path(void)
{
	struct walk *walk = get_walk();
	u32 start;

	if (!walk)
		return 0;
	start = walk->start;
	for (u32 i = 0; i < HOST_SCAN_BYTES; i++) {
		u32 at = (start + i) & (PATH_BYTES_MAX - 1);
		u64 word, next;

		/* The compiler must not forget the bound that it can prove and the verifier can't. */
		asm volatile("" : "+r"(at));
		at &= PATH_BYTES_MAX - 1;
		if (at < start)
			break;
		if (walk->text[at] != '/')
			continue;
		word = path_word(walk, at, 0);
		next = path_word(walk, at, 8);
		if (word == FIRST_VAR_LIB && (next == NEXT_DOCKER || path_word(walk, at, 9) == NEXT_CONTAINE))
			break;
		if ((word & FIRST_ETC_MASK) == FIRST_ETC || word == FIRST_VAR_SPOOL || word == FIRST_VAR_LOG ||
		    word == FIRST_ROOT_SSH || (word == FIRST_VAR_LIB && next == NEXT_KUBELET) ||
		    (word == FIRST_USR_LIB && next == NEXT_SYSTEMD))
			return at;
	}
	return start;
}

/* Whether folders of the host's own are to be expected there: volumes of other disks hold what their users put there. */
static __always_inline bool is_on_host_device(struct dentry *dentry)
{
	u32 zero = 0;
	struct host_root *host = bpf_map_lookup_elem(&host_roots, &zero);

	return (host && host->known && BPF_CORE_READ(dentry, d_sb, s_dev) == host->dev) ||
	       BPF_CORE_READ(dentry, d_sb, s_magic) == TMPFS_MAGIC;
}

static __always_inline void read_inside(struct dentry *dentry, struct inside *inside)
{
	struct walk *walk = get_walk();
	u32 start;

	if (!walk)
		return;
	walk_inside((u64)dentry);
	start = is_on_host_device(dentry) ? (u32)find_host_path() : walk->start;
	/* Behind the path is slack. */
	bpf_probe_read_kernel_str(inside->path, INSIDE_BYTES, &walk->text[start & (PATH_BYTES_MAX - 1)]);
	bpf_probe_read_kernel_str(inside->name, INSIDE_BYTES, BPF_CORE_READ(dentry, d_name.name));
}

static __always_inline bool begins(const char *text, const char *with, u32 bytes)
{
	for (u32 i = 0; i < bytes; i++)
		if (text[i] != with[i])
			return false;
	return true;
}

/* With the terminator: the whole text. */
#define IS(text, wanted) begins(text, wanted, sizeof(wanted))
#define BEGINS(text, wanted) begins(text, wanted, sizeof(wanted) - 1)

/* The process that an entry of /proc is about, zero if it is gone. */
static __always_inline u64 process_of_entry(struct inode *inode)
{
	struct proc_inode___guard *entry = (void *)inode - bpf_core_field_offset(struct proc_inode___guard, vfs_inode);

	return task_of_pid((u64)BPF_CORE_READ(entry, pid));
}

static __always_inline u32 behaviour_in_proc(struct opened *opened, struct inside *inside, struct guarded *member)
{
	if (IS(inside->path, "/kcore"))
		return BEHAVIOUR_KERNEL_MEMORY;
	if (!opened->writes)
		return BEHAVIOUR_NONE;
	if (IS(inside->name, "mem") && is_outside(process_of_entry(opened->inode), member))
		return BEHAVIOUR_PROCESS_OUTSIDE;
	if (IS(inside->path, "/sysrq-trigger"))
		return BEHAVIOUR_SYSRQ;
	if (!BEGINS(inside->path, "/sys/"))
		return BEHAVIOUR_NONE;
	if (IS(inside->path, "/sys/kernel/core_pattern"))
		return BEHAVIOUR_CORE_PATTERN;
	if (IS(inside->path, "/sys/kernel/modprobe"))
		return BEHAVIOUR_MODPROBE_PATH;
	if (IS(inside->path, "/sys/kernel/hotplug"))
		return BEHAVIOUR_UEVENT_HELPER;
	return BEHAVIOUR_KERNEL_SETTINGS;
}

/* Whether a cgroup's directory is below that in which the container began. */
static __always_inline bool is_below_home(struct dentry *directory, struct guarded *member)
{
	struct inode___node *inode = (void *)BPF_CORE_READ(directory, d_inode);
	struct kernfs_node *node = BPF_CORE_READ(inode, i_private);

	for (int level = 0; level < HOME_CGROUP_LEVELS_MAX && node; level++) {
		if (BPF_CORE_READ(node, id) == member->home_cgroup)
			return true;
		node = kernfs_parent(node);
	}
	return false;
}

static __always_inline u32 behaviour_in_cgroup(struct opened *opened, struct inside *inside, struct guarded *member)
{
	struct dentry *dentry = opened->dentry;

	if (!opened->writes)
		return BEHAVIOUR_NONE;
	if (IS(inside->name, "release_agent") || IS(inside->name, "notify_on_release"))
		return BEHAVIOUR_RELEASE_AGENT;
	if (opened->magic == CGROUP2_SUPER_MAGIC &&
	    (IS(inside->name, "cgroup.procs") || IS(inside->name, "cgroup.threads")) &&
	    !is_below_home(BPF_CORE_READ(dentry, d_parent), member))
		return BEHAVIOUR_CGROUP_EXIT;
	return BEHAVIOUR_NONE;
}

/* Files of the host's by their path in its file system; what may be a partition of its own is told without its folder too. */
static __always_inline u32 behaviour_on_host(struct opened *opened, struct inside *inside)
{
	if (BEGINS(inside->path, "/etc/kubernetes/") || BEGINS(inside->path, "/var/lib/kubelet/pki/") ||
	    BEGINS(inside->path, "/lib/kubelet/pki/") || IS(inside->path, "/var/lib/kubelet/config.yaml") ||
	    IS(inside->path, "/var/lib/kubelet/kubeconfig"))
		return BEHAVIOUR_KUBELET_FILES;
	if (!opened->writes)
		return BEHAVIOUR_NONE;
	if (BEGINS(inside->path, "/etc/cron") || BEGINS(inside->path, "/var/spool/cron") ||
	    BEGINS(inside->path, "/spool/cron") || BEGINS(inside->path, "/etc/systemd/") ||
	    BEGINS(inside->path, "/usr/lib/systemd/") || BEGINS(inside->path, "/etc/init.d/"))
		return BEHAVIOUR_HOST_JOBS;
	if (BEGINS(inside->path, "/etc/passwd") || BEGINS(inside->path, "/etc/shadow") ||
	    BEGINS(inside->path, "/etc/group") || BEGINS(inside->path, "/etc/sudoers") ||
	    BEGINS(inside->path, "/etc/ssh/") || BEGINS(inside->path, "/root/.ssh/") ||
	    BEGINS(inside->path, "/etc/pam.d/") || IS(inside->name, "authorized_keys"))
		return BEHAVIOUR_HOST_ACCOUNTS;
	if (BEGINS(inside->path, "/etc/ld.so."))
		return BEHAVIOUR_HOST_PRELOAD;
	return BEHAVIOUR_NONE;
}

/* Whether the file may be the host's: it is not in the container's root. The host's own root may be in memory. */
static __always_inline bool is_hosts(struct opened *opened, struct guarded *member)
{
	struct inode *inode = opened->inode;

	switch (opened->magic) {
	case OVERLAYFS_SUPER_MAGIC:
	case DEVPTS_SUPER_MAGIC:
	case MQUEUE_MAGIC:
		return false;
	}
	return BPF_CORE_READ(inode, i_sb, s_dev) != member->root_dev ||
	       !is_below((u64)opened->dentry, member->root_dentry);
}

/*
 * Whether a mount is of another mount namespace, and not of one that shows the container's own root: a process may have
 * made namespaces of its own.
 */
static __always_inline bool is_foreign(struct opened *opened, struct task_struct *task, struct guarded *member)
{
	struct mount *bottom;
	struct dentry *root;

	if (!is_of_other_namespace(opened->mnt, task))
		return false;
	bottom = (void *)visible_root((u64)opened->mnt);
	root = BPF_CORE_READ(bottom, mnt.mnt_root);
	return (u64)root != member->root_dentry;
}

static __always_inline u32 behaviour_of_node(struct opened *opened)
{
	struct inode *inode = opened->inode;
	u32 device;

	if (opened->mode & FMODE_PATH)
		return BEHAVIOUR_NONE;
	if ((opened->kind & S_IFMT) == S_IFBLK)
		return BEHAVIOUR_BLOCK_DEVICE;
	if ((opened->kind & S_IFMT) != S_IFCHR)
		return BEHAVIOUR_NONE;
	device = BPF_CORE_READ(inode, i_rdev);
	if (device == DEVICE_MEM || device == DEVICE_KMEM || device == DEVICE_PORT)
		return BEHAVIOUR_KERNEL_MEMORY;
	return BEHAVIOUR_NONE;
}

static __always_inline u32 behaviour_by_place(struct opened *opened, struct inside *inside, struct guarded *member)
{
	switch (opened->magic) {
	case PROC_SUPER_MAGIC:
		return behaviour_in_proc(opened, inside, member);
	case CGROUP_SUPER_MAGIC:
	case CGROUP2_SUPER_MAGIC:
		return behaviour_in_cgroup(opened, inside, member);
	case BINFMTFS_MAGIC:
		return opened->writes ? BEHAVIOUR_BINFMT_MISC : BEHAVIOUR_NONE;
	case SYSFS_MAGIC:
		if (opened->writes && IS(inside->path, "/kernel/uevent_helper"))
			return BEHAVIOUR_UEVENT_HELPER;
		return opened->writes ? BEHAVIOUR_KERNEL_SETTINGS : BEHAVIOUR_NONE;
	case DEBUGFS_MAGIC:
	case TRACEFS_MAGIC:
	case SECURITYFS_MAGIC:
	case EFIVARFS_MAGIC:
		return opened->writes ? BEHAVIOUR_KERNEL_SETTINGS : BEHAVIOUR_NONE;
	}
	return is_hosts(opened, member) ? behaviour_on_host(opened, inside) : BEHAVIOUR_NONE;
}

static __always_inline void see_opened(struct file *file, struct opened *opened)
{
	struct seen_file seen = {};
	struct inode *inode;

	see_file(file, &seen);
	inode = seen.inode;
	opened->file = file;
	opened->dentry = seen.dentry;
	opened->mnt = seen.mnt;
	opened->inode = inode;
	opened->mode = BPF_CORE_READ(file, f_mode);
	opened->kind = BPF_CORE_READ(inode, i_mode);
	opened->magic = BPF_CORE_READ(inode, i_sb, s_magic);
	opened->writes = opened->mode & FMODE_WRITE;
}

/* Judges a file that was opened. Returns whether it is denied. */
static __always_inline bool judge_opened(struct guard_case *matter, struct file *file)
{
	struct guard_scratch *scratch = guard_scratch();
	struct opened opened = {};
	u32 number;

	if (!matter->row->any)
		return false;
	see_opened(file, &opened);
	if (!opened.inode || !scratch)
		return false;
	if (is_foreign(&opened, matter->task, matter->member)) {
		number = BEHAVIOUR_HOST_ROOT;
		if (opened.writes && (opened.kind & EXECUTABLE_BITS) && (opened.kind & S_IFMT) == S_IFREG)
			number = BEHAVIOUR_RUNTIME_BINARY;
		if (on_behaviour(matter, number, (u64)file))
			return true;
	}
	number = behaviour_of_node(&opened);
	/* Most files are an image's: no place in an overlay is one of the host's, and paths are dear. */
	if (number == BEHAVIOUR_NONE && !(opened.mode & FMODE_PATH) && opened.magic != OVERLAYFS_SUPER_MAGIC) {
		read_inside(opened.dentry, &scratch->inside);
		number = behaviour_by_place(&opened, &scratch->inside, matter->member);
	}
	return number != BEHAVIOUR_NONE && on_behaviour(matter, number, (u64)file);
}

#endif
