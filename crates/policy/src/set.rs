//! All policies of a node together: one drift policy, defence rules, and rules on images at risk, from one file or
//! many, each with one or more documents.

use crate::at_risk::AtRiskImageRule;
use crate::checks;
use crate::defence::parse::Placed;
use crate::defence::{self, DefenceAction, DefenceRule, RulesDiff};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::drift::{self, DriftPolicy, RuleAction};
use crate::limits::{DOCUMENTS_MAX, SET_RULES_MAX};
use crate::reader::Reader;
use crate::rollout::{fnv, mixed};
use std::collections::{HashMap, HashSet};
use std::fmt;
use yagura_event::EnforcementRow;
use yagura_yaml::{Node, Position, Value, quote};

/// Policies that were checked: names are unique among rules of their kind, and all bounds hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicySet {
    drift: DriftPolicy,
    has_own_drift: bool,
    defence: Vec<DefenceRule>,
    images: Vec<AtRiskImageRule>,
    /// Every rule that a row can tell of, by number.
    numbered: Vec<RuleName>,
    /// Numbers of drift rules by position, the default rule's last.
    drift_numbers: Vec<u32>,
    /// Numbers of defence rules by position.
    defence_numbers: Vec<u32>,
}

/// What kind of rule a number in a row means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleKind {
    /// A rule of the drift policy, or its default rule.
    Drift,
    /// A defence rule.
    Defence,
}

/// What a rule's number in a row means.
///
/// A number comes of the rule's kind and name, so that it means the same in rows that were compiled earlier, before a
/// restart of the sensor too. It is never zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleName {
    /// The number.
    pub number: u32,
    /// What kind of rule.
    pub kind: RuleKind,
    /// Position among the rules of its kind, the first is 0. The default drift rule stands behind all others.
    pub index: usize,
    /// Name. Written by a user: escape it before showing it.
    pub name: String,
    /// Whether it asks for blocking, on some nodes at least, rather than for telling alone.
    pub blocks: bool,
}

impl PolicySet {
    pub(crate) fn assemble(
        drift: Option<DriftPolicy>,
        defence: Vec<DefenceRule>,
        images: Vec<AtRiskImageRule>,
    ) -> PolicySet {
        let has_own_drift = drift.is_some();
        let drift = drift.unwrap_or_default();
        let mut numbered = numbered(&drift, &defence);
        let numbers_of = |kind| {
            let of_kind = numbered.iter().filter(|rule| rule.kind == kind);
            of_kind.map(|rule| rule.number).collect()
        };
        let drift_numbers = numbers_of(RuleKind::Drift);
        let defence_numbers = numbers_of(RuleKind::Defence);
        numbered.sort_by_key(|rule| rule.number);
        PolicySet {
            numbered,
            drift_numbers,
            defence_numbers,
            drift,
            has_own_drift,
            defence,
            images,
        }
    }

    /// The same set with other defence rules added, those whose names are taken left out.
    #[must_use]
    pub fn with_defence(self, rules: impl IntoIterator<Item = DefenceRule>) -> PolicySet {
        let mut defence = self.defence;
        for rule in rules {
            if !defence.iter().any(|known| known.name == rule.name) {
                defence.push(rule);
            }
        }
        let drift = self.has_own_drift.then_some(self.drift);
        PolicySet::assemble(drift, defence, self.images)
    }

    /// The same set with another drift policy.
    #[must_use]
    pub fn with_drift(self, drift: DriftPolicy) -> PolicySet {
        PolicySet::assemble(Some(drift), self.defence, self.images)
    }

    /// The drift policy; the built-in one where nobody wrote one.
    pub fn drift(&self) -> &DriftPolicy {
        &self.drift
    }

    /// The drift policy if somebody wrote one.
    pub fn own_drift(&self) -> Option<&DriftPolicy> {
        self.has_own_drift.then_some(&self.drift)
    }

    /// The defence rules, in the order of the files.
    pub fn defence(&self) -> &[DefenceRule] {
        &self.defence
    }

    /// The rules on images at risk, in the order of the files.
    pub fn images(&self) -> &[AtRiskImageRule] {
        &self.images
    }

    /// The rule that a number in a row means.
    pub fn rule_numbered(&self, number: u32) -> Option<&RuleName> {
        let at = self
            .numbered
            .binary_search_by_key(&number, |rule| rule.number);
        at.ok().and_then(|at| self.numbered.get(at))
    }

    /// The number of the rule at a position among those of its kind; zero if there is none.
    pub fn number_of(&self, kind: RuleKind, index: usize) -> u32 {
        let numbers = match kind {
            RuleKind::Drift => &self.drift_numbers,
            RuleKind::Defence => &self.defence_numbers,
        };
        numbers.get(index).copied().unwrap_or_default()
    }

    /// Every rule that a row can tell of, by number.
    pub fn rules(&self) -> &[RuleName] {
        &self.numbered
    }
}

impl Default for PolicySet {
    /// The built-in drift policy alone.
    fn default() -> Self {
        PolicySet::assemble(None, Vec::new(), Vec::new())
    }
}

/// Gives every rule a number, in the order of the policies. Of two rules whose names hash alike, the later one takes the next free number.
fn numbered(drift: &DriftPolicy, defence: &[DefenceRule]) -> Vec<RuleName> {
    let rule = |kind, index, name: &str, blocks| RuleName {
        number: hashed(kind, name),
        kind,
        index,
        name: name.to_owned(),
        blocks,
    };
    let mut rules: Vec<RuleName> = Vec::with_capacity(drift.rules().len() + defence.len() + 1);
    for (index, of) in drift.rules().iter().enumerate() {
        let blocks = of.action == RuleAction::Block && !of.observe;
        rules.push(rule(RuleKind::Drift, index, &of.name, blocks));
    }
    rules.push(rule(
        RuleKind::Drift,
        drift.default_index(),
        DriftPolicy::DEFAULT_RULE_NAME,
        drift.default_action() == RuleAction::Block,
    ));
    for (index, of) in defence.iter().enumerate() {
        let blocks = of.action == DefenceAction::Block && !of.observe;
        rules.push(rule(RuleKind::Defence, index, &of.name, blocks));
    }
    let mut taken = HashSet::new();
    for rule in &mut rules {
        while !taken.insert(rule.number) {
            rule.number = rule.number.wrapping_add(1).max(1);
        }
    }
    rules
}

fn hashed(kind: RuleKind, name: &str) -> u32 {
    let kind: &[u8] = match kind {
        RuleKind::Drift => b"drift\0",
        RuleKind::Defence => b"defence\0",
    };
    let high = mixed(fnv(&[kind, name.as_bytes()])) >> 32;
    u32::try_from(high).unwrap_or(1).max(1)
}

/// What files turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The policies; `None` if there is any error.
    pub set: Option<PolicySet>,
    /// Everything that is wrong or doubtful, in the order of the files.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a file of policies of any kind. `file` names it in diagnostics; nothing is opened.
pub fn parse(file: &str, text: &[u8]) -> Parsed {
    parse_all(&[(file, text)])
}

/// Reads files of policies of any kind: their names for diagnostics, and what they hold. Without any file the set is
/// the built-in one.
pub fn parse_all(files: &[(&str, &[u8])]) -> Parsed {
    let mut gathered = Gathered::default();
    let mut readers = Vec::with_capacity(files.len());
    let mut complete = true;
    for (index, (file, text)) in files.iter().enumerate() {
        let mut diagnostics = Diagnostics::new(file);
        let tree = diagnostics.read(text, DOCUMENTS_MAX);
        let mut reader = Reader {
            diagnostics,
            complete: tree.complete,
        };
        complete &= tree.complete;
        // As kubectl has it: what stands before the first separator or behind the last may be empty.
        let is_alone = tree.documents.len() < 2;
        for root in &tree.documents {
            if is_alone || !is_empty(root) {
                gathered.read(&mut reader, index, root);
            }
        }
        readers.push(reader);
    }
    gathered.check(&mut readers);
    let errors: usize = readers.iter().map(|r| r.diagnostics.errors()).sum();
    let set = (errors == 0 && complete).then(|| gathered.assemble());
    let diagnostics = readers.into_iter().flat_map(|r| r.diagnostics.finish());
    Parsed {
        set,
        diagnostics: diagnostics.collect(),
    }
}

/// Whether nothing stands in a document, not even `null`.
fn is_empty(root: &Node) -> bool {
    matches!(&root.value, Value::Scalar { text, plain: true } if text.is_empty())
}

/// Prints all policies of a set as one file, a document each: the drift policy if somebody wrote one, then the rules.
pub fn print(set: &PolicySet) -> String {
    let drift = set.own_drift().map(drift::print);
    let defence = set.defence.iter().map(defence::print);
    let images = set.images.iter().map(defence::print_image_rule);
    let documents: Vec<String> = drift.into_iter().chain(defence).chain(images).collect();
    documents.join("---\n")
}

/// The differences between two sets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SetDiff {
    /// Between the drift policies.
    pub drift: drift::PolicyDiff,
    /// Between the defence rules.
    pub defence: RulesDiff,
    /// Between the rules on images.
    pub images: RulesDiff,
}

impl SetDiff {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        *self == SetDiff::default()
    }
}

impl fmt::Display for SetDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return writeln!(f, "no differences");
        }
        if !self.drift.is_empty() {
            write!(f, "{}:\n{}", DriftPolicy::KIND, self.drift)?;
        }
        if !self.defence.is_empty() {
            write!(f, "{}:\n{}", DefenceRule::KIND, self.defence)?;
        }
        if !self.images.is_empty() {
            write!(f, "{}:\n{}", AtRiskImageRule::KIND, self.images)?;
        }
        Ok(())
    }
}

/// Compares two sets.
pub fn diff(old: &PolicySet, new: &PolicySet) -> SetDiff {
    SetDiff {
        drift: drift::diff(&old.drift, &new.drift),
        defence: defence::diff(&old.defence, &new.defence),
        images: defence::diff_image_rules(&old.images, &new.images),
    }
}

/// The documents of all files, with the file that each stands in.
#[derive(Debug, Default)]
struct Gathered {
    /// Every drift policy and where it begins.
    drift: Vec<(usize, Position, Option<DriftPolicy>)>,
    defence: Vec<(usize, Placed<DefenceRule>)>,
    images: Vec<(usize, Placed<AtRiskImageRule>)>,
}

impl Gathered {
    fn read(&mut self, reader: &mut Reader, file: usize, root: &Node) {
        const KINDS: [(&str, &str); 3] = [
            (DriftPolicy::KIND, DriftPolicy::KIND),
            (DefenceRule::KIND, DefenceRule::KIND),
            (AtRiskImageRule::KIND, AtRiskImageRule::KIND),
        ];
        let Some(fields) = reader.any_fields(root, "a policy") else {
            return;
        };
        let Some(node) = reader.required(&fields, "kind", DefenceRule::KIND) else {
            return;
        };
        match reader.choice(node, "kind of policy", &KINDS) {
            Some(DefenceRule::KIND) => {
                let rule = reader.defence_rule(root);
                self.defence.extend(rule.map(|rule| (file, rule)));
            }
            Some(AtRiskImageRule::KIND) => {
                let rule = reader.image_rule(root);
                self.images.extend(rule.map(|rule| (file, rule)));
            }
            Some(_) => {
                let policy = reader.drift_policy(root);
                self.drift.push((file, root.at, policy));
            }
            None => {}
        }
    }

    /// Checks across documents and files.
    fn check(&self, readers: &mut [Reader]) {
        for (file, at, _) in self.drift.iter().skip(1) {
            if let Some(reader) = readers.get_mut(*file) {
                reader.diagnostics.report_with_hint(
                    Code::SecondDriftPolicy,
                    *at,
                    "there is a drift policy already; only one can be in force",
                    "put the rules into one policy, in the order in which they are to be asked",
                );
            }
        }
        let names = |(file, placed): &(usize, Placed<DefenceRule>)| {
            (*file, placed.name_at, placed.name.clone())
        };
        check_names(self.defence.iter().map(names), readers);
        let names = |(file, placed): &(usize, Placed<AtRiskImageRule>)| {
            (*file, placed.name_at, placed.name.clone())
        };
        check_names(self.images.iter().map(names), readers);
        self.check_counts(readers);
        self.check_rules(readers);
    }

    /// Refuses sets that would make compiling a row slow.
    fn check_counts(&self, readers: &mut [Reader]) {
        let mut defence = self.defence.iter().map(|(file, placed)| (*file, placed.at));
        let mut images = self.images.iter().map(|(file, placed)| (*file, placed.at));
        let first_beyond = [defence.nth(SET_RULES_MAX), images.nth(SET_RULES_MAX)];
        for (file, at) in first_beyond.into_iter().flatten() {
            if let Some(reader) = readers.get_mut(file) {
                let message = format!("there are more than {SET_RULES_MAX} rules of this kind");
                reader.diagnostics.report(Code::TooMany, at, message);
            }
        }
    }

    /// Checks every rule by itself, and whether a row has room for the rules that apply everywhere.
    fn check_rules(&self, readers: &mut [Reader]) {
        let mut slots = 0;
        let mut told = false;
        for (file, placed) in &self.defence {
            let Some(reader) = readers.get_mut(*file) else {
                continue;
            };
            checks::check_defence(&mut reader.diagnostics, placed);
            let everywhere = |rule: &&DefenceRule| rule.enabled && rule.scope.is_everywhere();
            let rule = placed.rule.as_ref().filter(everywhere);
            slots += rule.map_or(0, |rule| checks::slots_of(rule).len());
            if slots > EnforcementRow::SLOTS_MAX && rule.is_some() && !told {
                told = true;
                reader.diagnostics.report_with_hint(
                    Code::RowOverflow,
                    placed.at,
                    format!(
                        "with this rule, those that apply everywhere need {slots} slots, a container has {}: entries for single behaviours excuse from whole rules in the kernel, or rules are left out there",
                        EnforcementRow::SLOTS_MAX
                    ),
                    "give rules a scope, or join them",
                );
            }
        }
        for (file, placed) in &self.images {
            if let Some(reader) = readers.get_mut(*file) {
                checks::check_images(&mut reader.diagnostics, placed);
            }
        }
    }

    fn assemble(self) -> PolicySet {
        let drift = self.drift.into_iter().find_map(|(_, _, policy)| policy);
        let defence = self.defence.into_iter().filter_map(|(_, p)| p.rule);
        let images = self.images.into_iter().filter_map(|(_, p)| p.rule);
        PolicySet::assemble(drift, defence.collect(), images.collect())
    }
}

fn check_names(
    rules: impl Iterator<Item = (usize, Position, Option<String>)>,
    readers: &mut [Reader],
) {
    let mut first: HashMap<String, (usize, Position)> = HashMap::new();
    for (file, at, name) in rules {
        let Some(name) = name else {
            continue;
        };
        let Some((earlier_file, earlier)) = first.get(&name).copied() else {
            first.insert(name, (file, at));
            continue;
        };
        let place = if earlier_file == file {
            format!("line {}", earlier.line)
        } else {
            let named = readers.get(earlier_file).map(|r| r.diagnostics.file());
            format!("{}:{}", quote(named.unwrap_or_default()), earlier.line)
        };
        if let Some(reader) = readers.get_mut(file) {
            let message = format!("{place} has a rule named {} already", quote(&name));
            reader.diagnostics.report_with_hint(
                Code::DuplicateRuleName,
                at,
                message,
                "give each rule a name of its own",
            );
        }
    }
}
