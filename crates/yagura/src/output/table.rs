//! Tables and alerts for people.
