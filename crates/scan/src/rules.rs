//! What a scanner looks with, loaded once and shared.

use crate::config::ScanConfig;
use crate::limits::{LIST_BYTES_MAX, PROBLEMS_MAX};
use crate::lists::{DigestList, FuzzyList, ImageList, ImageThreat};
use crate::yara::{EMBEDDED_DIGESTS, Meta, OwnRules, UserRules, embedded};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use yagura_event::escape;
use yara_x::Rules;

/// What a scanner looks with: compiled rules and lists. Loaded once, shared by all scanners.
pub struct ScanRules {
    pub(crate) own: Option<OwnRules>,
    pub(crate) user: Option<Arc<Rules>>,
    pub(crate) digests: DigestList,
    pub(crate) images: ImageList,
    pub(crate) fuzzies: FuzzyList,
    pub(crate) config: ScanConfig,
}

/// Something wrong with a user's rule or list. The rest is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleProblem {
    /// The file, escaped.
    pub file: String,
    /// The line, counted from one, where it is known.
    pub line: Option<u32>,
    /// What is wrong, escaped.
    pub reason: String,
}

impl std::fmt::Display for RuleProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.reason),
            None => write!(f, "{}: {}", self.file, self.reason),
        }
    }
}

/// Why rules could not be loaded at all.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A folder with rules is not there or cannot be read.
    #[error("cannot read the folder of YARA rules {}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A list is not there or cannot be read.
    #[error("cannot read the list {}", path.display())]
    List {
        /// The list.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A list is too long.
    #[error("the list {} has more than {LIST_BYTES_MAX} bytes", path.display())]
    ListTooLong {
        /// The list.
        path: PathBuf,
    },
    /// A rule of Yagura itself does not compile.
    #[error("a rule of Yagura's own does not compile: {reason}")]
    OwnRules {
        /// What the compiler says.
        reason: String,
    },
}

/// One of Yagura's own rules.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OwnRule {
    /// The catalogue's key.
    pub key: String,
    /// The rule's name.
    pub rule: String,
    /// The family.
    pub family: String,
    /// How sure it is, 1 to 100.
    pub score: u8,
    /// Why it matters, a sentence without a full stop.
    pub reason: String,
}

impl ScanRules {
    /// Loads what the configuration names. Rules and lines that are wrong are told and left out.
    ///
    /// # Errors
    ///
    /// A folder or list that cannot be read at all; see [`LoadError`].
    pub fn load(config: &ScanConfig) -> Result<(ScanRules, Vec<RuleProblem>), LoadError> {
        let user = UserRules::compile(&config.rule_folders)?;
        let mut rules = ScanRules {
            own: config.own_rules.then(OwnRules::compile).transpose()?,
            user: user.rules,
            digests: DigestList::default(),
            images: ImageList::default(),
            fuzzies: FuzzyList::default(),
            config: config.clone(),
        };
        let mut problems = user.problems;
        // A link is met once for every way that leads to its folder.
        problems.dedup();
        if config.own_rules {
            let own = embedded()
                .into_iter()
                .find(|file| file.0 == EMBEDDED_DIGESTS);
            let content = own.map(|file| file.1).unwrap_or_default();
            problems.extend(rules.digests.add("own digests", &content));
        }
        for path in &config.digest_lists {
            let (name, content) = read_list(path)?;
            problems.extend(rules.digests.add(&name, &content));
        }
        for path in &config.image_lists {
            let (name, content) = read_list(path)?;
            problems.extend(rules.images.add(&name, &content));
        }
        for path in &config.fuzzy_lists {
            let (name, content) = read_list(path)?;
            problems.extend(rules.fuzzies.add(&name, &content));
        }
        rules.digests.finish();
        shorten(&mut problems);
        Ok((rules, problems))
    }

    /// Yagura's own rules alone, with the bounds of [`ScanConfig::on_demand`].
    ///
    /// # Errors
    ///
    /// [`LoadError::OwnRules`] if they do not compile, which tests rule out.
    pub fn own() -> Result<ScanRules, LoadError> {
        Ok(ScanRules::load(&ScanConfig::default())?.0)
    }

    /// What the lists say of an image, by its digest (`sha256:…`, with or without the name before it) or its name.
    pub fn image_threat(&self, name: &str, digest: Option<&str>) -> Option<ImageThreat> {
        self.images.threat(name, digest)
    }

    /// How many YARA rules of the user are in use.
    pub fn user_rules_count(&self) -> usize {
        self.user.as_ref().map_or(0, |rules| rules.iter().len())
    }

    /// Yagura's own YARA rules, by key and name; none where the configuration leaves them out.
    pub fn own_rules(&self) -> Vec<OwnRule> {
        let mut all: Vec<OwnRule> = self
            .own
            .iter()
            .flat_map(|own| [&own.elf, &own.text])
            .flat_map(|rules| rules.iter())
            .filter(|rule| !rule.is_private())
            .map(|rule| {
                let meta = Meta::of(&rule);
                OwnRule {
                    key: meta.key,
                    rule: rule.identifier().to_owned(),
                    family: meta.family,
                    score: meta.score,
                    reason: meta.reason,
                }
            })
            .collect();
        all.sort();
        all
    }
}

impl std::fmt::Debug for ScanRules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScanRules")
            .field("user_rules", &self.user_rules_count())
            .field("digests", &self.digests.len())
            .field("images", &self.images.len())
            .field("fuzzies", &self.fuzzies.len())
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

fn read_list(path: &Path) -> Result<(String, Vec<u8>), LoadError> {
    let failed = |source| LoadError::List {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    let mut content = Vec::new();
    file.take(LIST_BYTES_MAX + 1)
        .read_to_end(&mut content)
        .map_err(failed)?;
    if u64::try_from(content.len()).is_ok_and(|length| length > LIST_BYTES_MAX) {
        return Err(LoadError::ListTooLong {
            path: path.to_owned(),
        });
    }
    let name = escape(path.as_os_str().as_encoded_bytes()).into_owned();
    Ok((name, content))
}

fn shorten(problems: &mut Vec<RuleProblem>) {
    let more = problems.len().saturating_sub(PROBLEMS_MAX);
    problems.truncate(PROBLEMS_MAX);
    if more > 0 {
        problems.push(RuleProblem {
            file: "rules".to_owned(),
            line: None,
            reason: format!("{more} more problems are not told"),
        });
    }
}
