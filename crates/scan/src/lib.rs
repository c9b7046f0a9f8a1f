//! Content of files to findings.
