/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * One program for each hook: what a row denies is refused before it takes effect. A refusal that came before from another
 * module stands. Hooks that a kernel lacks are left out and told (src/guard/programs.rs).
 */

/* include/uapi/asm-generic/errno-base.h */
#define EPERM 1
#define ENOMEM 12
/* include/uapi/asm-generic/mman-common.h */
#define PROT_EXEC 0x4
/* include/linux/ptrace.h */
#define PTRACE_MODE_ATTACH 0x02
/* Bytes of the name of an anonymous file that are compared. */
#define ANONYMOUS_NAME_BYTES 16

static __always_inline int answer(bool is_denied)
{
	return is_denied ? -EPERM : 0;
}

/* A pointer of the kernel's is no number to the verifier until it has been read. */
static __always_inline struct file *as_address(struct file *file)
{
	struct file *address = NULL;

	bpf_probe_read_kernel(&address, sizeof(address), &file);
	return address;
}

/* The call that the current thread makes. */
static __always_inline u32 current_call(void)
{
	struct task_struct *task = bpf_get_current_task_btf();

	return call_of(task, (struct pt_regs *)bpf_task_pt_regs(task));
}

/* A behaviour that the hook is by itself. */
static __always_inline int refuse(u32 number)
{
	struct guard_case matter = {};

	if (!begin_case(bpf_get_current_task_btf(), MEANS_BPF_LSM, &matter))
		return 0;
	return answer(on_behaviour(&matter, number, 0));
}

/* A program for a hook that is one behaviour, whatever its arguments are. */
#define REFUSE(name, hook, number)     \
	SEC("lsm/" #hook)              \
	int name(void *context)        \
	{                              \
		return refuse(number); \
	}

REFUSE(enforce_mount, sb_mount, BEHAVIOUR_MOUNT)
REFUSE(enforce_move_mount, move_mount, BEHAVIOUR_MOUNT)
REFUSE(enforce_remount, sb_remount, BEHAVIOUR_MOUNT)
REFUSE(enforce_pivot_root, sb_pivotroot, BEHAVIOUR_PIVOT_ROOT)
REFUSE(enforce_bpf, bpf, BEHAVIOUR_BPF)
REFUSE(enforce_perf, perf_event_open, BEHAVIOUR_PERF_EVENT)
REFUSE(enforce_user_namespace, userns_create, BEHAVIOUR_NAMESPACE_CREATION)
REFUSE(enforce_key_alloc, key_alloc, BEHAVIOUR_KEYRING)
REFUSE(enforce_key, key_permission, BEHAVIOUR_KEYRING)
REFUSE(enforce_uring_poll, uring_sqpoll, BEHAVIOUR_IO_URING)
REFUSE(enforce_uring_creds, uring_override_creds, BEHAVIOUR_IO_URING)

SEC("lsm/bprm_check_security")
int BPF_PROG(enforce_exec, struct linux_binprm *bprm)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct file *file = BPF_CORE_READ(bprm, file);
	struct guard_case matter = {};
	struct namespace_root root = {};
	u32 kind = DRIFT_BINARIES;
	char head[2] = {};
	bool is_denied;

	/* The container's first program: it belongs to it from here on. */
	if (!current_member(task) &&
	    (!find_namespace_root(task, &root) || is_host_root(&root) || !make_member(task, &root)))
		return 0;
	if (!begin_case(task, MEANS_BPF_LSM, &matter))
		return 0;
	if (judge_program(&matter, file))
		return -EPERM;
	bpf_core_read(head, sizeof(head), &bprm->buf);
	/* The script is asked about first, then its interpreter. */
	if (head[0] == '#' && head[1] == '!')
		kind = DRIFT_SCRIPTS;
	tell_intact(matter.member, bprm->file->f_path.dentry);
	is_denied = on_drift(&matter, kind, file);
	forget_intact(matter.member);
	return answer(is_denied);
}

/* A mapping of a file that may be executed. */
static __always_inline int judge_mapped(struct guard_case *matter, struct file *file)
{
	bool is_denied;

	tell_intact(matter->member, file->f_path.dentry);
	is_denied = on_mapped(matter, as_address(file));
	forget_intact(matter->member);
	return answer(is_denied);
}

SEC("lsm/mmap_file")
int BPF_PROG(enforce_mmap, struct file *file, unsigned long asked, unsigned long prot)
{
	struct guard_case matter = {};

	if (!file || !(prot & PROT_EXEC) || !begin_case(bpf_get_current_task_btf(), MEANS_BPF_LSM, &matter))
		return 0;
	return judge_mapped(&matter, file);
}

SEC("lsm/file_mprotect")
int BPF_PROG(enforce_mprotect, struct vm_area_struct *vma, unsigned long asked, unsigned long prot)
{
	struct guard_case matter = {};
	struct file *file = vma->vm_file;

	if (!file || !(prot & PROT_EXEC) || !begin_case(bpf_get_current_task_btf(), MEANS_BPF_LSM, &matter))
		return 0;
	return judge_mapped(&matter, file);
}

SEC("lsm/file_open")
int BPF_PROG(enforce_open, struct file *file)
{
	bool is_noted = !may_write_unseen(file) || note_written(file->f_path.dentry->d_inode);
	struct guard_case matter = {};
	struct file *address;
	bool is_denied;

	if (!begin_case(bpf_get_current_task_btf(), MEANS_BPF_LSM, &matter))
		return 0;
	if (!is_noted)
		return -ENOMEM;
	address = as_address(file);
	if (judge_opened(&matter, address))
		return -EPERM;
	if (!is_given_script(matter.member, address))
		return 0;
	tell_intact(matter.member, file->f_path.dentry);
	is_denied = on_drift(&matter, DRIFT_SCRIPTS, address);
	forget_intact(matter.member);
	return answer(is_denied);
}

/* A container may not do what could not be noted. */
static __always_inline int unless_unnoted(bool is_noted)
{
	return is_noted || !current_member(bpf_get_current_task_btf()) ? 0 : -ENOMEM;
}

SEC("lsm/path_truncate")
int BPF_PROG(note_truncated, const struct path *path)
{
	return unless_unnoted(note_written(path->dentry->d_inode));
}

/* Linux 6.2 and later: truncations by descriptor. */
SEC("lsm/file_truncate")
int BPF_PROG(note_file_truncated, struct file *file)
{
	return unless_unnoted(note_written(file->f_path.dentry->d_inode));
}

/* Every read and write of the machine comes here. */
SEC("lsm/file_permission")
int BPF_PROG(enforce_transfer, struct file *file, int mask)
{
	struct guard_case matter = {};

	if (mask & MAY_WRITE)
		return unless_unnoted(note_written(file->f_path.dentry->d_inode));
	/* Pages of a file that may only be read go into a pipe. */
	if (current_call() != CALL_SPLICE || (file->f_mode & FMODE_WRITE) ||
	    (file->f_inode->i_mode & S_IFMT) != S_IFREG ||
	    !begin_case(bpf_get_current_task_btf(), MEANS_BPF_LSM, &matter))
		return 0;
	return answer(on_behaviour(&matter, BEHAVIOUR_SPLICE_READ_ONLY, (u64)as_address(file)));
}

SEC("lsm/inode_copy_up")
int BPF_PROG(note_copy_up, struct dentry *dentry)
{
	note_copied_up(dentry);
	return 0;
}

/* A character device without a number is a whiteout: overlays leave one where a file of the image is removed. */
static __always_inline bool is_device(unsigned int mode, unsigned int device)
{
	return (mode & S_IFMT) == S_IFBLK || ((mode & S_IFMT) == S_IFCHR && device != 0);
}

SEC("lsm/path_mknod")
int BPF_PROG(enforce_node, const struct path *directory, struct dentry *dentry, unsigned int mode, unsigned int device)
{
	return is_device(mode, device) ? refuse(BEHAVIOUR_DEVICE_NODE) : 0;
}

SEC("lsm/inode_mknod")
int BPF_PROG(enforce_inode_node, struct inode *directory, struct dentry *dentry, unsigned int mode, unsigned int device)
{
	return is_device(mode, device) ? refuse(BEHAVIOUR_DEVICE_NODE) : 0;
}

SEC("lsm/ptrace_access_check")
int BPF_PROG(enforce_ptrace, struct task_struct *child, unsigned int mode)
{
	struct guard_case matter = {};
	u64 address = 0;

	if (!begin_case(bpf_get_current_task_btf(), MEANS_BPF_LSM, &matter))
		return 0;
	/* A pointer of the kernel's is no number to the verifier until it has been read. */
	bpf_probe_read_kernel(&address, sizeof(address), &child);
	if (!(mode & PTRACE_MODE_ATTACH))
		return 0;
	if (is_outside(address, matter.member) && on_behaviour(&matter, BEHAVIOUR_PROCESS_OUTSIDE, 0))
		return -EPERM;
	return answer(current_call() == CALL_PROCESS_VM_WRITEV && on_behaviour(&matter, BEHAVIOUR_PROCESS_MEMORY, 0));
}

/* include/linux/kernel_read_file.h */
enum kernel_read {
	READ_MODULE = 2,
	READ_KEXEC_IMAGE = 3,
	READ_KEXEC_INITRAMFS = 4,
};

static __always_inline int refuse_read(u32 id)
{
	if (id == READ_MODULE)
		return refuse(BEHAVIOUR_KERNEL_MODULE);
	if (id == READ_KEXEC_IMAGE || id == READ_KEXEC_INITRAMFS)
		return refuse(BEHAVIOUR_KEXEC);
	return 0;
}

SEC("lsm/kernel_read_file")
int BPF_PROG(enforce_read_file, struct file *file, u32 id)
{
	return refuse_read(id);
}

SEC("lsm/kernel_load_data")
int BPF_PROG(enforce_load_data, u32 id)
{
	return refuse_read(id);
}

SEC("lsm/unix_stream_connect")
int BPF_PROG(enforce_unix, struct sock___guard *sk, struct sock___guard *other)
{
	struct guard_case matter = {};

	if (!begin_case(bpf_get_current_task_btf(), MEANS_BPF_LSM, &matter))
		return 0;
	return answer(judge_peer(&matter, other));
}

/* Calls that have no hook of their own ask for a capability. */
static __always_inline u32 behaviour_by_right(u32 call)
{
	switch (call) {
	case CALL_SETNS:
		return BEHAVIOUR_NAMESPACE_ENTRY;
	case CALL_UNSHARE:
	case CALL_CLONE:
		return BEHAVIOUR_NAMESPACE_CREATION;
	case CALL_FSOPEN:
	case CALL_FSPICK:
	case CALL_FSCONFIG:
	case CALL_FSMOUNT:
		return BEHAVIOUR_FILESYSTEM_CONTEXT;
	case CALL_OPEN_BY_HANDLE_AT:
		return BEHAVIOUR_FILE_HANDLE;
	case CALL_IOPL:
	case CALL_IOPERM:
		return BEHAVIOUR_PORT_ACCESS;
	case CALL_KEXEC_LOAD:
	case CALL_KEXEC_FILE_LOAD:
		return BEHAVIOUR_KEXEC;
	case CALL_INIT_MODULE:
	case CALL_FINIT_MODULE:
		return BEHAVIOUR_KERNEL_MODULE;
	default:
		return BEHAVIOUR_NONE;
	}
}

SEC("lsm/capable")
int enforce_right(void *context)
{
	struct guard_case matter = {};
	u32 number;

	if (!begin_case(bpf_get_current_task_btf(), MEANS_BPF_LSM, &matter))
		return 0;
	number = behaviour_by_right(current_call());
	return number == BEHAVIOUR_NONE ? 0 : answer(on_behaviour(&matter, number, 0));
}

SEC("lsm/inode_init_security_anon")
int BPF_PROG(enforce_anonymous, struct inode *inode, const struct qstr *name)
{
	char text[ANONYMOUS_NAME_BYTES] = {};

	bpf_probe_read_kernel_str(text, sizeof(text), BPF_CORE_READ(name, name));
	if (begins(text, "[userfaultfd]", 13))
		return refuse(BEHAVIOUR_USERFAULTFD);
	if (begins(text, "[io_uring]", 10))
		return refuse(BEHAVIOUR_IO_URING);
	return 0;
}

/* Judges the rights that the current thread is about to get. */
static __always_inline int refuse_gain(const struct cred *cred, struct file *file)
{
	struct guard_case matter = {};
	struct guard_rights next = {};

	if (!begin_case(bpf_get_current_task_btf(), MEANS_BPF_LSM, &matter))
		return 0;
	rights_of(cred, &next);
	if (!is_gain(&matter.member->rights, &next))
		return 0;
	return answer(on_behaviour(&matter, BEHAVIOUR_PRIVILEGE_GAIN, (u64)file));
}

SEC("lsm/bprm_creds_from_file")
int BPF_PROG(enforce_program_rights, struct linux_binprm *bprm)
{
	return refuse_gain(BPF_CORE_READ(bprm, cred), BPF_CORE_READ(bprm, file));
}

SEC("lsm/task_fix_setuid")
int BPF_PROG(enforce_rights, struct cred *next)
{
	return refuse_gain(next, NULL);
}

/* Rights that came by no lawful way: whoever has them is ended. */
SEC("tp_btf/sys_exit")
int BPF_PROG(enforce_integrity, struct pt_regs *regs, s64 ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct guarded *member = bpf_task_storage_get(&guarded, task, NULL, 0);
	struct guard_case matter = {};

	if (!member)
		return 0;
	/* What a call gains was asked about before. */
	if (is_lawful_change(call_of(task, regs))) {
		note_lawful(task, member);
		return 0;
	}
	if ((member->flags & MEMBER_TOLD_INTEGRITY) || !has_more(task, member) ||
	    !begin_case(task, MEANS_KILL_AT_CALL, &matter))
		return 0;
	member->flags |= MEMBER_TOLD_INTEGRITY;
	on_behaviour(&matter, BEHAVIOUR_INTEGRITY, 0);
	return 0;
}
