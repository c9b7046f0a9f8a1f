//! Files that a user names: read whole, up to a bound.

use crate::exit::Failure;
use anyhow::{Context as _, Result, anyhow, bail};
use rustix::fs::OFlags;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use yagura_event::escape;
use yagura_policy::limits::DOCUMENT_BYTES_MAX;
use yagura_policy::{PolicySet, Severity};

/// Policy files taken from one folder. Stops a folder that is no folder of policies from being read whole.
const FOLDER_FILES_MAX: usize = 1024;

/// A file, or standard input written as `-`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
}

impl From<&Path> for Source {
    fn from(path: &Path) -> Source {
        match path.as_os_str().as_encoded_bytes() {
            b"-" => Source::Stdin,
            _ => Source::File(path.to_owned()),
        }
    }
}

impl Source {
    /// How messages name it. Not escaped.
    pub(crate) fn name(&self) -> String {
        match self {
            Source::Stdin => "<stdin>".to_owned(),
            Source::File(path) => path.to_string_lossy().into_owned(),
        }
    }

    /// All bytes, or the first `bytes_max + 1` of a source that is longer: enough to see that it is too long.
    ///
    /// # Errors
    /// If it can't be read or is no regular file: a directory has no text, and a FIFO may never have any.
    pub(crate) fn read(&self, bytes_max: usize) -> Result<Vec<u8>> {
        match self {
            Source::Stdin => read_bounded(io::stdin().lock(), bytes_max).context("can't be read"),
            Source::File(path) => read_bounded(open(path)?, bytes_max).context("can't be read"),
        }
    }
}

/// Policies of any kind, from files and from the YAML files of folders. All that is wrong or doubtful in them is told on
/// standard error. Without any file, the built-in ones.
///
/// # Errors
/// [`Failure::BadInput`] if a file can't be read or has an error.
pub(crate) fn policies(paths: &[PathBuf]) -> Result<PolicySet, Failure> {
    read_policies(paths, sources_of)
}

/// The policies of one file, as [`policies`] reads them.
///
/// # Errors
/// As [`policies`]; a folder is no file.
pub(crate) fn policy_file(path: &Path) -> Result<PolicySet, Failure> {
    read_policies(&[path.to_owned()], |path| Ok(vec![Source::from(path)]))
}

fn read_policies(
    paths: &[PathBuf],
    sources_of: impl Fn(&Path) -> Result<Vec<Source>>,
) -> Result<PolicySet, Failure> {
    // Standard error that can't be written leaves nobody to tell.
    let mut err = io::stderr().lock();
    let mut errors = 0;
    let mut texts = Vec::new();
    for path in paths {
        let sources = match sources_of(path) {
            Ok(sources) => sources,
            Err(error) => {
                let _ = writeln!(err, "{}", unreadable(&path.to_string_lossy(), &error));
                errors += 1;
                continue;
            }
        };
        for source in sources {
            match source.read(DOCUMENT_BYTES_MAX) {
                Ok(text) => texts.push((source.name(), text)),
                Err(error) => {
                    let _ = writeln!(err, "{}", unreadable(&source.name(), &error));
                    errors += 1;
                }
            }
        }
    }
    let files: Vec<(&str, &[u8])> = texts
        .iter()
        .map(|(file, text)| (file.as_str(), text.as_slice()))
        .collect();
    let parsed = yagura_policy::set::parse_all(&files);
    for diagnostic in &parsed.diagnostics {
        let _ = writeln!(err, "{diagnostic}");
    }
    let found = parsed.diagnostics.iter();
    errors += found.filter(|d| d.severity == Severity::Error).count();
    match parsed.set {
        Some(set) if errors == 0 => Ok(set),
        _ => {
            let plural = if errors == 1 { "" } else { "s" };
            Err(Failure::BadInput(anyhow!(
                "policies can't be used: {errors} error{plural}"
            )))
        }
    }
}

/// A file itself; of a folder its YAML files by name.
pub(crate) fn sources_of(path: &Path) -> Result<Vec<Source>> {
    if !path.is_dir() {
        return Ok(vec![Source::from(path)]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).context("can't be listed")? {
        let path = entry.context("can't be listed")?.path();
        let is_yaml = path
            .extension()
            .is_some_and(|extension| extension == "yaml" || extension == "yml");
        if is_yaml && path.is_file() {
            files.push(path);
        }
        if files.len() > FOLDER_FILES_MAX {
            bail!("has more than {FOLDER_FILES_MAX} YAML files");
        }
    }
    files.sort();
    Ok(files.into_iter().map(Source::File).collect())
}

/// A file that can't be read, in the form of a diagnostic.
pub(crate) fn unreadable(file: &str, error: &anyhow::Error) -> String {
    format!("{}: error: {error:#}", escape(file.as_bytes()))
}

/// Opens a regular file. Without waiting: opening a FIFO would wait for its writer, and looking at the path first would
/// leave time to exchange it.
fn open(path: &Path) -> Result<File> {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).context("flag of open(2)")?;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)
        .context("can't be opened")?;
    let kind = file.metadata().context("can't be looked at")?.file_type();
    if kind.is_file() {
        return Ok(file);
    }
    let what = match () {
        () if kind.is_dir() => "a directory",
        () if kind.is_fifo() => "a FIFO",
        () if kind.is_char_device() => "a character device",
        () if kind.is_block_device() => "a block device",
        () => "no regular file",
    };
    bail!("is {what}; a regular file is needed, or `-` for standard input")
}

/// All bytes, or the first `bytes_max + 1` of more.
pub(crate) fn read_bounded(from: impl Read, bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let bound = u64::try_from(bytes_max)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    from.take(bound).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_read_than_shows_that_it_is_too_long() {
        assert_eq!(read_bounded(io::repeat(b'x'), 10).unwrap().len(), 11);
        assert_eq!(read_bounded(&b"abc"[..], 3).unwrap(), b"abc");
    }

    #[test]
    fn what_is_no_regular_file_is_named() {
        let error = |path: &str| Source::from(Path::new(path)).read(10).unwrap_err();
        assert!(error("/").to_string().contains("a directory"));
        assert!(
            error("/dev/null")
                .to_string()
                .contains("a character device")
        );
        assert!(
            error("/nonexistent")
                .to_string()
                .contains("can't be opened")
        );
    }
}
