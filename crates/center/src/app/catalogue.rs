//! What can be detected, by which rules; switches; the user's own rules.

use super::in_force::{self, USER_RULES};
use super::policy::number;
use crate::auth::Caller;
use crate::clock;
use crate::http::Problem;
use crate::http::dto::catalogue::{
    CatalogueBody, CatalogueItem, CheckResult, DetectionRuleBody, RuleFieldBody, RuleFieldList,
    RuleSwitch, RulesText, UserRulesBody,
};
use crate::http::dto::common::DiagnosticDto;
use crate::http::dto::words::{Category, DiagnosticSeverity, Severity};
use crate::start::Center;
use std::collections::{HashMap, HashSet};
use yagura_rules::fields::{Availability, FieldRow, all};
use yagura_rules::rule::{Rule, RuleSeverity};
use yagura_rules::{Diagnostic, LoadOptions, Loaded, RuleSet, Source, load, print};
use yagura_store::{Document, DocumentKind, Hit, HitKind, UpdateError, Version};

/// The catalogue's keys with their titles.
const ITEMS: &str = include_str!("../../../../catalogue/items.tsv");
/// What the user's file is called in diagnostics.
const FILE: &str = "rules.yaml";
/// Bytes of the user's rules.
const TEXT_BYTES_MAX: usize = yagura_rules::limits::FILE_BYTES_MAX;

/// Loads the catalogue with the user's rules behind it.
fn loaded(user: &str) -> Loaded {
    let mut sources: Vec<Source<'_>> = yagura_rules::catalogue::sources().collect();
    sources.push(Source {
        name: FILE,
        bytes: user.as_bytes(),
        own: true,
    });
    load(&sources, &LoadOptions::default())
}

/// The rules in force, switches and the user's rules among them, compiled. If the user's can't be used, the catalogue's alone.
///
/// # Errors
/// [`Problem`] if the database is away.
pub(crate) async fn rule_set(center: &Center) -> Result<RuleSet, Problem> {
    let text = in_force::rules(center.store()).await?;
    let compiled = tokio::task::spawn_blocking(move || compile(&text)).await;
    compiled.map_err(|_| Problem::internal())
}

fn compile(text: &str) -> RuleSet {
    let all = loaded(text);
    match RuleSet::compile(all.rules) {
        Ok(rules) if all.diagnostics.iter().all(|d| !is_error(d)) => rules,
        _ => {
            tracing::error!("the user's rules can't be used: the catalogue's alone are in force");
            RuleSet::compile(loaded("").rules).unwrap_or_else(|_| RuleSet::empty())
        }
    }
}

fn is_error(diagnostic: &Diagnostic) -> bool {
    diagnostic.severity == yagura_rules::Severity::Error
}

/// What can be detected.
///
/// # Errors
/// [`Problem`] if the database is away.
pub(crate) async fn catalogue(center: &Center) -> Result<CatalogueBody, Problem> {
    let text = in_force::rules(center.store()).await?;
    let hits = center.store().hits().list(HitKind::Rule).await?;
    let hits: HashMap<String, Hit> = hits.into_iter().map(|hit| (hit.id.clone(), hit)).collect();
    let built = tokio::task::spawn_blocking(move || build(&text, &hits)).await;
    built.map_err(|_| Problem::internal())
}

fn build(text: &str, hits: &HashMap<String, Hit>) -> CatalogueBody {
    let shipped: HashSet<String> = loaded("").rules.into_iter().map(|rule| rule.name).collect();
    let mut by_key: HashMap<String, Vec<DetectionRuleBody>> = HashMap::new();
    for rule in loaded(text).rules {
        let key = rule.key.clone().unwrap_or_default();
        let own = !shipped.contains(&rule.name);
        let body = shown(&rule, own, hits.get(&rule.name));
        by_key.entry(key).or_default().push(body);
    }
    let items = ITEMS
        .lines()
        .skip(1)
        .filter_map(|line| item(line, &mut by_key, hits));
    let items = items.collect();
    let mut other_rules: Vec<_> = by_key.into_values().flatten().collect();
    other_rules.sort_by(|a, b| a.name.cmp(&b.name));
    CatalogueBody { items, other_rules }
}

fn item(
    line: &str,
    by_key: &mut HashMap<String, Vec<DetectionRuleBody>>,
    hits: &HashMap<String, Hit>,
) -> Option<CatalogueItem> {
    let mut columns = line.split('\t');
    let mut next = || columns.next().map(str::to_owned);
    let (key, category, label_en, label_ja) = (next()?, next()?, next()?, next()?);
    let (severity, sources) = (next()?, next()?);
    let rules = by_key.remove(&key).unwrap_or_default();
    let of_rules = rules.iter().filter_map(|rule| hits.get(&rule.name));
    let last = of_rules.clone().map(|hit| hit.last).max();
    Some(CatalogueItem {
        category: Category::from_word(&category).unwrap_or(Category::Custom),
        severity: Severity::from_word(&severity).unwrap_or(Severity::Suspicious),
        sources: sources
            .split(',')
            .map(|source| source.trim().to_owned())
            .collect(),
        enabled: rules.iter().any(|rule| rule.enabled),
        hits: of_rules
            .map(|hit| u64::try_from(hit.hits).unwrap_or_default())
            .sum(),
        last_seen: last.map(clock::shown),
        key,
        label_en,
        label_ja,
        rules,
    })
}

fn shown(rule: &Rule, own: bool, hit: Option<&Hit>) -> DetectionRuleBody {
    DetectionRuleBody {
        name: rule.name.clone(),
        description: rule.description.clone(),
        source: rule.source.as_str().to_owned(),
        condition: rule
            .condition
            .as_ref()
            .map(print::condition)
            .unwrap_or_default(),
        severity: match rule.severity {
            RuleSeverity::Urgent => Severity::Urgent,
            RuleSeverity::Suspicious => Severity::Suspicious,
            RuleSeverity::Reminder => Severity::Reminder,
        },
        tags: rule.tags.clone(),
        techniques: rule.techniques.clone(),
        reason: rule.reason.clone(),
        remedy: rule.remedy.clone(),
        tests: u32::try_from(rule.tests.len()).unwrap_or(u32::MAX),
        exceptions: rule
            .exceptions
            .iter()
            .map(|exception| exception.name.clone())
            .collect(),
        own,
        enabled: rule.enabled,
        hits: hit.map_or(0, |hit| u64::try_from(hit.hits).unwrap_or_default()),
        last_seen: hit.map(|hit| clock::shown(hit.last)),
    }
}

/// Switches a rule on or off.
///
/// # Errors
/// [`Problem`] if there is no such rule.
pub(crate) async fn switch(
    center: &Center,
    caller: &Caller,
    name: &str,
    asked: &RuleSwitch,
) -> Result<DetectionRuleBody, Problem> {
    find(center, name).await?;
    let body = serde_json::to_value(asked).unwrap_or_default();
    let switches = center.store().documents(DocumentKind::DetectionSettings);
    switches
        .put(name, &body, "", &caller.actor(), clock::now())
        .await
        .map_err(|error| Problem::of_update(error, "rule", |_| serde_json::Value::Null))?;
    center.rules_changed();
    find(center, name).await
}

async fn find(center: &Center, name: &str) -> Result<DetectionRuleBody, Problem> {
    let catalogue = catalogue(center).await?;
    let in_items = catalogue.items.into_iter().flat_map(|item| item.rules);
    let mut all = in_items.chain(catalogue.other_rules);
    all.find(|rule| rule.name == name)
        .ok_or_else(|| Problem::not_found("rule"))
}

fn diagnostics(found: &[Diagnostic]) -> Vec<DiagnosticDto> {
    let own = found.iter().filter(|diagnostic| diagnostic.file == FILE);
    own.map(|diagnostic| DiagnosticDto {
        code: diagnostic.code.as_str().to_owned(),
        severity: match is_error(diagnostic) {
            true => DiagnosticSeverity::Error,
            false => DiagnosticSeverity::Warning,
        },
        message: diagnostic.message.clone(),
        hint: diagnostic.hint.clone(),
        line: diagnostic.at.line,
        column: diagnostic.at.column,
        rule: None,
    })
    .collect()
}

fn check(text: &str) -> CheckResult {
    if text.trim().is_empty() {
        return CheckResult {
            usable: true,
            diagnostics: Vec::new(),
        };
    }
    let all = loaded(text);
    let mut diagnostics = diagnostics(&all.diagnostics);
    let usable = all
        .diagnostics
        .iter()
        .all(|diagnostic| !is_error(diagnostic));
    if usable && let Err(errors) = RuleSet::compile(all.rules) {
        diagnostics.extend(errors.iter().map(|error| DiagnosticDto {
            code: "YR000".to_owned(),
            severity: DiagnosticSeverity::Error,
            message: error.to_string(),
            hint: None,
            line: 0,
            column: 0,
            rule: None,
        }));
        return CheckResult {
            usable: false,
            diagnostics,
        };
    }
    CheckResult {
        usable,
        diagnostics,
    }
}

async fn checked(text: String) -> Result<CheckResult, Problem> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(Problem::invalid(
            "text",
            format!("has more than {TEXT_BYTES_MAX} bytes"),
        ));
    }
    let checked = tokio::task::spawn_blocking(move || check(&text)).await;
    checked.map_err(|_| Problem::internal())
}

/// Says what is wrong with rules.
///
/// # Errors
/// [`Problem`] if the text is too long.
pub(crate) async fn check_user_rules(asked: &RulesText) -> Result<CheckResult, Problem> {
    checked(asked.text.clone()).await
}

fn text_of(document: &Document) -> String {
    let text = document
        .body
        .get("text")
        .and_then(serde_json::Value::as_str);
    text.unwrap_or_default().to_owned()
}

async fn user_rules_of(document: Option<&Document>) -> Result<UserRulesBody, Problem> {
    let text = document.map(text_of).unwrap_or_default();
    Ok(UserRulesBody {
        version: document.map_or(0, |document| number(document.version)),
        diagnostics: checked(text.clone()).await?.diagnostics,
        text,
        saved_by: document
            .map(|document| document.author.name.clone())
            .unwrap_or_default(),
        saved_at: document.map(|document| clock::shown(document.time)),
    })
}

/// The user's rules.
///
/// # Errors
/// [`Problem`] if the database is away.
pub(crate) async fn user_rules(center: &Center) -> Result<(Version, UserRulesBody), Problem> {
    let document = center
        .store()
        .documents(DocumentKind::UserRule)
        .get(USER_RULES)
        .await?;
    let version = document
        .as_ref()
        .map_or(Version(0), |document| document.version);
    Ok((version, user_rules_of(document.as_ref()).await?))
}

/// Saves the user's rules.
///
/// # Errors
/// [`Problem`] if they have errors, or somebody saved them meanwhile.
pub(crate) async fn save_user_rules(
    center: &Center,
    caller: &Caller,
    expected: Version,
    asked: RulesText,
) -> Result<(Version, UserRulesBody), Problem> {
    let found = checked(asked.text.clone()).await?;
    if !found.usable {
        return Err(Problem::diagnosed(found.diagnostics));
    }
    let body = serde_json::json!({ "text": asked.text });
    let documents = center.store().documents(DocumentKind::UserRule);
    let (actor, now) = (caller.actor(), clock::now());
    let saved = match expected.0 {
        0 => documents.create(USER_RULES, &body, "", &actor, now).await,
        _ => {
            documents
                .update(USER_RULES, expected, &body, "", &actor, now)
                .await
        }
    };
    match saved {
        Ok(_) => {
            center.rules_changed();
            user_rules(center).await
        }
        Err(UpdateError::Exists | UpdateError::Stale { .. } | UpdateError::NotFound) => {
            let (_, current) = user_rules(center).await?;
            Err(Problem::stale(
                serde_json::to_value(current).unwrap_or_default(),
            ))
        }
        Err(error) => Err(Problem::of_update(error, "rules", |_| {
            serde_json::Value::Null
        })),
    }
}

/// The fields that conditions can test.
pub(crate) fn fields() -> RuleFieldList {
    let supplied = |row: &&FieldRow| matches!(row.availability, Availability::Supplied);
    let shown = |row: &FieldRow| RuleFieldBody {
        name: row.name.to_owned(),
        kind: row.value.as_str().to_owned(),
        description: row.description.to_owned(),
    };
    let mut items: Vec<_> = all().iter().filter(supplied).map(shown).collect();
    items.sort_by(|a, b| a.name.cmp(&b.name));
    RuleFieldList { items }
}
