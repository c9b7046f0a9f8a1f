//! Records to events. Safe code over bytes: the shape of a record is not trusted either.

mod call;
mod denial;
mod exec;

use crate::cursor::Cursor;
use crate::records::{
    CALL, CREDENTIALS, DENIAL, EXEC, EXIT, FILE_PRESENT, FILE_WRITER_KNOWN, MAP, NAMESPACES,
    PATH_BYTES_MAX, SCRIPT, VERSION, WRITTEN,
};
use call::call;
use denial::denial;
use exec::exec;
use std::net::Ipv6Addr;
use yagura_event::{
    Base, BaseFlags, CgroupId, ContainerKey, Credentials, CredentialsEvent, Endpoint, ExitEvent,
    FileFacts, FileFlags, FileId, FileKey, KernelEvent, MapEvent, MonotonicNs, NamespacesEvent,
    ProcessKey, ProgramKey, RootId, ScriptEvent, Text, Writer, WrittenEvent,
};

/// Why a record was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The record ends before its last field.
    #[error("record is too short")]
    TooShort,
    /// A string is longer than the kernel side ever writes.
    #[error("string in record is too long")]
    TooLong,
    /// Bytes follow the last field.
    #[error("record has bytes behind its last field")]
    Trailing,
    /// The size in the header is not the record's.
    #[error("record says {said} bytes and has {has}")]
    Size {
        /// What the header says.
        said: u32,
        /// What there is.
        has: usize,
    },
    /// The record is of a kernel side that does not belong to this program.
    #[error("record has version {0}, expected {VERSION}")]
    Version(u16),
    /// No such kind of record.
    #[error("record has unknown kind {0}")]
    Kind(u16),
    /// No such system call.
    #[error("record has unknown system call {0}")]
    Call(u16),
    /// No such behaviour, kind or origin of a file, outcome, or means.
    #[error("record of a denial has unknown {what} {number}")]
    Denial {
        /// What.
        what: &'static str,
        /// Its number.
        number: u8,
    },
}

struct Header {
    kind: u16,
    base: Base,
}

/// Decodes one record of the rings.
///
/// # Errors
/// Anything that is not exactly a record of this version. The caller counts it and goes on.
pub fn decode(bytes: &[u8]) -> Result<KernelEvent, DecodeError> {
    let mut cursor = Cursor::new(bytes);
    let header = header(&mut cursor, bytes.len())?;
    let base = header.base;
    let event = match header.kind {
        EXEC => KernelEvent::Exec(Box::new(exec(base, &mut cursor)?)),
        MAP => {
            let (root, file) = file_event(&mut cursor)?;
            KernelEvent::Map(Box::new(MapEvent { base, root, file }))
        }
        SCRIPT => {
            let (root, file) = file_event(&mut cursor)?;
            KernelEvent::Script(Box::new(ScriptEvent { base, root, file }))
        }
        WRITTEN => {
            let (root, file) = file_event(&mut cursor)?;
            KernelEvent::Written(Box::new(WrittenEvent { base, root, file }))
        }
        CREDENTIALS => KernelEvent::Credentials(CredentialsEvent {
            base,
            credentials: credentials(&mut cursor)?,
        }),
        NAMESPACES => {
            let [mount, pid, user] = namespaces(&mut cursor)?;
            KernelEvent::Namespaces(NamespacesEvent {
                base,
                mount_namespace: mount,
                pid_namespace: pid,
                user_namespace: user,
                root: root(&mut cursor)?,
            })
        }
        CALL => KernelEvent::Call(Box::new(call(base, &mut cursor)?)),
        DENIAL => KernelEvent::Denied(Box::new(denial(base, &mut cursor)?)),
        EXIT => {
            let status = cursor.i32()?;
            cursor.u32()?;
            KernelEvent::Exit(ExitEvent { base, status })
        }
        other => return Err(DecodeError::Kind(other)),
    };
    cursor.end()?;
    Ok(event)
}

fn header(cursor: &mut Cursor<'_>, bytes: usize) -> Result<Header, DecodeError> {
    let kind = cursor.u16()?;
    let version = cursor.u16()?;
    if version != VERSION {
        return Err(DecodeError::Version(version));
    }
    let said = cursor.u32()?;
    if usize::try_from(said) != Ok(bytes) {
        return Err(DecodeError::Size { said, has: bytes });
    }
    let time = MonotonicNs(cursor.u64()?);
    let container = ContainerKey(cursor.u64()?);
    let cgroup = CgroupId(cursor.u64()?);
    let start_ns = cursor.u64()?;
    let program = program(cursor)?;
    let pid = cursor.u32()?;
    let flags = BaseFlags(cursor.u32()?);
    let process = ProcessKey { pid, start_ns };
    Ok(Header {
        kind,
        base: Base {
            time,
            container,
            cgroup,
            process,
            program,
            flags,
        },
    })
}

fn program(cursor: &mut Cursor<'_>) -> Result<ProgramKey, DecodeError> {
    let pid = cursor.u32()?;
    cursor.u32()?;
    Ok(ProgramKey {
        pid,
        exec_ns: cursor.u64()?,
    })
}

fn root(cursor: &mut Cursor<'_>) -> Result<RootId, DecodeError> {
    let ino = cursor.u64()?;
    Ok(RootId {
        ino,
        dev: cursor.u32()?,
        magic: cursor.u32()?,
    })
}

fn credentials(cursor: &mut Cursor<'_>) -> Result<Credentials, DecodeError> {
    let mut credentials = Credentials {
        uid: cursor.u32()?,
        gid: cursor.u32()?,
        euid: cursor.u32()?,
        egid: cursor.u32()?,
        login_uid: cursor.u32()?,
        capabilities: 0,
    };
    cursor.u32()?;
    credentials.capabilities = cursor.u64()?;
    Ok(credentials)
}

/// Inode numbers of the mount, pid and user namespace.
fn namespaces(cursor: &mut Cursor<'_>) -> Result<[u32; 3], DecodeError> {
    let numbers = [cursor.u32()?, cursor.u32()?, cursor.u32()?];
    cursor.u32()?;
    Ok(numbers)
}

/// A file's fixed part; its path comes later.
struct FilePart {
    facts: FileFacts,
    present: bool,
    path_bytes: u32,
}

fn file(cursor: &mut Cursor<'_>) -> Result<FilePart, DecodeError> {
    let ino = cursor.u64()?;
    let id = FileId {
        dev: cursor.u32()?,
        ino,
    };
    let generation = cursor.u32()?;
    let ctime_ns = cursor.i64()?;
    let mtime_ns = cursor.i64()?;
    let size = cursor.u64()?;
    let mode = cursor.u32()?;
    let links = cursor.u32()?;
    let uid = cursor.u32()?;
    let magic = cursor.u32()?;
    let flags = cursor.u32()?;
    let path_bytes = cursor.u32()?;
    let writer = Writer {
        program: program(cursor)?,
        time: MonotonicNs(cursor.u64()?),
    };
    let facts = FileFacts {
        key: FileKey {
            id,
            generation,
            ctime_ns,
            size,
        },
        mtime_ns,
        mode,
        links,
        uid,
        magic,
        flags: FileFlags(flags & !(FILE_PRESENT | FILE_WRITER_KNOWN)),
        path: Text::default(),
        writer: (flags & FILE_WRITER_KNOWN != 0).then_some(writer),
    };
    Ok(FilePart {
        facts,
        present: flags & FILE_PRESENT != 0,
        path_bytes,
    })
}

impl FilePart {
    fn with_path(mut self, cursor: &mut Cursor<'_>) -> Result<FileFacts, DecodeError> {
        let path = cursor.bytes(self.path_bytes, PATH_BYTES_MAX)?;
        let name = match path.strip_prefix(b"memfd:") {
            Some(name) if self.facts.flags.has(FileFlags::MEMFD) => name,
            _ => path,
        };
        self.facts.path = Text::from(name);
        Ok(self.facts)
    }
}

fn file_event(cursor: &mut Cursor<'_>) -> Result<(RootId, FileFacts), DecodeError> {
    let root = root(cursor)?;
    let file = file(cursor)?.with_path(cursor)?;
    Ok((root, file))
}

/// One side of a connection, its address written as IPv6.
fn endpoint(address: [u8; 16], port: u16) -> Endpoint {
    Endpoint {
        address: Ipv6Addr::from(address).to_canonical(),
        port,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::{EXEC_BYTES, EXIT_BYTES};

    fn record(kind: u16, bytes: usize) -> Vec<u8> {
        let mut record = vec![0u8; bytes];
        record[..2].copy_from_slice(&kind.to_ne_bytes());
        record[2..4].copy_from_slice(&VERSION.to_ne_bytes());
        record[4..8].copy_from_slice(&u32::try_from(bytes).unwrap().to_ne_bytes());
        record
    }

    #[test]
    fn an_exit_is_decoded_field_by_field() {
        let mut bytes = record(EXIT, EXIT_BYTES);
        bytes[8..16].copy_from_slice(&7u64.to_ne_bytes());
        bytes[56..60].copy_from_slice(&42u32.to_ne_bytes());
        bytes[64..68].copy_from_slice(&(-1i32).to_ne_bytes());
        let Ok(KernelEvent::Exit(exit)) = decode(&bytes) else {
            panic!("not an exit")
        };
        assert_eq!(
            (exit.base.time, exit.base.process.pid, exit.status),
            (MonotonicNs(7), 42, -1)
        );
    }

    #[test]
    fn records_that_lie_about_themselves_are_refused() {
        let good = record(EXEC, EXEC_BYTES);
        assert!(decode(&good).is_ok());
        for length in 0..good.len() {
            assert!(decode(&good[..length]).is_err());
        }
        let mut longer = good.clone();
        longer.push(0);
        assert!(matches!(decode(&longer), Err(DecodeError::Size { .. })));
        let mut version = good.clone();
        version[2] = 9;
        assert_eq!(decode(&version), Err(DecodeError::Version(9)));
        let mut huge = good.clone();
        let at = EXEC_BYTES - 32;
        huge[at..at + 4].copy_from_slice(&u32::MAX.to_ne_bytes());
        assert_eq!(decode(&huge), Err(DecodeError::TooLong));
        assert_eq!(decode(&record(99, EXIT_BYTES)), Err(DecodeError::Kind(99)));
    }
}
