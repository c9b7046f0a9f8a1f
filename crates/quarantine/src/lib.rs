//! A place for files that were taken out of containers.
