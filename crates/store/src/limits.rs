//! Bounds on what is taken in. Each names the attack or the mistake that it stops.

/// Rows of one page of any list: a client can't make the center hold a table in memory.
pub const PAGE_ROWS_MAX: u32 = 500;

/// Alerts of one batch: the arrays of one statement stay below some ten megabytes.
pub const ALERT_BATCH_MAX: usize = 2_000;

/// Bytes of an alert's JSON text: a sensor that was taken over can't fill the disk with a few alerts.
pub const ALERT_DOCUMENT_BYTES_MAX: usize = 256 * 1024;

/// Bytes of an alert's id: what is indexed as a primary key stays short.
pub const ALERT_ID_BYTES_MAX: usize = 64;

/// Bytes of any indexed text (names of containers, images, rules). Longer ones are cut: PostgreSQL refuses index entries
/// of more than a third of a page, and an attacker who chooses a name may not keep its alert from being stored.
pub const NAME_BYTES_MAX: usize = 512;

/// Different words of one alert that it is found by: the full-text index of a flood stays small.
pub const SEARCH_WORDS_MAX: usize = 96;

/// Bytes of one word; more is cut, since long random texts would each make an entry of their own.
pub const SEARCH_WORD_BYTES_MAX: usize = 40;

/// Words of a search; more are refused, since each costs a walk through the index.
pub const SEARCH_QUERY_WORDS_MAX: usize = 12;

/// Values of one field of a filter.
pub const FILTER_VALUES_MAX: usize = 100;

/// Alerts that one bulk change handles; the caller goes on with the next ones.
pub const BULK_ALERTS_MAX: u32 = 10_000;

/// Bytes of a configured document: a policy of ten thousand rules fits.
pub const DOCUMENT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Documents of one kind: `all` reads them into memory.
pub const DOCUMENTS_MAX: u32 = 10_000;

/// Versions that are kept of one document; older ones go when a new one comes.
pub const DOCUMENT_VERSIONS_MAX: i64 = 1_000;

/// Bytes of a comment, a reason, a note or an error text.
pub const NOTE_BYTES_MAX: usize = 8 * 1024;

/// Bytes of a smaller JSON value: health of a node, roles, preferences, an answer's head, an audit entry's side.
pub const VALUE_BYTES_MAX: usize = 256 * 1024;

/// Items of other batches (containers, hits, keys of audit events).
pub const BATCH_ITEMS_MAX: usize = 5_000;

/// Commands that wait for one node: a node that never comes back can't make the queue grow.
pub const COMMANDS_PENDING_MAX: u32 = 100;

/// Bytes of one part of what a command brought.
pub const COMMAND_OUTPUT_PART_BYTES_MAX: usize = 1024 * 1024;

/// Bytes of what detection remembers of one subject: a thousand values of a kilobyte.
pub const MEMORY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What is read at a time of what detection remembers of a cluster's audit events; the newest of it.
pub(crate) const AUDIT_MEMORIES_MAX: u32 = 200_000;

/// Subjects that are remembered of one rule in one cluster; those that changed longest ago go.
pub(crate) const AUDIT_MEMORIES_OF_RULE_MAX: i64 = 8_192;

/// Bytes of a kept response for an idempotency key; longer ones are not kept and the request is refused as repeated.
pub const RESPONSE_BYTES_MAX: usize = 256 * 1024;

/// Notices that a slow subscriber may be behind before it is told to read everything anew.
pub(crate) const NOTICES_MAX: usize = 1_024;

/// Bytes of an id in a notice: PostgreSQL takes payloads below 8,000, and escapes make an id longer.
pub(crate) const NOTICE_ID_BYTES_MAX: usize = 1_000;
