//! Detection rules that a user names, loaded together with the catalogue.

use crate::exit::Failure;
use crate::input::{self, unreadable};
use anyhow::anyhow;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use yagura_event::escape;
use yagura_rules::limits::FILE_BYTES_MAX;
use yagura_rules::{LoadOptions, Loaded, RuleSet, Severity, Source, catalogue, load};

/// Files of one folder that are read. Stops a folder of a million files.
const FOLDER_FILES_MAX: usize = 1024;

/// Which rules are in force.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct RuleArguments {
    /// Detection rules beside the catalogue's: a file, or a folder of .yaml and .yml files; repeatable
    #[arg(long, value_name = "DIR|FILE")]
    rules: Vec<PathBuf>,
    /// Falco's rule files, as they are; repeatable
    #[arg(long, value_name = "FILE")]
    falco_rules: Vec<PathBuf>,
    /// Only the rules that are given here, without the catalogue
    #[arg(long)]
    no_catalogue: bool,
}

/// A rule file that was read.
#[derive(Debug, Clone)]
pub(crate) struct RuleFile {
    name: String,
    bytes: Vec<u8>,
    own: bool,
}

impl RuleArguments {
    /// Loads and compiles the rules. All that is wrong is told on standard error, and of the user's own files also what is
    /// doubtful.
    ///
    /// # Errors
    /// [`Failure::BadInput`] if a file can't be read or has an error.
    pub(crate) fn load(&self) -> Result<Arc<RuleSet>, Failure> {
        let files = self.read()?;
        let loaded = load_files(&files, !self.no_catalogue);
        let errors = tell(&loaded, false);
        if errors > 0 {
            return Err(cannot_be_used(errors));
        }
        compile(loaded).map(Arc::new)
    }

    fn read(&self) -> Result<Vec<RuleFile>, Failure> {
        let mut files = Vec::new();
        let falcos = self.falco_rules.iter().map(|path| (path, false));
        // Falco's come first: the user's own may append to them.
        for (path, own) in falcos.chain(self.rules.iter().map(|path| (path, true))) {
            files.extend(read(path, own)?);
        }
        Ok(files)
    }
}

/// Loads files behind the catalogue's, or alone.
pub(crate) fn load_files(files: &[RuleFile], with_catalogue: bool) -> Loaded {
    let mut sources: Vec<Source<'_>> = Vec::new();
    if with_catalogue {
        sources.extend(catalogue::sources());
    }
    for file in files {
        sources.push(Source {
            name: &file.name,
            bytes: &file.bytes,
            own: file.own,
        });
    }
    load(&sources, &LoadOptions::default())
}

/// Tells what is wrong on standard error, and what is doubtful in the user's own files; returns how many errors there are.
pub(crate) fn tell(loaded: &Loaded, only_errors: bool) -> usize {
    // Standard error that can't be written leaves nobody to tell.
    let mut err = std::io::stderr().lock();
    let mut errors = 0;
    for diagnostic in &loaded.diagnostics {
        let is_error = diagnostic.severity == Severity::Error;
        errors += usize::from(is_error);
        if is_error || !only_errors {
            let _ = writeln!(err, "{diagnostic}");
        }
    }
    errors
}

/// Compiles what was loaded.
///
/// # Errors
/// [`Failure::BadInput`] with everything that can't be compiled, told on standard error.
pub(crate) fn compile(loaded: Loaded) -> Result<RuleSet, Failure> {
    RuleSet::compile(loaded.rules).map_err(|errors| {
        let mut err = std::io::stderr().lock();
        for error in &errors {
            let _ = writeln!(err, "error: {}", escape(error.to_string().as_bytes()));
        }
        cannot_be_used(errors.len())
    })
}

pub(crate) fn cannot_be_used(errors: usize) -> Failure {
    let plural = if errors == 1 { "" } else { "s" };
    Failure::BadInput(anyhow!("rules can't be used: {errors} error{plural}"))
}

/// Reads a rule file, or every one of a folder and of the folders in it, in the order of their names.
///
/// # Errors
/// [`Failure::BadInput`] if something can't be read.
pub(crate) fn read(path: &Path, own: bool) -> Result<Vec<RuleFile>, Failure> {
    let mut paths = Vec::new();
    if path.is_dir() {
        gather(path, &mut paths)?;
        if paths.is_empty() {
            let shown = path.to_string_lossy();
            return Err(Failure::BadInput(anyhow!(
                "{}: the folder has no .yaml or .yml file",
                escape(shown.as_bytes())
            )));
        }
    } else {
        paths.push(path.to_owned());
    }
    paths.iter().map(|path| read_file(path, own)).collect()
}

fn read_file(path: &Path, own: bool) -> Result<RuleFile, Failure> {
    let source = input::Source::from(path);
    let name = source.name();
    match source.read(FILE_BYTES_MAX) {
        Ok(bytes) => Ok(RuleFile { name, bytes, own }),
        Err(error) => Err(Failure::BadInput(anyhow!(unreadable(&name, &error)))),
    }
}

fn gather(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let cannot = |error: std::io::Error| {
        let shown = folder.to_string_lossy().into_owned();
        Failure::BadInput(anyhow!(unreadable(&shown, &error.into())))
    };
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(cannot)? {
        entries.push(entry.map_err(cannot)?.path());
    }
    entries.sort();
    for path in entries {
        let is_yaml = path
            .extension()
            .is_some_and(|extension| extension == "yaml" || extension == "yml");
        if path.is_dir() && !path.is_symlink() {
            gather(&path, paths)?;
        } else if is_yaml {
            paths.push(path);
        }
        if paths.len() > FOLDER_FILES_MAX {
            return Err(Failure::BadInput(anyhow!(
                "{}: more than {FOLDER_FILES_MAX} rule files",
                escape(folder.to_string_lossy().as_bytes())
            )));
        }
    }
    Ok(())
}
