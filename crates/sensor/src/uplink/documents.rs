//! What the center puts in force, read as the sensor's own files are.

use std::sync::Arc;
use yagura_policy::PolicySet;
use yagura_proto::document::{Document, DocumentKind};
use yagura_rules::{LoadOptions, RuleSet, Source, catalogue, load};

/// What the center's documents are called in problems.
const NAME: &str = "center";

/// What the center put in force last.
#[derive(Debug, Clone, Default)]
pub(super) struct InForce {
    /// Policies and their version.
    pub(super) policies: Option<(Arc<PolicySet>, u64)>,
    /// Detection rules, the catalogue's among them.
    pub(super) rules: Option<Arc<RuleSet>>,
}

impl InForce {
    /// Reads documents that were in force before. One that this program can't read any more is left out, and told: the
    /// center sends it again if it has not changed.
    pub(super) fn of_documents(documents: &[Document]) -> InForce {
        let mut in_force = InForce::default();
        for document in documents {
            let read = match document.kind {
                DocumentKind::Policies => policies(document).map(|policies| {
                    in_force.policies = Some((policies, document.version));
                }),
                DocumentKind::Rules => rules(document).map(|rules| in_force.rules = Some(rules)),
                DocumentKind::Settings => Ok(()),
            };
            if let Err(problems) = read {
                let problem = problems.first().map(String::as_str).unwrap_or_default();
                tracing::error!(kind = %document.kind, problem, "what the center put in force cannot be read");
            }
        }
        in_force
    }
}

/// Reads policies.
pub(super) fn policies(document: &Document) -> Result<Arc<PolicySet>, Vec<String>> {
    let parsed = yagura_policy::set::parse(NAME, &document.content);
    let is_error = |severity| severity == yagura_policy::Severity::Error;
    match parsed.set {
        Some(set) => Ok(Arc::new(set)),
        None => Err(parsed
            .diagnostics
            .iter()
            .filter(|diagnostic| is_error(diagnostic.severity))
            .map(ToString::to_string)
            .collect()),
    }
}

/// Reads rules behind the catalogue's.
pub(super) fn rules(document: &Document) -> Result<Arc<RuleSet>, Vec<String>> {
    behind_catalogue(&document.content)
}

/// The catalogue's rules by themselves.
pub(super) fn catalogue() -> Result<Arc<RuleSet>, Vec<String>> {
    behind_catalogue(&[])
}

fn behind_catalogue(content: &[u8]) -> Result<Arc<RuleSet>, Vec<String>> {
    let mut sources: Vec<Source<'_>> = catalogue::sources().collect();
    sources.push(Source {
        name: NAME,
        bytes: content,
        own: true,
    });
    let loaded = load(&sources, &LoadOptions::default());
    let problems: Vec<String> = loaded
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == yagura_rules::Severity::Error)
        .map(ToString::to_string)
        .collect();
    if !problems.is_empty() {
        return Err(problems);
    }
    RuleSet::compile(loaded.rules)
        .map(Arc::new)
        .map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(kind: DocumentKind, text: &'static str) -> Document {
        Document::new(kind, 3, text.as_bytes().into()).expect("document")
    }

    #[test]
    fn documents_are_read_or_refused_with_their_problems() {
        let empty = document(DocumentKind::Rules, "");
        let some = document(DocumentKind::Rules, "- list: shells\n  items: [bash]\n");
        assert!(rules(&empty).is_ok() && rules(&some).is_ok());
        let problems = rules(&document(
            DocumentKind::Rules,
            "- rule: 7\n  condition: (\n",
        ));
        assert!(problems.is_err_and(|problems| problems[0].contains("center")));
        let problems = policies(&document(DocumentKind::Policies, "kind: Nonsense\n"));
        assert!(problems.is_err_and(|problems| !problems.is_empty()));
    }

    #[test]
    fn what_cannot_be_read_any_more_is_left_out() {
        let documents = [
            document(DocumentKind::Policies, "kind: Nonsense\n"),
            document(DocumentKind::Rules, ""),
        ];
        let in_force = InForce::of_documents(&documents);
        assert!(in_force.policies.is_none() && in_force.rules.is_some());
    }
}
