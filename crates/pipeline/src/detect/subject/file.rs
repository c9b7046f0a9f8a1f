//! `fd.*` of files and `fs.path.*`.

use super::EventSubject;
use crate::detect::observed::SeenCall;
use crate::process_table::base_name;
use yagura_event::{CallGroup, FileFacts, FileFlags};
use yagura_rules::Value;
use yagura_rules::fields::Field;

/// `S_IFMT` and its values: include/uapi/linux/stat.h.
const FILE_TYPE: u32 = 0o170_000;
const DIRECTORY: u32 = 0o040_000;
const FIFO: u32 = 0o010_000;
const CHARACTER_DEVICE: u32 = 0o020_000;
const BLOCK_DEVICE: u32 = 0o060_000;

impl<'a> EventSubject<'a> {
    /// Fields of the file that a call is about; nothing if the field is another's or the call is about a socket.
    pub(super) fn file_value(&self, field: Field) -> Option<Value<'a>> {
        let call = self.what().call();
        Some(match field {
            Field::FdName
            | Field::FdDirectory
            | Field::FdFilename
            | Field::FdNameraw
            | Field::FdType
            | Field::FdTypechar => {
                let call = call.filter(|call| call.event.socket.is_none())?;
                path_field(call, field)
            }
            Field::FdNum => call
                .filter(|call| call.event.fd >= 0)
                .map_or(Value::Absent, |call| {
                    Value::Number(i64::from(call.event.fd))
                }),
            Field::FdDev => file(call).map_or(Value::Absent, |file| {
                Value::Number(i64::from(file.key.id.dev))
            }),
            // The kernel's own numbers have twenty bits for the minor part: include/linux/kdev_t.h.
            Field::FdDevMajor => file(call).map_or(Value::Absent, |file| {
                Value::Number(i64::from(file.key.id.dev >> 20))
            }),
            Field::FdDevMinor => file(call).map_or(Value::Absent, |file| {
                Value::Number(i64::from(file.key.id.dev & 0xf_ffff))
            }),
            Field::FdIno => {
                let file = file(call)?;
                Value::Number(file.key.id.ino.cast_signed())
            }
            Field::FdIsUpperLayer => file(call).map_or(Value::Absent, |file| {
                Value::Boolean(file.flags.has(FileFlags::UPPER))
            }),
            Field::FdIsLowerLayer => file(call).map_or(Value::Absent, |file| {
                Value::Boolean(
                    file.flags.has(FileFlags::OVERLAY) && !file.flags.has(FileFlags::UPPER),
                )
            }),
            Field::FdIsOutside => file(call).map_or(Value::Absent, |file| {
                Value::Boolean(file.flags.has(FileFlags::OTHER_NAMESPACE))
            }),
            Field::FdFileWrittenByPackageManager => {
                match call.and_then(|call| call.by_package_manager) {
                    Some(known) => Value::Boolean(known),
                    None => Value::Absent,
                }
            }
            _ => return self.path_value(field, call),
        })
    }

    /// `fs.path.*`: paths of calls that succeeded.
    fn path_value(&self, field: Field, call: Option<&'a SeenCall>) -> Option<Value<'a>> {
        let is_path = matches!(
            field,
            Field::FsPathName
                | Field::FsPathNameraw
                | Field::FsPathSource
                | Field::FsPathSourceraw
                | Field::FsPathTarget
                | Field::FsPathTargetraw
        );
        if !is_path {
            return None;
        }
        let Some(call) = call.filter(|call| call.event.result >= 0) else {
            return Some(Value::Absent);
        };
        let two = call.event.call.group() == CallGroup::TwoPaths;
        let (source, target) = paths(call);
        let text = match field {
            Field::FsPathName if !two => source,
            Field::FsPathNameraw if !two => call.event.path.as_bytes(),
            Field::FsPathSource if two => source,
            Field::FsPathSourceraw if two => call.event.path.as_bytes(),
            Field::FsPathTarget if two => target,
            Field::FsPathTargetraw if two => call.event.new_path.as_bytes(),
            _ => b"",
        };
        Some(match text.is_empty() {
            true => Value::Absent,
            false => Value::text(text),
        })
    }
}

/// Source and target in Falco's sense: of a link, what is made comes first and what it leads to second.
fn paths(call: &SeenCall) -> (&[u8], &[u8]) {
    use yagura_event::Call;
    match call.event.call {
        Call::Symlink | Call::Symlinkat | Call::Link | Call::Linkat => {
            (call.new_path(), call.path())
        }
        _ => (call.path(), call.new_path()),
    }
}

fn path_field<'a>(call: &'a SeenCall, field: Field) -> Value<'a> {
    let path = call.path();
    if path.is_empty() {
        return Value::Absent;
    }
    match field {
        Field::FdName => Value::text(path),
        Field::FdNameraw => Value::text(call.event.path.as_bytes()),
        Field::FdFilename => Value::text(base_name(path)),
        Field::FdDirectory => Value::text(directory(path)),
        Field::FdType => Value::text(kind(call).0),
        _ => Value::text(kind(call).1),
    }
}

/// The path without its last component.
pub(super) fn directory(path: &[u8]) -> &[u8] {
    match path.iter().rposition(|&byte| byte == b'/') {
        Some(0) => b"/",
        Some(end) => path.get(..end).unwrap_or_default(),
        None => b"",
    }
}

fn kind(call: &SeenCall) -> (&'static str, &'static str) {
    let Some(file) = &call.event.file else {
        return ("file", "f");
    };
    if file.flags.has(FileFlags::MEMFD) {
        return ("memfd", "m");
    }
    match file.mode & FILE_TYPE {
        DIRECTORY => ("directory", "d"),
        FIFO => ("pipe", "p"),
        CHARACTER_DEVICE => ("char", "o"),
        BLOCK_DEVICE => ("block", "o"),
        _ => ("file", "f"),
    }
}

fn file(call: Option<&SeenCall>) -> Option<&FileFacts> {
    call.and_then(|call| call.event.file.as_ref())
}
