//! From a file to its items.

use crate::ast::Position;
use crate::diagnostic::{Code, Diagnostics};
use crate::lex::{is_bare_text, is_identifier};
use crate::limits::{
    COUNT_MAX, EXCEPTIONS_MAX, FIELDS_MAX, FILE_BYTES_MAX, LEARNING_MS_MAX, STEPS_MAX, TESTS_MAX,
    WITHIN_MS_MAX, YAML_DEPTH_MAX, YAML_NODES_MAX,
};
use crate::raw::{
    Change, Entry, Item, Mode, RawException, RawFirstSeen, RawList, RawMacro, RawRule, RawSequence,
    RawTest, RawTestEvent, RawThreshold, RawTitle, RuleKeys,
};
use crate::reader::{Entries, Reader, is_nothing};
use crate::rule::{Priority, RuleSeverity, TestValue};
use crate::source::position;
use crate::version;
use yagura_yaml::{Bounds, Node, Value, nearest, quote};

/// Top-level items by the key that makes them so.
const ITEMS: &[&str] = &[
    "rule",
    "macro",
    "list",
    "required_engine_version",
    "required_plugin_versions",
];
/// Documents of one file; Falco reads any number.
const DOCUMENTS_MAX: usize = 100;
/// Tags or techniques of one rule.
const TAGS_MAX: usize = 100;

/// Reads the items of a file and reports all that is not one.
pub(crate) fn read(file: u16, bytes: &[u8], diagnostics: &mut Diagnostics) -> Vec<Item> {
    let bounds = Bounds {
        bytes_max: FILE_BYTES_MAX,
        depth_max: YAML_DEPTH_MAX,
        nodes_max: YAML_NODES_MAX,
        documents_max: DOCUMENTS_MAX,
    };
    let tree = yagura_yaml::read(bytes, &bounds, &mut |at, problem| {
        let hint = problem.hint().map(str::to_owned);
        let at = position(file, at);
        diagnostics.push(Code::of(&problem), at, problem.to_string(), hint);
    });
    let mut reader = Reader::new(file, &tree.text, tree.complete, diagnostics);
    let mut items = Vec::new();
    for document in tree.documents.iter().filter(|node| !is_nothing(node)) {
        let Some(nodes) = reader.list(document, "a rule file", YAML_NODES_MAX) else {
            continue;
        };
        for node in nodes {
            items.extend(item(&mut reader, node));
        }
    }
    items
}

fn item(reader: &mut Reader<'_>, node: &Node) -> Option<Item> {
    let entries = reader.entries(node, "an item of a rule file")?;
    let kind = ITEMS
        .iter()
        .copied()
        .find(|kind| entries.get(kind).is_some());
    let value = kind.and_then(|kind| entries.get(kind));
    match (kind, value) {
        (Some("rule"), Some(name)) => {
            rule(reader, &entries.named("a rule"), name).map(|rule| Item::Rule(Box::new(rule)))
        }
        (Some("macro"), Some(name)) => {
            filter_macro(reader, &entries.named("a macro"), name).map(Item::Macro)
        }
        (Some("list"), Some(name)) => list(reader, &entries.named("a list"), name).map(Item::List),
        (Some("required_engine_version"), Some(value)) => {
            version::check_engine(reader, value);
            None
        }
        (Some(_), Some(value)) => {
            version::check_plugins(reader, value);
            None
        }
        _ => {
            unknown_item(reader, &entries);
            None
        }
    }
}

fn unknown_item(reader: &mut Reader<'_>, entries: &Entries<'_>) {
    let first = entries.iter().next().map_or("", |(key, _)| &key.text);
    let hint = match nearest(first, ITEMS.iter().copied()) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => format!("one of: {}", ITEMS.join(", ")),
    };
    let message = format!("unknown item {}: it has no effect", quote(first));
    let at = entries.at;
    reader
        .diagnostics
        .report_with_hint(Code::UnknownItem, at, message, hint);
}

fn rule(reader: &mut Reader<'_>, entries: &Entries<'_>, name: &Node) -> Option<RawRule> {
    let at = reader.position(name.at);
    let name = reader.name(name, "the name of a rule")?;
    let source = entries.get("source").and_then(|node| {
        let name = reader.name(node, "\"source\"")?;
        Some((name, reader.position(node.at)))
    });
    let mut known = vec!["rule", "source", "append", "override"];
    known.extend(RuleKeys::CHANGES.iter().map(|(key, _)| *key));
    reader.known(entries, &known);
    let mode = mode(reader, entries, RuleKeys::CHANGES);
    let mut keys = RuleKeys::default();
    falco_keys(reader, entries, &mut keys);
    own_keys(reader, entries, &mut keys);
    let rule = RawRule {
        name,
        at,
        mode,
        source,
        keys,
    };
    let is_definition = matches!(rule.mode, Mode::Define);
    // A rule with nothing but `enabled` switches one that is already there.
    if is_definition && !is_switch(entries) {
        required_keys(reader, entries, &rule.keys);
    }
    Some(rule)
}

/// Whether a rule is named only to be switched on or off.
fn is_switch(entries: &Entries<'_>) -> bool {
    let is_there = |key: &&str| entries.get(key).is_some();
    is_there(&"enabled")
        && !["condition", "output", "desc", "priority", "sequence"]
            .iter()
            .any(is_there)
}

fn required_keys(reader: &mut Reader<'_>, entries: &Entries<'_>, keys: &RuleKeys) {
    reader.required(entries, "desc", "what the rule is about");
    if keys.sequence.is_none() && entries.get("sequence").is_none() {
        reader.required(entries, "condition", "evt.type = execve and proc.name = nc");
    }
    reader.required(entries, "output", "Program started (command=%proc.cmdline)");
    if entries.get("severity").is_none() {
        reader.required(entries, "priority", "WARNING");
    }
}

fn falco_keys(reader: &mut Reader<'_>, entries: &Entries<'_>, keys: &mut RuleKeys) {
    let get = |key| entries.get(key);
    keys.description = get("desc").and_then(|n| reader.text(n, "\"desc\""));
    keys.condition = get("condition").and_then(|n| reader.text(n, "\"condition\""));
    keys.output = get("output").and_then(|n| reader.text(n, "\"output\""));
    keys.tags = get("tags").and_then(|n| reader.names(n, "\"tags\"", TAGS_MAX));
    keys.exceptions = get("exceptions").and_then(|n| exceptions(reader, n));
    keys.priority = get("priority").and_then(|n| {
        let names = Priority::ALL.iter().map(|p| (p.as_str(), *p));
        let words = names.chain([("INFO", Priority::Informational)]);
        reader.word(n, "\"priority\"", words)
    });
    keys.enabled = get("enabled").and_then(|n| reader.boolean(n, "\"enabled\""));
    keys.warn_event_types =
        get("warn_evttypes").and_then(|n| reader.boolean(n, "\"warn_evttypes\""));
    keys.skip_if_unknown =
        get("skip-if-unknown-filter").and_then(|n| reader.boolean(n, "\"skip-if-unknown-filter\""));
    keys.capture = get("capture").and_then(|n| reader.boolean(n, "\"capture\""));
    keys.capture_duration =
        get("capture_duration").and_then(|n| reader.number(n, "\"capture_duration\"", 0, u64::MAX));
}

fn own_keys(reader: &mut Reader<'_>, entries: &Entries<'_>, keys: &mut RuleKeys) {
    let get = |key| entries.get(key);
    keys.key = get("key").and_then(|n| reader.name(n, "\"key\""));
    keys.severity = get("severity").and_then(|n| {
        let words = RuleSeverity::ALL.iter().map(|s| (s.as_str(), *s));
        reader.word(n, "\"severity\"", words)
    });
    keys.techniques = get("techniques").and_then(|n| reader.names(n, "\"techniques\"", TAGS_MAX));
    keys.reason = get("reason").and_then(|n| reader.prose(n, "\"reason\""));
    keys.remedy = get("remedy").and_then(|n| reader.prose(n, "\"remedy\""));
    keys.title = get("title").and_then(|n| title(reader, n));
    keys.fold_by = get("fold_by").and_then(|n| reader.texts(n, "\"fold_by\"", FIELDS_MAX));
    keys.sequence = get("sequence").and_then(|n| sequence(reader, n));
    keys.threshold = get("threshold").and_then(|n| threshold(reader, n));
    keys.first_seen = get("first_seen").and_then(|n| first_seen(reader, n));
    keys.tests = get("tests").and_then(|n| tests(reader, n));
}

fn filter_macro(reader: &mut Reader<'_>, entries: &Entries<'_>, name: &Node) -> Option<RawMacro> {
    let at = reader.position(name.at);
    let written = reader.name(name, "the name of a macro")?;
    if !is_identifier(&written) {
        let message = format!(
            "the name of a macro is letters, digits and \"_\", a letter first, not {}",
            quote(&written)
        );
        reader.report(Code::BadName, name, message);
        return None;
    }
    reader.known(entries, &["macro", "condition", "append", "override"]);
    let mode = mode(reader, entries, &[("condition", Change::ReplaceOrAppend)]);
    let node = reader.required(entries, "condition", "(proc.name = nc)")?;
    Some(RawMacro {
        name: written,
        at,
        mode,
        condition: reader.text(node, "\"condition\"")?,
    })
}

fn list(reader: &mut Reader<'_>, entries: &Entries<'_>, name: &Node) -> Option<RawList> {
    let at = reader.position(name.at);
    let written = reader.name(name, "the name of a list")?;
    if !is_bare_text(&written) {
        let message = format!(
            "the name of a list could not stand in a condition: {}",
            quote(&written)
        );
        reader.report(Code::BadName, name, message);
        return None;
    }
    reader.known(entries, &["list", "items", "append", "override"]);
    let mode = mode(reader, entries, &[("items", Change::ReplaceOrAppend)]);
    let node = reader.required(entries, "items", "[nc, ncat]")?;
    let nodes = reader.list(node, "\"items\"", YAML_NODES_MAX)?;
    let items = nodes.iter().filter_map(|node| {
        let text = list_item(reader, node)?;
        Some((text, reader.position(node.at)))
    });
    Some(RawList {
        name: written,
        at,
        mode,
        items: items.collect(),
    })
}

/// An item of a list may be empty: an empty text is a value.
fn list_item(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    match &node.value {
        Value::Scalar { text, .. } if !is_nothing(node) => Some(text.clone()),
        _ => reader.scalar(node, "an item").map(str::to_owned),
    }
}

/// `append` and `override`.
fn mode(reader: &mut Reader<'_>, entries: &Entries<'_>, keys: &[(&'static str, Change)]) -> Mode {
    let append = entries
        .get("append")
        .and_then(|node| reader.boolean(node, "\"append\""))
        .unwrap_or(false);
    let Some(node) = entries.get("override") else {
        return if append { Mode::Append } else { Mode::Define };
    };
    if append {
        let message = "\"append\" and \"override\" exclude one another";
        reader.report(Code::BadChange, node, message);
    }
    let Some(overrides) = reader.entries(node, "\"override\"") else {
        return Mode::Define;
    };
    let mut changes = Vec::new();
    for (key, operation) in overrides.iter() {
        let at = reader.position(key.at);
        let words = [("append", true), ("replace", false)];
        let Some(append) = reader.word(operation, "an override", words.into_iter()) else {
            continue;
        };
        let allowed = keys.iter().find(|(name, _)| *name == key.text);
        let message = match allowed {
            None => format!("{} cannot be overridden", quote(&key.text)),
            Some((_, Change::Replace)) if append => {
                format!("{} cannot be appended to, only replaced", quote(&key.text))
            }
            Some(_) if entries.get(&key.text).is_none() => {
                format!("{} is to be overridden, but not given", quote(&key.text))
            }
            Some(_) => {
                changes.push((key.text.clone(), append, at));
                continue;
            }
        };
        reader.diagnostics.report(Code::BadChange, at, message);
    }
    Mode::Override(changes)
}

fn exceptions(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<RawException>> {
    if is_nothing(node) {
        return Some(Vec::new());
    }
    let nodes = reader.list(node, "\"exceptions\"", EXCEPTIONS_MAX)?;
    let mut found: Vec<RawException> = Vec::new();
    for node in nodes {
        let Some(entries) = reader.entries(node, "an exception") else {
            continue;
        };
        reader.known(&entries, &["name", "fields", "comps", "values"]);
        let Some(name) = reader
            .required(&entries, "name", "known_tools")
            .and_then(|node| reader.name(node, "the name of an exception"))
        else {
            continue;
        };
        if found.iter().any(|other| other.name == name) {
            let message = format!("a second exception {} in one rule", quote(&name));
            reader.report(Code::DuplicateName, node, message);
            continue;
        }
        let values = entries
            .get("values")
            .filter(|node| !is_nothing(node))
            .and_then(|node| reader.list(node, "\"values\"", YAML_NODES_MAX))
            .unwrap_or_default();
        found.push(RawException {
            name,
            at: reader.position(node.at),
            fields: entries.get("fields").and_then(|node| entry(reader, node)),
            comparisons: entries.get("comps").and_then(|node| entry(reader, node)),
            values: values
                .iter()
                .filter_map(|node| entry(reader, node))
                .collect(),
        });
    }
    Some(found)
}

/// One value or several. Depth is bounded by that of YAML.
fn entry(reader: &mut Reader<'_>, node: &Node) -> Option<Entry> {
    let at = reader.position(node.at);
    match &node.value {
        Value::Sequence(nodes) => {
            let entries = nodes.iter().filter_map(|node| entry(reader, node));
            Some(Entry::Many(entries.collect(), at))
        }
        _ => Some(Entry::One(list_item(reader, node)?, at)),
    }
}

fn title(reader: &mut Reader<'_>, node: &Node) -> Option<RawTitle> {
    let entries = reader.entries(node, "\"title\"")?;
    reader.known(&entries, &["en", "ja"]);
    let mut language = |key| {
        let node = entries.get(key)?;
        reader.name(node, "a title")
    };
    Some(RawTitle {
        en: language("en"),
        ja: language("ja"),
    })
}

fn sequence(reader: &mut Reader<'_>, node: &Node) -> Option<RawSequence> {
    let entries = reader.entries(node, "\"sequence\"")?;
    reader.known(&entries, &["by", "within", "ordered", "steps"]);
    let by = reader
        .required(&entries, "by", "[container.id]")
        .and_then(|n| reader.texts(n, "\"by\"", FIELDS_MAX));
    let within_ms = reader
        .required(&entries, "within", "60s")
        .and_then(|n| reader.duration(n, "\"within\"", WITHIN_MS_MAX));
    let ordered = match entries.get("ordered") {
        Some(node) => reader.boolean(node, "\"ordered\"")?,
        None => true,
    };
    let nodes = reader
        .required(&entries, "steps", "[{name: first, condition: …}, …]")
        .and_then(|n| reader.list(n, "\"steps\"", STEPS_MAX));
    let mut steps: Vec<(String, Position, _)> = Vec::new();
    for node in nodes.unwrap_or_default() {
        let Some(step) = reader.entries(node, "a step") else {
            continue;
        };
        reader.known(&step, &["name", "condition"]);
        let name = reader
            .required(&step, "name", "first")
            .and_then(|n| reader.name(n, "the name of a step"));
        let condition = reader
            .required(&step, "condition", "evt.type = execve")
            .and_then(|n| reader.text(n, "\"condition\""));
        let (Some(name), Some(condition)) = (name, condition) else {
            continue;
        };
        if steps.iter().any(|(other, ..)| *other == name) {
            let message = format!("a second step {}", quote(&name));
            reader.report(Code::DuplicateName, node, message);
        }
        steps.push((name, reader.position(node.at), condition));
    }
    if nodes.is_some_and(|nodes| nodes.len() < 2) {
        reader.report(Code::BadNumber, node, "a sequence has at least two steps");
    }
    Some(RawSequence {
        at: reader.position(node.at),
        by: by?,
        within_ms: within_ms?,
        ordered,
        steps,
    })
}

fn threshold(reader: &mut Reader<'_>, node: &Node) -> Option<RawThreshold> {
    let entries = reader.entries(node, "\"threshold\"")?;
    reader.known(&entries, &["by", "count", "distinct", "within"]);
    let by = reader
        .required(&entries, "by", "[container.id]")
        .and_then(|n| reader.texts(n, "\"by\"", FIELDS_MAX));
    let within_ms = reader
        .required(&entries, "within", "10s")
        .and_then(|n| reader.duration(n, "\"within\"", WITHIN_MS_MAX));
    let (count, distinct) = match (entries.get("count"), entries.get("distinct")) {
        (Some(node), None) => (Some(node), None),
        (None, Some(node)) => {
            let distinct = reader.entries(node, "\"distinct\"")?;
            reader.known(&distinct, &["field", "count"]);
            let field = reader
                .required(&distinct, "field", "fd.sip")
                .and_then(|n| reader.text(n, "\"field\""))?;
            (reader.required(&distinct, "count", "20"), Some(field))
        }
        _ => {
            let message = "a threshold has either \"count\" or \"distinct\"";
            reader.report(Code::BlocksConflict, node, message);
            return None;
        }
    };
    let count = count.and_then(|n| reader.number(n, "\"count\"", 2, u64::from(COUNT_MAX)));
    Some(RawThreshold {
        at: reader.position(node.at),
        by: by?,
        distinct,
        count: u32::try_from(count?).unwrap_or(COUNT_MAX),
        within_ms: within_ms?,
    })
}

fn first_seen(reader: &mut Reader<'_>, node: &Node) -> Option<RawFirstSeen> {
    let entries = reader.entries(node, "\"first_seen\"")?;
    reader.known(&entries, &["by", "value", "learning"]);
    let by = reader
        .required(&entries, "by", "[k8s.ns.name]")
        .and_then(|n| reader.texts(n, "\"by\"", FIELDS_MAX));
    let value = reader
        .required(&entries, "value", "[proc.exepath]")
        .and_then(|n| reader.texts(n, "\"value\"", FIELDS_MAX));
    let learning_ms = reader
        .required(&entries, "learning", "1h")
        .and_then(|n| reader.duration(n, "\"learning\"", LEARNING_MS_MAX));
    Some(RawFirstSeen {
        at: reader.position(node.at),
        by: by?,
        value: value?,
        learning_ms: learning_ms?,
    })
}

fn tests(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<RawTest>> {
    let entries = reader.entries(node, "\"tests\"")?;
    reader.known(&entries, &["fires", "silent"]);
    let mut found: Vec<RawTest> = Vec::new();
    for (key, fires) in [("fires", true), ("silent", false)] {
        let nodes = entries
            .get(key)
            .and_then(|node| reader.list(node, "\"fires\" or \"silent\"", TESTS_MAX));
        for node in nodes.unwrap_or_default() {
            let Some(test) = test(reader, node, fires) else {
                continue;
            };
            if found.iter().any(|other| other.name == test.name) {
                let message = format!("a second test {}", quote(&test.name));
                reader.report(Code::DuplicateName, node, message);
            }
            found.push(test);
        }
    }
    Some(found)
}

fn test(reader: &mut Reader<'_>, node: &Node, fires: bool) -> Option<RawTest> {
    let entries = reader.entries(node, "a test")?;
    reader.known(&entries, &["name", "event", "events"]);
    let name = reader
        .required(&entries, "name", "a shell in a web server")
        .and_then(|node| reader.name(node, "the name of a test"))?;
    let events = match (entries.get("event"), entries.get("events")) {
        (Some(event), None) => vec![test_event(reader, event)?],
        (None, Some(events)) => reader
            .list(events, "\"events\"", TESTS_MAX)?
            .iter()
            .filter_map(|event| test_event(reader, event))
            .collect(),
        _ => {
            let message = "a test has either \"event\" or \"events\"";
            reader.report(Code::BlocksConflict, node, message);
            return None;
        }
    };
    Some(RawTest {
        name,
        at: reader.position(node.at),
        fires,
        events,
    })
}

fn test_event(reader: &mut Reader<'_>, node: &Node) -> Option<RawTestEvent> {
    let entries = reader.entries(node, "an event of a test")?;
    let mut event = RawTestEvent {
        at: reader.position(node.at),
        at_ms: 0,
        fields: Vec::new(),
    };
    for (key, value) in entries.iter() {
        if key.text == "at_ms" {
            event.at_ms = reader.number(value, "\"at_ms\"", 0, LEARNING_MS_MAX * 2)?;
            continue;
        }
        let name = reader.key_text(key);
        event.fields.push((name, test_value(reader, value)?));
    }
    Some(event)
}

fn test_value(reader: &mut Reader<'_>, node: &Node) -> Option<TestValue> {
    match &node.value {
        Value::Scalar { .. } if is_nothing(node) => Some(TestValue::Absent),
        Value::Scalar { text, plain: true } if text == ".unknown" => Some(TestValue::Unknown),
        Value::Scalar { text, .. } => Some(TestValue::Text(text.clone())),
        Value::Sequence(nodes) => {
            let values = nodes.iter().filter_map(|node| test_value(reader, node));
            Some(TestValue::List(values.collect()))
        }
        _ => {
            reader.wrong_shape(node, "a value of a test", "a text or a list");
            None
        }
    }
}
