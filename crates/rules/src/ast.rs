//! A condition as a tree, as it was written and with macros and lists put in.

/// A place in a rule file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position {
    /// Index of the file in the order of loading.
    pub file: u16,
    /// Line, the first is 1.
    pub line: u32,
    /// Column in characters, the first is 1.
    pub column: u32,
}

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// All hold. Never empty.
    And(Vec<Expr>),
    /// At least one holds. Never empty.
    Or(Vec<Expr>),
    /// Does not hold.
    Not(Box<Expr>),
    /// A named macro; gone after resolving.
    Macro(Position, String),
    /// Always or never: what is left of a condition that needs no event (`never_true`).
    Constant(bool),
    /// A test of one field.
    Test(Test),
}

/// A field compared with something.
#[derive(Debug, Clone, PartialEq)]
pub struct Test {
    /// Where it stands.
    pub at: Position,
    /// The left side.
    pub left: Operand,
    /// The operator.
    pub operator: Operator,
    /// The right side: one value for single operators, any number for `in`, `intersects`, `pmatch`; none for `exists`.
    pub right: Vec<Item>,
}

/// A field, perhaps transformed: `tolower(proc.name)`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Operand {
    /// Where it stands.
    pub at: Position,
    /// Transformers, the outermost first.
    pub transformers: Vec<Transformer>,
    /// The field as written, without its argument: `proc.aname`.
    pub field: String,
    /// The text in brackets: `2` of `proc.aname[2]`, `key` of `ka.req.pod.labels[key]`.
    pub argument: Option<String>,
}

/// Something on the right of an operator.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Item {
    /// A text or number as written, quotes removed.
    Literal(Position, String),
    /// A named list; gone after resolving. Only resolving can tell it from a literal.
    Name(Position, String),
    /// Another field (`val(proc.pname)` or, where Falco allows it, a bare field with a transformer).
    Field(Operand),
}

/// Operators, by Falco's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `=` and `==`.
    Equal,
    /// `!=`.
    NotEqual,
    /// `<`.
    Less,
    /// `<=`.
    LessOrEqual,
    /// `>`.
    Greater,
    /// `>=`.
    GreaterOrEqual,
    /// `contains`.
    Contains,
    /// `icontains`.
    IContains,
    /// `bcontains`: bytes given in hexadecimal.
    BContains,
    /// `startswith`.
    StartsWith,
    /// `bstartswith`: bytes given in hexadecimal.
    BStartsWith,
    /// `endswith`.
    EndsWith,
    /// `glob`.
    Glob,
    /// `iglob`.
    IGlob,
    /// `regex`: the whole text must match, as in Falco.
    Regex,
    /// `in`.
    In,
    /// `intersects`.
    Intersects,
    /// `pmatch`: the path equals or lies below one of the paths.
    PathMatch,
    /// `exists`.
    Exists,
}

/// Functions on a field's value, by Falco's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transformer {
    /// `tolower`.
    ToLower,
    /// `toupper`.
    ToUpper,
    /// `b64`: decodes base64.
    Base64,
    /// `basename`.
    BaseName,
    /// `len`: bytes of a text, entries of a list.
    Length,
    /// `val`: the value itself.
    Value,
    /// `storage`: the value itself, kept for comparison.
    Storage,
    /// `join`: entries of a list with a separator; `concat`'s relative.
    Join,
}
