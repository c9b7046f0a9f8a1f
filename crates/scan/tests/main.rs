//! The scanner as its users see it.

mod corpus;
mod own;
mod reading;
mod samples;
mod user;
