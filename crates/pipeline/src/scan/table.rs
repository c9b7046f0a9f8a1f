//! Files that were scanned or are being scanned.

use crate::limits::{SCAN_USES_MAX, SCANNED_FILES_MAX, SCANS_PENDING_MAX, WRITTEN_FILES_MAX};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use yagura_event::{Base, ContainerKey, FileFacts, FileKey, ScanAnswer, ScanReason, Text};

/// A file that was used or written, and by whom.
#[derive(Debug, Clone)]
pub(crate) struct Use {
    /// The process that did.
    pub(crate) base: Base,
    /// The file as it was then.
    pub(crate) file: FileFacts,
    /// Why it is scanned.
    pub(crate) reason: ScanReason,
}

/// What is known of a content.
#[derive(Debug)]
enum Known {
    /// The scanner is at it, under this token.
    Asked(u64),
    /// Nothing was found; its TLSH digest.
    Clean(Option<Arc<str>>),
    /// Something was found.
    Found(Arc<ScanAnswer>),
}

/// What is to be done about a use of a file.
#[derive(Debug)]
pub(crate) enum Lookup {
    /// Ask the scanner.
    Ask,
    /// Nothing, now: it is being scanned, or nothing was found.
    Nothing,
    /// Something had been found already.
    Found(Arc<ScanAnswer>),
    /// Too many wait for the scanner.
    Full,
}

/// An answer with everyone who used or wrote the file since it was asked for.
#[derive(Debug)]
pub(crate) struct Answered {
    /// The answer.
    pub(crate) answer: Arc<ScanAnswer>,
    /// The uses, the earliest first.
    pub(crate) uses: Vec<Use>,
}

/// Contents by the kernel's identity of them. Bounded: the oldest are forgotten and scanned again.
#[derive(Debug, Default)]
pub(crate) struct Scans {
    known: HashMap<FileKey, Known>,
    order: VecDeque<FileKey>,
    waiting: HashMap<u64, Vec<Use>>,
    /// Files that were written a while ago, by path, so that one that is renamed can be told.
    written: HashMap<(ContainerKey, Text), FileFacts>,
    written_order: VecDeque<(ContainerKey, Text)>,
}

impl Scans {
    /// Looks up a use; one of a file that is being scanned is kept until the answer is there.
    pub(crate) fn look_up(&mut self, used: &Use) -> Lookup {
        match self.known.get(&used.file.key) {
            Some(Known::Clean(_)) => Lookup::Nothing,
            Some(Known::Found(answer)) => Lookup::Found(Arc::clone(answer)),
            Some(Known::Asked(token)) => {
                if let Some(uses) = self.waiting.get_mut(token)
                    && uses.len() < SCAN_USES_MAX
                {
                    uses.push(used.clone());
                }
                Lookup::Nothing
            }
            None if self.waiting.len() >= SCANS_PENDING_MAX => Lookup::Full,
            None => Lookup::Ask,
        }
    }

    /// Notes that the scanner was asked.
    pub(crate) fn ask(&mut self, token: u64, used: Use) {
        self.insert(used.file.key, Known::Asked(token));
        self.waiting.insert(token, vec![used]);
    }

    /// Takes an answer; `None` if nobody waits for it. A file that could not be read will be asked for again.
    pub(crate) fn answer(&mut self, answer: ScanAnswer) -> Option<Answered> {
        let uses = self.waiting.remove(&answer.token)?;
        let key = uses.first()?.file.key;
        let answer = Arc::new(answer);
        if answer.error.is_some() {
            self.known.remove(&key);
        } else if let Some(known) = self.known.get_mut(&key) {
            *known = match answer.findings.is_empty() {
                true => Known::Clean(answer.fuzzy.as_deref().map(Arc::from)),
                false => Known::Found(Arc::clone(&answer)),
            };
        }
        Some(Answered { answer, uses })
    }

    /// The TLSH digest of a scanned content.
    pub(crate) fn fuzzy(&self, key: &FileKey) -> Option<&str> {
        match self.known.get(key)? {
            Known::Clean(fuzzy) => fuzzy.as_deref(),
            Known::Found(answer) => answer.fuzzy.as_deref(),
            Known::Asked(_) => None,
        }
    }

    /// Remembers a file that was written.
    pub(crate) fn remember_written(&mut self, container: ContainerKey, file: FileFacts) {
        let key = (container, file.path.clone());
        if self.written.insert(key.clone(), file).is_none() {
            self.written_order.push_back(key);
        }
        while self.written_order.len() > WRITTEN_FILES_MAX {
            if let Some(oldest) = self.written_order.pop_front() {
                self.written.remove(&oldest);
            }
        }
    }

    /// The file that was written under this path, if it is remembered.
    pub(crate) fn written(&self, container: ContainerKey, path: &Text) -> Option<FileFacts> {
        self.written.get(&(container, path.clone())).cloned()
    }

    /// How many wait for the scanner.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    fn insert(&mut self, key: FileKey, known: Known) {
        if self.known.insert(key, known).is_none() {
            self.order.push_back(key);
        }
        if self.order.len() > SCANNED_FILES_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use yagura_event::{Finding, InspectionError, ScanEngine};

    fn used(ino: u64) -> Use {
        let mut file = FileFacts::default();
        file.key.id.ino = ino;
        Use {
            base: Base::default(),
            file,
            reason: ScanReason::Used,
        }
    }

    fn answer(token: u64, findings: Vec<Finding>, error: Option<InspectionError>) -> ScanAnswer {
        ScanAnswer {
            token,
            sha256: None,
            size: 1,
            fuzzy: Some("T1".to_owned()),
            distance: None,
            findings,
            gaps: Vec::new(),
            error,
        }
    }

    fn finding() -> Finding {
        Finding {
            key: "malware.trojan".to_owned(),
            family: "x".to_owned(),
            score: 90,
            engine: ScanEngine::Hash,
            rule: "list".to_owned(),
            reasons: Vec::new(),
            matches: Vec::new(),
        }
    }

    #[test]
    fn a_content_is_asked_for_once_and_every_use_hears_the_answer() {
        let mut scans = Scans::default();
        assert!(matches!(scans.look_up(&used(1)), Lookup::Ask));
        scans.ask(7, used(1));
        assert!(matches!(scans.look_up(&used(1)), Lookup::Nothing));
        let answered = scans.answer(answer(7, vec![finding()], None)).unwrap();
        assert_eq!(answered.uses.len(), 2);
        assert!(matches!(scans.look_up(&used(1)), Lookup::Found(_)));
        assert!(scans.answer(answer(7, Vec::new(), None)).is_none());
    }

    #[test]
    fn what_could_not_be_read_is_asked_for_again() {
        let mut scans = Scans::default();
        scans.ask(7, used(1));
        scans.answer(answer(7, Vec::new(), Some(InspectionError::Vanished)));
        assert!(matches!(scans.look_up(&used(1)), Lookup::Ask));
        scans.ask(8, used(1));
        scans.answer(answer(8, Vec::new(), None));
        assert!(matches!(scans.look_up(&used(1)), Lookup::Nothing));
        assert_eq!(scans.fuzzy(&used(1).file.key), Some("T1"));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut scans = Scans::default();
        let files = SCANNED_FILES_MAX as u64 + 10;
        for ino in 0..files {
            scans.ask(ino, used(ino));
            scans.answer(answer(ino, Vec::new(), None));
        }
        assert_eq!(scans.known.len(), SCANNED_FILES_MAX);
        assert!(matches!(scans.look_up(&used(0)), Lookup::Ask));
        for ino in files..files + SCANS_PENDING_MAX as u64 {
            scans.ask(ino, used(ino));
        }
        assert!(matches!(scans.look_up(&used(u64::MAX)), Lookup::Full));
    }
}
