//! What rule files ask of the engine.

use crate::diagnostic::Code;
use crate::reader::Reader;
use yagura_yaml::{Node, Value, quote};

/// The engine of Falco whose language is understood: major, minor, patch.
pub const ENGINE_VERSION: [u32; 3] = [0, 57, 0];
/// Plugins of Falco whose events and fields are supplied, with the version whose fields they are.
const PLUGINS: &[(&str, [u32; 3])] = &[("k8saudit", [0, 16, 0]), ("json", [0, 7, 3])];
/// Falco's plugins that bring the same fields from elsewhere.
const SAME_EVENTS: &[&str] = &[
    "k8saudit-eks",
    "k8saudit-gke",
    "k8saudit-aks",
    "k8saudit-ovh",
];
/// The plugin that fills `container.*` and `k8s.*`, which are supplied without it.
const BUILT_IN: &[&str] = &["container"];

/// Warns if the rules ask for a newer engine.
pub(crate) fn check_engine(reader: &mut Reader<'_>, node: &Node) {
    let Some(text) = reader.scalar(node, "\"required_engine_version\"") else {
        return;
    };
    // A bare number is the minor version.
    let asked = match text.trim().parse::<u32>() {
        Ok(minor) => Some([0, minor, 0]),
        Err(_) => parse(text),
    };
    match asked {
        None => bad_version(reader, node, text),
        Some(asked) if asked > ENGINE_VERSION => {
            let message = format!(
                "the rules ask for engine {}, this one is {}",
                print(asked),
                print(ENGINE_VERSION)
            );
            let hint = "what is not understood is reported where it stands";
            let at = reader.position(node.at);
            reader
                .diagnostics
                .report_with_hint(Code::NewerEngine, at, message, hint);
        }
        Some(_) => {}
    }
}

/// Warns of plugins that are not there.
pub(crate) fn check_plugins(reader: &mut Reader<'_>, node: &Node) {
    let Some(nodes) = reader.list(node, "\"required_plugin_versions\"", 100) else {
        return;
    };
    for node in nodes {
        let mut wanted = Vec::new();
        requirement(reader, node, &mut wanted);
        if let Value::Mapping(entries) = &node.value
            && let Some((_, alternatives)) = entries.iter().find(|(k, _)| k.text == "alternatives")
            && let Some(nodes) = reader.list(alternatives, "\"alternatives\"", 100)
        {
            for node in nodes {
                requirement(reader, node, &mut wanted);
            }
        }
        let is_there = wanted
            .iter()
            .any(|(name, version)| is_provided(name, *version));
        if let (Some((name, version)), false) = (wanted.first(), is_there) {
            let message = format!("no plugin {} {} here", quote(name), print(*version));
            let names: Vec<_> = PLUGINS.iter().map(|(name, _)| *name).collect();
            let hint = format!("built in: {}", names.join(", "));
            let at = reader.position(node.at);
            reader
                .diagnostics
                .report_with_hint(Code::PluginMissing, at, message, hint);
        }
    }
}

fn requirement(reader: &mut Reader<'_>, node: &Node, wanted: &mut Vec<(String, [u32; 3])>) {
    let Some(entries) = reader.entries(node, "a required plugin") else {
        return;
    };
    reader.known(&entries, &["name", "version", "alternatives"]);
    let name = reader
        .required(&entries, "name", "json")
        .and_then(|node| reader.name(node, "the name of a plugin"));
    let Some(version) = reader.required(&entries, "version", "0.7.0") else {
        return;
    };
    let Some(text) = reader.scalar(version, "\"version\"") else {
        return;
    };
    match (name, parse(text)) {
        (Some(name), Some(parsed)) => wanted.push((name, parsed)),
        (_, None) => bad_version(reader, version, text),
        (None, Some(_)) => {}
    }
}

fn is_provided(name: &str, version: [u32; 3]) -> bool {
    SAME_EVENTS.contains(&name)
        || BUILT_IN.contains(&name)
        || PLUGINS
            .iter()
            .any(|(plugin, provided)| *plugin == name && version <= *provided)
}

fn bad_version(reader: &mut Reader<'_>, node: &Node, text: &str) {
    let message = format!("{} is no version", quote(text));
    let at = reader.position(node.at);
    reader
        .diagnostics
        .report_with_hint(Code::BadVersion, at, message, "write it as 0.31.0");
}

/// `major.minor.patch`, perhaps with a suffix that does not count.
fn parse(text: &str) -> Option<[u32; 3]> {
    let text = text.trim();
    let end = text.find(['-', '+']).unwrap_or(text.len());
    let mut numbers = text.get(..end)?.split('.');
    let mut next = || numbers.next()?.parse().ok();
    let version = [next()?, next()?, next()?];
    numbers.next().is_none().then_some(version)
}

fn print([major, minor, patch]: [u32; 3]) -> String {
    format!("{major}.{minor}.{patch}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_have_three_numbers() {
        assert_eq!(parse("0.31.0"), Some([0, 31, 0]));
        assert_eq!(parse("0.31.0-rc1"), Some([0, 31, 0]));
        for text in ["", "1", "1.2", "1.2.3.4", "a.b.c", "1.2.-3"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn provided_plugins_are_as_new_as_asked() {
        assert!(is_provided("json", [0, 7, 0]));
        assert!(!is_provided("json", [1, 0, 0]));
        assert!(!is_provided("okta", [0, 1, 0]));
    }
}
