//! Yagura's own rules, from `catalogue/yara`.

use crate::rules::LoadError;
use std::io::Read as _;
use std::sync::Arc;
use yara_x::{Compiler, Rules, SourceCode};

/// The name of the embedded list of digests.
pub(crate) const EMBEDDED_DIGESTS: &str = "digests.txt";

/// The rules and lists of `catalogue/yara`, compressed so that the executable holds none of the texts they look for.
const BLOB: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/own.deflate"));

/// Own rules, compiled apart by what they are for, as a file of one kind needs no search for the other's strings.
#[derive(Clone)]
pub(crate) struct OwnRules {
    /// `KEY.elf.yar`: rules for ELF files.
    pub(crate) elf: Arc<Rules>,
    /// `KEY.text.yar`: rules for everything else.
    pub(crate) text: Arc<Rules>,
}

impl OwnRules {
    /// Compiles the embedded rules.
    ///
    /// # Errors
    ///
    /// [`LoadError::OwnRules`] if a rule does not compile.
    pub(crate) fn compile() -> Result<OwnRules, LoadError> {
        let files = embedded();
        Ok(OwnRules {
            elf: Arc::new(compile(&files, ".elf.yar")?),
            text: Arc::new(compile(&files, ".text.yar")?),
        })
    }
}

fn compile(files: &[(String, Vec<u8>)], ending: &str) -> Result<Rules, LoadError> {
    let mut compiler = Compiler::new();
    compiler
        .switch_all_warnings(false)
        .error_on_slow_pattern(true)
        .error_on_slow_loop(true);
    for (name, text) in files.iter().filter(|(name, _)| name.ends_with(ending)) {
        let source = SourceCode::from(text.as_slice()).with_origin(name.as_str());
        // Errors are told together below.
        let _ = compiler.add_source(source);
    }
    match compiler.errors() {
        [] => Ok(compiler.build()),
        errors => Err(LoadError::OwnRules {
            reason: errors.iter().map(|error| format!("{error}\n")).collect(),
        }),
    }
}

/// The embedded files, in the order of their names.
pub(crate) fn embedded() -> Vec<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let whole = flate2::read::DeflateDecoder::new(BLOB).read_to_end(&mut bytes);
    debug_assert!(whole.is_ok(), "the build wrote the blob");
    let mut rest = bytes.as_slice();
    let mut files = Vec::new();
    while let Some(name) = part(&mut rest)
        && let Some(content) = part(&mut rest)
    {
        files.push((String::from_utf8_lossy(name).into_owned(), content.to_vec()));
    }
    files
}

fn part<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (part, after) = after.split_at_checked(length)?;
    *rest = after;
    Some(part)
}
