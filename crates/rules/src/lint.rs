//! Warns of what is probably not meant.
use crate::collect::Collection;
use crate::diagnostic::Diagnostics;
use crate::resolve::Resolver;
use crate::rule::Rule;
use crate::source::Source;

pub(crate) fn rule(_rule: &Rule, _diagnostics: &mut Diagnostics) {}
pub(crate) fn unused(_collection: &Collection, _sources: &[Source<'_>], _resolver: &mut Resolver<'_>) {}
