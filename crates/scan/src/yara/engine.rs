//! Matches compiled rules against content.

use super::meta::Meta;
use crate::limits::{MATCH_DATA_BYTES_MAX, MATCHES_OF_STRING_MAX, STRING_MATCHES_MAX};
use crate::report::MATCHES_MAX;
use self_cell::self_cell;
use std::sync::Arc;
use std::time::Duration;
use yagura_event::{Finding, ScanEngine, ScanMatch, Text, escape};
use yara_x::{Rule, Rules, ScanError, Scanner};

/// Namespaces of user's rules begin so; what follows is the file.
pub(crate) const USER_NAMESPACE: &str = "user:";

/// Deadlines are counted in whole seconds that may already be nearly over, so one second could be none.
const TIME_MIN: Duration = Duration::from_secs(2);

self_cell!(
    struct Borrowing {
        owner: Arc<Rules>,
        #[not_covariant]
        dependent: Scanner,
    }
);

/// Rules with what is needed to match them; for one thread.
pub(crate) struct Engine(Borrowing);

/// What rules may ask of a file besides its content.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FileNames {
    /// The last component of the path.
    pub(crate) name: String,
    /// The path.
    pub(crate) path: String,
    /// The ending with its dot, in lower case; may be empty.
    pub(crate) extension: String,
    /// What collections call the file's type.
    pub(crate) kind: &'static str,
}

impl FileNames {
    /// The names of a file.
    pub(crate) fn of(path: &[u8], content: &[u8]) -> FileNames {
        let base = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        let extension = match base.iter().rposition(|&byte| byte == b'.') {
            None | Some(0) => &[][..],
            Some(dot) => base.get(dot..).unwrap_or_default(),
        };
        FileNames {
            name: String::from_utf8_lossy(base).into_owned(),
            path: String::from_utf8_lossy(path).into_owned(),
            extension: String::from_utf8_lossy(extension).to_lowercase(),
            kind: kind(content),
        }
    }
}

/// What collections call a type of file; what they do not ask for has none.
fn kind(content: &[u8]) -> &'static str {
    const KINDS: [(&[u8], &str); 7] = [
        (b"\x7fELF", "ELF"),
        (b"MZ", "EXE"),
        (b"%PDF", "PDF"),
        (b"PK\x03\x04", "ZIP"),
        (b"\x1f\x8b", "GZIP"),
        (b"#!", "SCRIPT"),
        (b"\xca\xfe\xba\xbe", "JAVA"),
    ];
    KINDS
        .iter()
        .find(|(magic, _)| content.starts_with(magic))
        .map_or("", |(_, kind)| kind)
}

impl Engine {
    /// Makes rules ready for matching; each file may take `time_max`.
    pub(crate) fn new(rules: Arc<Rules>, time_max: Duration) -> Engine {
        let mut borrowing = Borrowing::new(rules, |rules| Scanner::new(rules));
        borrowing.with_dependent_mut(|_, scanner| {
            scanner
                .set_timeout(time_max.max(TIME_MIN))
                .max_matches_per_pattern(STRING_MATCHES_MAX);
        });
        Engine(borrowing)
    }

    /// Tells the rules what the file is called; only for rules compiled with these variables.
    pub(crate) fn name(&mut self, names: &FileNames) {
        self.0.with_dependent_mut(|_, scanner| {
            for (variable, value) in [
                ("filename", names.name.as_str()),
                ("filepath", &names.path),
                ("extension", &names.extension),
                ("filetype", names.kind),
            ] {
                let set = scanner.set_global(variable, value);
                debug_assert!(set.is_ok(), "user rules are compiled with {variable}");
            }
        });
    }

    /// Adds what the rules find in the content.
    ///
    /// # Errors
    ///
    /// What [`Scanner::scan`] says, such as that the time was over; nothing is added then.
    pub(crate) fn scan(
        &mut self,
        content: &[u8],
        findings: &mut Vec<Finding>,
    ) -> Result<(), ScanError> {
        self.0.with_dependent_mut(|_, scanner| {
            let results = scanner.scan(content)?;
            findings.extend(results.matching_rules().map(|rule| finding(&rule)));
            Ok(())
        })
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}

fn finding(rule: &Rule<'_, '_>) -> Finding {
    let meta = Meta::of(rule);
    let mut reasons = vec![meta.reason];
    if let Some(file) = rule.namespace().strip_prefix(USER_NAMESPACE) {
        reasons.push(format!("A rule of yours, in {}", escape(file.as_bytes())));
    }
    Finding {
        key: meta.key,
        family: meta.family,
        score: meta.score,
        engine: ScanEngine::Yara,
        rule: rule.identifier().to_owned(),
        reasons,
        matches: matches(rule),
    }
}

fn matches(rule: &Rule<'_, '_>) -> Vec<ScanMatch> {
    rule.patterns()
        .flat_map(|pattern| {
            let name = pattern.identifier().to_owned();
            pattern
                .matches()
                .take(MATCHES_OF_STRING_MAX)
                .map(move |found| {
                    let data = found.data();
                    ScanMatch {
                        name: name.clone(),
                        offset: u64::try_from(found.range().start).unwrap_or(u64::MAX),
                        length: u64::try_from(data.len()).unwrap_or(u64::MAX),
                        data: Text::from(data.get(..MATCH_DATA_BYTES_MAX).unwrap_or(data)),
                    }
                })
                .collect::<Vec<_>>()
        })
        .take(MATCHES_MAX)
        .collect()
}
