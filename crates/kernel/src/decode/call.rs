//! The record of a system call.

use super::{FilePart, endpoint, file};
use crate::cursor::Cursor;
use crate::decode::DecodeError;
use crate::records::{
    CALL_HAS_OPEN_KEY, CALL_HAS_SOCKET, CALL_HAS_TARGET, DATA_BYTES_MAX, PATH_BYTES_MAX,
    SOCKET_LOCAL, SOCKET_REMOTE, SOCKET_SERVER,
};
use yagura_event::{
    Base, Call, CallEvent, ContainerKey, FileFacts, OpenClass, OpenKey, SocketFacts, TargetFacts,
    Text,
};

/// The part of an open's key that is nowhere else in the record.
struct KeyPart {
    path: u64,
    epoch: u64,
    class: OpenClass,
}

/// The fixed part, but for its beginning.
struct Parts {
    file: FilePart,
    socket: SocketFacts,
    target: TargetFacts,
    key: KeyPart,
}

/// The strings behind the fixed part.
struct Strings {
    file: Option<FileFacts>,
    path: Text,
    directory: Text,
    new_path: Text,
    new_directory: Text,
    unix_path: Text,
    data: Text,
}

pub(super) fn call(base: Base, cursor: &mut Cursor<'_>) -> Result<CallEvent, DecodeError> {
    let thread = cursor.u32()?;
    let number = cursor.u16()?;
    let call = Call::from_number(number).ok_or(DecodeError::Call(number))?;
    let flags = cursor.u16()?;
    let result = cursor.i64()?;
    let mut arguments = [0; 6];
    for argument in &mut arguments {
        *argument = cursor.u64()?;
    }
    let fd = cursor.i32()?;
    cursor.u32()?;
    let parts = Parts {
        file: file(cursor)?,
        socket: socket(cursor)?,
        target: target(cursor)?,
        key: key(cursor)?,
    };
    let strings = strings(call, parts.file, cursor)?;
    let mut socket = (flags & CALL_HAS_SOCKET != 0).then_some(parts.socket);
    if let Some(socket) = &mut socket {
        socket.unix_path = strings.unix_path;
    }
    let open_key = strings
        .file
        .as_ref()
        .filter(|_| flags & CALL_HAS_OPEN_KEY != 0);
    let open_key = open_key.map(|file| parts.key.of(base.container, file));
    Ok(CallEvent {
        base,
        call,
        thread,
        result,
        arguments,
        fd,
        path: strings.path,
        directory: strings.directory,
        new_path: strings.new_path,
        new_directory: strings.new_directory,
        file: strings.file,
        socket,
        target: (flags & CALL_HAS_TARGET != 0).then_some(parts.target),
        data: strings.data,
        open_key,
    })
}

fn socket(cursor: &mut Cursor<'_>) -> Result<SocketFacts, DecodeError> {
    let ino = cursor.u64()?;
    let family = cursor.u16()?;
    let kind = cursor.u16()?;
    let protocol = cursor.u16()?;
    let flags = cursor.u16()?;
    let (local, remote) = (cursor.array()?, cursor.array()?);
    let (local, remote) = (
        endpoint(local, cursor.u16()?),
        endpoint(remote, cursor.u16()?),
    );
    cursor.u32()?;
    Ok(SocketFacts {
        family,
        kind,
        protocol,
        local: (flags & SOCKET_LOCAL != 0).then_some(local),
        remote: (flags & SOCKET_REMOTE != 0).then_some(remote),
        unix_path: Text::default(),
        ino,
        is_server: flags & SOCKET_SERVER != 0,
    })
}

fn target(cursor: &mut Cursor<'_>) -> Result<TargetFacts, DecodeError> {
    let pid = cursor.u32()?;
    cursor.u32()?;
    Ok(TargetFacts {
        pid,
        start_ns: cursor.u64()?,
        container: cursor.u64()?,
    })
}

fn key(cursor: &mut Cursor<'_>) -> Result<KeyPart, DecodeError> {
    let key = KeyPart {
        path: cursor.u64()?,
        epoch: cursor.u64()?,
        class: match cursor.u32()? {
            0 => OpenClass::Read,
            1 => OpenClass::Write,
            _ => OpenClass::Create,
        },
    };
    cursor.u32()?;
    Ok(key)
}

impl KeyPart {
    fn of(self, container: ContainerKey, file: &FileFacts) -> OpenKey {
        OpenKey {
            container,
            file: file.key.id,
            path: self.path,
            class: self.class,
            epoch: self.epoch,
        }
    }
}

/// The strings, of which those that the file's path says already are not written twice.
fn strings(call: Call, file: FilePart, cursor: &mut Cursor<'_>) -> Result<Strings, DecodeError> {
    let mut lengths = [0; 6];
    for length in &mut lengths {
        *length = cursor.u32()?;
    }
    let file = file.if_present(cursor)?;
    let [path, directory, new_path, new_directory, unix_path, data] = lengths;
    let mut text = |length, bound| cursor.bytes(length, bound).map(Text::from);
    let mut strings = Strings {
        file,
        path: text(path, PATH_BYTES_MAX)?,
        directory: text(directory, PATH_BYTES_MAX)?,
        new_path: text(new_path, PATH_BYTES_MAX)?,
        new_directory: text(new_directory, PATH_BYTES_MAX)?,
        unix_path: text(unix_path, PATH_BYTES_MAX)?,
        data: text(data, DATA_BYTES_MAX)?,
    };
    if let Some(file) = &strings.file {
        if strings.path.is_empty() {
            strings.path.clone_from(&file.path);
        } else if call == Call::Fsetxattr && strings.new_path.is_empty() {
            strings.new_path.clone_from(&file.path);
        }
    }
    Ok(strings)
}
