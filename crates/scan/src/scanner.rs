//! Scans one file after another.

use crate::digest::{Hashing, sha256};
use crate::fuzzy::fuzzy_digest;
use crate::limits::{BUFFER_KEPT_BYTES, CHUNK_BYTES, READ_BYTES_MAX};
use crate::report::{Report, settle};
use crate::rules::ScanRules;
use crate::yara::{Engine, FileNames, KEY_DEFAULT};
use std::io::{self, ErrorKind, Read};
use std::sync::Arc;
use yagura_event::{Finding, ScanEngine, ScanMatch, Sha256, Text, escape};
use yagura_webshell::{FINDING_SCORE, Language, Verdict, analyze, language_of};
use yara_x::{Rules, ScanError};

/// The key of webshells.
const KEY_WEBSHELL: &str = "webshell.file";

/// Bytes of a webshell's match that a finding shows.
const DATA_BYTES_MAX: usize = crate::limits::MATCH_DATA_BYTES_MAX;

/// Scans one file after another. Belongs to the thread that made it; threads share the [`ScanRules`].
#[derive(Debug)]
pub struct Scanner {
    rules: Arc<ScanRules>,
    elf: Option<Engine>,
    text: Option<Engine>,
    user: Option<Engine>,
    buffer: Vec<u8>,
}

impl Scanner {
    /// Makes a scanner. What it needs to match rules is made when it first needs it.
    pub fn new(rules: Arc<ScanRules>) -> Scanner {
        Scanner {
            rules,
            elf: None,
            text: None,
            user: None,
            buffer: Vec::new(),
        }
    }

    /// What it looks with.
    pub fn rules(&self) -> &Arc<ScanRules> {
        &self.rules
    }

    /// Scans content. The name is the file's path as far as it is known; it tells scripts by their ending, and rules may
    /// ask for it.
    pub fn scan(&mut self, name: &[u8], content: &[u8]) -> Report {
        let size = u64::try_from(content.len()).unwrap_or(u64::MAX);
        let looked_at = usize::try_from(self.rules.config.file_bytes_max).unwrap_or(usize::MAX);
        let content_looked_at = content.get(..looked_at).unwrap_or(content);
        self.look(name, content_looked_at, size, sha256(content))
    }

    /// Scans what a reader gives. It is read to its end, and no more than the bound of the configuration is held.
    ///
    /// # Errors
    ///
    /// What the reader says; [`ErrorKind::FileTooLarge`] if it does not end.
    pub fn scan_reader(
        &mut self,
        name: &[u8],
        size_hint: u64,
        mut reader: impl Read,
    ) -> io::Result<Report> {
        let mut content = std::mem::take(&mut self.buffer);
        content.clear();
        let done = self.read_and_look(name, size_hint, &mut reader, &mut content);
        content.clear();
        content.shrink_to(BUFFER_KEPT_BYTES);
        self.buffer = content;
        done
    }

    fn read_and_look(
        &mut self,
        name: &[u8],
        size_hint: u64,
        reader: &mut impl Read,
        content: &mut Vec<u8>,
    ) -> io::Result<Report> {
        let bytes_max = self.rules.config.file_bytes_max;
        // The hint may lie, as with sparse files and in `/proc`; so it only saves growing.
        let expected = usize::try_from(size_hint.min(bytes_max)).unwrap_or(0);
        content
            .try_reserve(expected)
            .map_err(|_| io::Error::from(ErrorKind::OutOfMemory))?;
        reader.by_ref().take(bytes_max).read_to_end(content)?;
        let held = u64::try_from(content.len()).unwrap_or(u64::MAX);
        if held < bytes_max {
            let digest = sha256(content);
            return Ok(self.look(name, content, held, digest));
        }
        let mut hashing = Hashing::default();
        hashing.update(content);
        let beyond = hash_rest(reader, &mut hashing)?;
        Ok(self.look(name, content, held.saturating_add(beyond), hashing.finish()))
    }

    fn look(&mut self, name: &[u8], content: &[u8], size: u64, digest: Sha256) -> Report {
        let mut findings = Vec::new();
        let mut gaps = Vec::new();
        let whole = u64::try_from(content.len()).is_ok_and(|length| length == size);
        if !whole {
            gaps.push(format!(
                "only the first {} of {size} bytes were looked at; the digest is of all",
                content.len()
            ));
        }
        findings.extend(self.listed(&digest));
        self.match_rules(name, content, &mut findings, &mut gaps);
        if let Some(language) = language_of(name, content) {
            look_at_script(language, content, &mut findings, &mut gaps);
        }
        // Of a part, the digest would be like nothing.
        let wanted = self.rules.config.want_fuzzy || !self.rules.fuzzies.is_empty();
        let fuzzy = (wanted && whole).then(|| fuzzy_digest(content)).flatten();
        findings.extend(fuzzy.as_deref().and_then(|fuzzy| self.like(fuzzy)));
        settle(&mut findings);
        Report {
            sha256: digest,
            size,
            fuzzy,
            findings,
            gaps,
        }
    }

    fn match_rules(
        &mut self,
        name: &[u8],
        content: &[u8],
        findings: &mut Vec<Finding>,
        gaps: &mut Vec<String>,
    ) {
        let time_max = self.rules.config.file_time_max;
        let ready = |rules: &Arc<Rules>| Engine::new(Arc::clone(rules), time_max);
        let mut matched = |who: &str, done: Result<(), ScanError>| {
            if let Err(error) = done {
                gaps.push(match error {
                    ScanError::Timeout => {
                        format!("{who} were given up after {} s", time_max.as_secs())
                    }
                    other => format!("{who} could not be matched: {other}"),
                });
            }
        };
        if let Some(own) = &self.rules.own {
            let (engine, rules) = match content.starts_with(b"\x7fELF") {
                true => (&mut self.elf, &own.elf),
                false => (&mut self.text, &own.text),
            };
            let engine = engine.get_or_insert_with(|| ready(rules));
            matched("Yagura's rules", engine.scan(content, findings));
        }
        if let Some(user) = &self.rules.user {
            let engine = self.user.get_or_insert_with(|| ready(user));
            engine.name(&FileNames::of(name, content));
            matched("The user's rules", engine.scan(content, findings));
        }
    }

    fn listed(&self, digest: &Sha256) -> Option<Finding> {
        let listed = self.rules.digests.get(digest)?;
        let mut reasons = vec![format!("The digest {digest} is listed as malicious")];
        if !listed.comment.is_empty() {
            reasons.push(listed.comment.clone());
        }
        Some(Finding {
            key: KEY_DEFAULT.to_owned(),
            family: family_or(&listed.family, "listed"),
            score: 100,
            engine: ScanEngine::Hash,
            rule: listed.list.clone(),
            reasons,
            matches: Vec::new(),
        })
    }

    fn like(&self, fuzzy: &str) -> Option<Finding> {
        let like = self.rules.fuzzies.nearest(fuzzy)?;
        // The same digest is as good as the same file; at the bound it is little more than a hint.
        let score = 95_u32.saturating_sub(like.distance);
        let reason = format!(
            "Content is like a known sample: TLSH distance {}",
            like.distance
        );
        Some(Finding {
            key: KEY_DEFAULT.to_owned(),
            family: family_or(like.family, "near-copy"),
            score: u8::try_from(score).unwrap_or(1),
            engine: ScanEngine::Fuzzy,
            rule: like.list.to_owned(),
            reasons: vec![reason],
            matches: Vec::new(),
        })
    }
}

fn family_or(family: &str, otherwise: &str) -> String {
    match family {
        "" => otherwise.to_owned(),
        family => family.to_owned(),
    }
}

/// Hashes what is left and tells how much it was.
fn hash_rest(reader: &mut impl Read, hashing: &mut Hashing) -> io::Result<u64> {
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut total = 0_u64;
    loop {
        let read = match reader.read(&mut chunk) {
            Ok(0) => return Ok(total),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hashing.update(chunk.get(..read).unwrap_or_default());
        total = total.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        if total > READ_BYTES_MAX {
            return Err(ErrorKind::FileTooLarge.into());
        }
    }
}

fn look_at_script(
    language: Language,
    content: &[u8],
    findings: &mut Vec<Finding>,
    gaps: &mut Vec<String>,
) {
    let verdict = analyze(language, content);
    gaps.extend(
        verdict
            .gaps
            .iter()
            .map(|gap| format!("webshell analysis: {gap}")),
    );
    if verdict.score >= FINDING_SCORE {
        findings.push(webshell(&verdict, content));
    }
}

fn webshell(verdict: &Verdict, content: &[u8]) -> Finding {
    let matches = verdict.reasons.iter().map(|reason| {
        let data = content
            .get(reason.offset..)
            .map(|rest| rest.get(..reason.length).unwrap_or(rest))
            .map(|data| data.get(..DATA_BYTES_MAX).unwrap_or(data))
            .unwrap_or_default();
        ScanMatch {
            name: reason.text.clone(),
            offset: u64::try_from(reason.offset).unwrap_or(u64::MAX),
            length: u64::try_from(reason.length).unwrap_or(u64::MAX),
            data: Text::from(data),
        }
    });
    Finding {
        key: KEY_WEBSHELL.to_owned(),
        family: escape(verdict.family.as_bytes()).into_owned(),
        score: verdict.score,
        engine: ScanEngine::Webshell,
        rule: verdict.language.as_str().to_owned(),
        matches: matches.collect(),
        reasons: verdict
            .reasons
            .iter()
            .map(|reason| reason.text.clone())
            .collect(),
    }
}
