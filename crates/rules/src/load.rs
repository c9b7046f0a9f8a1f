//! From rule files to rules, or to everything that is wrong with them.

use crate::assemble::{self, Assembled};
use crate::ast::{Item, Position};
use crate::check::Checker;
use crate::collect::Collection;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Severity};
use crate::limits::FILES_MAX;
use crate::lint;
use crate::read;
use crate::resolve::Resolver;
use crate::rule::{List, Macro, Rule};
use crate::source::Source;

/// What is looked for besides errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadOptions {
    /// Warn of what is probably not meant: conditions that never hold, exceptions that never apply, rules for every event.
    pub lint: bool,
    /// Warn of macros and lists in the user's own files that nothing uses.
    pub unused: bool,
}

impl Default for LoadOptions {
    fn default() -> Self {
        LoadOptions {
            lint: true,
            unused: true,
        }
    }
}

/// What files turned out to hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// Every rule without an error, in the order of first definition.
    pub rules: Vec<Rule>,
    /// Every macro without an error.
    pub macros: Vec<Macro>,
    /// Every list without an error.
    pub lists: Vec<List>,
    /// Everything that is wrong or doubtful, in the order of the files.
    pub diagnostics: Vec<Diagnostic>,
}

impl Loaded {
    /// Whether something is wrong: then the rules are not all that their authors wrote.
    pub fn has_errors(&self) -> bool {
        self.diagnostics
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

/// Reads rule files in the order in which they build on one another, and says all that is wrong with them. Nothing is opened.
pub fn load(sources: &[Source<'_>], options: &LoadOptions) -> Loaded {
    let mut diagnostics = Diagnostics::default();
    let mut collection = Collection::default();
    for source in sources.iter().take(FILES_MAX) {
        let file = diagnostics.add_file(source.name);
        for item in read::read(file, source.bytes, &mut diagnostics) {
            collection.add(item, &mut diagnostics);
        }
    }
    if let Some(source) = sources.get(FILES_MAX) {
        let file = diagnostics.add_file(source.name);
        let at = Position {
            file,
            line: 1,
            column: 1,
        };
        let message = format!("more than {FILES_MAX} files");
        diagnostics.report(Code::TooLarge, at, message);
    }
    let mut loaded = resolve(&collection, sources, options, &mut diagnostics);
    loaded.diagnostics = diagnostics.finish();
    loaded
}

fn resolve(
    collection: &Collection,
    sources: &[Source<'_>],
    options: &LoadOptions,
    diagnostics: &mut Diagnostics,
) -> Loaded {
    let mut resolver = Resolver::new(collection, diagnostics);
    let mut rules = Vec::with_capacity(collection.rules.len());
    let mut checker = Checker::default();
    for entry in &collection.rules {
        let Some(Assembled { rule, is_whole }) = assemble::rule(entry, &mut resolver) else {
            continue;
        };
        if !checker.rule(&rule, &entry.keys, resolver.diagnostics) || !is_whole {
            continue;
        }
        if options.lint {
            lint::rule(&rule, resolver.diagnostics);
        }
        rules.push(rule);
    }
    // Macros and lists that no rule uses have their problems, too.
    let macros = macros(collection, &mut resolver);
    let lists = lists(collection, &mut resolver);
    // A macro may seem unused only since what uses it is wrong.
    if options.lint && options.unused && resolver.diagnostics.errors() == 0 {
        lint::unused(collection, sources, &mut resolver);
    }
    Loaded {
        rules,
        macros,
        lists,
        diagnostics: Vec::new(),
    }
}

/// Every macro with everything put in. What this uses counts: a macro that only an unused macro uses is told once that is gone.
fn macros(collection: &Collection, resolver: &mut Resolver<'_>) -> Vec<Macro> {
    let entries = collection.macros.iter().enumerate();
    let resolved = entries.filter_map(|(index, entry)| {
        let resolved = resolver.macro_at(index).ok()?;
        Some(Macro {
            name: entry.name.clone(),
            at: entry.at,
            condition: (*resolved.expr).clone(),
        })
    });
    resolved.collect()
}

fn lists(collection: &Collection, resolver: &mut Resolver<'_>) -> Vec<List> {
    let entries = collection.lists.iter().enumerate();
    let resolved = entries.filter_map(|(index, entry)| {
        let items = resolver.list_at(index).ok()?;
        let texts = items.iter().filter_map(|item| match item {
            Item::Literal(_, text) | Item::Name(_, text) => Some(text.clone()),
            Item::Field(_) => None,
        });
        Some(List {
            name: entry.name.clone(),
            at: entry.at,
            items: texts.collect(),
        })
    });
    resolved.collect()
}
