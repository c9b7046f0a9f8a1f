-- What detection remembers of a cluster's audit events, by rule and subject, so that replicas take turns and a restart
-- forgets nothing. src/audit.rs writes it together with the keys of the events that it rests on.
CREATE TABLE kubernetes_audit_clusters (
    cluster TEXT PRIMARY KEY,
    -- Goes up with every batch: who judged from an older one judges again.
    generation BIGINT NOT NULL,
    events BIGINT NOT NULL,
    last BIGINT NOT NULL
);

CREATE TABLE kubernetes_audit_memory (
    cluster TEXT NOT NULL,
    -- SHA-256 of what the memory is of, as hexadecimal digits: subjects can be longer than an index takes.
    id TEXT NOT NULL,
    rule TEXT NOT NULL,
    generation BIGINT NOT NULL,
    memory TEXT NOT NULL,
    PRIMARY KEY (cluster, id)
);
CREATE INDEX kubernetes_audit_memory_generation ON kubernetes_audit_memory (cluster, generation);
CREATE INDEX kubernetes_audit_memory_rule ON kubernetes_audit_memory (cluster, rule, generation);

-- Their place before.
DROP TABLE states;
DROP TABLE first_seen;
