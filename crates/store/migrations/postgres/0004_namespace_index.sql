-- Namespaces are nearly always asked for together with a cluster, by everyone whose rights are limited to both: with the
-- cluster's number in the index, rows of other clusters are left out without a look at them.
DROP INDEX alerts_namespace;
CREATE INDEX alerts_namespace ON alerts (hashtextextended(namespace, 0), time, hashtextextended(cluster, 0));
