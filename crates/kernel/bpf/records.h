/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Records from the kernel side to user space: a fixed part, then byte strings in the order of their lengths.
 * The same sizes and offsets are asserted in src/records.rs. Change both, and RECORD_VERSION.
 */
#ifndef YAGURA_RECORDS_H
#define YAGURA_RECORDS_H

#define RECORD_VERSION 1

enum record_kind {
	RECORD_EXEC = 1,
	RECORD_MAP = 2,
	RECORD_SCRIPT = 3,
	RECORD_CREDENTIALS = 4,
	RECORD_NAMESPACES = 5,
	RECORD_EXIT = 6,
};

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
	/* Only in records: there is a file at all, and its writer is known. */
	FILE_PRESENT = 1 << 30,
	FILE_WRITER_KNOWN = 1 << 31,
};

/* Bytes of a path kept; longer ones are cut at the front and flagged. */
#define PATH_BYTES_MAX 1024
/* Bytes of all arguments kept, with their terminators; more are cut and flagged. */
#define ARGV_BYTES_MAX 4096

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

/* Followed by: path of file, path of standard input, filename, interpreter, working directory, arguments. */
struct exec_record {
	struct record_header header;
	struct program_key started_from;
	__u64 parent_start_ns;
	__u32 parent_pid;
	__u32 inner_pid;
	__u32 session;
	__u32 has_tty;
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
	__u32 reserved;
};

/* Map and script records. Followed by: path of file. */
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

_Static_assert(sizeof(struct program_key) == 16, "program_key");
_Static_assert(sizeof(struct record_header) == 64, "record_header");
_Static_assert(sizeof(struct root_record) == 16, "root_record");
_Static_assert(sizeof(struct credentials_record) == 32, "credentials_record");
_Static_assert(sizeof(struct namespaces_record) == 16, "namespaces_record");
_Static_assert(sizeof(struct file_record) == 88, "file_record");
_Static_assert(sizeof(struct exec_record) == 368, "exec_record");
_Static_assert(sizeof(struct file_event_record) == 168, "file_event_record");
_Static_assert(sizeof(struct credentials_event_record) == 96, "credentials_event_record");
_Static_assert(sizeof(struct namespaces_event_record) == 96, "namespaces_event_record");
_Static_assert(sizeof(struct exit_record) == 72, "exit_record");

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

/* Size of the settings that user space writes (lib/maps.h). */
#define SETTINGS_BYTES 16

/* Where the kernel side loses things; indexes of the losses map. */
enum loss {
	LOSS_EXEC_RING = 0,
	LOSS_VOLUME_RING = 1,
	LOSS_NO_STORAGE = 2,
	LOSS_SCRIPT_BUDGET = 3,
	LOSS_MAPPING_BUSY = 4,
	LOSS_COUNT = 5,
};

#endif
