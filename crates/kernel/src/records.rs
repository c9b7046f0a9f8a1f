//! The numbers of `bpf/records.h`. Both sides assert the same sizes; the version is checked in each record.

pub(crate) const VERSION: u16 = 2;

pub(crate) const EXEC: u16 = 1;
pub(crate) const MAP: u16 = 2;
pub(crate) const SCRIPT: u16 = 3;
pub(crate) const CREDENTIALS: u16 = 4;
pub(crate) const NAMESPACES: u16 = 5;
pub(crate) const EXIT: u16 = 6;
pub(crate) const CALL: u16 = 7;
pub(crate) const WRITTEN: u16 = 8;
pub(crate) const DENIAL: u16 = 9;

pub(crate) const HEADER_BYTES: usize = 64;
pub(crate) const EXEC_BYTES: usize = 496;
pub(crate) const FILE_EVENT_BYTES: usize = 168;
pub(crate) const CREDENTIALS_EVENT_BYTES: usize = 96;
pub(crate) const NAMESPACES_EVENT_BYTES: usize = 96;
pub(crate) const EXIT_BYTES: usize = 72;
pub(crate) const CALL_BYTES: usize = 352;
pub(crate) const DENIAL_BYTES: usize = 192;

/// Only in records: there is a file at all.
pub(crate) const FILE_PRESENT: u32 = 1 << 30;
/// Only in records: the writer is known.
pub(crate) const FILE_WRITER_KNOWN: u32 = 1 << 31;

/// Bytes of a path kept by the kernel side (`PATH_BYTES_MAX`).
pub(crate) const PATH_BYTES_MAX: usize = 1024;
/// Bytes of all arguments kept by the kernel side (`ARGV_BYTES_MAX`).
pub(crate) const ARGV_BYTES_MAX: usize = 4096;
/// Arguments split from those bytes: a process may pass thousands of empty ones to make the reader allocate.
pub(crate) const ARGUMENTS_MAX: usize = 512;

/// Bytes of the environment kept by the kernel side (`ENVIRONMENT_BYTES_MAX`).
pub(crate) const ENVIRONMENT_BYTES_MAX: usize = 2048;
/// Variables split from those bytes, for the same reason.
pub(crate) const VARIABLES_MAX: usize = 256;
/// Bytes of what was sent or received (`DATA_BYTES_MAX`).
pub(crate) const DATA_BYTES_MAX: usize = 1024;
/// Bytes of a process's name with its terminator (`NAME_BYTES`).
pub(crate) const NAME_BYTES: usize = 16;
/// Parts of a call's record that are there (`enum call_flag`).
pub(crate) const CALL_HAS_SOCKET: u16 = 1 << 0;
pub(crate) const CALL_HAS_TARGET: u16 = 1 << 1;
pub(crate) const CALL_HAS_OPEN_KEY: u16 = 1 << 2;
/// Flags of a socket (`enum socket_flag`).
pub(crate) const SOCKET_SERVER: u16 = 1 << 0;
pub(crate) const SOCKET_LOCAL: u16 = 1 << 1;
pub(crate) const SOCKET_REMOTE: u16 = 1 << 2;

/// Bytes of the name of a socket, a file system or a module (`TARGET_BYTES_MAX`).
pub(crate) const TARGET_BYTES_MAX: usize = 256;

/// Size of a key of the verdict cache (`struct image_file_key`).
pub(crate) const IMAGE_FILE_KEY_BYTES: usize = 40;
/// Size of a key of the quiet opens (`struct quiet_open_key`).
pub(crate) const QUIET_OPEN_KEY_BYTES: usize = 40;
/// Size of what is said about calls (`struct call_settings`).
pub(crate) const CALL_SETTINGS_BYTES: usize = 32;
/// Greater than every number of a call (`CALLS_MAX`).
pub(crate) const CALLS_MAX: u32 = 128;
/// Size of the settings (`struct settings`).
pub(crate) const SETTINGS_BYTES: usize = 16;

const _: () = {
    use super::cursor::sizes::*;
    assert!(HEADER == HEADER_BYTES);
    assert!(
        HEADER
            + PROGRAM
            + 32
            + NAME_BYTES
            + 3 * STREAM
            + CREDENTIALS_PART
            + NAMESPACES_PART
            + ROOT
            + 2 * FILE
            + 32
            == EXEC_BYTES
    );
    assert!(HEADER + ROOT + FILE == FILE_EVENT_BYTES);
    assert!(HEADER + CREDENTIALS_PART == CREDENTIALS_EVENT_BYTES);
    assert!(HEADER + NAMESPACES_PART + ROOT == NAMESPACES_EVENT_BYTES);
    assert!(HEADER + 8 == EXIT_BYTES);
    assert!(HEADER + 8 + 4 * 4 + NAME_BYTES + FILE == DENIAL_BYTES);
    assert!(HEADER + 72 + FILE + SOCKET + TARGET + OPEN_KEY + 6 * 4 == CALL_BYTES);
};
