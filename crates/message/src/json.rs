//! Whether bytes are JSON that every parser reads alike (RFC 8259, RFC 7493).
//!
//! In: a body, a token's header or its claims, and bounds. Out: nothing, or what is wrong and where.
//! Called before any other JSON parser of the house sees the bytes, by `authn` for tokens and by
//! `contract` for bodies. What RFC 8259 leaves to the parser is refused: repeated names (compared after
//! unescaping, §4), lone surrogates (§8.2), a byte order mark (§8.1), numbers no double can hold (§6).
//!
//! [`check`] takes one pass, without recursion and without allocation per value; [`parse`] also builds the value.

mod names;
mod scanner;
mod value;

use portcullis_domain::Reason;
use smallvec::SmallVec;

use names::Names;
use scanner::Scanner;
pub use value::parse;

/// How large the parts of one document may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonBounds {
    /// Objects and arrays within each other.
    pub depth: usize,
    /// Members of one object.
    pub members: usize,
    /// Items of one array.
    pub items: usize,
    /// Bytes between the quotes of one string or name, escapes as written.
    pub string: usize,
    /// Characters of one number.
    pub number: usize,
}

impl JsonBounds {
    /// For answers: what the API itself sends is bounded in its length already; the bound on nesting is the
    /// parser's.
    pub const ANSWER: Self =
        Self { depth: 100, members: 1 << 20, items: 1 << 20, string: 1 << 30, number: 64 };
}

impl Default for JsonBounds {
    fn default() -> Self {
        Self { depth: 64, members: 1024, items: 100_000, string: 1024 * 1024, number: 64 }
    }
}

/// What is wrong with a document, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {at}")]
pub struct JsonFault {
    /// The offset of the first byte that is wrong, counted from zero.
    pub at: usize,
    /// What is wrong.
    pub kind: JsonFaultKind,
}

/// In which way a document is not the JSON we take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonFaultKind {
    /// RFC 8259 §8.1.
    #[error("bytes that are not UTF-8")]
    NotUtf8,
    /// RFC 8259 §8.1: must not be added, and some parsers choke on it.
    #[error("a byte order mark")]
    ByteOrderMark,
    /// The document stops before its end.
    #[error("an early end")]
    EndsEarly,
    /// A byte that the grammar does not have there: a comment, a single quote, a comma too many, `NaN`.
    #[error("an unexpected byte")]
    UnexpectedByte,
    /// Something other than whitespace behind the value.
    #[error("something behind the end")]
    SomethingBehind,
    /// A control character within a string (RFC 8259 §7).
    #[error("an unescaped control character")]
    ControlCharacter,
    /// A backslash that starts no escape (RFC 8259 §7).
    #[error("an unknown escape")]
    EscapeMalformed,
    /// Half of a surrogate pair (RFC 8259 §8.2): parsers disagree on what it is.
    #[error("half of a surrogate pair")]
    SurrogateAlone,
    /// A number with a leading zero or plus, or without digits where they must be (RFC 8259 §6).
    #[error("a malformed number")]
    NumberMalformed,
    /// A number of more characters than the bound.
    #[error("a number that is too long")]
    NumberTooLong,
    /// A number beyond what a double can hold (RFC 7493 §2.2).
    #[error("a number that is too large")]
    NumberTooLarge,
    /// A string or name of more bytes than the bound.
    #[error("a string that is too long")]
    StringTooLong,
    /// Deeper nesting than the bound.
    #[error("nesting that is too deep")]
    TooDeep,
    /// An object with more members than the bound.
    #[error("an object with too many members")]
    TooManyMembers,
    /// An array with more items than the bound.
    #[error("an array with too many items")]
    TooManyItems,
    /// A name that its object has already (RFC 7493 §2.3): some parsers take the first, some the last.
    #[error("a repeated name")]
    NameRepeated,
}

impl From<JsonFault> for Reason {
    fn from(_: JsonFault) -> Self {
        Self::BodyMalformed
    }
}

/// Checks one document.
///
/// # Errors
/// The first fault; a repeated name is noticed when its object ends.
pub fn check(bytes: &[u8], bounds: &JsonBounds) -> Result<(), JsonFault> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| JsonFault { at: error.valid_up_to(), kind: JsonFaultKind::NotUtf8 })?;
    if text.starts_with('\u{FEFF}') {
        return Err(JsonFault { at: 0, kind: JsonFaultKind::ByteOrderMark });
    }
    Walk { scanner: Scanner::new(text, bounds), names: Names::new(text), open: SmallVec::new() }.document()
}

struct Walk<'t> {
    scanner: Scanner<'t>,
    names: Names<'t>,
    open: SmallVec<[Container; 16]>,
}

#[derive(Clone, Copy)]
enum Container {
    Array { items: usize },
    Object { members: usize },
}

/// What must come next.
#[derive(Clone, Copy)]
enum Next {
    Value,
    Name,
    AfterValue,
    End,
}

impl Walk<'_> {
    fn document(mut self) -> Result<(), JsonFault> {
        let mut next = Next::Value;
        loop {
            self.scanner.skip_whitespace();
            next = match next {
                Next::Value => self.value()?,
                Next::Name => self.name()?,
                Next::AfterValue => self.after_value()?,
                Next::End if self.scanner.is_at_end() => return Ok(()),
                Next::End => return Err(self.scanner.fault(JsonFaultKind::SomethingBehind)),
            };
        }
    }

    fn value(&mut self) -> Result<Next, JsonFault> {
        match self.scanner.peek() {
            Some(b'{') => {
                self.enter(Container::Object { members: 0 })?;
                self.names.open();
                self.scanner.skip_whitespace();
                if self.scanner.take(b'}') { self.leave() } else { Ok(Next::Name) }
            }
            Some(b'[') => {
                self.enter(Container::Array { items: 1 })?;
                self.scanner.skip_whitespace();
                if self.scanner.take(b']') { self.leave() } else { Ok(Next::Value) }
            }
            Some(b'"') => self.scanner.string().map(|_| Next::AfterValue),
            Some(b'-' | b'0'..=b'9') => self.scanner.number().map(|()| Next::AfterValue),
            _ => self.scanner.literal().map(|()| Next::AfterValue),
        }
    }

    fn name(&mut self) -> Result<Next, JsonFault> {
        if let Some(Container::Object { members }) = self.open.last_mut() {
            *members += 1;
            if *members > self.scanner.bounds().members {
                return Err(self.scanner.fault(JsonFaultKind::TooManyMembers));
            }
        }
        if self.scanner.peek() != Some(b'"') {
            return Err(self.scanner.unexpected());
        }
        let name = self.scanner.string()?;
        self.names.push(name);
        self.scanner.skip_whitespace();
        if self.scanner.take(b':') { Ok(Next::Value) } else { Err(self.scanner.unexpected()) }
    }

    fn after_value(&mut self) -> Result<Next, JsonFault> {
        match self.open.last_mut() {
            None => Ok(Next::End),
            Some(Container::Array { items }) => {
                if self.scanner.take(b']') {
                    return self.leave();
                }
                if !self.scanner.take(b',') {
                    return Err(self.scanner.unexpected());
                }
                *items += 1;
                if *items > self.scanner.bounds().items {
                    return Err(self.scanner.fault(JsonFaultKind::TooManyItems));
                }
                Ok(Next::Value)
            }
            Some(Container::Object { .. }) => {
                if self.scanner.take(b'}') {
                    return self.leave();
                }
                if self.scanner.take(b',') { Ok(Next::Name) } else { Err(self.scanner.unexpected()) }
            }
        }
    }

    fn enter(&mut self, container: Container) -> Result<(), JsonFault> {
        if self.open.len() >= self.scanner.bounds().depth {
            return Err(self.scanner.fault(JsonFaultKind::TooDeep));
        }
        self.scanner.advance();
        self.open.push(container);
        Ok(())
    }

    fn leave(&mut self) -> Result<Next, JsonFault> {
        if let Some(Container::Object { .. }) = self.open.pop() {
            self.names.close()?;
        }
        Ok(Next::AfterValue)
    }
}

#[cfg(test)]
mod tests;
