//! One module for each language: finds what takes input, what executes, and the ways between.

pub(crate) mod asp;
pub(crate) mod aspx;
pub(crate) mod flow;
pub(crate) mod jsp;
pub(crate) mod node;
pub(crate) mod perl;
pub(crate) mod php;
pub(crate) mod python;
pub(crate) mod shell;
