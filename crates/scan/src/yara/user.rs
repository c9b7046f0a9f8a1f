//! A user's YARA rules: whole public collections, in which some rules are for other tools or plainly wrong.

use super::engine::USER_NAMESPACE;
use super::folder::{RuleFile, RuleFiles, line_after};
use crate::limits::{REASON_CHARS_MAX, RULE_DEPTH_MAX};
use crate::report::shown;
use crate::rules::{LoadError, RuleProblem};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use yara_x::{Compiler, Rules, SourceCode};

/// Texts that collections ask the scanner for. The engine sets the first four; the others stay empty.
const VARIABLES: [&str; 10] = [
    "filename",
    "filepath",
    "extension",
    "filetype",
    "file_name",
    "file_type",
    "md5",
    "owner",
    "unpack_parent",
    "unpack_source",
];

/// Modules of other tools. Rules that use them are left out without being errors.
const FOREIGN_MODULES: [&str; 9] = [
    "androguard",
    "crx",
    "cuckoo",
    "dex",
    "magic",
    "macho",
    "text",
    "titan",
    "vt",
];

/// The user's rules.
pub(crate) struct UserRules {
    /// The compiled rules; none where there are no folders or nothing in them compiles.
    pub(crate) rules: Option<Arc<Rules>>,
    /// What could not be loaded.
    pub(crate) problems: Vec<RuleProblem>,
}

impl UserRules {
    /// Compiles the rules of some folders.
    ///
    /// # Errors
    ///
    /// [`LoadError::Folder`] if a folder cannot be read.
    pub(crate) fn compile(folders: &[PathBuf]) -> Result<UserRules, LoadError> {
        let mut found = RuleFiles::default();
        for folder in folders {
            found.add(folder).map_err(|source| LoadError::Folder {
                path: folder.clone(),
                source,
            })?;
        }
        let mut problems = found.problems;
        let rules = (!found.files.is_empty()).then(|| compile(&found.files, &mut problems));
        Ok(UserRules {
            rules: rules.filter(|rules| rules.iter().len() > 0).map(Arc::new),
            problems,
        })
    }
}

fn compile(files: &[RuleFile], problems: &mut Vec<RuleProblem>) -> Rules {
    let mut compiler = compiler();
    let by_path: HashMap<&Path, &RuleFile> = files
        .iter()
        .map(|file| (file.path.as_path(), file))
        .collect();
    let included: HashSet<&Path> = files
        .iter()
        .flat_map(|file| &file.includes)
        .map(PathBuf::as_path)
        .collect();
    let mut done = HashSet::new();
    // What others include is loaded with them; files that include each other come last.
    let (parts, wholes): (Vec<_>, Vec<_>) = files
        .iter()
        .partition(|file| included.contains(file.path.as_path()));
    for file in wholes.into_iter().chain(parts) {
        if done.contains(file.path.as_path()) {
            continue;
        }
        compiler.new_namespace(&format!("{USER_NAMESPACE}{}", file.name));
        let mut in_namespace = HashSet::new();
        add(&mut compiler, file, &by_path, &mut in_namespace, 0);
        done.extend(in_namespace);
    }
    collect(&compiler, files, problems);
    compiler.build()
}

fn compiler<'a>() -> Compiler<'a> {
    let mut compiler = Compiler::new();
    compiler
        .relaxed_re_syntax(true)
        .enable_includes(false)
        .switch_all_warnings(false);
    for warning in ["slow_pattern", "ignored_rule"] {
        let known = compiler.switch_warning(warning, true);
        debug_assert!(known.is_ok(), "{warning} is a warning's code");
    }
    for module in FOREIGN_MODULES {
        compiler.ignore_module(module);
    }
    for variable in VARIABLES {
        let defined = compiler.define_global(variable, "");
        debug_assert!(defined.is_ok(), "{variable} is defined once");
    }
    compiler
}

/// Adds a file behind what it includes. A file is in a namespace once, however often it is included.
fn add<'f>(
    compiler: &mut Compiler<'_>,
    file: &'f RuleFile,
    by_path: &HashMap<&Path, &'f RuleFile>,
    in_namespace: &mut HashSet<&'f Path>,
    depth: usize,
) {
    if depth > RULE_DEPTH_MAX || !in_namespace.insert(&file.path) {
        return;
    }
    for include in &file.includes {
        if let Some(included) = by_path.get(include.as_path()) {
            add(compiler, included, by_path, in_namespace, depth + 1);
        }
    }
    let source = SourceCode::from(file.text.as_str()).with_origin(file.name.as_str());
    // Rules that compile are in; the others are among the compiler's errors.
    let _ = compiler.add_source(source);
}

/// Tells what did not compile and what is slow.
fn collect(compiler: &Compiler<'_>, files: &[RuleFile], problems: &mut Vec<RuleProblem>) {
    let texts: HashMap<&str, &str> = files
        .iter()
        .map(|file| (file.name.as_str(), file.text.as_str()))
        .collect();
    let mut tell = |title: &str, label: Option<(Option<&str>, usize, &str)>| {
        let (file, start, note) = label.unwrap_or((None, 0, ""));
        let before = file.and_then(|file| texts.get(file)?.as_bytes().get(..start));
        let reason = match note {
            "" => title.to_owned(),
            note => format!("{title}: {note}"),
        };
        problems.push(RuleProblem {
            file: file.unwrap_or_default().to_owned(),
            line: before.map(line_after),
            reason: shown(reason.as_bytes(), REASON_CHARS_MAX),
        });
    };
    for error in compiler.errors() {
        let label = error.labels().next();
        let label = label.as_ref();
        tell(
            error.title(),
            label.map(|l| (l.origin(), l.span().start(), l.text())),
        );
    }
    for warning in compiler.warnings() {
        let label = warning.labels().next();
        let label = label.as_ref();
        tell(
            warning.title(),
            label.map(|l| (l.origin(), l.span().start(), l.text())),
        );
    }
}
