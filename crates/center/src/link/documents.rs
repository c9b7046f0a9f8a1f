//! What sensors are to have in force, encoded once for all of them.

use crate::app::in_force;
use crate::http::Problem;
use std::sync::Arc;
use tokio::sync::watch;
use yagura_proto::document::{Document, DocumentError, DocumentKind, DocumentSet, SharedDocument};
use yagura_store::{ChangeKind, Store};

/// Earlier versions of a document that it can be told by.
const EARLIER_MAX: usize = 4;

/// Why what is in force can't be told.
#[derive(Debug, thiserror::Error)]
pub(super) enum DocumentsError {
    /// The database is away, or what is stored can't be read.
    #[error("what is in force cannot be read: {0:?}")]
    Read(Problem),
    /// It can't be sent.
    #[error(transparent)]
    Document(#[from] DocumentError),
}

impl From<Problem> for DocumentsError {
    fn from(problem: Problem) -> DocumentsError {
        DocumentsError::Read(problem)
    }
}

/// Whether a change of that kind may change what is in force.
pub(super) fn matters(kind: ChangeKind) -> bool {
    matches!(
        kind,
        ChangeKind::Document(
            yagura_store::DocumentKind::DriftPolicy
                | yagura_store::DocumentKind::DefencePolicy
                | yagura_store::DocumentKind::UserRule
                | yagura_store::DocumentKind::DetectionSettings
                | yagura_store::DocumentKind::Setting
        )
    )
}

/// The documents, for every session to watch.
#[derive(Debug)]
pub(super) struct Documents {
    sender: watch::Sender<Arc<DocumentSet>>,
    /// Former versions, the newest first.
    earlier: tokio::sync::Mutex<Vec<Arc<SharedDocument>>>,
}

impl Documents {
    pub(super) fn new() -> Documents {
        Documents {
            sender: watch::Sender::new(Arc::default()),
            earlier: tokio::sync::Mutex::default(),
        }
    }

    /// What is in force, and news of it.
    pub(super) fn subscribe(&self) -> watch::Receiver<Arc<DocumentSet>> {
        self.sender.subscribe()
    }

    /// Whether anything was read yet.
    pub(super) fn is_empty(&self) -> bool {
        self.sender.borrow().iter().next().is_none()
    }

    /// Reads what is in force, and tells every session if that is news.
    pub(super) async fn refresh(&self, store: &Store) -> Result<(), DocumentsError> {
        // One at a time: a later reading must not be overtaken by an earlier one.
        let mut earlier = self.earlier.lock().await;
        let versions = in_force::versions(store).await.map_err(Problem::from)?;
        let mut set = DocumentSet::clone(&self.sender.borrow());
        let mut is_news = false;
        for kind in DocumentKind::ALL {
            let version = match kind {
                DocumentKind::Policies => versions.policies,
                DocumentKind::Rules => versions.rules,
                DocumentKind::Settings => versions.settings,
            };
            let former = set.get(kind).cloned();
            if former
                .as_ref()
                .is_some_and(|former| former.document().version == version)
            {
                continue;
            }
            let text = match kind {
                DocumentKind::Policies => in_force::policies(store).await?,
                DocumentKind::Rules => in_force::rules(store).await.map_err(Problem::from)?,
                DocumentKind::Settings => in_force::settings(store).await?,
            };
            let document = Document::new(kind, version, text.into())?;
            if let Some(former) = former {
                earlier.insert(0, former);
                earlier.truncate(EARLIER_MAX * DocumentKind::ALL.len());
            }
            let bases: Vec<Arc<SharedDocument>> = earlier
                .iter()
                .filter(|earlier| earlier.document().kind == kind)
                .take(EARLIER_MAX)
                .cloned()
                .collect();
            set.put(SharedDocument::new(document, &bases));
            is_news = true;
        }
        if is_news {
            self.sender.send_replace(Arc::new(set));
        }
        Ok(())
    }
}
