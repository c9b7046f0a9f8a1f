//! What a defence rule lets through.

use super::covered::names;
use super::decide::DefenceSubject;
use crate::expiry::Expiry;
use crate::pattern::{ImagePattern, PathPattern};
use crate::subject::{Fact, Facts, Missing, Truth};
use std::fmt;
use yagura_event::{Behaviour, BehaviourSet, Dimension, WallTime, escape};

/// One entry of a defence rule's allow list. All that it names must fit; it names something other than behaviours.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DefenceAllow {
    /// The program that acts.
    pub process: Option<PathPattern>,
    /// The program of its parent.
    pub parent: Option<PathPattern>,
    /// A program somewhere above it.
    pub ancestor: Option<PathPattern>,
    /// The file that it acts on.
    pub file: Option<PathPattern>,
    /// The container's image.
    pub image: Option<ImagePattern>,
    /// What the entry excuses; `None` is all that the rule covers.
    pub behaviours: Option<BehaviourSet>,
    /// When the entry stops counting.
    pub expires: Option<Expiry>,
    /// Why it is let through.
    pub reason: Option<String>,
}

impl DefenceAllow {
    /// Whether the entry names anything that has to fit.
    pub fn names_something(&self) -> bool {
        self.image.is_some() || !self.is_about_container()
    }

    /// Whether the entry fits all or nothing of what happens in a container.
    pub(crate) fn is_about_container(&self) -> bool {
        self.process.is_none()
            && self.parent.is_none()
            && self.ancestor.is_none()
            && self.file.is_none()
    }

    /// Whether the entry is about a behaviour.
    pub fn covers(&self, behaviour: Behaviour) -> bool {
        self.behaviours.is_none_or(|set| set.contains(behaviour))
    }

    /// Whether the entry still counts.
    pub(crate) fn counts(&self, now: WallTime) -> bool {
        !self.expires.as_ref().is_some_and(|e| e.has_passed(now))
    }

    /// Whether the container's image fits.
    pub(crate) fn image_fits(&self, facts: &Facts<'_>) -> Truth {
        match (&self.image, facts.image_name) {
            (None, _) => Truth::Yes,
            (Some(pattern), Fact::Known(image)) => pattern.matches(image).into(),
            (Some(_), Fact::Absent) => Truth::No,
            (Some(_), Fact::Unknown(missing)) => Truth::Unknown(missing),
        }
    }

    /// Whether what happens inside the container fits, whatever its image is.
    pub(crate) fn act_fits(&self, subject: &DefenceSubject<'_>) -> Truth {
        let above = || match (&self.ancestor, subject.ancestors) {
            (None, _) => Truth::Yes,
            (Some(_), None) => Truth::Unknown(Missing::Ancestors),
            (Some(pattern), Some(all)) => all.iter().any(|path| pattern.matches(path)).into(),
        };
        Truth::from(self.covers(subject.behaviour) && self.counts(subject.now))
            .and(|| fits(self.process.as_ref(), subject.program, Missing::Program))
            .and(|| fits(self.parent.as_ref(), subject.parent, Missing::Parent))
            .and(above)
            .and(|| self.file_fits(subject))
    }

    /// What acts on no file fits no pattern for files.
    fn file_fits(&self, subject: &DefenceSubject<'_>) -> Truth {
        let about_files = subject.behaviour.dimension() == Dimension::File;
        match (&self.file, subject.file) {
            (Some(_), None) if !about_files => Truth::No,
            (pattern, file) => fits(pattern.as_ref(), file, Missing::File),
        }
    }
}

fn fits(pattern: Option<&PathPattern>, path: Option<&[u8]>, missing: Missing) -> Truth {
    match (pattern, path) {
        (None, _) => Truth::Yes,
        (Some(_), None) => Truth::Unknown(missing),
        (Some(pattern), Some(path)) => pattern.matches(path).into(),
    }
}

impl fmt::Display for DefenceAllow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            ("process", &self.process),
            ("parent", &self.parent),
            ("ancestor", &self.ancestor),
            ("file", &self.file),
        ];
        let mut comma = "";
        for (name, pattern) in parts {
            if let Some(pattern) = pattern {
                write!(f, "{comma}{name} {pattern}")?;
                comma = ", ";
            }
        }
        if let Some(image) = &self.image {
            write!(f, "{comma}image {image}")?;
        }
        if let Some(set) = self.behaviours {
            write!(f, " for {}", names(set))?;
        }
        if let Some(expires) = &self.expires {
            write!(f, " until {expires}")?;
        }
        if let Some(reason) = &self.reason {
            write!(f, " ({})", escape(reason.as_bytes()))?;
        }
        Ok(())
    }
}
