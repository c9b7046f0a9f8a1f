//! VBScript and Visual Basic: a tokenizer and a reader that writes steps. Lenient as a reader of other people's scripts
//! must be: what makes no sense is skipped to the end of its line.

mod lex;
mod read;

pub(crate) use read::visual_basic;
