-- Times are nanoseconds since 1970. Texts that are JSON stay texts. Codes of status, severity and category stand in
-- src/alerts/alert.rs. The same tables as for PostgreSQL; where something differs, it says why.

-- The order of storing: a number that is not given twice, though rows may go.
CREATE TABLE alert_seq (
    last BIGINT NOT NULL
);
INSERT INTO alert_seq VALUES (0);

CREATE TABLE alerts (
    -- The time, moved up until it is free: rows lie in the order in which they are listed, every index ends in it, and
    -- the full-text index gives its matches in that order without sorting.
    place INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    time BIGINT NOT NULL,
    last_time BIGINT NOT NULL,
    received BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    seq BIGINT NOT NULL UNIQUE,
    version BIGINT NOT NULL,
    count BIGINT NOT NULL,
    status SMALLINT NOT NULL,
    severity SMALLINT NOT NULL,
    category SMALLINT NOT NULL,
    rule TEXT NOT NULL,
    catalogue_key TEXT NOT NULL,
    title TEXT NOT NULL,
    action TEXT NOT NULL,
    node TEXT NOT NULL,
    cluster TEXT NOT NULL,
    namespace TEXT NOT NULL,
    pod TEXT NOT NULL,
    container_id TEXT NOT NULL,
    container TEXT NOT NULL,
    image TEXT NOT NULL,
    incident TEXT NOT NULL,
    document TEXT NOT NULL
);
CREATE INDEX alerts_status ON alerts (status);
CREATE INDEX alerts_severity ON alerts (severity);
CREATE INDEX alerts_category ON alerts (category);
CREATE INDEX alerts_rule ON alerts (rule);
CREATE INDEX alerts_key ON alerts (catalogue_key);
CREATE INDEX alerts_node ON alerts (node);
CREATE INDEX alerts_cluster ON alerts (cluster);
CREATE INDEX alerts_namespace ON alerts (namespace);
CREATE INDEX alerts_pod ON alerts (pod);
CREATE INDEX alerts_container_id ON alerts (container_id);
CREATE INDEX alerts_container ON alerts (container);
CREATE INDEX alerts_image ON alerts (image);
CREATE INDEX alerts_incident ON alerts (incident);

-- Words come split already (src/alerts/words.rs): the tokenizer only separates them at spaces.
CREATE VIRTUAL TABLE alert_words USING fts5 (
    words, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii'
);

-- Sums of alerts by hour. Every change adds a row; maintenance adds rows up, so that writers never wait for one another.
CREATE TABLE alert_counts (
    hour BIGINT NOT NULL,
    status SMALLINT NOT NULL,
    severity SMALLINT NOT NULL,
    category SMALLINT NOT NULL,
    rule TEXT NOT NULL,
    catalogue_key TEXT NOT NULL,
    cluster TEXT NOT NULL,
    namespace TEXT NOT NULL,
    alerts BIGINT NOT NULL
);
CREATE INDEX alert_counts_hour ON alert_counts (hour);

-- What was done with an alert, and said of it.
CREATE TABLE alert_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    alert TEXT NOT NULL,
    time BIGINT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    address TEXT NOT NULL,
    kind TEXT NOT NULL,
    from_status SMALLINT,
    to_status SMALLINT,
    text TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX alert_events_alert ON alert_events (alert, id);
CREATE INDEX alert_events_time ON alert_events (time);

-- Stories of more than one alert.
CREATE TABLE incidents (
    id TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    severity SMALLINT NOT NULL,
    status SMALLINT NOT NULL,
    first_time BIGINT NOT NULL,
    last_time BIGINT NOT NULL,
    cluster TEXT NOT NULL,
    namespace TEXT NOT NULL,
    node TEXT NOT NULL,
    assignee TEXT NOT NULL,
    note TEXT NOT NULL,
    version BIGINT NOT NULL,
    changed BIGINT NOT NULL
);
CREATE INDEX incidents_last_time ON incidents (last_time, id);
CREATE INDEX incidents_status ON incidents (status, last_time, id);

-- What is configured, as it is now; a deleted document stays as a mark, so that its versions go on if it comes again.
CREATE TABLE documents (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    version BIGINT NOT NULL,
    body TEXT NOT NULL,
    deleted BOOLEAN NOT NULL,
    actor_kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    address TEXT NOT NULL,
    reason TEXT NOT NULL,
    time BIGINT NOT NULL,
    PRIMARY KEY (kind, id)
);

-- Every version of it, the present one included.
CREATE TABLE document_versions (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    version BIGINT NOT NULL,
    body TEXT NOT NULL,
    deleted BOOLEAN NOT NULL,
    actor_kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    address TEXT NOT NULL,
    reason TEXT NOT NULL,
    time BIGINT NOT NULL,
    PRIMARY KEY (kind, id, version)
);

-- How often documents of a kind were changed: one number tells whether a copy of all of them is still right.
CREATE TABLE document_changes (
    kind TEXT PRIMARY KEY,
    changes BIGINT NOT NULL
);

CREATE TABLE nodes (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    cluster TEXT NOT NULL,
    region TEXT NOT NULL,
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    labels TEXT NOT NULL,
    protection_level TEXT NOT NULL,
    sensor_version TEXT NOT NULL,
    backend TEXT NOT NULL,
    kernel TEXT NOT NULL,
    policy_versions TEXT NOT NULL,
    health TEXT NOT NULL,
    replica TEXT NOT NULL,
    connected BOOLEAN NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX nodes_name ON nodes (name, id);
CREATE INDEX nodes_cluster ON nodes (cluster, name, id);

CREATE TABLE containers (
    node TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    image TEXT NOT NULL,
    image_digest TEXT NOT NULL,
    namespace TEXT NOT NULL,
    pod TEXT NOT NULL,
    cluster TEXT NOT NULL,
    running BOOLEAN NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (node, id)
);
CREATE INDEX containers_last_seen ON containers (last_seen, node, id);
CREATE INDEX containers_image ON containers (image_digest);
CREATE INDEX containers_namespace ON containers (cluster, namespace, last_seen);

CREATE TABLE images (
    digest TEXT PRIMARY KEY,
    reference TEXT NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    document TEXT NOT NULL
);
CREATE INDEX images_last_seen ON images (last_seen, digest);

CREATE TABLE canaries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    node TEXT NOT NULL,
    kind TEXT NOT NULL,
    time BIGINT NOT NULL,
    seen BOOLEAN NOT NULL,
    blocked BOOLEAN NOT NULL,
    latency_ns BIGINT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX canaries_node ON canaries (node, kind, time);
CREATE INDEX canaries_time ON canaries (time);

-- The last canary of each kind.
CREATE TABLE latest_canaries (
    node TEXT NOT NULL,
    kind TEXT NOT NULL,
    time BIGINT NOT NULL,
    seen BOOLEAN NOT NULL,
    blocked BOOLEAN NOT NULL,
    latency_ns BIGINT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (node, kind)
);

-- Times at which something was not protected or not seen.
CREATE TABLE gaps (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    node TEXT NOT NULL,
    kind TEXT NOT NULL,
    started BIGINT NOT NULL,
    ended BIGINT,
    detail TEXT NOT NULL
);
CREATE UNIQUE INDEX gaps_open ON gaps (node, kind) WHERE ended IS NULL;
CREATE INDEX gaps_started ON gaps (started, id);
CREATE INDEX gaps_node ON gaps (node, started, id);

CREATE TABLE enrolment_tokens (
    id TEXT PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    cluster TEXT NOT NULL,
    region TEXT NOT NULL,
    one_time BOOLEAN NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    uses BIGINT NOT NULL,
    revoked BOOLEAN NOT NULL
);
CREATE INDEX enrolment_tokens_created ON enrolment_tokens (created, id);

CREATE TABLE certificates (
    serial TEXT PRIMARY KEY,
    node TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    not_before BIGINT NOT NULL,
    not_after BIGINT NOT NULL,
    issued BIGINT NOT NULL,
    revoked BIGINT,
    reason TEXT NOT NULL
);
CREATE INDEX certificates_node ON certificates (node, issued, serial);
CREATE INDEX certificates_issued ON certificates (issued, serial);
CREATE INDEX certificates_revoked ON certificates (revoked, serial) WHERE revoked IS NOT NULL;

-- Keys that all replicas share.
CREATE TABLE secrets (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL,
    time BIGINT NOT NULL
);

CREATE TABLE users (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    display_name TEXT NOT NULL,
    email TEXT NOT NULL,
    provider TEXT NOT NULL,
    subject TEXT NOT NULL,
    password_hash TEXT,
    must_change_password BOOLEAN NOT NULL,
    roles TEXT NOT NULL,
    preferences TEXT NOT NULL,
    disabled BOOLEAN NOT NULL,
    failed_logins BIGINT NOT NULL,
    locked_until BIGINT,
    last_login BIGINT,
    created BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE UNIQUE INDEX users_subject ON users (provider, subject);

CREATE TABLE sessions (
    hash BLOB PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    csrf_hash BLOB NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    address TEXT NOT NULL,
    agent TEXT NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id, created);
CREATE INDEX sessions_expires ON sessions (expires);

CREATE TABLE api_tokens (
    id TEXT PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT,
    last_used BIGINT,
    revoked BOOLEAN NOT NULL
);
CREATE INDEX api_tokens_created ON api_tokens (created, id);
CREATE INDEX api_tokens_user ON api_tokens (user_id, created, id);

-- How far each output is.
CREATE TABLE output_states (
    output TEXT PRIMARY KEY,
    position_batch BIGINT NOT NULL,
    position_seq BIGINT NOT NULL,
    delivered BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    dropped BIGINT NOT NULL,
    consecutive_failures BIGINT NOT NULL,
    last_success BIGINT,
    last_failure BIGINT,
    last_error TEXT NOT NULL,
    retry_at BIGINT,
    claimed_by TEXT NOT NULL,
    claimed_until BIGINT NOT NULL
);

CREATE TABLE commands (
    id TEXT PRIMARY KEY,
    node TEXT NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    signature TEXT NOT NULL,
    status SMALLINT NOT NULL,
    actor TEXT NOT NULL,
    alert TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    sent BIGINT,
    answered BIGINT,
    answer TEXT NOT NULL,
    -- Bytes of what it brought, once all of it is there.
    output_bytes BIGINT
);
CREATE INDEX commands_created ON commands (created, id);
CREATE INDEX commands_node ON commands (node, created, id);
CREATE INDEX commands_alert ON commands (alert, created, id);
CREATE INDEX commands_open ON commands (node, created) WHERE status <= 1;

-- What commands brought, in parts; each begins where the one before ends.
CREATE TABLE command_outputs (
    command TEXT NOT NULL REFERENCES commands (id) ON DELETE CASCADE,
    start BIGINT NOT NULL,
    content BLOB NOT NULL,
    stored BIGINT NOT NULL,
    PRIMARY KEY (command, start)
);
CREATE INDEX command_outputs_stored ON command_outputs (stored);

-- Append-only; each entry's hash covers the one before.
CREATE TABLE audit_log (
    seq BIGINT PRIMARY KEY,
    time BIGINT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    address TEXT NOT NULL,
    action TEXT NOT NULL,
    object_kind TEXT NOT NULL,
    object_id TEXT NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL,
    hash TEXT NOT NULL
);
CREATE INDEX audit_log_time ON audit_log (time);
CREATE INDEX audit_log_object ON audit_log (object_kind, object_id, seq);
CREATE INDEX audit_log_actor ON audit_log (actor, seq);

-- The last entry that retention took away; the first that is kept follows it.
CREATE TABLE audit_anchor (
    seq BIGINT NOT NULL,
    hash TEXT NOT NULL
);
INSERT INTO audit_anchor VALUES (0, '');

-- Audit events of API servers that were judged already: they send at least once.
CREATE TABLE kubernetes_audit_seen (
    cluster TEXT NOT NULL,
    audit_id TEXT NOT NULL,
    stage TEXT NOT NULL,
    time BIGINT NOT NULL,
    PRIMARY KEY (cluster, audit_id, stage)
);
CREATE INDEX kubernetes_audit_seen_time ON kubernetes_audit_seen (time);

-- What rules of the form "first seen" have seen.
CREATE TABLE first_seen (
    scope TEXT NOT NULL,
    value TEXT NOT NULL,
    time BIGINT NOT NULL,
    PRIMARY KEY (scope, value)
);

-- State of detection as it encodes itself.
CREATE TABLE states (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL,
    time BIGINT NOT NULL
);

-- How often rules matched.
CREATE TABLE hits (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    hits BIGINT NOT NULL,
    last BIGINT NOT NULL,
    PRIMARY KEY (kind, id)
);

-- Answers to requests that may come twice.
CREATE TABLE idempotency_keys (
    owner TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    status BIGINT,
    body TEXT NOT NULL,
    expires BIGINT NOT NULL,
    PRIMARY KEY (owner, key)
);
CREATE INDEX idempotency_keys_expires ON idempotency_keys (expires);

CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log
WHEN OLD.seq > (SELECT seq FROM audit_anchor)
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
