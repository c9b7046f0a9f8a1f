//! Whether a file that an interpreter opened is a script that it runs, or data that it reads.

use crate::limits::SCRIPT_ARGUMENTS_MAX;
use crate::process_table::{Program, base_name};
use crate::writers::{acting, contains, without_version};
use yagura_event::{FileFacts, FileFlags, Inspection, ProcessKey, Text};

/// What a kind of interpreter does with its arguments.
#[derive(Debug, Clone, Copy)]
struct Family {
    /// Names, versions left out.
    names: &'static [&'static str],
    /// Options whose value is the next argument and not a script.
    with_value: &'static [&'static str],
    /// Options whose value is a script.
    with_script: &'static [&'static str],
    /// Options that give program text or a module, so that no later argument is the script.
    with_text: &'static [&'static str],
    /// Whether the first operand is program text if no option named a script (awk).
    text_first: bool,
}

const SHELL: Family = Family {
    names: &[
        "sh", "bash", "dash", "ash", "hush", "ksh", "mksh", "ksh93", "zsh", "rbash", "fish",
    ],
    with_value: &["-o", "+o", "-O", "+O"],
    with_script: &["--rcfile", "--init-file"],
    with_text: &["-c"],
    text_first: false,
};

/// Every family whose arguments are understood. For others each argument may name the script.
const FAMILIES: &[Family] = &[
    SHELL,
    Family {
        names: &["python", "platform-python", "pypy"],
        with_value: &["-W", "-X", "-Q", "--check-hash-based-pycs"],
        with_script: &[],
        with_text: &["-c", "-m"],
        text_first: false,
    },
    Family {
        names: &["perl"],
        with_value: &["-I"],
        with_script: &[],
        with_text: &["-e", "-E"],
        text_first: false,
    },
    Family {
        names: &["ruby"],
        with_value: &["-I", "-C", "-E", "-K"],
        with_script: &["-r"],
        with_text: &["-e"],
        text_first: false,
    },
    Family {
        names: &["php", "php-cli", "php-cgi"],
        with_value: &["-c", "-d", "-z", "-S", "-t"],
        with_script: &["-f", "-F"],
        with_text: &["-r", "-R", "-B", "-E"],
        text_first: false,
    },
    Family {
        names: &["node", "nodejs"],
        with_value: &["-C", "--conditions"],
        with_script: &[
            "-r",
            "--require",
            "--import",
            "--loader",
            "--experimental-loader",
        ],
        with_text: &["-e", "--eval", "-p", "--print"],
        text_first: false,
    },
    Family {
        names: &["lua", "luajit"],
        with_value: &["-l"],
        with_script: &[],
        with_text: &["-e"],
        text_first: false,
    },
    Family {
        names: &["awk", "gawk", "mawk", "nawk", "original-awk"],
        with_value: &["-v", "-F", "--assign", "--field-separator"],
        with_script: &["-f", "--file", "-E", "--exec"],
        with_text: &["-e", "--source"],
        text_first: true,
    },
];

/// What the arguments of an interpreter say of its script.
#[derive(Debug, Default, PartialEq, Eq)]
struct Reading<'a> {
    /// Arguments that may name a script.
    scripts: Vec<&'a [u8]>,
    /// Program text among the arguments.
    text: Option<&'a [u8]>,
    /// Whether the program is read from standard input.
    from_stdin: bool,
}

/// An interpreter as it was started.
#[derive(Debug)]
struct Interpreter<'a> {
    program: &'a Program,
    /// `None` if its arguments are not understood.
    family: Option<&'static Family>,
    /// A multi-call program that acts as something other than an interpreter: it reads data only.
    is_other_applet: bool,
    is_applet: bool,
    reading: Reading<'a>,
}

impl<'a> Interpreter<'a> {
    fn new(program: &'a Program) -> Interpreter<'a> {
        let acting = acting(program);
        let name = match contains(&["ksh93"], acting.name) {
            true => acting.name,
            false => without_version(acting.name),
        };
        let family = FAMILIES.iter().find(|family| contains(family.names, name));
        let argv = program.argv().skip(acting.skip);
        let reading = match family {
            Some(family) => read_arguments(family, argv),
            None => Reading {
                from_stdin: !argv.clone().any(|arg| !arg.starts_with(b"-")),
                scripts: argv.filter(|arg| !arg.is_empty()).collect(),
                text: None,
            },
        };
        Interpreter {
            program,
            family,
            is_other_applet: acting.is_applet && family.is_none(),
            is_applet: acting.is_applet,
            reading,
        }
    }

    fn is_shell(&self) -> bool {
        self.family
            .is_some_and(|family| family.names.first() == SHELL.names.first())
    }
}

/// Goes through an interpreter's arguments as it does itself.
fn read_arguments<'a>(family: &Family, argv: impl Iterator<Item = &'a [u8]>) -> Reading<'a> {
    let mut reading = Reading {
        from_stdin: true,
        ..Reading::default()
    };
    let mut argv = argv.peekable();
    let mut script_named = false;
    while let Some(arg) = argv.next() {
        if arg == b"--" {
            continue;
        }
        if arg == b"-" {
            break;
        }
        let (option, joined) = split_option(arg);
        if contains(family.with_script, option) {
            if let Some(value) = joined.or_else(|| argv.next()) {
                reading.scripts.push(value);
                script_named = true;
            }
        } else if contains(family.with_text, option) || is_text_cluster(family, arg) {
            reading.from_stdin = false;
            reading.text = argv.next();
            if reading.text.is_some() && option == b"-m" {
                reading.scripts.extend(reading.text);
            }
            return reading;
        } else if contains(family.with_value, arg) {
            argv.next();
        } else if !arg.starts_with(b"-") && !arg.starts_with(b"+") {
            reading.from_stdin = false;
            match family.text_first {
                true => reading.text = (!script_named).then_some(arg),
                false => reading.scripts.push(arg),
            }
            return reading;
        } else if arg == b"-s" && contains(family.names, b"sh") {
            break;
        }
    }
    // An awk with its program in a file reads data from standard input.
    reading.from_stdin &= !(family.text_first && script_named);
    reading
}

/// `--name=value` in two; other arguments whole.
fn split_option(arg: &[u8]) -> (&[u8], Option<&[u8]>) {
    if !arg.starts_with(b"--") {
        return (arg, None);
    }
    match arg.iter().position(|&byte| byte == b'=') {
        Some(at) => {
            let (name, value) = arg.split_at(at);
            (name, value.get(1..))
        }
        None => (arg, None),
    }
}

/// Whether an argument is a cluster of one-letter options whose last takes program text, as in `sh -ec 'true'`.
fn is_text_cluster(family: &Family, arg: &[u8]) -> bool {
    let Some(letters) = arg.strip_prefix(b"-") else {
        return false;
    };
    letters.len() > 1
        && letters.iter().all(u8::is_ascii_alphabetic)
        && letters.last().is_some_and(|last| {
            family
                .with_text
                .iter()
                .any(|option| option.as_bytes() == [b'-', *last])
        })
}

/// Arguments of an interpreter that may name its script, for whoever can resolve them against the file.
pub(crate) fn arguments(program: &Program) -> Vec<Text> {
    Interpreter::new(program)
        .reading
        .scripts
        .into_iter()
        .take(SCRIPT_ARGUMENTS_MAX)
        .map(Text::from)
        .collect()
}

/// Whether a program only reads what it opens, whatever that is: an applet that is no interpreter.
pub(crate) fn never_runs_scripts(program: &Program) -> bool {
    Interpreter::new(program).is_other_applet
}

/// Whether an interpreter takes its program from standard input.
pub(crate) fn reads_program_from_stdin(program: &Program) -> bool {
    let interpreter = Interpreter::new(program);
    !interpreter.is_other_applet && interpreter.reading.from_stdin && !program.is_script_exec()
}

/// Whether one of the arguments that may name a script is a descriptor, as in `sh /proc/self/fd/3`.
pub(crate) fn is_named_by_descriptor(program: &Program) -> bool {
    Interpreter::new(program)
        .reading
        .scripts
        .iter()
        .any(|arg| is_descriptor_path(arg))
}

/// Whether a path leads through a process's descriptors.
pub(crate) fn is_descriptor_path(path: &[u8]) -> bool {
    path.starts_with(b"/dev/fd/")
        || (path.starts_with(b"/proc/") && path.windows(4).any(|part| part == b"/fd/"))
}

/// Whether an interpreter that opened a file runs it.
///
/// `process` is the process that opened it: a forked child runs its parent's program.
pub(crate) fn is_run(
    program: &Program,
    process: ProcessKey,
    file: &FileFacts,
    inspection: Option<&Inspection>,
) -> bool {
    let head = inspection.map(|inspection| inspection.head.as_slice());
    if head.is_some_and(is_elf) {
        return false;
    }
    let interpreter = Interpreter::new(program);
    if interpreter.is_other_applet {
        return false;
    }
    if file.flags.has(FileFlags::STDIN) {
        return reads_program_from_stdin(program);
    }
    let is_forked = process != program.process;
    is_named(&interpreter, file, inspection)
        || head.is_some_and(|head| is_sourced(&interpreter, head, is_forked))
        || is_run_without_first_line(&interpreter, file, head, is_forked)
}

fn is_named(
    interpreter: &Interpreter<'_>,
    file: &FileFacts,
    inspection: Option<&Inspection>,
) -> bool {
    let program = interpreter.program;
    let leads_to_file = |name: &[u8]| leads_to(program.cwd(), name, file);
    inspection.is_some_and(|inspection| inspection.named_by_argument)
        || (program.is_script_exec() && leads_to_file(program.filename()))
        || interpreter.reading.scripts.iter().any(|name| {
            leads_to_file(name)
                || is_module(name, file)
                || (has_no_name(file) && is_descriptor_path(name))
        })
        || interpreter
            .reading
            .text
            .is_some_and(|text| interpreter.is_shell() && sources(text, leads_to_file))
}

/// Whether no path leads to a file, so that an argument can only have named it by its descriptor.
fn has_no_name(file: &FileFacts) -> bool {
    file.flags.has(FileFlags::MEMFD) || file.flags.has(FileFlags::DELETED)
}

/// Whether a name, as an interpreter was given it, can lead to a file. The base name is enough: directories may be
/// links, and the working directory may have changed.
fn leads_to(cwd: &[u8], name: &[u8], file: &FileFacts) -> bool {
    let last = base_name(name);
    (!last.is_empty() && last != b"." && last != b".." && last == file.base_name())
        || normalized(cwd, name) == file.path.as_bytes()
}

/// Whether `python -m name` loads the file.
fn is_module(name: &[u8], file: &FileFacts) -> bool {
    let last = name.rsplit(|&byte| byte == b'.').next().unwrap_or_default();
    let path = file.path.as_bytes();
    let package_main = path
        .strip_suffix(b"/__main__.py")
        .is_some_and(|package| base_name(package) == last);
    let module = file.base_name().strip_suffix(b".py") == Some(last);
    !last.is_empty() && (package_main || module)
}

/// Whether a shell's program text reads in a file by `.` or `source`.
fn sources(text: &[u8], leads_to_file: impl Fn(&[u8]) -> bool) -> bool {
    let separator =
        |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b';' | b'&' | b'|' | b'(' | b')');
    let mut previous: &[u8] = b"";
    for word in text.split(separator).filter(|word| !word.is_empty()) {
        let quoted = |byte: &u8| matches!(byte, b'"' | b'\'');
        let start = word.iter().position(|byte| !quoted(byte)).unwrap_or(0);
        let end = word
            .iter()
            .rposition(|byte| !quoted(byte))
            .map_or(0, |last| last + 1);
        let bare = word.get(start..end).unwrap_or_default();
        if matches!(previous, b"." | b"source") && leads_to_file(bare) {
            return true;
        }
        previous = word;
    }
    false
}

/// Whether content that no argument names is a script that the interpreter reads in: it begins with a first line for
/// an interpreter of the same family. A Python tool that reads a shell script reads data.
fn is_sourced(interpreter: &Interpreter<'_>, head: &[u8], is_forked: bool) -> bool {
    // A multi-call shell runs `cat`, `cp` and the like in a forked child without exec.
    if interpreter.is_applet && is_forked {
        return false;
    }
    let Some(line) = head.strip_prefix(b"#!") else {
        return false;
    };
    let Some(family) = interpreter.family else {
        return true;
    };
    let line = line.split(|&byte| byte == b'\n').next().unwrap_or_default();
    line.split(|byte| byte.is_ascii_whitespace())
        .map(|word| without_version(base_name(word)))
        .any(|name| contains(family.names, name))
}

/// A shell whose execve was refused for want of a first line runs the file itself, in the child that it forked for
/// the command. Nothing names the file then but its execute permission.
fn is_run_without_first_line(
    interpreter: &Interpreter<'_>,
    file: &FileFacts,
    head: Option<&[u8]>,
    is_forked: bool,
) -> bool {
    const EXECUTE_BITS: u32 = 0o111;
    interpreter.is_shell()
        && !interpreter.is_applet
        && is_forked
        && file.mode & EXECUTE_BITS != 0
        && head.is_some_and(|head| !head.is_empty() && !head.contains(&0))
}

/// Whether content is an ELF file.
pub(crate) fn is_elf(head: &[u8]) -> bool {
    head.starts_with(b"\x7fELF")
}

/// A path joined to the working directory, with `.`, `..` and double slashes taken out.
pub(crate) fn normalized(cwd: &[u8], path: &[u8]) -> Vec<u8> {
    let base: &[u8] = if path.starts_with(b"/") { b"" } else { cwd };
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in base.split(|&b| b == b'/').chain(path.split(|&b| b == b'/')) {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let mut out = Vec::with_capacity(base.len() + path.len() + 1);
    for part in parts {
        out.push(b'/');
        out.extend_from_slice(part);
    }
    out
}

#[cfg(test)]
mod tests;
