//! From the grammar's tree to [`super::ast`].
//!
//! The tree comes from a hostile script: lowering stops at a depth, and long chains (`a . b . c …`, `else if …`) are read
//! as lists, so that ordinary long scripts stay shallow.

mod expression;
mod statement;
mod text;

use crate::clock::Deadline;
use std::ops::ControlFlow;
use std::rc::Rc;

use tree_sitter::{Node, ParseOptions, ParseState, Parser, Tree};

use super::ast::{Class, Expr, ExprKind, Function, Program, Span, Text};
use crate::limits::{
    PARSE_CHECKS_MIN, PARSE_CHECKS_PER_KILOBYTE, PARSE_TIME_MAX, SYNTAX_DEPTH_MAX,
};

/// Reads a script whose spelling is plain. `None` where the grammar took longer than its bound.
pub(super) fn read(plain: &[u8]) -> Option<Program> {
    // What is behind the end of the code is data.
    let halt = halt(plain);
    let plain = plain.get(..halt.unwrap_or(plain.len())).unwrap_or(plain);
    let tree = parse(plain)?;
    let mut lower = Lower {
        script: plain,
        depth: 0,
        program: Program::default(),
    };
    let body = lower.children(tree.root_node());
    let mut program = lower.program;
    program.body = body;
    program.halt = halt;
    Some(program)
}

fn parse(plain: &[u8]) -> Option<Tree> {
    let mut parser = Parser::new();
    parser
        .set_language(&tree_sitter_php::LANGUAGE_PHP.into())
        .ok()?;
    let mut left = PARSE_CHECKS_MIN + plain.len() / 1024 * PARSE_CHECKS_PER_KILOBYTE;
    let deadline = Deadline::after(PARSE_TIME_MAX);
    let mut check = |_: &ParseState| {
        left = left.saturating_sub(1);
        match left == 0 || deadline.is_over() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    };
    let options = ParseOptions::new().progress_callback(&mut check);
    let mut read = |at: usize, _| plain.get(at..).unwrap_or_default();
    parser.parse_with_options(&mut read, None, Some(options))
}

fn halt(plain: &[u8]) -> Option<usize> {
    let word = memchr::memmem::find(plain, b"__halt_compiler")?;
    let end = memchr::memchr(b';', plain.get(word..)?)?;
    Some(word + end + 1)
}

struct Lower<'script> {
    script: &'script [u8],
    depth: usize,
    program: Program,
}

impl<'script> Lower<'script> {
    fn text(&self, node: Node) -> &'script [u8] {
        self.script.get(node.byte_range()).unwrap_or_default()
    }

    fn name(&self, node: Node) -> Text {
        Rc::from(self.text(node))
    }

    fn small(&self, node: Node) -> Text {
        small(self.text(node))
    }

    /// Runs `lower` one level deeper, or gives `otherwise` where the levels are used up.
    fn deeper<T>(&mut self, otherwise: T, lower: impl FnOnce(&mut Self) -> T) -> T {
        if self.depth >= SYNTAX_DEPTH_MAX {
            self.program.cut = true;
            return otherwise;
        }
        self.depth += 1;
        let lowered = lower(self);
        self.depth -= 1;
        lowered
    }

    fn keep_function(&mut self, function: Function) -> Rc<Function> {
        let function = Rc::new(function);
        self.program.functions.push(Rc::clone(&function));
        function
    }

    fn keep_class(&mut self, class: Class) -> Rc<Class> {
        let class = Rc::new(class);
        self.program.classes.push(Rc::clone(&class));
        class
    }
}

fn span(node: Node) -> Span {
    let range = node.byte_range();
    Span {
        start: range.start,
        length: range.len(),
    }
}

fn expr(kind: ExprKind, node: Node) -> Expr {
    Expr {
        kind,
        span: span(node),
    }
}

/// A name in small letters, as PHP compares those of functions and classes.
pub(super) fn small(name: &[u8]) -> Text {
    Rc::from(name.to_ascii_lowercase())
}

/// Named children without comments.
fn named(node: Node) -> Vec<Node> {
    let mut cursor = node.walk();
    node.named_children(&mut cursor)
        .filter(|child| !child.is_extra() || child.is_error())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::php::ast::Statement;

    fn lowered(script: &str) -> String {
        let program = read(script.as_bytes()).unwrap();
        format!("{:?}", program.body)
    }

    #[test]
    fn chains_stay_shallow() {
        let mut script = String::from("<?php $x = 'a'");
        for _ in 0..20_000 {
            script.push_str(".'a'");
        }
        script.push(';');
        let program = read(script.as_bytes()).unwrap();
        assert!(!program.cut);
        let mut script = String::from("<?php if ($a) b();");
        for _ in 0..2_000 {
            script.push_str("else if ($a) b();");
        }
        let program = read(script.as_bytes()).unwrap();
        assert!(!program.cut);
        assert!(matches!(&program.body[0], Statement::If(arms, _) if arms.len() == 2_001));
    }

    #[test]
    fn deep_nesting_is_cut_off() {
        for (open, close) in [
            ("(", ")"),
            ("[", "]"),
            ("a(", ")"),
            ("-", ""),
            ("!", ""),
            ("{", "}"),
        ] {
            let script = format!(
                "<?php $x = {}1{};",
                open.repeat(50_000),
                close.repeat(50_000)
            );
            // Read in part or not at all, but never deeper than the bound.
            if let Some(program) = read(script.as_bytes()) {
                assert!(program.body.len() < 60_000, "{open}");
            }
        }
    }

    #[test]
    fn strings_are_read_as_php_reads_them() {
        let text = lowered(r#"<?php a('\'\\\n', "\x41\101$b[c]{$d['e']}");"#);
        let single: Vec<u8> = b"'\\\\n".to_vec();
        assert!(
            text.contains(&format!("{single:?}")) || text.contains("[39, 92, 92, 110]"),
            "{text}"
        );
        assert!(text.contains("[65, 65]"), "{text}");
    }
}
