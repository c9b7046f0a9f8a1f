//! Following values through a script: a front end for each syntax writes [`Code`], a [`Dialect`] knows what the
//! language's names mean, [`run`] joins the two.
//!
//! Code is a flat list of steps in which every operand stands before what uses it, so that nothing here recurses over
//! what a script nests.

mod code;
mod find;
mod run;
mod tree;
mod value;

pub(crate) use code::{Code, Counter, Slot, Step, Target};
pub(crate) use find::{Findings, Place};
pub(crate) use run::{Call, Dialect, run};
pub(crate) use tree::{Grammar, lower};
pub(crate) use value::{
    CODED, Constant, LIST_ITEMS_MAX, PARSED, SCRIPT, SINK_BITS, TAINT, TEXT_BYTES_MAX, Traits,
    Value, WHOLE, scripted_name,
};
