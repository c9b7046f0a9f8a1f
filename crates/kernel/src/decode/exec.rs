//! The record of a program that begins.

use super::{FilePart, credentials, endpoint, file, namespaces, program, root};
use crate::cursor::Cursor;
use crate::decode::DecodeError;
use crate::records::{
    ARGUMENTS_MAX, ARGV_BYTES_MAX, ENVIRONMENT_BYTES_MAX, NAME_BYTES, PATH_BYTES_MAX, VARIABLES_MAX,
};
use yagura_event::{Base, BaseFlags, ExecEvent, MonotonicNs, ProcessKey, Stream, StreamKind, Text};

/// Variables whose value can change what a program runs, where it came from or whether it leaves traces. The values of
/// all others may be secrets: they go no further than this file.
const VALUES_KEPT: &[&[u8]] = &[
    b"BASH_ENV",
    b"ENV",
    b"HISTFILE",
    b"HISTFILESIZE",
    b"HISTSIZE",
    b"JAVA_TOOL_OPTIONS",
    b"JDK_JAVA_OPTIONS",
    b"NODE_OPTIONS",
    b"PATH",
    b"PERL5LIB",
    b"PERL5OPT",
    b"PROMPT_COMMAND",
    b"PYTHONHOME",
    b"PYTHONPATH",
    b"PYTHONSTARTUP",
    b"RUBYOPT",
    b"SSH_CONNECTION",
    b"SUDO_USER",
];
/// The dynamic loader's variables.
const LOADER_PREFIX: &[u8] = b"LD_";

/// Lengths of the strings behind the fixed part.
struct Lengths {
    filename: u32,
    interpreter: u32,
    cwd: u32,
    argv: u32,
    argv_truncated: bool,
    environment: u32,
    environment_truncated: bool,
}

pub(super) fn exec(mut base: Base, cursor: &mut Cursor<'_>) -> Result<ExecEvent, DecodeError> {
    // What ran already comes before everything that was seen to begin: it is by the first of them that a container is known.
    if base.flags.has(BaseFlags::EXISTING) && base.process.start_ns > 0 {
        base.time = MonotonicNs(base.process.start_ns);
    }
    let started_from = program(cursor)?;
    let parent_start_ns = cursor.u64()?;
    let parent = ProcessKey {
        pid: cursor.u32()?,
        start_ns: parent_start_ns,
    };
    let inner_pid = cursor.u32()?;
    let session = cursor.u32()?;
    let tty = cursor.u32()?;
    let process_group = cursor.u32()?;
    cursor.u32()?;
    let name = name(cursor)?;
    let streams = [stream(cursor)?, stream(cursor)?, stream(cursor)?];
    let credentials = credentials(cursor)?;
    let [mount_namespace, pid_namespace, user_namespace] = namespaces(cursor)?;
    let root = root(cursor)?;
    let executable = file(cursor)?;
    let stdin = file(cursor)?;
    let lengths = lengths(cursor)?;
    let file = executable.with_path(cursor)?;
    let stdin = stdin.if_present(cursor)?;
    let filename = Text::from(cursor.bytes(lengths.filename, PATH_BYTES_MAX)?);
    let interpreter = Text::from(cursor.bytes(lengths.interpreter, PATH_BYTES_MAX)?);
    let cwd = Text::from(cursor.bytes(lengths.cwd, PATH_BYTES_MAX)?);
    let (argv, argv_cut) = arguments(cursor.bytes(lengths.argv, ARGV_BYTES_MAX)?);
    let (environment, environment_cut) =
        environment(cursor.bytes(lengths.environment, ENVIRONMENT_BYTES_MAX)?);
    Ok(ExecEvent {
        base,
        parent,
        started_from,
        inner_pid,
        credentials,
        mount_namespace,
        pid_namespace,
        user_namespace,
        session,
        process_group,
        tty,
        name,
        streams,
        environment,
        environment_truncated: lengths.environment_truncated || environment_cut,
        root,
        file,
        filename,
        interpreter,
        argv,
        argv_truncated: lengths.argv_truncated || argv_cut,
        cwd,
        stdin,
    })
}

fn lengths(cursor: &mut Cursor<'_>) -> Result<Lengths, DecodeError> {
    let lengths = Lengths {
        filename: cursor.u32()?,
        interpreter: cursor.u32()?,
        cwd: cursor.u32()?,
        argv: cursor.u32()?,
        argv_truncated: cursor.u32()? != 0,
        environment: cursor.u32()?,
        environment_truncated: cursor.u32()? != 0,
    };
    cursor.u32()?;
    Ok(lengths)
}

/// The name up to its terminator.
fn name(cursor: &mut Cursor<'_>) -> Result<Text, DecodeError> {
    let bytes = cursor.array::<NAME_BYTES>()?;
    let name = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
    Ok(Text::from(name))
}

fn stream(cursor: &mut Cursor<'_>) -> Result<Stream, DecodeError> {
    let ino = cursor.u64()?;
    let remote = endpoint(cursor.array()?, cursor.u16()?);
    let has_remote = cursor.u16()? != 0;
    let kind = match cursor.u32()? {
        1 => StreamKind::File,
        2 => StreamKind::Pipe,
        3 => StreamKind::Socket,
        4 => StreamKind::Terminal,
        5 => StreamKind::Other,
        _ => StreamKind::None,
    };
    Ok(Stream {
        kind,
        ino,
        remote: has_remote.then_some(remote),
    })
}

impl FilePart {
    /// The file, if the record has one.
    pub(super) fn if_present(
        self,
        cursor: &mut Cursor<'_>,
    ) -> Result<Option<yagura_event::FileFacts>, DecodeError> {
        let present = self.present;
        let facts = self.with_path(cursor)?;
        Ok(present.then_some(facts))
    }
}

/// Splits at the terminators; the second value says whether arguments were left out.
fn arguments(bytes: &[u8]) -> (Vec<Text>, bool) {
    if bytes.is_empty() {
        return (Vec::new(), false);
    }
    let whole = bytes.strip_suffix(&[0]).unwrap_or(bytes);
    let mut parts = whole.split(|&byte| byte == 0);
    let argv = parts.by_ref().take(ARGUMENTS_MAX).map(Text::from).collect();
    (argv, parts.next().is_some())
}

/// The variables, most without their values; the second value says whether variables were left out.
fn environment(bytes: &[u8]) -> (Vec<Text>, bool) {
    let mut parts = bytes
        .split(|&byte| byte == 0)
        .filter(|part| !part.is_empty());
    let variables = parts.by_ref().take(VARIABLES_MAX).map(variable).collect();
    (variables, parts.next().is_some())
}

fn variable(text: &[u8]) -> Text {
    let name = text.split(|&byte| byte == b'=').next().unwrap_or_default();
    if name.starts_with(LOADER_PREFIX) || VALUES_KEPT.binary_search(&name).is_ok() {
        Text::from(text)
    } else {
        Text::from(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_keep_empty_ones_and_are_bounded() {
        assert_eq!(arguments(b""), (vec![], false));
        assert_eq!(
            arguments(b"sh\0\0x\0"),
            (vec!["sh".into(), "".into(), "x".into()], false)
        );
        assert_eq!(arguments(b"cut off"), (vec!["cut off".into()], false));
        let (argv, cut) = arguments(&vec![0u8; 4096]);
        assert_eq!((argv.len(), cut), (ARGUMENTS_MAX, true));
    }

    #[test]
    fn values_are_kept_only_where_they_can_change_what_runs() {
        assert!(VALUES_KEPT.is_sorted());
        let block =
            b"PGPASSWORD=secret\0LD_PRELOAD=/tmp/a=b.so\0\0PATH=/bin\0PATHS=x\0odd\0=secret\0";
        let expected = [
            "PGPASSWORD",
            "LD_PRELOAD=/tmp/a=b.so",
            "PATH=/bin",
            "PATHS",
            "odd",
            "",
        ];
        assert_eq!(environment(block), (expected.map(Text::from).into(), false));
        assert_eq!(environment(b""), (vec![], false));
        let (variables, cut) = environment(&b"A\0".repeat(1024));
        assert_eq!((variables.len(), cut), (VARIABLES_MAX, true));
    }
}
