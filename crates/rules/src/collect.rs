//! Puts the items of all files together: later definitions take the place of earlier ones, `append` and `override` change them.

use crate::ast::Position;
use crate::diagnostic::{Code, Diagnostics};
use crate::limits::{NAMES_COMPARED_MAX, RULES_MAX};
use crate::raw::{Item, Mode, RawException, RawList, RawMacro, RawRule, RuleKeys};
use crate::rule::RuleSource;
use crate::source::Text;
use std::collections::HashMap;
use yagura_yaml::{nearest, quote};

/// All items in force.
#[derive(Debug, Default)]
pub(crate) struct Collection {
    pub(crate) rules: Vec<RuleEntry>,
    pub(crate) macros: Vec<MacroEntry>,
    pub(crate) lists: Vec<ListEntry>,
    rule_names: HashMap<String, usize>,
    macro_names: HashMap<String, usize>,
    list_names: HashMap<String, usize>,
    /// Counts items in the order of loading.
    clock: usize,
}

#[derive(Debug)]
pub(crate) struct RuleEntry {
    pub(crate) name: String,
    pub(crate) at: Position,
    /// `None` if nothing here sends such events.
    pub(crate) source: Option<RuleSource>,
    /// The source as named, to notice that it changes.
    source_name: String,
    pub(crate) keys: RuleKeys,
}

/// When an item was first defined and last changed. As in Falco, an item sees those first defined before its last change.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Age {
    pub(crate) first: usize,
    pub(crate) last: usize,
}

#[derive(Debug)]
pub(crate) struct MacroEntry {
    pub(crate) name: String,
    pub(crate) at: Position,
    pub(crate) age: Age,
    pub(crate) condition: Text,
}

#[derive(Debug)]
pub(crate) struct ListEntry {
    pub(crate) name: String,
    pub(crate) at: Position,
    pub(crate) age: Age,
    pub(crate) items: Vec<(String, Position)>,
}

impl Collection {
    /// Takes an item in.
    pub(crate) fn add(&mut self, item: Item, diagnostics: &mut Diagnostics) {
        self.clock += 1;
        if self.clock > RULES_MAX * 4 || self.rules.len() > RULES_MAX {
            if self.clock == RULES_MAX * 4 + 1 || self.rules.len() == RULES_MAX + 1 {
                let at = match &item {
                    Item::Rule(rule) => rule.at,
                    Item::Macro(item) => item.at,
                    Item::List(list) => list.at,
                };
                let message = format!("more than {RULES_MAX} rules, or four times as many items");
                diagnostics.report(Code::TooMany, at, message);
            }
            return;
        }
        match item {
            Item::Rule(rule) => self.add_rule(*rule, diagnostics),
            Item::Macro(item) => self.add_macro(item, diagnostics),
            Item::List(list) => self.add_list(list, diagnostics),
        }
    }

    /// The macro of that name.
    pub(crate) fn macro_index(&self, name: &str) -> Option<usize> {
        self.macro_names.get(name).copied()
    }

    /// The list of that name.
    pub(crate) fn list_index(&self, name: &str) -> Option<usize> {
        self.list_names.get(name).copied()
    }

    fn add_macro(&mut self, item: RawMacro, diagnostics: &mut Diagnostics) {
        let now = self.clock;
        let index = self.macro_names.get(&item.name).copied();
        let previous = index.and_then(|index| self.macros.get_mut(index));
        match (previous, &item.mode) {
            (Some(previous), mode) => {
                previous.age.last = now;
                if appends(mode, "condition") {
                    previous.condition.append(&item.condition);
                } else {
                    previous.condition = item.condition;
                }
            }
            (None, Mode::Define) => {
                self.macro_names
                    .insert(item.name.clone(), self.macros.len());
                self.macros.push(MacroEntry {
                    name: item.name,
                    at: item.at,
                    age: Age {
                        first: now,
                        last: now,
                    },
                    condition: item.condition,
                });
            }
            (None, _) => {
                let names = self.macros.iter().map(|m| m.name.as_str());
                nothing_to_change("macro", &item.name, item.at, names, diagnostics);
            }
        }
    }

    fn add_list(&mut self, list: RawList, diagnostics: &mut Diagnostics) {
        let now = self.clock;
        let index = self.list_names.get(&list.name).copied();
        let previous = index.and_then(|index| self.lists.get_mut(index));
        match (previous, &list.mode) {
            (Some(previous), mode) => {
                previous.age.last = now;
                if appends(mode, "items") {
                    previous.items.extend(list.items);
                } else {
                    previous.items = list.items;
                }
            }
            (None, Mode::Define) => {
                self.list_names.insert(list.name.clone(), self.lists.len());
                self.lists.push(ListEntry {
                    name: list.name,
                    at: list.at,
                    age: Age {
                        first: now,
                        last: now,
                    },
                    items: list.items,
                });
            }
            (None, _) => {
                let names = self.lists.iter().map(|l| l.name.as_str());
                nothing_to_change("list", &list.name, list.at, names, diagnostics);
            }
        }
    }

    fn add_rule(&mut self, rule: RawRule, diagnostics: &mut Diagnostics) {
        let index = self.rule_names.get(&rule.name).copied();
        let is_switch = is_switch(&rule);
        match index.and_then(|index| self.rules.get_mut(index)) {
            Some(previous) => change_rule(previous, rule, is_switch, diagnostics),
            None if matches!(rule.mode, Mode::Define) && !is_switch => {
                let (source, source_name) = source_of(&rule, diagnostics);
                self.rule_names.insert(rule.name.clone(), self.rules.len());
                self.rules.push(RuleEntry {
                    name: rule.name,
                    at: rule.at,
                    source,
                    source_name,
                    keys: rule.keys,
                });
            }
            None => {
                let names = self.rules.iter().map(|r| r.name.as_str());
                nothing_to_change("rule", &rule.name, rule.at, names, diagnostics);
            }
        }
    }
}

/// Whether a rule is named only to be switched on or off.
fn is_switch(rule: &RawRule) -> bool {
    let keys = &rule.keys;
    matches!(rule.mode, Mode::Define)
        && keys.enabled.is_some()
        && ["condition", "output", "desc", "priority", "sequence"]
            .iter()
            .all(|key| !keys.has(key))
}

fn change_rule(
    previous: &mut RuleEntry,
    rule: RawRule,
    is_switch: bool,
    diagnostics: &mut Diagnostics,
) {
    match rule.mode {
        Mode::Define if is_switch => previous.keys.enabled = rule.keys.enabled,
        Mode::Define => {
            let (source, source_name) = source_of(&rule, diagnostics);
            if source_name != previous.source_name {
                let message = format!(
                    "rule {} is defined again for source {} instead of {}",
                    quote(&rule.name),
                    quote(&source_name),
                    quote(&previous.source_name)
                );
                diagnostics.report(Code::SourceChanged, rule.at, message);
            }
            let message = format!(
                "rule {} is defined again: this definition takes the place of that in {}, line {}",
                quote(&rule.name),
                quote(diagnostics.file(previous.at.file)),
                previous.at.line
            );
            let hint = "to change parts of a rule use \"override\"";
            diagnostics.report_with_hint(Code::Redefined, rule.at, message, hint);
            previous.source = source;
            previous.at = rule.at;
            previous.keys = rule.keys;
        }
        Mode::Append => {
            for key in ["condition", "exceptions", "output", "desc", "tags"] {
                if rule.keys.has(key) {
                    append(&mut previous.keys, key, &rule.keys, diagnostics);
                }
            }
        }
        Mode::Override(changes) => {
            for (key, appended, _) in changes {
                if appended {
                    append(&mut previous.keys, &key, &rule.keys, diagnostics);
                } else {
                    previous.keys.replace(&key, &rule.keys);
                }
            }
        }
    }
}

/// Adds what a later definition says under a key.
fn append(keys: &mut RuleKeys, key: &str, later: &RuleKeys, diagnostics: &mut Diagnostics) {
    match key {
        "condition" => append_text(&mut keys.condition, later.condition.as_ref()),
        "output" => append_text(&mut keys.output, later.output.as_ref()),
        "desc" => append_text(&mut keys.description, later.description.as_ref()),
        "tags" => append_list(&mut keys.tags, later.tags.as_ref()),
        "techniques" => append_list(&mut keys.techniques, later.techniques.as_ref()),
        "tests" => {
            let more = later.tests.iter().flatten().cloned();
            keys.tests.get_or_insert_default().extend(more);
        }
        "exceptions" => {
            let exceptions = keys.exceptions.get_or_insert_default();
            for exception in later.exceptions.iter().flatten() {
                append_exception(exceptions, exception, diagnostics);
            }
        }
        _ => {}
    }
}

fn append_text(text: &mut Option<Text>, more: Option<&Text>) {
    match (text, more) {
        (Some(text), Some(more)) => text.append(more),
        (text @ None, Some(more)) => *text = Some(more.clone()),
        (_, None) => {}
    }
}

fn append_list(list: &mut Option<Vec<String>>, more: Option<&Vec<String>>) {
    let list = list.get_or_insert_default();
    for item in more.into_iter().flatten() {
        if !list.contains(item) {
            list.push(item.clone());
        }
    }
}

fn append_exception(
    exceptions: &mut Vec<RawException>,
    later: &RawException,
    diagnostics: &mut Diagnostics,
) {
    if later.values.is_empty() {
        let message = format!("exception {} is given no values", quote(&later.name));
        diagnostics.report(Code::NoValues, later.at, message);
    }
    match exceptions.iter_mut().find(|e| e.name == later.name) {
        Some(previous) => {
            if later.fields.is_some() || later.comparisons.is_some() {
                let message = format!(
                    "exception {} has its fields and comparisons already: only values can be added",
                    quote(&later.name)
                );
                diagnostics.report(Code::BadException, later.at, message);
            }
            previous.values.extend(later.values.iter().cloned());
        }
        None => exceptions.push(later.clone()),
    }
}

/// The source of a rule, and its name.
fn source_of(rule: &RawRule, diagnostics: &mut Diagnostics) -> (Option<RuleSource>, String) {
    let Some((name, at)) = &rule.source else {
        let source = RuleSource::Syscall;
        return (Some(source), source.as_str().to_owned());
    };
    let source = RuleSource::from_name(name);
    if source.is_none() {
        let message = format!(
            "unknown source {}: rule {} is left out",
            quote(name),
            quote(&rule.name)
        );
        let names: Vec<_> = RuleSource::ALL.iter().map(|s| s.as_str()).collect();
        let hint = format!("sources: {}", names.join(", "));
        diagnostics.report_with_hint(Code::UnknownSource, *at, message, hint);
    }
    (source, name.clone())
}

/// Whether a macro or list is added to rather than replaced.
fn appends(mode: &Mode, key: &str) -> bool {
    match mode {
        Mode::Define => false,
        Mode::Append => true,
        Mode::Override(changes) => changes
            .iter()
            .any(|(changed, append, _)| changed == key && *append),
    }
}

fn nothing_to_change<'n>(
    what: &str,
    name: &str,
    at: Position,
    names: impl Iterator<Item = &'n str>,
    diagnostics: &mut Diagnostics,
) {
    let message = format!(
        "there is no {what} {} yet that could be changed",
        quote(name)
    );
    if !diagnostics.shows(Code::NothingToChange) {
        return diagnostics.report(Code::NothingToChange, at, message);
    }
    let hint = match nearest(name, names.take(NAMES_COMPARED_MAX)) {
        Some(near) => format!("did you mean {}?", quote(near)),
        None => "it must be defined before, in this file or one loaded earlier".to_owned(),
    };
    diagnostics.report_with_hint(Code::NothingToChange, at, message, hint);
}
