/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Records from the kernel side to user space: a fixed part, then byte strings in the order of their lengths.
 * The same sizes and offsets are asserted in src/records.rs. Change both, and RECORD_VERSION.
 */
#ifndef YAGURA_RECORDS_H
#define YAGURA_RECORDS_H

#define RECORD_VERSION 2

enum record_kind {
	RECORD_EXEC = 1,
	RECORD_MAP = 2,
	RECORD_SCRIPT = 3,
	RECORD_CREDENTIALS = 4,
	RECORD_NAMESPACES = 5,
	RECORD_EXIT = 6,
	RECORD_CALL = 7,
	RECORD_WRITTEN = 8,
	RECORD_DENIAL = 9,
};

/* System calls: event::Call. Never used again for another call. */
enum call_number {
	CALL_OPEN = 1,
	CALL_OPENAT = 2,
	CALL_OPENAT2 = 3,
	CALL_CREAT = 4,
	CALL_OPEN_BY_HANDLE_AT = 5,
	CALL_RENAME = 10,
	CALL_RENAMEAT = 11,
	CALL_RENAMEAT2 = 12,
	CALL_LINK = 13,
	CALL_LINKAT = 14,
	CALL_SYMLINK = 15,
	CALL_SYMLINKAT = 16,
	CALL_UNLINK = 17,
	CALL_UNLINKAT = 18,
	CALL_RMDIR = 19,
	CALL_MKDIR = 20,
	CALL_MKDIRAT = 21,
	CALL_MKNOD = 22,
	CALL_MKNODAT = 23,
	CALL_CHMOD = 24,
	CALL_FCHMOD = 25,
	CALL_FCHMODAT = 26,
	CALL_FCHMODAT2 = 27,
	CALL_CHOWN = 28,
	CALL_LCHOWN = 29,
	CALL_FCHOWN = 30,
	CALL_FCHOWNAT = 31,
	CALL_SETXATTR = 32,
	CALL_LSETXATTR = 33,
	CALL_FSETXATTR = 34,
	CALL_TRUNCATE = 35,
	CALL_CHROOT = 36,
	CALL_MOUNT = 40,
	CALL_UMOUNT2 = 41,
	CALL_MOVE_MOUNT = 42,
	CALL_FSOPEN = 43,
	CALL_FSCONFIG = 44,
	CALL_FSMOUNT = 45,
	CALL_OPEN_TREE = 46,
	CALL_PIVOT_ROOT = 47,
	CALL_UNSHARE = 50,
	CALL_SETNS = 51,
	CALL_PTRACE = 52,
	CALL_PROCESS_VM_WRITEV = 53,
	CALL_PROCESS_VM_READV = 54,
	CALL_KILL = 55,
	CALL_TKILL = 56,
	CALL_TGKILL = 57,
	CALL_PIDFD_SEND_SIGNAL = 58,
	CALL_MEMFD_CREATE = 60,
	CALL_PRCTL = 61,
	CALL_INIT_MODULE = 62,
	CALL_FINIT_MODULE = 63,
	CALL_DELETE_MODULE = 64,
	CALL_BPF = 65,
	CALL_PERF_EVENT_OPEN = 66,
	CALL_KEYCTL = 67,
	CALL_ADD_KEY = 68,
	CALL_REQUEST_KEY = 69,
	CALL_SPLICE = 70,
	CALL_VMSPLICE = 71,
	CALL_IO_URING_SETUP = 72,
	CALL_USERFAULTFD = 73,
	CALL_CAPSET = 74,
	CALL_SETUID = 75,
	CALL_SETGID = 76,
	CALL_SETREUID = 77,
	CALL_SETREGID = 78,
	CALL_SETRESUID = 79,
	CALL_SETRESGID = 80,
	CALL_KEXEC_LOAD = 81,
	CALL_KEXEC_FILE_LOAD = 82,
	CALL_IOPL = 83,
	CALL_IOPERM = 84,
	CALL_DUP = 90,
	CALL_DUP2 = 91,
	CALL_DUP3 = 92,
	CALL_FCNTL = 93,
	CALL_SOCKET = 100,
	CALL_CONNECT = 101,
	CALL_BIND = 102,
	CALL_LISTEN = 103,
	CALL_ACCEPT = 104,
	CALL_ACCEPT4 = 105,
	CALL_SENDTO = 106,
	CALL_SENDMSG = 107,
	CALL_RECVFROM = 108,
	CALL_RECVMSG = 109,
};
/* Greater than every number of a call. */
#define CALLS_MAX 128

/* Process flags: event::BaseFlags. */
enum base_flag {
	BASE_EXISTING = 1 << 0,
	BASE_RUNTIME_STAGE = 1 << 1,
	BASE_CHROOT = 1 << 2,
	BASE_HOST_ROOT = 1 << 3,
	BASE_INIT = 1 << 4,
	BASE_ENTERED = 1 << 5,
	BASE_INTERPRETER = 1 << 6,
	BASE_EXE_DELETED = 1 << 7,
};

/* File flags: event::FileFlags. */
enum file_flag {
	FILE_OVERLAY = 1 << 0,
	FILE_UPPER = 1 << 1,
	FILE_MEMFD = 1 << 2,
	FILE_DELETED = 1 << 3,
	FILE_BELOW_ROOT = 1 << 4,
	FILE_BEING_WRITTEN = 1 << 5,
	FILE_PATH_TRUNCATED = 1 << 6,
	FILE_OTHER_MOUNT = 1 << 7,
	FILE_UNREACHABLE = 1 << 8,
	FILE_STDIN = 1 << 9,
	FILE_BY_DESCRIPTOR = 1 << 10,
	FILE_READ_ONLY_MOUNT = 1 << 11,
	FILE_OTHER_NAMESPACE = 1 << 12,
	/* Only in records: there is a file at all, and its writer is known. */
	FILE_PRESENT = 1 << 30,
	FILE_WRITER_KNOWN = 1 << 31,
};

/* Bytes of a path kept; longer ones are cut at the front and flagged. */
#define PATH_BYTES_MAX 1024
/* Bytes of all arguments kept, with their terminators; more are cut and flagged. */
#define ARGV_BYTES_MAX 4096
/* Bytes of the environment kept; more are cut and flagged. */
#define ENVIRONMENT_BYTES_MAX 2048
/* Bytes of what was sent or received that a record keeps at most. */
#define DATA_BYTES_MAX 1024
/* include/linux/sched.h TASK_COMM_LEN */
#define NAME_BYTES 16
#define STREAMS 3
#define CALL_ARGUMENTS 6
/* struct in6_addr; an IPv4 address is written as ::ffff:a.b.c.d. */
#define ADDRESS_BYTES 16

/* One program in one process. */
struct program_key {
	__u32 pid;
	__u32 reserved;
	__u64 exec_ns;
};

struct record_header {
	__u16 kind;
	__u16 version;
	__u32 size; /* of the whole record in bytes */
	__u64 time_ns;
	__u64 container;
	__u64 cgroup;
	__u64 start_ns; /* of the process */
	struct program_key program;
	__u32 pid;
	__u32 flags;
};

struct root_record {
	__u64 ino;
	__u32 dev;
	__u32 magic;
};

struct credentials_record {
	__u32 uid;
	__u32 gid;
	__u32 euid;
	__u32 egid;
	__u32 login_uid;
	__u32 reserved;
	__u64 capabilities;
};

struct namespaces_record {
	__u32 mount;
	__u32 pid;
	__u32 user;
	__u32 reserved;
};

struct file_record {
	__u64 ino;
	__u32 dev;
	__u32 generation;
	__s64 ctime_ns;
	__s64 mtime_ns;
	__u64 size;
	__u32 mode;
	__u32 links;
	__u32 uid;
	__u32 magic;
	__u32 flags;
	__u32 path_bytes;
	struct program_key writer;
	__u64 writer_time_ns;
};

/* What a descriptor leads to: event::StreamKind. */
enum stream_kind {
	STREAM_NONE = 0,
	STREAM_FILE = 1,
	STREAM_PIPE = 2,
	STREAM_SOCKET = 3,
	STREAM_TERMINAL = 4,
	STREAM_OTHER = 5,
};

/* One of a program's standard streams. */
struct stream_record {
	__u64 ino; /* of terminals the device number */
	__u8 remote[ADDRESS_BYTES];
	__u16 remote_port;
	__u16 has_remote;
	__u32 kind; /* of enum stream_kind */
};

/*
 * Followed by: path of file, path of standard input, filename, interpreter, working directory, arguments, environment.
 */
struct exec_record {
	struct record_header header;
	struct program_key started_from;
	__u64 parent_start_ns;
	__u32 parent_pid;
	__u32 inner_pid;
	__u32 session;
	__u32 tty; /* device number as in /proc/PID/stat */
	__u32 process_group;
	__u32 reserved;
	char name[NAME_BYTES];
	struct stream_record streams[STREAMS];
	struct credentials_record credentials;
	struct namespaces_record namespaces;
	struct root_record root;
	struct file_record file;
	struct file_record standard_input;
	__u32 filename_bytes;
	__u32 interpreter_bytes;
	__u32 cwd_bytes;
	__u32 argv_bytes;
	__u32 argv_truncated;
	__u32 environment_bytes;
	__u32 environment_truncated;
	__u32 reserved_end;
};

/* Map, script and written records. Followed by: path of file. */
struct file_event_record {
	struct record_header header;
	struct root_record root;
	struct file_record file;
};

struct credentials_event_record {
	struct record_header header;
	struct credentials_record credentials;
};

struct namespaces_event_record {
	struct record_header header;
	struct namespaces_record namespaces;
	struct root_record root;
};

struct exit_record {
	struct record_header header;
	__s32 status;
	__u32 reserved;
};

/* Which parts of a call's record are there. */
enum call_flag {
	CALL_HAS_SOCKET = 1 << 0,
	CALL_HAS_TARGET = 1 << 1,
	CALL_HAS_OPEN_KEY = 1 << 2,
};

enum socket_flag {
	SOCKET_SERVER = 1 << 0,
	SOCKET_LOCAL = 1 << 1,
	SOCKET_REMOTE = 1 << 2,
};

struct socket_record {
	__u64 ino;
	__u16 family;
	__u16 kind;
	__u16 protocol;
	__u16 flags; /* of enum socket_flag */
	__u8 local[ADDRESS_BYTES];
	__u8 remote[ADDRESS_BYTES];
	__u16 local_port; /* ports in host order */
	__u16 remote_port;
	__u32 reserved;
};

struct target_record {
	__u32 pid;
	__u32 reserved;
	__u64 start_ns;
	__u64 container;
};

/* What an open was for: event::OpenClass. */
enum open_class {
	OPEN_READ = 0,
	OPEN_WRITE = 1,
	OPEN_CREATE = 2,
};

/* The part of an open's key that is nowhere else in the record. */
struct open_key_record {
	__u64 path;
	__u64 epoch;
	__u32 class; /* of enum open_class */
	__u32 reserved;
};

/*
 * A system call ended. Followed by: path of file, path, directory, second path, its directory, path of the Unix socket,
 * data.
 */
struct call_record {
	struct record_header header;
	__u32 thread;
	__u16 call; /* of enum call_number */
	__u16 flags; /* of enum call_flag */
	__s64 result;
	__u64 arguments[CALL_ARGUMENTS];
	__s32 fd;
	__u32 reserved;
	struct file_record file;
	struct socket_record socket;
	struct target_record target;
	struct open_key_record key;
	__u32 path_bytes;
	__u32 directory_bytes;
	__u32 new_path_bytes;
	__u32 new_directory_bytes;
	__u32 unix_path_bytes;
	__u32 data_bytes;
};

/* event::DenialOutcome */
enum denial_outcome {
	OUTCOME_BLOCKED = 1,
	OUTCOME_KILLED = 2,
	OUTCOME_WATCHED = 3,
};

/* event::EnforcementMeans, those of these programs. */
enum denial_means {
	MEANS_BPF_LSM = 1,
	MEANS_KILL_AT_EXEC = 2,
	MEANS_KILL_AT_CALL = 3,
};

/* A container's process was kept from something. Followed by: path of file, path of the executable, target. */
struct denial_record {
	struct record_header header;
	__u8 is_drift;
	__u8 number; /* of enum behaviour; of drift the kind of file */
	__u8 origin; /* of enum origin_class, zero but for drift */
	__u8 outcome; /* of enum denial_outcome */
	__u8 means; /* of enum denial_means */
	__u8 reserved[3];
	__u32 rule;
	__u32 exe_bytes;
	__u32 target_bytes;
	__u32 reserved_end;
	char name[NAME_BYTES];
	struct file_record file;
};

_Static_assert(sizeof(struct program_key) == 16, "program_key");
_Static_assert(sizeof(struct record_header) == 64, "record_header");
_Static_assert(sizeof(struct root_record) == 16, "root_record");
_Static_assert(sizeof(struct credentials_record) == 32, "credentials_record");
_Static_assert(sizeof(struct namespaces_record) == 16, "namespaces_record");
_Static_assert(sizeof(struct file_record) == 88, "file_record");
_Static_assert(sizeof(struct stream_record) == 32, "stream_record");
_Static_assert(sizeof(struct exec_record) == 496, "exec_record");
_Static_assert(sizeof(struct file_event_record) == 168, "file_event_record");
_Static_assert(sizeof(struct credentials_event_record) == 96, "credentials_event_record");
_Static_assert(sizeof(struct namespaces_event_record) == 96, "namespaces_event_record");
_Static_assert(sizeof(struct exit_record) == 72, "exit_record");
_Static_assert(sizeof(struct socket_record) == 56, "socket_record");
_Static_assert(sizeof(struct target_record) == 24, "target_record");
_Static_assert(sizeof(struct open_key_record) == 24, "open_key_record");
_Static_assert(sizeof(struct call_record) == 352, "call_record");
_Static_assert(sizeof(struct denial_record) == 192, "denial_record");

/* Key of the verdict cache: this content is the image's, in this container. */
struct image_file_key {
	__u64 container;
	__u64 ino;
	__u32 dev;
	__u32 generation;
	__s64 ctime_ns;
	__u64 size;
};

_Static_assert(sizeof(struct image_file_key) == 40, "image_file_key");

/* Key of what user space has said of an open: no rule can match it. */
struct quiet_open_key {
	__u64 container;
	__u64 path;
	__u64 ino;
	__u64 epoch;
	__u32 dev;
	__u32 class; /* of enum open_class */
};

_Static_assert(sizeof(struct quiet_open_key) == 40, "quiet_open_key");

/* What user space wants of a call. */
enum call_filter {
	FILTER_SENT = 1 << 0,
	FILTER_FAILED = 1 << 1,
	/* Looked at for other reasons than to be sent: the kernel side's own memory, other records. */
	FILTER_OTHER = 1 << 2,
};

/* Classes of opens that user space wants: bits of 1 << enum open_class, and opens that failed. */
#define OPEN_CLASS_FAILED (1 << 3)

/* What user space says about calls. */
struct call_settings {
	__u64 epoch; /* of the quiet opens */
	__u32 open_classes;
	__u32 reserved;
	__u64 record_ns; /* nanoseconds in which a container earns one record of volume */
	__u64 burst_ns; /* nanoseconds that it may save */
};

_Static_assert(sizeof(struct call_settings) == 32, "call_settings");

/* Size of the settings that user space writes (lib/maps.h). */
#define SETTINGS_BYTES 16

/* Where the kernel side loses things; indexes of the losses map. */
enum loss {
	LOSS_EXEC_RING = 0,
	LOSS_VOLUME_RING = 1,
	LOSS_NO_STORAGE = 2,
	LOSS_SCRIPT_BUDGET = 3,
	LOSS_MAPPING_BUSY = 4,
	LOSS_CALL_RING = 5,
	LOSS_CONTAINER_BUDGET = 6,
	LOSS_CLOSED_ELSEWHERE = 7,
	LOSS_COUNT = 8,
};

#endif
