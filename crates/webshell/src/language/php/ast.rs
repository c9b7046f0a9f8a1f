//! A script as the analysis reads it: PHP's syntax without its spelling.
//!
//! Trees are no deeper than [`crate::limits::SYNTAX_DEPTH_MAX`], so recursion over them is bounded.

use std::rc::Rc;

/// Bytes of a name.
pub(super) type Text = Rc<[u8]>;

/// Bytes of a string, shared until they are written to.
pub(super) type Bytes = Rc<Vec<u8>>;

/// A place in the script, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) length: usize,
}

#[derive(Debug)]
pub(super) struct Expr {
    pub(super) kind: ExprKind,
    pub(super) span: Span,
}

#[derive(Debug)]
pub(super) enum ExprKind {
    /// Beyond a bound, or not understood.
    Unknown,
    Bytes(Bytes),
    /// A string whose letters are written as escapes.
    Escaped(Bytes),
    Int(i64),
    Float(f64),
    Bool(bool),
    Null,
    Variable(Text),
    /// `$$x` and `${…}`.
    VariableVariable(Box<Expr>),
    Index(Box<Expr>, Option<Box<Expr>>),
    Property(Box<Expr>, Box<Expr>),
    /// By its name, whatever class it is of.
    StaticProperty(Box<Expr>),
    ClassConstant(Box<Expr>, Text),
    Constant(Text),
    Array(Vec<Item>),
    /// Concatenation and strings with variables in them.
    Concat(Vec<Expr>),
    Binary(Op, Vec<Expr>),
    Unary(UnaryOp, Box<Expr>),
    Cast(Cast, Box<Expr>),
    Assign(Box<Expr>, Box<Expr>),
    AssignOp(Op, Box<Expr>, Box<Expr>),
    AssignRef(Box<Expr>, Box<Expr>),
    Increment {
        target: Box<Expr>,
        by: i64,
        before: bool,
    },
    Ternary(Box<Expr>, Option<Box<Expr>>, Box<Expr>),
    Match(Box<Expr>, Vec<(Vec<Expr>, Expr)>),
    Call(Box<Expr>, Vec<Argument>),
    MethodCall(Box<Expr>, Box<Expr>, Vec<Argument>),
    StaticCall(Box<Expr>, Box<Expr>, Vec<Argument>),
    New(Box<Expr>, Vec<Argument>),
    Closure(Rc<Function>),
    Include(Box<Expr>),
    /// Backticks.
    Shell(Vec<Expr>),
    /// Several in a row; the last is the value.
    Sequence(Vec<Expr>),
}

#[derive(Debug)]
pub(super) struct Item {
    pub(super) key: Option<Expr>,
    pub(super) value: Expr,
    pub(super) spread: bool,
}

#[derive(Debug)]
pub(super) struct Argument {
    pub(super) value: Expr,
    pub(super) spread: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
    Concat,
    Xor,
    And,
    Or,
    ShiftLeft,
    ShiftRight,
    BothTrue,
    EitherTrue,
    OneTrue,
    Coalesce,
    Equal,
    NotEqual,
    Identical,
    NotIdentical,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Compare,
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UnaryOp {
    Not,
    Invert,
    Minus,
    Plus,
    /// `@`, `print`, `clone`: the operand as it is.
    Same,
    Throw,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cast {
    Int,
    Float,
    Bool,
    Text,
    Array,
    Object,
    Null,
}

#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) name: Text,
    pub(super) default: Option<Expr>,
    pub(super) by_reference: bool,
    pub(super) variadic: bool,
    pub(super) promoted: bool,
}

#[derive(Debug)]
pub(super) struct Function {
    /// In small letters; empty for a closure.
    pub(super) name: Text,
    pub(super) parameters: Vec<Parameter>,
    /// What a closure takes from around it, and whether by reference.
    pub(super) uses: Vec<(Text, bool)>,
    pub(super) arrow: bool,
    pub(super) body: Vec<Statement>,
}

#[derive(Debug)]
pub(super) struct Class {
    /// In small letters.
    pub(super) name: Text,
    pub(super) parent: Option<Text>,
    pub(super) methods: Vec<Rc<Function>>,
    pub(super) properties: Vec<(Text, Option<Expr>)>,
    pub(super) constants: Vec<(Text, Expr)>,
}

#[derive(Debug)]
pub(super) enum Statement {
    Expr(Expr),
    If(Vec<(Expr, Vec<Statement>)>, Vec<Statement>),
    While {
        condition: Expr,
        body: Vec<Statement>,
        after: bool,
    },
    For {
        first: Vec<Expr>,
        condition: Vec<Expr>,
        step: Vec<Expr>,
        body: Vec<Statement>,
    },
    Foreach {
        subject: Expr,
        key: Option<Expr>,
        value: Expr,
        body: Vec<Statement>,
    },
    Switch(Expr, Vec<(Option<Expr>, Vec<Statement>)>),
    Block(Vec<Statement>),
    Return(Option<Expr>),
    Break(usize),
    Continue(usize),
    Goto(Text),
    Label(Text),
    Global(Vec<Expr>),
    Static(Vec<(Text, Option<Expr>)>),
    Unset(Vec<Expr>),
    /// The variable that holds what was thrown stands with each block that may follow.
    Try(Vec<Statement>, Vec<(Option<Text>, Vec<Statement>)>),
    Const(Vec<(Text, Expr)>),
    /// A function or a class; the program lists them.
    Declared,
    /// `exit` and `die`.
    Exit(Option<Expr>),
}

/// What was read of a script.
#[derive(Debug, Default)]
pub(super) struct Program {
    pub(super) body: Vec<Statement>,
    /// Every function, wherever it is declared.
    pub(super) functions: Vec<Rc<Function>>,
    /// Every class, wherever it is declared.
    pub(super) classes: Vec<Rc<Class>>,
    /// Where the data after `__halt_compiler();` begins.
    pub(super) halt: Option<usize>,
    /// Whether it includes other files, which may define what it uses.
    pub(super) includes: bool,
    /// Whether a bound cut something off.
    pub(super) cut: bool,
}
