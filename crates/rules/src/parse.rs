//! From the text of a condition to a tree.

use crate::ast::{Expr, Item, Operand, Operator, Position, Test, Transformer};
use crate::diagnostic::Code;
use crate::lex::{BadQuoted, Lexer};
use crate::limits::{CONDITION_BYTES_MAX, CONDITION_DEPTH_MAX};
use crate::source::Text;
use yagura_yaml::{nearest, quote};

/// Why a text is no condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ParseError {
    pub(crate) code: Code,
    pub(crate) at: Position,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

type Parsed<T> = Result<T, ParseError>;

impl Operator {
    /// Every operator.
    pub const ALL: &'static [Operator] = &[
        Operator::Equal,
        Operator::NotEqual,
        Operator::Less,
        Operator::LessOrEqual,
        Operator::Greater,
        Operator::GreaterOrEqual,
        Operator::Contains,
        Operator::IContains,
        Operator::BContains,
        Operator::StartsWith,
        Operator::BStartsWith,
        Operator::EndsWith,
        Operator::Glob,
        Operator::IGlob,
        Operator::Regex,
        Operator::In,
        Operator::Intersects,
        Operator::PathMatch,
        Operator::Exists,
    ];

    /// The operator in rules.
    pub fn as_str(self) -> &'static str {
        match self {
            Operator::Equal => "=",
            Operator::NotEqual => "!=",
            Operator::Less => "<",
            Operator::LessOrEqual => "<=",
            Operator::Greater => ">",
            Operator::GreaterOrEqual => ">=",
            Operator::Contains => "contains",
            Operator::IContains => "icontains",
            Operator::BContains => "bcontains",
            Operator::StartsWith => "startswith",
            Operator::BStartsWith => "bstartswith",
            Operator::EndsWith => "endswith",
            Operator::Glob => "glob",
            Operator::IGlob => "iglob",
            Operator::Regex => "regex",
            Operator::In => "in",
            Operator::Intersects => "intersects",
            Operator::PathMatch => "pmatch",
            Operator::Exists => "exists",
        }
    }

    /// The operator of that name.
    pub fn from_name(name: &str) -> Option<Operator> {
        let name = if name == "==" { "=" } else { name };
        Operator::ALL.iter().copied().find(|o| o.as_str() == name)
    }

    /// Whether it takes a list.
    pub fn takes_list(self) -> bool {
        matches!(
            self,
            Operator::In | Operator::Intersects | Operator::PathMatch
        )
    }

    /// Whether it compares by size.
    pub fn is_order(self) -> bool {
        matches!(
            self,
            Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual
        )
    }
}

impl Transformer {
    /// Every transformer.
    pub const ALL: &'static [Transformer] = &[
        Transformer::ToLower,
        Transformer::ToUpper,
        Transformer::Base64,
        Transformer::BaseName,
        Transformer::Length,
        Transformer::Value,
        Transformer::Storage,
        Transformer::Join,
    ];

    /// The name in rules.
    pub fn as_str(self) -> &'static str {
        match self {
            Transformer::ToLower => "tolower",
            Transformer::ToUpper => "toupper",
            Transformer::Base64 => "b64",
            Transformer::BaseName => "basename",
            Transformer::Length => "len",
            Transformer::Value => "val",
            Transformer::Storage => "storage",
            Transformer::Join => "join",
        }
    }

    /// The transformer of that name.
    pub fn from_name(name: &str) -> Option<Transformer> {
        Transformer::ALL
            .iter()
            .copied()
            .find(|t| t.as_str() == name)
    }
}

/// Reads a condition.
///
/// # Errors
///
/// The first thing in the text that is not as conditions are.
pub(crate) fn condition(text: &Text) -> Parsed<Expr> {
    if text.as_str().len() > CONDITION_BYTES_MAX {
        return Err(ParseError {
            code: Code::ConditionTooLarge,
            at: text.position(0),
            message: format!("the condition has more than {CONDITION_BYTES_MAX} bytes"),
            hint: None,
        });
    }
    let mut parser = Parser::new(text);
    parser.lexer.blank();
    if parser.lexer.is_at_end() {
        return Err(parser.error("the condition is empty", None));
    }
    let expr = parser.or(0)?;
    if parser.lexer.is_at_end() {
        return Ok(expr);
    }
    Err(parser.unexpected("\"and\", \"or\" or the end"))
}

/// Reads a field, perhaps with transformers, that stands alone.
///
/// # Errors
///
/// The text is not a field.
pub(crate) fn operand(text: &Text) -> Parsed<Operand> {
    let mut parser = Parser::new(text);
    parser.lexer.blank();
    let at = parser.lexer.at();
    let operand = match parser.transformers(at, 0)? {
        Some(operand) => operand,
        None => parser.field(at, Vec::new())?,
    };
    parser.lexer.blank();
    if parser.lexer.is_at_end() {
        return Ok(operand);
    }
    Err(parser.unexpected("nothing more"))
}

/// Reads a list in parentheses that stands alone.
///
/// # Errors
///
/// The text is no such list.
pub(crate) fn items(text: &Text) -> Parsed<Vec<Item>> {
    let mut parser = Parser::new(text);
    parser.lexer.blank();
    let items = parser.list(0)?;
    parser.lexer.blank();
    if parser.lexer.is_at_end() {
        return Ok(items);
    }
    Err(parser.unexpected("nothing more"))
}

/// Reads the value of a list or exception, which Falco puts into the text of conditions as it is: in quotes or not.
pub(crate) fn item(text: &str, at: Position) -> Item {
    let trimmed = text.trim();
    let mut lexer = Lexer::new(trimmed);
    match lexer.quoted() {
        Ok(Some(value)) if lexer.is_at_end() => Item::Literal(at, value),
        _ => Item::Name(at, text.to_owned()),
    }
}

#[derive(Debug)]
struct Parser<'t> {
    text: &'t Text,
    lexer: Lexer<'t>,
}

impl<'t> Parser<'t> {
    fn new(text: &'t Text) -> Self {
        Parser {
            text,
            lexer: Lexer::new(text.as_str()),
        }
    }

    fn or(&mut self, depth: usize) -> Parsed<Expr> {
        let mut children = vec![self.and(depth)?];
        while self.joined_by("or")? {
            children.push(self.and(depth)?);
        }
        Ok(single(children, Expr::Or))
    }

    fn and(&mut self, depth: usize) -> Parsed<Expr> {
        let mut children = vec![self.not(depth)?];
        while self.joined_by("and")? {
            children.push(self.not(depth)?);
        }
        Ok(single(children, Expr::And))
    }

    /// Whether the word comes next. As in Falco, a blank or a parenthesis must follow it.
    fn joined_by(&mut self, word: &'static str) -> Parsed<bool> {
        self.lexer.blank();
        if !self.lexer.keyword(word) {
            return Ok(false);
        }
        if !self.lexer.blank() && !self.lexer.rest().starts_with('(') {
            return Err(self.unexpected("a blank or \"(\""));
        }
        Ok(true)
    }

    fn not(&mut self, depth: usize) -> Parsed<Expr> {
        let mut negated = false;
        while self.joined_by("not")? {
            negated = !negated;
        }
        let check = self.check(depth)?;
        Ok(if negated {
            Expr::Not(Box::new(check))
        } else {
            check
        })
    }

    fn check(&mut self, depth: usize) -> Parsed<Expr> {
        self.lexer.blank();
        let at = self.lexer.at();
        if self.lexer.literal("(") {
            self.check_depth(depth, at)?;
            let inner = self.or(depth + 1)?;
            self.close("(", at)?;
            return Ok(inner);
        }
        if let Some(left) = self.transformers(at, depth)? {
            return self.test(left, at, depth);
        }
        if self.lexer.clone().field_name().is_some() {
            let left = self.field(at, Vec::new())?;
            return self.test(left, at, depth);
        }
        match self.lexer.identifier() {
            Some("and" | "or" | "not") => {
                Err(self.error_at(at, "a field, a macro or \"(\" is missing here", None))
            }
            Some(name) if self.lexer.rest().starts_with('(') => {
                let known = Transformer::ALL.iter().map(|t| t.as_str());
                let hint = nearest(name, known.clone()).map_or_else(
                    || format!("known: {}", known.collect::<Vec<_>>().join(", ")),
                    |near| format!("did you mean \"{near}\"?"),
                );
                let message = format!("there is no transformer {}", quote(name));
                Err(self.error_at(at, &message, Some(hint)))
            }
            Some(name) => Ok(Expr::Macro(self.text.position(at), name.to_owned())),
            None => Err(self.unexpected("a field, a macro or \"(\"")),
        }
    }

    /// A transformed field: `tolower(…)`; `None` if none stands here.
    fn transformers(&mut self, at: usize, depth: usize) -> Parsed<Option<Operand>> {
        let mut transformers = Vec::new();
        let mut opened = Vec::new();
        while let Some(transformer) = self.transformer() {
            transformers.push(transformer);
            opened.push(self.lexer.at());
            self.check_depth(depth + opened.len(), at)?;
            self.lexer.blank();
        }
        if transformers.is_empty() {
            return Ok(None);
        }
        let mut operand = self.field(at, transformers)?;
        operand.at = self.text.position(at);
        for begin in opened {
            self.close("(", begin.saturating_sub(1))?;
        }
        Ok(Some(operand))
    }

    /// `name(` of a transformer.
    fn transformer(&mut self) -> Option<Transformer> {
        let mut ahead = self.lexer.clone();
        let transformer = Transformer::from_name(ahead.identifier()?)?;
        ahead.literal("(").then(|| {
            self.lexer = ahead;
            transformer
        })
    }

    fn field(&mut self, at: usize, transformers: Vec<Transformer>) -> Parsed<Operand> {
        let Some(name) = self.lexer.field_name() else {
            return Err(self.unexpected("a field"));
        };
        let begin = self.lexer.at();
        let argument = if self.lexer.literal("[") {
            let argument = match self.quoted()? {
                Some(text) => text,
                None => match self.lexer.bare_argument() {
                    Some(word) => word.to_owned(),
                    None => return Err(self.unexpected("an index or a key")),
                },
            };
            if !self.lexer.literal("]") {
                let position = self.text.position(begin);
                let opened = format!("\"]\" for the \"[\" of column {}", position.column);
                return Err(self.unexpected(&opened));
            }
            Some(argument)
        } else {
            None
        };
        Ok(Operand {
            at: self.text.position(at),
            transformers,
            field: name.to_owned(),
            argument,
        })
    }

    /// Operator and right side.
    fn test(&mut self, left: Operand, at: usize, depth: usize) -> Parsed<Expr> {
        self.lexer.blank();
        let operator = self.operator()?;
        self.lexer.blank();
        let right = if operator == Operator::Exists {
            Vec::new()
        } else if operator.takes_list() {
            self.list(depth)?
        } else {
            vec![self.value(depth)?]
        };
        Ok(Expr::Test(Test {
            at: self.text.position(at),
            left,
            operator,
            right,
        }))
    }

    fn operator(&mut self) -> Parsed<Operator> {
        for (text, operator) in [
            ("<=", Operator::LessOrEqual),
            ("<", Operator::Less),
            (">=", Operator::GreaterOrEqual),
            (">", Operator::Greater),
            ("==", Operator::Equal),
            ("=", Operator::Equal),
            ("!=", Operator::NotEqual),
        ] {
            if self.lexer.literal(text) {
                return Ok(operator);
            }
        }
        let mut ahead = self.lexer.clone();
        let word = ahead.identifier().unwrap_or_default();
        if let Some(operator) = Operator::from_name(word) {
            self.lexer = ahead;
            return Ok(operator);
        }
        let words = Operator::ALL.iter().map(|o| o.as_str());
        let hint = nearest(word, words.clone()).map_or_else(
            || format!("operators: {}", words.collect::<Vec<_>>().join(" ")),
            |near| format!("did you mean \"{near}\"?"),
        );
        let mut error = self.unexpected("an operator");
        error.hint = Some(hint);
        Err(error)
    }

    /// One value. Falco takes only numbers without quotes behind `<` and its like; the field's type says so more clearly.
    fn value(&mut self, depth: usize) -> Parsed<Item> {
        let at = self.lexer.at();
        if let Some(field) = self.transformers(at, depth)? {
            return Ok(Item::Field(field));
        }
        let position = self.text.position(at);
        let text = match self.quoted()? {
            Some(text) => text,
            None => match self.lexer.bare() {
                Some(word) => word.to_owned(),
                None => return Err(self.unexpected("a value")),
            },
        };
        Ok(Item::Literal(position, text))
    }

    /// Values in parentheses, or the name of a list, or a field.
    fn list(&mut self, depth: usize) -> Parsed<Vec<Item>> {
        let at = self.lexer.at();
        if !self.lexer.literal("(") {
            if let Some(field) = self.transformers(at, depth)? {
                return Ok(vec![Item::Field(field)]);
            }
            return match self.lexer.identifier() {
                Some(name) => Ok(vec![Item::Name(self.text.position(at), name.to_owned())]),
                None => Err(self.unexpected("\"(\", a list or a field")),
            };
        }
        let mut items = Vec::new();
        self.lexer.blank();
        if self.lexer.literal(")") {
            return Ok(items);
        }
        loop {
            self.lexer.blank();
            let position = self.text.position(self.lexer.at());
            items.push(match self.quoted()? {
                Some(text) => Item::Literal(position, text),
                None => match self.lexer.bare() {
                    Some(word) => Item::Name(position, word.to_owned()),
                    None => return Err(self.unexpected("a value")),
                },
            });
            self.lexer.blank();
            if !self.lexer.literal(",") {
                self.close("(", at)?;
                return Ok(items);
            }
        }
    }

    fn quoted(&mut self) -> Parsed<Option<String>> {
        self.lexer
            .quoted()
            .map_err(|BadQuoted { at, message, hint }| self.error_at(at, &message, hint))
    }

    fn close(&mut self, opening: &str, begin: usize) -> Parsed<()> {
        self.lexer.blank();
        if self.lexer.literal(")") {
            return Ok(());
        }
        let begin = self.text.position(begin);
        let wanted = format!(
            "\")\" for the \"{opening}\" of line {}, column {}",
            begin.line, begin.column
        );
        Err(self.unexpected(&wanted))
    }

    fn check_depth(&self, depth: usize, at: usize) -> Parsed<()> {
        if depth < CONDITION_DEPTH_MAX {
            return Ok(());
        }
        let message = format!("nested more than {CONDITION_DEPTH_MAX} levels deep");
        Err(ParseError {
            code: Code::ConditionTooLarge,
            ..self.error_at(at, &message, None)
        })
    }

    /// Something else was expected at the present place.
    fn unexpected(&self, wanted: &str) -> ParseError {
        let rest = self.lexer.rest().trim_start();
        let found = match rest.chars().next() {
            None => "the end".to_owned(),
            Some(_) => {
                let end = rest
                    .char_indices()
                    .skip(1)
                    .find(|(_, c)| c.is_whitespace() || matches!(c, '(' | ')' | ',' | '='))
                    .map_or(rest.len(), |(end, _)| end);
                quote(rest.get(..end).unwrap_or_default())
            }
        };
        self.error(&format!("expected {wanted}, found {found}"), None)
    }

    fn error(&self, message: &str, hint: Option<String>) -> ParseError {
        let blanks = self.lexer.rest().len() - self.lexer.rest().trim_start().len();
        self.error_at(self.lexer.at() + blanks, message, hint)
    }

    fn error_at(&self, at: usize, message: &str, hint: Option<String>) -> ParseError {
        ParseError {
            code: Code::ConditionSyntax,
            at: self.text.position(at),
            message: message.to_owned(),
            hint,
        }
    }
}

/// The only child, or all of them joined.
fn single(mut children: Vec<Expr>, join: fn(Vec<Expr>) -> Expr) -> Expr {
    match children.pop() {
        Some(only) if children.is_empty() => only,
        Some(last) => {
            children.push(last);
            join(children)
        }
        None => join(children),
    }
}
