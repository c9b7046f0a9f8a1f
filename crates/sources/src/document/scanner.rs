//! Finds where one JSON value ends in a stream of bytes, with constant memory and without building anything.

/// Levels of objects and arrays. Deeper records are an attack on whoever recurses over them; the largest resource
/// definitions of real clusters stay below half of it.
pub(super) const DEPTH_MAX: u32 = 100;

/// What one byte did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The value goes on.
    More,
    /// The byte is the value's last.
    End,
    /// The value ended before this byte, which belongs to what follows.
    EndBefore,
    /// The byte cannot stand here.
    Malformed,
}

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    Value,
    /// Directly behind `[`.
    ValueOrEnd,
    /// Directly behind `{`.
    KeyOrEnd,
    Key,
    Colon,
    CommaOrEnd,
}

/// Where the scanner is inside a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    None,
    Text { key: bool, escaped: bool },
    Bare,
}

/// Walks over one value. Only structure is checked: brackets, commas, colons and strings; numbers and words are left to
/// the parser that reads the found value.
#[derive(Debug, Clone)]
pub(super) struct Scanner {
    /// One bit per level, the innermost lowest: 1 is an object.
    kinds: u128,
    depth: u32,
    expect: Expect,
    token: Token,
    too_deep: bool,
}

impl Scanner {
    pub(super) fn new() -> Scanner {
        Scanner {
            kinds: 0,
            depth: 0,
            expect: Expect::Value,
            token: Token::None,
            too_deep: false,
        }
    }

    /// Levels that are open.
    pub(super) fn depth(&self) -> u32 {
        self.depth
    }

    /// Whether the value was nested more deeply than [`DEPTH_MAX`] anywhere.
    pub(super) fn too_deep(&self) -> bool {
        self.too_deep
    }

    /// Whether a key of the outermost object may begin here.
    pub(super) fn before_outer_key(&self) -> bool {
        self.depth == 1
            && self.token == Token::None
            && matches!(self.expect, Expect::Key | Expect::KeyOrEnd)
    }

    /// Whether a key of the outermost object is being read.
    pub(super) fn in_outer_key(&self) -> bool {
        self.depth == 1 && matches!(self.token, Token::Text { key: true, .. })
    }

    /// Whether the next thing is the value of a key.
    pub(super) fn at_value(&self) -> bool {
        self.expect == Expect::Value && self.token == Token::None
    }

    /// Takes one byte.
    pub(super) fn push(&mut self, byte: u8) -> Step {
        match self.token {
            Token::Text { key, escaped } => self.text(byte, key, escaped),
            Token::Bare if is_bare(byte) => Step::More,
            Token::Bare => {
                self.token = Token::None;
                if self.value_ended() {
                    return Step::EndBefore;
                }
                self.structure(byte)
            }
            Token::None => self.structure(byte),
        }
    }

    fn text(&mut self, byte: u8, key: bool, escaped: bool) -> Step {
        match byte {
            // A line end cannot stand in a string: this is how a record that was cut off is noticed.
            b'\n' | b'\r' => return Step::Malformed,
            _ if escaped => {
                self.token = Token::Text {
                    key,
                    escaped: false,
                }
            }
            b'\\' => self.token = Token::Text { key, escaped: true },
            b'"' => {
                self.token = Token::None;
                if key {
                    self.expect = Expect::Colon;
                } else if self.value_ended() {
                    return Step::End;
                }
            }
            _ => {}
        }
        Step::More
    }

    fn structure(&mut self, byte: u8) -> Step {
        use Expect::{Colon, CommaOrEnd, Key, KeyOrEnd, Value, ValueOrEnd};
        match (byte, self.expect) {
            (b' ' | b'\t' | b'\n' | b'\r', _) => Step::More,
            (b'{', Value | ValueOrEnd) => self.open(true),
            (b'[', Value | ValueOrEnd) => self.open(false),
            (b'"', Value | ValueOrEnd) => self.start_text(false),
            (b'"', Key | KeyOrEnd) => self.start_text(true),
            (b':', Colon) => {
                self.expect = Value;
                Step::More
            }
            (b',', CommaOrEnd) => {
                self.expect = if self.in_object() { Key } else { Value };
                Step::More
            }
            (b'}', CommaOrEnd | KeyOrEnd) if self.in_object() => self.close(),
            (b']', CommaOrEnd | ValueOrEnd) if !self.in_object() => self.close(),
            (_, Value | ValueOrEnd) if is_bare(byte) => {
                self.token = Token::Bare;
                Step::More
            }
            _ => Step::Malformed,
        }
    }

    fn start_text(&mut self, key: bool) -> Step {
        self.token = Token::Text {
            key,
            escaped: false,
        };
        Step::More
    }

    fn in_object(&self) -> bool {
        self.kinds & 1 == 1
    }

    fn open(&mut self, object: bool) -> Step {
        if self.depth >= DEPTH_MAX {
            self.too_deep = true;
            // The kinds of further levels don't fit: the value is given up here.
            return Step::Malformed;
        }
        self.kinds = (self.kinds << 1) | u128::from(object);
        self.depth += 1;
        self.expect = if object {
            Expect::KeyOrEnd
        } else {
            Expect::ValueOrEnd
        };
        Step::More
    }

    fn close(&mut self) -> Step {
        self.kinds >>= 1;
        self.depth = self.depth.saturating_sub(1);
        if self.value_ended() {
            Step::End
        } else {
            Step::More
        }
    }

    /// Notes that a value is complete; true if it was the outermost.
    fn value_ended(&mut self) -> bool {
        self.expect = Expect::CommaOrEnd;
        self.depth == 0
    }
}

/// Whether a byte can be part of a number or of `true`, `false`, `null`.
fn is_bare(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}
