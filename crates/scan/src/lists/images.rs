//! Images that are known to be malicious.

use super::lines;
use crate::limits::{IMAGES_MAX, REASON_CHARS_MAX};
use crate::report::shown;
use crate::rules::RuleProblem;
use std::collections::HashMap;
use yagura_event::Sha256;

/// Images that are known to be malicious. Lines are `sha256:DIGEST [# REASON]` or `NAME [# REASON]`, where the name may
/// hold `*` and `?`, and stands for every tag unless it has one.
#[derive(Debug, Clone, Default)]
pub struct ImageList {
    digests: HashMap<Sha256, Entry>,
    names: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    entry: String,
    list: String,
    reason: String,
}

/// What a list says of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageThreat {
    /// The entry that the image is, as it stands in the list.
    pub entry: String,
    /// The list.
    pub list: String,
    /// The entry's comment; may be empty.
    pub reason: String,
}

impl ImageList {
    /// Adds the entries of one list. What is wrong with it is returned; the rest is added.
    pub fn add(&mut self, source: &str, content: &[u8]) -> Vec<RuleProblem> {
        let mut problems = Vec::new();
        let mut unread = Vec::new();
        for line in lines(source, content, |problem| unread.push(problem)) {
            if self.digests.len() + self.names.len() >= IMAGES_MAX {
                let reason = format!("more than {IMAGES_MAX} images in all; the rest is left out");
                problems.push(line.problem(source, &reason));
                break;
            }
            let entry = Entry {
                entry: line.entry.to_owned(),
                list: source.to_owned(),
                reason: shown(line.comment.as_bytes(), REASON_CHARS_MAX),
            };
            match line.entry.strip_prefix("sha256:").map(str::parse::<Sha256>) {
                Some(Ok(digest)) => {
                    self.digests.entry(digest).or_insert(entry);
                }
                Some(Err(error)) => problems.push(line.problem(source, &error.to_string())),
                None if is_name(line.entry) => self.names.push(entry),
                None => problems.push(line.problem(
                    source,
                    "neither sha256:DIGEST nor the name of an image, or a name of nothing but wildcards",
                )),
            }
        }
        problems.append(&mut unread);
        problems
    }

    /// How many images there are.
    pub fn len(&self) -> usize {
        self.digests.len() + self.names.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is said of an image: by its digest first, then by its name with or without what registries leave out.
    pub fn threat(&self, name: &str, digest: Option<&str>) -> Option<ImageThreat> {
        let digest = digest.map(|digest| digest.rsplit('@').next().unwrap_or(digest));
        let by_digest = digest
            .and_then(|digest| {
                digest
                    .strip_prefix("sha256:")
                    .unwrap_or(digest)
                    .parse()
                    .ok()
            })
            .and_then(|digest: Sha256| self.digests.get(&digest));
        let found = by_digest.or_else(|| self.by_name(name))?;
        Some(ImageThreat {
            entry: found.entry.clone(),
            list: found.list.clone(),
            reason: found.reason.clone(),
        })
    }

    fn by_name(&self, name: &str) -> Option<&Entry> {
        if self.names.is_empty() {
            return None;
        }
        let (name, _digest) = name.split_once('@').unwrap_or((name, ""));
        let (repository, tag) = split_tag(name);
        let tag = tag.unwrap_or("latest");
        let forms = forms(repository);
        self.names.iter().find(|entry| {
            let (pattern, pattern_tag) = split_tag(&entry.entry);
            pattern_tag.is_none_or(|pattern| glob(pattern, tag))
                && forms.iter().any(|form| glob(pattern, form))
        })
    }
}

/// The ways to write a repository: in full, and without what Docker leaves out.
fn forms(repository: &str) -> Vec<String> {
    let has_registry = repository
        .split_once('/')
        .is_some_and(|(first, _)| first.contains(['.', ':']) || first == "localhost");
    let short = match has_registry {
        true => repository.strip_prefix("docker.io/"),
        false => Some(repository),
    };
    let Some(short) = short else {
        return vec![repository.to_owned()];
    };
    let short = short.strip_prefix("library/").unwrap_or(short);
    let mut forms = vec![short.to_owned(), format!("docker.io/{short}")];
    if !short.contains('/') {
        forms.push(format!("library/{short}"));
        forms.push(format!("docker.io/library/{short}"));
    }
    forms
}

/// The repository and the tag of a name; a colon before the last slash is a registry's port.
fn split_tag(name: &str) -> (&str, Option<&str>) {
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
        _ => (name, None),
    }
}

fn is_name(entry: &str) -> bool {
    let is_wild = |c: char| matches!(c, '*' | '?' | '/' | ':' | '.');
    !entry.contains(char::is_whitespace) && !entry.chars().all(is_wild)
}

/// Whether `*` (any text) and `?` (any character) make `pattern` the text. Time is at most the product of both lengths.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut position) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(&byte) = text.get(position) {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at + 1, position));
                at += 1;
            }
            Some(&wanted) if wanted == b'?' || wanted == byte => {
                at += 1;
                position += 1;
            }
            _ => {
                let Some((after_star, taken_to)) = star else {
                    return false;
                };
                star = Some((after_star, taken_to + 1));
                at = after_star;
                position = taken_to + 1;
            }
        }
    }
    pattern
        .get(at..)
        .is_some_and(|rest| rest.iter().all(|&byte| byte == b'*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> (ImageList, Vec<u32>) {
        let mut list = ImageList::default();
        let problems = list.add("images.txt", text.as_bytes());
        (
            list,
            problems.iter().filter_map(|problem| problem.line).collect(),
        )
    }

    #[test]
    fn images_are_found_by_digest_and_by_every_form_of_their_name() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let (list, wrong) = list(&format!(
            "{digest} # a miner\nevil/miner\nalpine?:3.*\nquay.io/bad/*:v1 # all of it\nsha256:12\n*/*\ntwo words\ndocker.io/lone\n"
        ));
        assert_eq!(wrong, [5, 6, 7]);
        let entry = |name: &str| list.threat(name, None).map(|threat| threat.entry);
        let by_digest = list.threat("anything", Some(&digest)).expect("listed");
        assert_eq!(
            (by_digest.list.as_str(), by_digest.reason.as_str()),
            ("images.txt", "a miner")
        );
        assert!(
            list.threat("anything", Some(&format!("registry.example/x@{digest}")))
                .is_some()
        );
        for name in [
            "evil/miner",
            "docker.io/evil/miner:9",
            "evil/miner@sha256:00",
        ] {
            assert_eq!(entry(name).as_deref(), Some("evil/miner"), "{name}");
        }
        assert_eq!(
            entry("docker.io/library/alpine2:3.20").as_deref(),
            Some("alpine?:3.*")
        );
        assert!(entry("quay.io/bad/deep/one:v1").is_some());
        assert!(entry("lone").is_some() && entry("docker.io/library/lone:1").is_some());
        for name in [
            "alpine2",
            "alpine:3.1",
            "quay.io/bad/one:v2",
            "quay.io/evil/miner",
            "localhost:5000/evil/miner",
        ] {
            assert_eq!(entry(name), None, "{name}");
        }
    }

    #[test]
    fn patterns_of_many_stars_come_to_an_end() {
        let text = "a".repeat(4000);
        assert!(!glob(
            &"*a".repeat(500).replace("*a", "a*").repeat(4),
            &format!("{}b", &text[..1])
        ));
        assert!(!glob(&format!("{}b", "*a".repeat(1000)), &text));
        assert!(glob(&"*a".repeat(1000), &text));
        assert!(glob("*", "") && glob("", "") && !glob("?", ""));
    }
}
