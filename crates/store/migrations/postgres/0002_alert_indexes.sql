-- What an alert costs is mostly what its indexes cost: short keys, few of them.

-- Ids are compared by their bytes, which is fast and the same order wherever the database is.
ALTER TABLE alerts ALTER COLUMN id TYPE TEXT COLLATE "C";

DROP INDEX alerts_time, alerts_status, alerts_severity, alerts_category, alerts_rule, alerts_key, alerts_node,
    alerts_cluster, alerts_namespace, alerts_pod, alerts_container_id, alerts_container, alerts_image, alerts_incident;

CREATE INDEX alerts_time ON alerts (time);
-- One for all three: src/alerts/codes.rs looks up each combination of their few values.
CREATE INDEX alerts_codes ON alerts (status, severity, category, time);
-- Of texts an index holds a number, whatever their length; src/filter.rs compares both.
CREATE INDEX alerts_rule ON alerts (hashtextextended(rule, 0), time);
CREATE INDEX alerts_key ON alerts (hashtextextended(catalogue_key, 0), time);
CREATE INDEX alerts_node ON alerts (hashtextextended(node, 0), time);
CREATE INDEX alerts_cluster ON alerts (hashtextextended(cluster, 0), time);
CREATE INDEX alerts_namespace ON alerts (hashtextextended(namespace, 0), time);
CREATE INDEX alerts_pod ON alerts (hashtextextended(pod, 0), time);
CREATE INDEX alerts_container_id ON alerts (hashtextextended(container_id, 0), time);
CREATE INDEX alerts_container ON alerts (hashtextextended(container, 0), time);
CREATE INDEX alerts_image ON alerts (hashtextextended(image, 0), time);
CREATE INDEX alerts_incident ON alerts (hashtextextended(incident, 0), time);
