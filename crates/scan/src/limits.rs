//! Every bound of the scanner, with its unit and what it stops.

/// Bytes of one user's rule file. The largest public collection in one file has about 30 MB.
pub(crate) const RULE_FILE_BYTES_MAX: u64 = 64 << 20;

/// Bytes of all rule files of a user. Stops a folder that was never meant for rules.
pub(crate) const RULE_BYTES_MAX: u64 = 256 << 20;

/// Rule files of a user. Stops a folder that was never meant for rules.
pub(crate) const RULE_FILES_MAX: usize = 50_000;

/// Folders within folders that are searched for rules, and files included by included files.
pub(crate) const RULE_DEPTH_MAX: usize = 16;

/// Problems with rules and lists that are told. Stops a collection of nothing but errors.
pub(crate) const PROBLEMS_MAX: usize = 2_000;

/// Bytes of one list.
pub(crate) const LIST_BYTES_MAX: u64 = 512 << 20;

/// Entries of all digest lists. Each takes about 36 bytes of memory.
pub(crate) const DIGESTS_MAX: usize = 4_000_000;

/// Entries of all fuzzy lists. Each is compared with each file; 20,000 take about two milliseconds.
pub(crate) const FUZZY_MAX: usize = 20_000;

/// Entries of all image lists. Each is compared with each image.
pub(crate) const IMAGES_MAX: usize = 100_000;

/// Bytes of a line of a list.
pub(crate) const LINE_BYTES_MAX: usize = 4096;

/// Characters of a family that a rule or list names.
pub(crate) const FAMILY_CHARS_MAX: usize = 64;

/// Characters of a reason that a rule or list gives.
pub(crate) const REASON_CHARS_MAX: usize = 400;

/// Bytes of a match that a finding shows.
pub(crate) const MATCH_DATA_BYTES_MAX: usize = 64;

/// Matches of one string that a finding shows, so that one common string leaves room for the others.
pub(crate) const MATCHES_OF_STRING_MAX: usize = 4;

/// Matches of one string that are kept while a file is scanned. Stops a file of nothing but matches from taking memory;
/// counting conditions see no more.
pub(crate) const STRING_MATCHES_MAX: usize = 10_000;

/// Bytes that a scanner keeps between files; a larger buffer is given back.
pub(crate) const BUFFER_KEPT_BYTES: usize = 1 << 20;

/// Bytes read at once beyond what YARA looks at.
pub(crate) const CHUNK_BYTES: usize = 64 * 1024;

/// Bytes that are read of one file for its digest. Stops a reader without an end.
pub(crate) const READ_BYTES_MAX: u64 = 1 << 40;
