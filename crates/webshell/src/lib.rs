//! Tells webshells from ordinary scripts: text in, a score with its reasons out.
//!
//! Does: parses a script in its own syntax, undoes what hides it, follows request input to what executes it.
//! Never: reads a file, runs what it reads, or trusts a length, a depth or an encoding.
//!
//! Start at [`analyze`]; [`language_of`] tells what a file is. Each language stands in its own folder of [`language`],
//! what undoes encodings in [`decode`], and how reasons make a score in [`evidence`].

mod clock;
mod decode;
mod evidence;
mod identify;
mod language;
mod limits;

pub use evidence::{Reason, Verdict};
pub use identify::language_of;
pub use limits::SCRIPT_BYTES_MAX;

/// A script's language, as far as webshells are told by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Language {
    /// PHP, any version.
    Php,
    /// Java server pages and their XML form.
    Jsp,
    /// Classic active server pages: VBScript or JScript.
    Asp,
    /// ASP.NET pages, handlers and services: C#, Visual Basic or JScript.
    Aspx,
    /// Python.
    Python,
    /// Perl.
    Perl,
    /// Shell scripts that answer web requests (CGI).
    Shell,
    /// JavaScript on a server.
    Node,
}

impl Language {
    /// The name in findings.
    pub fn as_str(self) -> &'static str {
        match self {
            Language::Php => "php",
            Language::Jsp => "jsp",
            Language::Asp => "asp",
            Language::Aspx => "aspx",
            Language::Python => "python",
            Language::Perl => "perl",
            Language::Shell => "cgi",
            Language::Node => "node",
        }
    }
}

/// A verdict with this score or more is a finding.
pub const FINDING_SCORE: u8 = 60;

/// Looks at a script. Content beyond [`SCRIPT_BYTES_MAX`] is not looked at, and the verdict says so.
///
/// `content` may be anything: broken, not UTF-8, made to take long. Work is bounded; what a bound cut off is in the
/// verdict's gaps.
pub fn analyze(language: Language, content: &[u8]) -> Verdict {
    let mut evidence = evidence::Evidence::default();
    let cut = content.get(..SCRIPT_BYTES_MAX).unwrap_or(content);
    if cut.len() < content.len() {
        evidence.gap("only the first part of the script was looked at");
    }
    match language {
        Language::Php => language::php::look(cut, &mut evidence),
        Language::Jsp => language::jsp::look(cut, &mut evidence),
        Language::Asp => language::asp::look(cut, &mut evidence),
        Language::Aspx => language::aspx::look(cut, &mut evidence),
        Language::Python => language::python::look(cut, &mut evidence),
        Language::Perl => language::perl::look(cut, &mut evidence),
        Language::Shell => language::shell::look(cut, &mut evidence),
        Language::Node => language::node::look(cut, &mut evidence),
    }
    evidence.verdict(language)
}
