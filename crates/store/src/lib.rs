//! What the center remembers: alerts, policies, nodes, users, in SQLite or in PostgreSQL.
//!
//! Does: stores and finds plain values; keeps what must hold (exactly once, no lost update, an unbroken audit log) by
//! keys, versions and locks of the database; tells of changes.
//! Never: knows of HTTP or gRPC, decides who may do what, reads a clock, or retries: who calls knows how long it may wait.
//!
//! Start at [`Store::connect`]; each noun has a part of its own. Whatever people change takes an [`Actor`] and is noted in
//! the audit log in the same transaction. Lists come in pages, and every text has a bound (`limits`).
//!
//! Reading order: `store`, `db` (two databases behind one set of calls), `alerts`, then any noun.

mod actor;
mod alerts;
mod audit_log;
mod backup;
mod commands;
mod coverage;
mod db;
mod documents;
mod enrolment;
mod error;
mod filter;
mod hits;
mod idempotency;
mod incidents;
mod inventory;
mod kubernetes_audit;
mod limits;
mod maintenance;
mod migrate;
mod nodes;
mod notices;
mod outputs;
mod page;
mod sessions;
mod store;
mod text;
mod token_hash;
mod users;
mod version;

pub use actor::{Actor, ActorKind};
pub use alerts::{
    Alert, AlertCount, AlertEvent, AlertEventKind, AlertFilter, AlertStatus, AlertTotal, Alerts,
    BulkChange, CountFilter, CountGroup, Feed, FeedPosition, InsertOutcome, Inserted, NewAlert,
    StatusChange,
};
pub use audit_log::{AuditEntry, AuditFilter, AuditLog, AuditVerdict, NewAuditEntry};
pub use backup::{BackupError, BackupSummary, RestoreError};
pub use commands::{Command, CommandFilter, CommandStatus, Commands, NewCommand, OutputPart};
pub use coverage::{CanaryResult, Coverage, Gap, GapChange, GapFilter};
pub use db::Dialect;
pub use documents::{Document, DocumentKind, Documents};
pub use enrolment::{
    Certificate, Certificates, Enrolment, EnrolmentRefused, EnrolmentToken, NewEnrolmentToken,
    Secrets,
};
pub use error::{StoreError, UpdateError};
pub use filter::Scope;
pub use hits::{Hit, HitKind, Hits};
pub use idempotency::{Begun, Idempotency};
pub use incidents::{Incident, IncidentChange, IncidentFilter, IncidentStatus, Incidents};
pub use inventory::{Container, ContainerFilter, ContainerReport, Image, Inventory};
pub use kubernetes_audit::{AuditKey, AuditMemories, AuditMemory, AuditProgress, KubernetesAudit};
pub use limits::{
    ALERT_BATCH_MAX, ALERT_DOCUMENT_BYTES_MAX, ALERT_ID_BYTES_MAX, BATCH_ITEMS_MAX,
    BULK_ALERTS_MAX, COMMAND_OUTPUT_PART_BYTES_MAX, COMMANDS_PENDING_MAX, DOCUMENT_BYTES_MAX,
    DOCUMENT_VERSIONS_MAX, DOCUMENTS_MAX, FILTER_VALUES_MAX, MEMORY_BYTES_MAX, NAME_BYTES_MAX,
    NOTE_BYTES_MAX, PAGE_ROWS_MAX, RESPONSE_BYTES_MAX, SEARCH_QUERY_WORDS_MAX,
    SEARCH_WORD_BYTES_MAX, SEARCH_WORDS_MAX, VALUE_BYTES_MAX,
};
pub use maintenance::{Maintained, Retention};
pub use nodes::{ClusterSummary, Node, NodeFilter, NodeReport, Nodes};
pub use notices::{Change, ChangeKind, Notice, Subscription};
pub use outputs::{OutputState, Outputs};
pub use page::{Cursor, Page, PageRequest};
pub use sessions::{ApiToken, ApiTokens, NewApiToken, Session, Sessions};
pub use store::{ConnectError, Options, Store, Target};
pub use token_hash::TokenHash;
pub use users::{NewUser, User, UserChange, Users};
pub use version::Version;
