//! Tables and alerts for people.

use std::fmt::Write as _;
use yagura_event::Alert;
use yagura_event::json::{
    AlertJson, ContainerJson, DriftJson, FindingJson, ProgramJson, WriterJson,
};

/// Characters of a command line in an alert for people.
const COMMAND_CHARS_MAX: usize = 160;
/// Characters of a line of sentences.
const LINE_CHARS_MAX: usize = 100;
/// Characters of a container's name, or of an id that is no number.
const NAME_CHARS_MAX: usize = 80;
/// Characters of a container's id that is a hexadecimal number: as runtimes shorten it.
const ID_CHARS: usize = 12;
/// Ancestors in an alert for people.
const ANCESTORS_MAX: usize = 8;
/// Reasons of a finding in an alert for people.
const REASONS_MAX: usize = 4;
/// Labels in an alert for people.
const LABELS_MAX: usize = 8;
/// Width of the words in front of an alert's lines.
const HEAD_CHARS: usize = 11;

const BOLD: &str = "\x1b[1m";
const RED: &str = "\x1b[1;31m";
const YELLOW: &str = "\x1b[33m";
const GREEN: &str = "\x1b[32m";
const DIM: &str = "\x1b[2m";
const RESET: &str = "\x1b[0m";

/// Columns as wide as their widest cell, two spaces between them. Cells are escaped by the caller.
pub(crate) fn aligned(heads: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let heads: Vec<String> = heads.iter().map(|head| (*head).to_owned()).collect();
    let lines: Vec<Vec<String>> = std::iter::once(heads).chain(rows).collect();
    let mut widths: Vec<usize> = Vec::new();
    for line in &lines {
        widths.resize(widths.len().max(line.len()), 0);
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for line in &lines {
        let cells = line.iter().zip(&widths);
        let padded: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        let _ = writeln!(text, "{}", padded.join("  ").trim_end());
    }
    text
}

/// How a word is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Nothing to do.
    Good,
    /// Worth a look.
    Doubtful,
    /// To be acted on.
    Bad,
}

/// A word in its colour, where colours are wanted.
pub(crate) fn toned(word: &str, tone: Tone, colours: bool) -> String {
    let code = match tone {
        Tone::Good => GREEN,
        Tone::Doubtful => YELLOW,
        Tone::Bad => RED,
    };
    painted(word, code, colours)
}

fn painted(word: &str, code: &str, colours: bool) -> String {
    match colours {
        true => format!("{code}{word}{RESET}"),
        false => word.to_owned(),
    }
}

/// An alert in a few lines: what ran, where, who wrote it, who started it, and which rule decided.
pub(crate) fn alert(alert: &Alert, colours: bool) -> String {
    // Everything hostile is escaped and bounded there already.
    let alert = AlertJson::from(alert);
    let tone = match alert.severity {
        "urgent" => Tone::Bad,
        _ => Tone::Doubtful,
    };
    let severity = toned(&alert.severity.to_uppercase(), tone, colours);
    let title = painted(&alert.title, BOLD, colours);
    let mut lines = Lines {
        text: format!("{}  {severity}  {title}\n", alert.time),
        colours,
    };
    for line in wrapped(&alert.explanation) {
        let _ = writeln!(lines.text, "  {line}");
    }
    if let Some(drift) = &alert.drift {
        lines.add("file", &file(drift));
        lines.add("drift", &origin(drift));
        lines.add("sha256", &digest(drift));
    }
    if let Some(scan) = &alert.scan {
        lines.add("file", &format!("{}, {} bytes", scan.path, scan.size));
        lines.add("found", &found(&scan.finding));
        for reason in scan.finding.reasons.iter().take(REASONS_MAX) {
            lines.add("", reason);
        }
        lines.add("sha256", scan.sha256.as_deref().unwrap_or_default());
    }
    if let Some(denial) = &alert.denial {
        lines.add(
            "stopped",
            &format!("{} by {}", denial.outcome, denial.means),
        );
    }
    if let Some(detection) = &alert.detection {
        lines.add("rule", &alert.rule);
        lines.add("because", &detection.output);
    }
    if alert.count > 1 {
        lines.add(
            "seen",
            &format!("{} times, last {}", alert.count, alert.last_time),
        );
    }
    if let Some(shown) = &alert.process {
        lines.add("process", &process(&shown.program));
        lines.ancestors(&shown.ancestors);
    }
    let of_drift = alert.drift.as_ref().map(|drift| &drift.written_by);
    let of_scan = alert.scan.as_ref().map(|scan| &scan.written_by);
    if let Some(writer) = of_drift.or(of_scan).and_then(Option::as_ref) {
        lines.add("written by", &written_by(writer));
    }
    if let Some(shown) = &alert.container {
        lines.add("container", &container(shown));
    }
    lines.add("pod", &pod(&alert));
    lines.add("node", &node(&alert));
    lines.add("decided by", &rule(&alert));
    for gap in &alert.gaps {
        lines.add("gap", gap);
    }
    lines.text
}

/// What scanning found.
fn found(finding: &FindingJson) -> String {
    format!(
        "{} ({}), {} of 100, by {} {}",
        finding.family, finding.key, finding.score, finding.engine, finding.scan_rule
    )
}

/// Lines with a word in front.
struct Lines {
    text: String,
    colours: bool,
}

impl Lines {
    /// Adds a line; nothing if there is nothing to say.
    fn add(&mut self, head: &str, text: &str) {
        if !text.is_empty() {
            let head = painted(&format!("{head:HEAD_CHARS$}"), DIM, self.colours);
            let _ = writeln!(self.text, "  {head}{text}");
        }
    }

    /// Adds the ancestors of a process, each one step further in.
    fn ancestors(&mut self, ancestors: &[ProgramJson]) {
        for (depth, ancestor) in ancestors.iter().take(ANCESTORS_MAX).enumerate() {
            let head = if depth == 0 { "started by" } else { "" };
            let indent = "  ".repeat(depth);
            self.add(head, &format!("{indent}└ {}", process(ancestor)));
        }
        match ancestors.len().checked_sub(ANCESTORS_MAX) {
            Some(more) if more > 0 => self.add("", &format!("and {more} more above")),
            _ => {}
        }
    }
}

fn file(drift: &DriftJson) -> String {
    format!(
        "{} ({}, {} bytes, on {})",
        drift.path, drift.kind, drift.size, drift.layer
    )
}

fn origin(drift: &DriftJson) -> String {
    let image_path = drift.image_path.as_deref();
    let of = image_path.map_or_else(String::new, |path| format!(", of the image's {path}"));
    format!(
        "{}{of}; seen as {}",
        drift.provenance,
        drift.vectors.join(", ")
    )
}

fn digest(drift: &DriftJson) -> String {
    match (&drift.sha256, drift.sha256_missing) {
        (Some(digest), _) => digest.clone(),
        (None, Some(why)) => format!("unknown: {why}"),
        (None, None) => "unknown".to_owned(),
    }
}

fn process(program: &ProgramJson) -> String {
    let user = program
        .user
        .as_deref()
        .map_or_else(|| program.uid.to_string(), str::to_owned);
    let mut text = format!("{} (pid {}, user {user})", program.exe, program.pid);
    if !program.argv.is_empty() {
        let _ = write!(
            text,
            ": {}",
            short(&program.argv.join(" "), COMMAND_CHARS_MAX)
        );
    }
    text
}

fn written_by(writer: &WriterJson) -> String {
    let how = match writer.how {
        "other" => String::new(),
        how => format!(", {how}"),
    };
    format!("{} at {}{how}", process(&writer.program), writer.time)
}

fn container(container: &ContainerJson) -> String {
    let is_hex = container.id.bytes().all(|b| b.is_ascii_hexdigit());
    let id: String = match is_hex {
        true => container.id.chars().take(ID_CHARS).collect(),
        false => short(&container.id, NAME_CHARS_MAX),
    };
    let mut text = match short(&container.name, NAME_CHARS_MAX) {
        name if name.is_empty() || container.name == container.id => id,
        name => format!("{name} ({id})"),
    };
    if !container.image.is_empty() {
        let _ = write!(text, ", image {}", container.image);
    }
    let _ = write!(text, ", runtime {}", container.runtime);
    if container.privileged == Some(true) {
        text.push_str(", privileged");
    }
    text
}

fn pod(alert: &AlertJson) -> String {
    let Some(pod) = &alert.pod else {
        return String::new();
    };
    let mut text = format!("{}/{}", pod.namespace, pod.name);
    for (key, value) in pod.labels.iter().take(LABELS_MAX) {
        let _ = write!(text, " {key}={value}");
    }
    if pod.labels.len() > LABELS_MAX {
        let _ = write!(text, " and {} more labels", pod.labels.len() - LABELS_MAX);
    }
    text
}

fn node(alert: &AlertJson) -> String {
    let mut text = alert.node.clone();
    if let Some(cluster) = &alert.cluster {
        let _ = write!(text, ", cluster {cluster}");
    }
    if let Some(cloud) = &alert.cloud {
        let _ = write!(text, ", {} {}", cloud.provider, cloud.account);
    }
    text
}

fn rule(alert: &AlertJson) -> String {
    let Some(policy) = &alert.policy else {
        return String::new();
    };
    format!(
        "rule \"{}\", which says {}, of policy version {}; {}",
        policy.rule, policy.action, policy.version, alert.action
    )
}

/// Lines of whole words; a word that is longer has a line of its own.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= LINE_CHARS_MAX => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The beginning of a text that is longer.
fn short(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::alert::tests::{hostile, plain};

    #[test]
    fn columns_are_aligned() {
        let rows = vec![
            vec!["a".to_owned(), "b".to_owned()],
            vec!["櫓櫓櫓".to_owned(), String::new()],
        ];
        assert_eq!(aligned(&["x", "yy"], rows), "x    yy\na    b\n櫓櫓櫓\n");
    }

    #[test]
    fn sentences_are_wrapped_between_words() {
        let text = format!("{} {} a", "b".repeat(60), "c".repeat(60));
        assert_eq!(
            wrapped(&text),
            ["b".repeat(60), format!("{} a", "c".repeat(60))]
        );
        assert_eq!(wrapped(&"d".repeat(300)).len(), 1);
    }

    #[test]
    fn an_alert_says_what_where_who_and_which_rule() {
        let text = alert(&plain(), false);
        for part in [
            "URGENT",
            "/tmp/x (binary, 10 bytes",
            "started by",
            "written by",
            "web (0123456789ab)",
            "shop/web-1",
            "rule \"All\"",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
    }

    #[test]
    fn nothing_of_a_hostile_alert_reaches_the_terminal() {
        let text = alert(&hostile(), false);
        assert!(
            text.chars().all(|c| c == '\n' || !c.is_control()),
            "{text:?}"
        );
        let coloured = alert(&hostile(), true);
        for code in [BOLD, RED, YELLOW, GREEN, DIM, RESET] {
            assert!(!code.is_empty());
        }
        let rest = [BOLD, RED, DIM, RESET]
            .iter()
            .fold(coloured, |text, code| text.replace(code, ""));
        assert!(!rest.contains('\u{1b}'), "{rest:?}");
    }
}
