//! The form that scripts of every language are brought into: only what following values takes.

use std::rc::Rc;

use super::LINKS_MAX;

/// Bytes of a literal.
pub(crate) type Text = Rc<[u8]>;
/// A name in a script, or the dotted name of something the platform provides.
pub(crate) type Name = Rc<str>;

/// A piece of a script: expressions and statements alike.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    /// Something without a value that matters.
    Nothing,
    /// A literal text.
    Text(Text),
    /// A literal whole number.
    Number(i64),
    /// A variable.
    Name(Name),
    /// Something the platform provides, such as `os.system`.
    Entity(Name),
    /// `object.name`.
    Member(Box<Node>, Name),
    /// `object[key]`.
    Index(Box<Node>, Box<Node>),
    /// `object[from:to:step]`.
    Slice(Box<Node>, Box<[Node; 3]>),
    /// A call.
    Call(Box<Call>),
    /// Parts put together as text.
    Join(Vec<Node>),
    /// Parts added: numbers, lists or texts.
    Sum(Vec<Node>),
    /// Arithmetic of two numbers.
    Math(Operator, Box<[Node; 2]>),
    /// A list, tuple or array.
    List(Vec<Node>),
    /// Keys with values.
    Map(Vec<(Node, Node)>),
    /// A function's definition as a value.
    Function(Rc<Function>),
    /// One of several values.
    Either(Vec<Node>),
    /// All are looked at; the result tells nothing.
    Several(Vec<Node>),
    /// A comparison.
    Compare(Comparison, Box<[Node; 2]>),
    /// The opposite of a condition.
    Not(Box<Node>),
    /// The second is looked at only where the first held.
    And(Box<[Node; 2]>),
    /// The second is looked at only where the first did not hold.
    Or(Box<[Node; 2]>),
    /// Gives a variable a value.
    Assign(Box<Assign>),
    /// Statements one after the other.
    Block(Vec<Node>),
    /// A condition with its two ways.
    If(Box<[Node; 3]>),
    /// A condition and what is repeated while it holds.
    While(Box<[Node; 2]>),
    /// What is done, or made, for each element.
    Each(Box<Each>),
    /// Leaves the function with a value.
    Return(Box<Node>),
    /// Leaves the block: `break`, `continue`, `raise`, `exit`.
    Leave,
    /// A class.
    Class(Rc<Class>),
}

/// Arithmetic that hides text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    /// Difference.
    Minus,
    /// Product, or a repeated text.
    Times,
    /// Quotient without the rest.
    Over,
    /// Rest of a division.
    Modulo,
    /// Exclusive or.
    Xor,
    /// And, bit by bit.
    And,
    /// Or, bit by bit.
    Or,
    /// Bits moved up.
    Left,
    /// Bits moved down.
    Right,
}

/// What a comparison asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// The same value.
    Equal,
    /// Not the same value.
    Unequal,
    /// The first is among the second.
    In,
    /// The first is not among the second.
    NotIn,
    /// The first is made only of what the pattern, the second, allows.
    Matches,
    /// Anything else.
    Other,
}

/// A call with what is handed over.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// What is called.
    pub(crate) callee: Node,
    /// What is handed over, in order.
    pub(crate) args: Vec<Arg>,
    /// Where it stands, in bytes of the text it was parsed from.
    pub(crate) offset: usize,
    /// How long it is.
    pub(crate) length: usize,
}

/// One thing handed to a call.
#[derive(Debug, Clone)]
pub(crate) struct Arg {
    /// Its name, where it is given by name.
    pub(crate) name: Option<Name>,
    /// Its value.
    pub(crate) value: Node,
}

/// How a variable gets its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// In the function that is running.
    Here,
    /// Where the variable is already, otherwise for the whole script.
    Found,
}

/// A variable getting a value.
#[derive(Debug, Clone)]
pub(crate) struct Assign {
    /// A name, a member, an element or a list of them.
    pub(crate) target: Node,
    /// The value.
    pub(crate) value: Node,
    /// Whose variable it is.
    pub(crate) scope: Scope,
}

/// A loop over elements, or a list made from elements.
#[derive(Debug, Clone)]
pub(crate) struct Each {
    /// What gets each element.
    pub(crate) target: Node,
    /// The elements.
    pub(crate) over: Node,
    /// What is done with each; for a list made from elements, the element made.
    pub(crate) body: Node,
    /// Whether the bodies' values make a list.
    pub(crate) collects: bool,
}

/// A function.
#[derive(Debug)]
pub(crate) struct Function {
    /// Its name, empty where it has none.
    pub(crate) name: Name,
    /// Its parameters.
    pub(crate) params: Vec<Param>,
    /// Its statements, or the expression it gives.
    pub(crate) body: Node,
    /// What stands for the function to the web server, as the language sees it.
    pub(crate) role: Role,
    /// Names that are the script's, not the function's.
    pub(crate) shared: Vec<Name>,
}

/// What calls a function, as far as its definition tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Nothing is known.
    Plain,
    /// A method; the first parameter is the object where the language has it so.
    Method,
    /// A method of a class that answers requests.
    HandlerMethod,
    /// A function that a route names: its parameters come from the request.
    Route,
    /// A method that a route names.
    RouteMethod,
}

/// A parameter.
#[derive(Debug, Clone)]
pub(crate) struct Param {
    /// Its name, or the names it is taken apart into.
    pub(crate) target: Node,
    /// What it is where nothing is handed over.
    pub(crate) default: Option<Node>,
    /// Whether its type leaves no room for a command, such as a number's.
    pub(crate) harmless: bool,
    /// Whether it takes all that is left.
    pub(crate) rest: bool,
}

/// A class.
#[derive(Debug)]
pub(crate) struct Class {
    /// Its name.
    pub(crate) name: Name,
    /// Its methods and other members.
    pub(crate) members: Vec<(Name, Node)>,
}

impl Node {
    /// `if`, `else if` and `else`. A chain beyond the bound is looked at as if each way stood by itself.
    pub(crate) fn chain(clauses: Vec<(Node, Node)>, otherwise: Node) -> Node {
        if clauses.len() > LINKS_MAX {
            let mut ways: Vec<Node> = clauses
                .into_iter()
                .map(|(condition, then)| Node::If(Box::new([condition, then, Node::Nothing])))
                .collect();
            ways.push(Node::If(Box::new([
                Node::Nothing,
                otherwise,
                Node::Nothing,
            ])));
            return Node::Block(ways);
        }
        let mut chain = otherwise;
        for (condition, then) in clauses.into_iter().rev() {
            chain = Node::If(Box::new([condition, then, chain]));
        }
        chain
    }

    /// A text of these bytes.
    pub(crate) fn text(bytes: &[u8]) -> Node {
        Node::Text(bytes.into())
    }

    /// A variable of this name.
    pub(crate) fn name(name: &str) -> Node {
        Node::Name(name.into())
    }

    /// The dotted path of a variable, a member or an element with a constant key.
    pub(crate) fn path(&self) -> Option<String> {
        let mut names: Vec<&str> = Vec::new();
        let mut node = self;
        loop {
            node = match node {
                Node::Name(name) => {
                    names.push(name);
                    names.reverse();
                    return Some(names.join("."));
                }
                Node::Member(object, name) => {
                    names.push(name);
                    object
                }
                Node::Index(object, key) => {
                    let Node::Text(key) = &**key else { return None };
                    names.push(std::str::from_utf8(key).ok()?);
                    object
                }
                _ => return None,
            };
        }
    }
}
