//! Bounds of what the link takes in, each with its unit and what it stops.

use std::time::Duration;

/// Bytes of a message from a sensor: stops one that would fill the center's memory.
pub const SENSOR_MESSAGE_BYTES_MAX: usize = 4 << 20;
/// Bytes of a message from the center: a whole document, compressed, and its envelope.
pub const CENTER_MESSAGE_BYTES_MAX: usize = 20 << 20;
/// Bytes of a document before compression: stops a small message from becoming gigabytes.
pub const DOCUMENT_BYTES_MAX: usize = 16 << 20;
/// Bytes of a batch of alerts before compression; the same.
pub const BATCH_BYTES_MAX: usize = 8 << 20;
/// Bytes of a batch of alerts as it is sent; it stands in a message and in the spool.
pub const BATCH_ENCODED_BYTES_MAX: usize = SENSOR_MESSAGE_BYTES_MAX - 4096;
/// Alerts of one batch: bounds what one transaction of the center stores.
pub const BATCH_ALERTS_MAX: usize = 1000;
/// Bytes of one alert: an alert's own bounds keep it below.
pub const ALERT_BYTES_MAX: usize = 1 << 20;
/// Bytes of a name of a node, cluster or account: DNS names have 253.
pub const NAME_BYTES_MAX: usize = 253;
/// Bytes of a signing request; one with an elliptic key has about 300.
pub const SIGNING_REQUEST_BYTES_MAX: usize = 16 << 10;
/// Bytes of a short text of a sensor: versions, names, problems.
pub const TEXT_BYTES_MAX: usize = 4096;
/// Problems of a document that are told.
pub const PROBLEMS_MAX: usize = 100;
/// Documents, losses, gaps and the like in one report of health.
pub const HEALTH_ITEMS_MAX: usize = 1024;
/// Containers in one report of health.
pub const CONTAINERS_MAX: usize = 4096;
/// Bytes of the result of a command; larger ones go as output.
pub const RESULT_BYTES_MAX: usize = 1 << 20;
/// Bytes of the output of one command: stops a sensor from filling the center's disk. What is larger stays on its node.
pub const OUTPUT_BYTES_MAX: u64 = 64 << 20;
/// Bytes of one piece of output.
pub const OUTPUT_CHUNK_BYTES_MAX: usize = 1 << 20;
/// Commands that may wait for one sensor.
pub const COMMANDS_WAITING_MAX: usize = 256;
/// Batches on their way and not acknowledged yet: fills the way without holding many in memory.
pub const BATCHES_IN_FLIGHT_MAX: usize = 8;

/// How long a peer may take for the TLS handshake: stops half-open connections from piling up.
pub const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// Handshakes at a time: each costs a signature.
pub const HANDSHAKES_MAX: usize = 1024;
/// Connections at a time.
pub const CONNECTIONS_MAX: usize = 20_000;
/// Connections at a time that have shown no certificate: enrolment alone needs them, and whoever floods the port has none.
pub const STRANGERS_MAX: usize = 256;
/// How long a connection without certificate may last.
pub const STRANGER_MAX: Duration = Duration::from_secs(30);
/// Streams at a time on one connection: a sensor needs three.
pub const STREAMS_MAX: u32 = 8;
/// Idle time after which a peer is asked whether it is still there.
pub const KEEPALIVE: Duration = Duration::from_secs(20);
/// How long it may take to say so.
pub const KEEPALIVE_ANSWER_MAX: Duration = Duration::from_secs(10);
/// How long a session may take to say hello.
pub const HELLO_MAX: Duration = Duration::from_secs(10);
/// How often a live session is held against revocations.
pub const ADMISSION_CHECK: Duration = Duration::from_secs(30);
/// How long a sensor waits for its connection to be made.
pub const CONNECT_MAX: Duration = Duration::from_secs(10);
/// How long a sensor waits for the answer to a single call.
pub const CALL_MAX: Duration = Duration::from_secs(30);
/// How long a batch may stay unacknowledged before the sensor takes the way for broken and connects anew.
pub const ACK_MAX: Duration = Duration::from_secs(60);
