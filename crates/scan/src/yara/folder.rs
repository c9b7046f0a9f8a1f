//! Finds a user's rule files.

use crate::limits::{RULE_BYTES_MAX, RULE_DEPTH_MAX, RULE_FILE_BYTES_MAX, RULE_FILES_MAX};
use crate::rules::RuleProblem;
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use yagura_event::escape;
use yara_x_parser::ast::{AST, Item, WithSpan as _};

/// A file of rules.
#[derive(Debug)]
pub(crate) struct RuleFile {
    /// Where it is, without links.
    pub(crate) path: PathBuf,
    /// The same, as it may be shown.
    pub(crate) name: String,
    /// The rules, with `include` statements blanked out.
    pub(crate) text: String,
    /// What it includes, within the folder, without links.
    pub(crate) includes: Vec<PathBuf>,
}

/// Rule files as they are found, within bounds.
#[derive(Debug, Default)]
pub(crate) struct RuleFiles {
    /// The files, in the order of their paths within each folder.
    pub(crate) files: Vec<RuleFile>,
    /// What could not be loaded.
    pub(crate) problems: Vec<RuleProblem>,
    bytes: u64,
    seen: HashSet<PathBuf>,
}

impl RuleFiles {
    /// Adds the files of a folder, at any depth. Links are followed within the folder alone.
    ///
    /// # Errors
    ///
    /// The folder is not there or cannot be read. What is wrong below it is a problem, no error.
    pub(crate) fn add(&mut self, folder: &Path) -> io::Result<()> {
        let root = fs::canonicalize(folder)?;
        self.add_folder(&root, &root, 0)
    }

    fn add_folder(&mut self, root: &Path, folder: &Path, depth: usize) -> io::Result<()> {
        let mut paths = fs::read_dir(folder)?
            .map(|entry| Ok(entry?.path()))
            .collect::<io::Result<Vec<_>>>()?;
        paths.sort();
        for path in paths {
            // `.git` and the folders behind a mounted ConfigMap's links.
            let hidden = path
                .file_name()
                .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            if hidden {
                continue;
            }
            if let Err(error) = self.add_path(root, &path, depth) {
                self.problem(&path, error.to_string());
            }
        }
        Ok(())
    }

    fn add_path(&mut self, root: &Path, path: &Path, depth: usize) -> io::Result<()> {
        let Some(real) = within(root, path)? else {
            if is_rule_name(path) {
                self.problem(path, "the link leads out of the folder".to_owned());
            }
            return Ok(());
        };
        let facts = fs::metadata(&real)?;
        if facts.is_dir() {
            if depth >= RULE_DEPTH_MAX {
                self.problem(path, format!("more than {RULE_DEPTH_MAX} folders deep"));
            } else if self.seen.insert(real.clone()) {
                self.add_folder(root, &real, depth + 1)?;
            }
            return Ok(());
        }
        if !is_rule_name(path) || !facts.is_file() || !self.seen.insert(real.clone()) {
            return Ok(());
        }
        if self.files.len() >= RULE_FILES_MAX {
            self.problem(path, format!("more than {RULE_FILES_MAX} rule files"));
            return Ok(());
        }
        self.read(root, real)
    }

    fn read(&mut self, root: &Path, path: PathBuf) -> io::Result<()> {
        let mut bytes = Vec::new();
        File::open(&path)?
            .take(RULE_FILE_BYTES_MAX + 1)
            .read_to_end(&mut bytes)?;
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if length > RULE_FILE_BYTES_MAX {
            self.problem(
                &path,
                format!("the file has more than {RULE_FILE_BYTES_MAX} bytes"),
            );
            return Ok(());
        }
        self.bytes += length;
        if self.bytes > RULE_BYTES_MAX {
            self.problem(
                &path,
                format!("all rule files have more than {RULE_BYTES_MAX} bytes"),
            );
            return Ok(());
        }
        let text = String::from_utf8(bytes).unwrap_or_else(|error| {
            let before = error.as_bytes().get(..error.utf8_error().valid_up_to());
            self.problems.push(RuleProblem {
                file: escape(path.as_os_str().as_encoded_bytes()).into_owned(),
                line: before.map(line_after),
                reason: "not UTF-8 from here on; such bytes were replaced".to_owned(),
            });
            String::from_utf8_lossy(error.as_bytes()).into_owned()
        });
        let (text, includes) = self.without_includes(root, &path, text);
        self.files.push(RuleFile {
            name: escape(path.as_os_str().as_encoded_bytes()).into_owned(),
            path,
            text,
            includes,
        });
        Ok(())
    }

    /// Blanks `include` statements out, and tells which files within the folder they name. The compiler would read any
    /// file of the machine.
    fn without_includes(
        &mut self,
        root: &Path,
        path: &Path,
        mut text: String,
    ) -> (String, Vec<PathBuf>) {
        let mut includes = Vec::new();
        if !text.contains("include") {
            return (text, includes);
        }
        let statements: Vec<_> = AST::from(text.as_str())
            .items()
            .filter_map(|item| match item {
                Item::Include(include) => {
                    Some((include.span().range(), include.file_name.to_owned()))
                }
                _ => None,
            })
            .collect();
        for (range, name) in statements {
            let line = text
                .get(..range.start)
                .map(|before| line_after(before.as_bytes()));
            let beside = path.parent().unwrap_or(root).join(&name);
            let found = [beside, root.join(&name)]
                .iter()
                .find_map(|candidate| within(root, candidate).ok().flatten());
            match found {
                Some(found) => includes.push(found),
                None => self.problems.push(RuleProblem {
                    file: escape(path.as_os_str().as_encoded_bytes()).into_owned(),
                    line,
                    reason: format!("no such file in the folder: {}", escape(name.as_bytes())),
                }),
            }
            let blank = " ".repeat(range.len());
            text.replace_range(range, &blank);
        }
        (text, includes)
    }

    fn problem(&mut self, path: &Path, reason: String) {
        self.problems.push(RuleProblem {
            file: escape(path.as_os_str().as_encoded_bytes()).into_owned(),
            line: None,
            reason,
        });
    }
}

/// The path without links, if it is within the folder.
fn within(root: &Path, path: &Path) -> io::Result<Option<PathBuf>> {
    let real = fs::canonicalize(path)?;
    Ok(real.starts_with(root).then_some(real))
}

fn is_rule_name(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        extension.eq_ignore_ascii_case("yar") || extension.eq_ignore_ascii_case("yara")
    })
}

/// The number of the line that begins or goes on after these bytes.
pub(crate) fn line_after(before: &[u8]) -> u32 {
    let ends = before.iter().filter(|&&byte| byte == b'\n').count();
    u32::try_from(ends).unwrap_or(u32::MAX).saturating_add(1)
}
