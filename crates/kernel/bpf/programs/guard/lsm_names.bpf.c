/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A name is made for what is there already, or for a path: no opening shows it. */

/* A pointer of the kernel's is no number to the verifier until it has been read. */
static __always_inline struct dentry *as_entry(struct dentry *dentry)
{
	struct dentry *address = NULL;

	bpf_probe_read_kernel(&address, sizeof(address), &dentry);
	return address;
}

/*
 * Whether an overlay acts on its layers, which it does by the rights of who mounted it: the name in the overlay itself was
 * judged before, and a layer may be kept anywhere on the host.
 */
static __always_inline bool is_by_overlay(struct task_struct *task)
{
	return BPF_CORE_READ(task, cred) != BPF_CORE_READ(task, real_cred);
}

/* A name for a file, or for a symbolic link. */
static __always_inline int refuse_name(struct dentry *dentry, bool is_link)
{
	struct guard_case matter = {};

	if (!begin_case(bpf_get_current_task_btf(), MEANS_BPF_LSM, &matter) || is_by_overlay(matter.task))
		return 0;
	dentry = as_entry(dentry);
	return answer((is_link && judge_link(&matter, dentry)) || judge_name(&matter, dentry));
}

static __always_inline bool is_link(struct dentry *dentry)
{
	return (BPF_CORE_READ(dentry, d_inode, i_mode) & S_IFMT) == S_IFLNK;
}

SEC("lsm/inode_symlink")
int BPF_PROG(enforce_symlink, struct inode *folder, struct dentry *dentry)
{
	return refuse_name(dentry, true);
}

SEC("lsm/inode_link")
int BPF_PROG(enforce_link, struct dentry *file, struct inode *folder, struct dentry *dentry)
{
	return refuse_name(dentry, is_link(file));
}

SEC("lsm/inode_rename")
int BPF_PROG(enforce_rename, struct inode *old_folder, struct dentry *old, struct inode *folder, struct dentry *dentry)
{
	return refuse_name(dentry, is_link(old));
}
