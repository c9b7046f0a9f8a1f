//! Steps that front ends write and [`super::run`] follows.

use std::collections::HashMap;

use super::Place;

/// Steps of one script. The longest ordinary scripts have some tens of thousands; stops megabytes of tiny expressions.
const STEPS_MAX: usize = 400_000;

/// The result of a step.
pub(crate) type Slot = u32;
/// A name, lower case.
pub(crate) type Symbol = u32;
/// A variable: a name within its scope.
pub(crate) type Variable = u32;

/// How a loop counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counter {
    /// The variable that counts.
    pub(crate) variable: Variable,
    /// Its first number.
    pub(crate) from: Slot,
    /// Its last number.
    pub(crate) to: Slot,
    /// What is added each round; one where nothing is said.
    pub(crate) by: Option<Slot>,
}

/// What a call is made on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    /// A member of an object.
    Object(Slot),
    /// A plain name: a function, or what the variable of this name holds.
    Own(Variable),
}

/// One step.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Nothing of interest.
    Nothing,
    /// A text in the script.
    Text(Box<str>),
    /// A number or character in the script.
    Number(i64),
    /// A variable, or a name that the language knows.
    Name(Variable, Symbol),
    /// `object.name`.
    Member(Slot, Symbol),
    /// `object[key]`.
    Index(Slot, Slot),
    /// A call of a name, or of a member of an object.
    Call(Target, Symbol, Box<[Slot]>),
    /// A call of what an expression yields.
    CallValue(Slot, Box<[Slot]>),
    /// `new class(…)`.
    Create(Symbol, Box<[Slot]>),
    /// Parts set side by side as a text, or added.
    Join(Box<[Slot]>),
    /// Arithmetic on two numbers.
    Operate(u8, Slot, Slot),
    /// A list.
    List(Box<[Slot]>),
    /// One of several values, or something made of all of them.
    Any(Box<[Slot]>),
    /// A variable takes a value.
    Assign(Variable, Slot),
    /// A variable's text grows by a value.
    Append(Variable, Slot),
    /// A member of an object takes a value.
    AssignMember(Slot, Symbol, Slot),
    /// A variable is of a class.
    Declare(Variable, Symbol),
    /// A value is taken as of a class.
    Cast(Symbol, Slot),
    /// A function begins; its index.
    Function(usize),
    /// A function ends.
    End,
    /// A loop begins; how it counts, if it does.
    Loop(Option<Counter>),
    /// A loop ends.
    EndLoop,
}

/// A function of the script.
#[derive(Debug, Default)]
pub(crate) struct Function {
    /// Its name.
    pub(crate) name: Symbol,
    /// Its parameters.
    pub(crate) parameters: Vec<Variable>,
    /// Where its value is kept.
    pub(crate) result: Variable,
    /// Its first step.
    pub(crate) start: usize,
    /// The step after its last.
    pub(crate) end: usize,
}

/// A script as steps.
#[derive(Debug, Default)]
pub(crate) struct Code {
    /// The steps.
    pub(crate) steps: Vec<Step>,
    /// Where each step stands in the script.
    pub(crate) places: Vec<(u32, u32)>,
    /// The script's functions.
    pub(crate) functions: Vec<Function>,
    /// Variables; the name of each.
    pub(crate) variables: Vec<Symbol>,
    /// Whether steps are missing because there were too many.
    pub(crate) cut: bool,
    /// Whether parts are missing because they are nested too deep.
    pub(crate) skipped: bool,
    /// Whether the grammar could not make sense of some of it.
    pub(crate) broken: bool,
    names: Vec<Box<str>>,
    symbols: HashMap<Box<str>, Symbol>,
    scopes: Vec<HashMap<Symbol, Variable>>,
    open: Vec<usize>,
}

impl Code {
    /// Adds a step and gives its slot. Past the bound nothing is added, and the code says so.
    pub(crate) fn push(&mut self, step: Step, place: Place) -> Slot {
        if self.steps.len() >= STEPS_MAX {
            self.cut = true;
            return 0;
        }
        let slot = u32::try_from(self.steps.len()).unwrap_or(0);
        let offset = u32::try_from(place.offset).unwrap_or(u32::MAX);
        let length = u32::try_from(place.length).unwrap_or(u32::MAX);
        self.steps.push(step);
        self.places.push((offset, length));
        slot
    }

    /// Where a step stands.
    pub(crate) fn place(&self, index: usize) -> Place {
        let (offset, length) = self.places.get(index).copied().unwrap_or_default();
        Place {
            offset: offset as usize,
            length: length as usize,
        }
    }

    /// The symbol of a name. Case and characters that show nothing do not count.
    pub(crate) fn symbol(&mut self, name: &str) -> Symbol {
        let name: String = name
            .chars()
            .filter(|&c| !shows_nothing(c))
            .map(|c| c.to_ascii_lowercase())
            .collect();
        if let Some(&known) = self.symbols.get(name.as_str()) {
            return known;
        }
        let symbol = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push(name.clone().into());
        self.symbols.insert(name.into(), symbol);
        symbol
    }

    /// A symbol's name.
    pub(crate) fn name(&self, symbol: Symbol) -> &str {
        self.names.get(symbol as usize).map_or("", |name| name)
    }

    /// The variable that a name means here.
    pub(crate) fn variable(&mut self, symbol: Symbol) -> Variable {
        if let Some(&known) = self
            .scopes
            .iter()
            .rev()
            .find_map(|scope| scope.get(&symbol))
        {
            return known;
        }
        if self.scopes.is_empty() {
            self.scopes.push(HashMap::new());
        }
        let variable = self.fresh(symbol);
        if let Some(outermost) = self.scopes.first_mut() {
            outermost.insert(symbol, variable);
        }
        variable
    }

    /// The script's own variable of a name, outside functions.
    pub(crate) fn field(&self, symbol: Symbol) -> Option<Variable> {
        self.scopes.first()?.get(&symbol).copied()
    }

    /// The script's own variable of a name outside functions, made where there is none.
    pub(crate) fn field_or_new(&mut self, symbol: Symbol) -> Variable {
        if let Some(known) = self.field(symbol) {
            return known;
        }
        if self.scopes.is_empty() {
            self.scopes.push(HashMap::new());
        }
        let variable = self.fresh(symbol);
        if let Some(outermost) = self.scopes.first_mut() {
            outermost.insert(symbol, variable);
        }
        variable
    }

    /// A new variable in the innermost scope.
    pub(crate) fn declare(&mut self, symbol: Symbol) -> Variable {
        if self.scopes.len() < 2 {
            return self.variable(symbol);
        }
        if let Some(&known) = self.scopes.last().and_then(|scope| scope.get(&symbol)) {
            return known;
        }
        let variable = self.fresh(symbol);
        if let Some(innermost) = self.scopes.last_mut() {
            innermost.insert(symbol, variable);
        }
        variable
    }

    fn fresh(&mut self, symbol: Symbol) -> Variable {
        let variable = u32::try_from(self.variables.len()).unwrap_or(u32::MAX);
        self.variables.push(symbol);
        variable
    }

    /// Begins a function: its parameters and what is declared from here on are its own.
    pub(crate) fn begin(&mut self, name: &str, parameters: &[&str], place: Place) {
        let symbol = self.symbol(name);
        if self.scopes.is_empty() {
            self.scopes.push(HashMap::new());
        }
        self.scopes.push(HashMap::new());
        let parameters = parameters
            .iter()
            .map(|parameter| {
                let parameter = self.symbol(parameter);
                self.declare(parameter)
            })
            .collect();
        let result = self.declare(symbol);
        let index = self.functions.len();
        self.functions.push(Function {
            name: symbol,
            parameters,
            result,
            start: self.steps.len(),
            end: usize::MAX,
        });
        self.open.push(index);
        self.push(Step::Function(index), place);
    }

    /// Ends the innermost function.
    pub(crate) fn end(&mut self) {
        let Some(index) = self.open.pop() else { return };
        self.scopes.pop();
        self.push(Step::End, Place::default());
        let end = self.steps.len();
        if let Some(function) = self.functions.get_mut(index) {
            function.end = end;
        }
    }

    /// The function that is being written, if any.
    pub(crate) fn current(&self) -> Option<&Function> {
        self.functions.get(*self.open.last()?)
    }
}

/// Characters that show nothing; languages allow them in names.
fn shows_nothing(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}
