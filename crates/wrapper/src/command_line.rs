//! The command line of an OCI runtime, as far as the wrapper must understand it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

/// Options of runc and crun before the command that take a value.
const GLOBAL_WITH_VALUE: &[&str] = &[
    "cgroup-manager",
    "criu",
    "log",
    "log-format",
    "log-level",
    "root",
    "rootless",
];
/// Those that don't.
const GLOBAL_ALONE: &[&str] = &["debug", "systemd-cgroup", "help", "h", "version", "v"];
/// Options of the commands that take a value.
const WITH_VALUE: &[&str] = &[
    "additional-gids",
    "apparmor",
    "b",
    "bundle",
    "c",
    "cap",
    "cgroup",
    "config",
    "console-socket",
    "cwd",
    "e",
    "env",
    "f",
    "g",
    "p",
    "pid-file",
    "preserve-fds",
    "process",
    "process-label",
    "u",
    "user",
];
/// Those that don't.
const ALONE: &[&str] = &[
    "d",
    "detach",
    "force",
    "ignore-paused",
    "keep",
    "no-new-keyring",
    "no-new-privs",
    "no-pivot",
    "no-subreaper",
    "systemd-cgroup",
    "t",
    "tty",
];

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    /// A container is made: `create` and `run`.
    Make,
    /// Another process is started in one.
    Exec,
    /// A container is forgotten.
    Delete,
    /// Whatever else.
    Other,
}

/// A command line, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommandLine {
    pub(crate) verb: Verb,
    /// The folder of the container's configuration; the working directory if it is not named.
    pub(crate) bundle: Option<PathBuf>,
    /// crun's: a configuration of another name or place.
    pub(crate) config: Option<PathBuf>,
    pub(crate) id: Option<OsString>,
    /// The runtime's log, in which managers look for the reason of a failure.
    pub(crate) log: Option<PathBuf>,
    pub(crate) log_is_json: bool,
}

/// An option that neither runc nor crun is known to have: what follows it can't be told.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the option {0:?} of the runtime is not known")]
pub(crate) struct UnknownOption(OsString);

impl CommandLine {
    pub(crate) fn parse(arguments: &[OsString]) -> Result<CommandLine, UnknownOption> {
        let mut line = CommandLine {
            verb: Verb::Other,
            bundle: None,
            config: None,
            id: None,
            log: None,
            log_is_json: false,
        };
        let mut arguments = arguments.iter();
        let take = |name: &str, value: OsString, line: &mut CommandLine| match name {
            "log" => line.log = Some(value.into()),
            "log-format" => line.log_is_json = value == "json",
            _ => {}
        };
        let verb = line.options(&mut arguments, (GLOBAL_WITH_VALUE, GLOBAL_ALONE), take)?;
        line.verb = match verb.as_deref().and_then(OsStr::to_str) {
            Some("create" | "run") => Verb::Make,
            Some("exec") => Verb::Exec,
            Some("delete") => Verb::Delete,
            _ => return Ok(line),
        };
        let is_making = line.verb == Verb::Make;
        // `-f` is `--force` there.
        let options: (&[&str], &[&str]) = match line.verb {
            Verb::Delete => (&["regex"], &["f", "force", "r"]),
            _ => (WITH_VALUE, ALONE),
        };
        let take = |name: &str, value: OsString, line: &mut CommandLine| match name {
            "b" | "bundle" if is_making => line.bundle = Some(value.into()),
            "f" | "config" if is_making => line.config = Some(value.into()),
            _ => {}
        };
        line.id = line.options(&mut arguments, options, take)?;
        Ok(line)
    }

    /// Goes over options to the first argument that is none.
    fn options<'a>(
        &mut self,
        arguments: &mut impl Iterator<Item = &'a OsString>,
        (with_value, alone): (&[&str], &[&str]),
        take: impl Fn(&str, OsString, &mut CommandLine),
    ) -> Result<Option<OsString>, UnknownOption> {
        while let Some(argument) = arguments.next() {
            let Some(option) = argument.as_bytes().strip_prefix(b"-") else {
                return Ok(Some(argument.clone()));
            };
            let option = option.strip_prefix(b"-").unwrap_or(option);
            if option.is_empty() {
                return Ok(arguments.next().cloned());
            }
            let at = option.iter().position(|byte| *byte == b'=');
            let (name, value) = match at.and_then(|at| option.split_at_checked(at)) {
                Some((name, value)) => (
                    name,
                    Some(OsStr::from_bytes(value.get(1..).unwrap_or_default())),
                ),
                None => (option, None),
            };
            let unknown = || UnknownOption(argument.clone());
            let name = std::str::from_utf8(name).map_err(|_| unknown())?;
            if with_value.contains(&name) {
                let value = value
                    .map(OsStr::to_owned)
                    .or_else(|| arguments.next().cloned());
                take(name, value.unwrap_or_default(), self);
            } else if !alone.contains(&name) {
                return Err(unknown());
            }
        }
        Ok(None)
    }

    /// The container's configuration.
    pub(crate) fn config_path(&self) -> PathBuf {
        let bundle = self.bundle.clone().unwrap_or_default();
        let config = self.config.clone().unwrap_or_else(|| "config.json".into());
        // As crun has it: in the bundle unless it is a whole path.
        bundle.join(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<CommandLine, UnknownOption> {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        CommandLine::parse(&words)
    }

    #[test]
    fn managers_command_lines_are_understood() {
        let line = parse("--root /run/r --log /b/log.json --log-format json create --bundle /b --pid-file /b/p c1").unwrap();
        assert_eq!(
            (line.verb, line.id.as_deref()),
            (Verb::Make, Some(OsStr::new("c1")))
        );
        assert_eq!(line.config_path(), PathBuf::from("/b/config.json"));
        assert_eq!(
            (line.log, line.log_is_json),
            (Some("/b/log.json".into()), true)
        );
        let line = parse("--systemd-cgroup run -b=/b --no-pivot -d c1").unwrap();
        assert_eq!((line.verb, line.bundle), (Verb::Make, Some("/b".into())));
        let line =
            parse("--cgroup-manager=cgroupfs exec -e A=b --tty -p /p.json c1 sh -c x").unwrap();
        assert_eq!(
            (line.verb, line.id.as_deref()),
            (Verb::Exec, Some(OsStr::new("c1")))
        );
        assert_eq!(line.bundle, None);
        let line = parse("create --bundle /b -- c1").unwrap();
        assert_eq!(line.id.as_deref(), Some(OsStr::new("c1")));
        assert_eq!(
            parse("create c1").unwrap().config_path(),
            PathBuf::from("config.json")
        );
        let line = parse("create -b /b -f /etc/other.json c1").unwrap();
        assert_eq!(line.config_path(), PathBuf::from("/etc/other.json"));
    }

    #[test]
    fn what_is_not_known_is_left_to_the_runtime() {
        assert_eq!(
            parse("delete -f c1").unwrap().id.as_deref(),
            Some(OsStr::new("c1"))
        );
        assert_eq!(parse("features").unwrap().verb, Verb::Other);
        assert_eq!(parse("--version").unwrap().verb, Verb::Other);
        assert!(parse("--novel x create --bundle /b c1").is_err());
        assert!(parse("create --novel /b c1").is_err());
    }
}
