//! The tokens of RFC 8259: strings, numbers, literals, whitespace.
//!
//! In: text that is UTF-8. Out: where each token ends, or what is wrong with it.

use super::{JsonBounds, JsonFault, JsonFaultKind};
use crate::characters::hex_digit;

/// A position in a document.
pub(super) struct Scanner<'t> {
    text: &'t str,
    at: usize,
    bounds: &'t JsonBounds,
}

/// What stands between the quotes of a string.
#[derive(Clone, Copy)]
pub(super) struct StringSpan {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) has_escapes: bool,
}

impl<'t> Scanner<'t> {
    pub(super) const fn new(text: &'t str, bounds: &'t JsonBounds) -> Self {
        Self { text, at: 0, bounds }
    }

    pub(super) const fn bounds(&self) -> &'t JsonBounds {
        self.bounds
    }

    pub(super) const fn fault(&self, kind: JsonFaultKind) -> JsonFault {
        JsonFault { at: self.at, kind }
    }

    /// The fault of a byte that does not belong, or of an end that comes too early.
    pub(super) fn unexpected(&self) -> JsonFault {
        self.fault(if self.is_at_end() { JsonFaultKind::EndsEarly } else { JsonFaultKind::UnexpectedByte })
    }

    pub(super) const fn is_at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    #[inline]
    pub(super) const fn advance(&mut self) {
        self.at += 1;
    }

    /// Passes over `byte` if it comes next.
    #[inline]
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    #[inline]
    pub(super) fn skip_whitespace(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    /// Passes over a string whose opening quote comes next (RFC 8259 §7).
    pub(super) fn string(&mut self) -> Result<StringSpan, JsonFault> {
        let opening = self.at;
        self.advance();
        let start = self.at;
        let mut has_escapes = false;
        loop {
            self.at += plain_length(self.rest());
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    has_escapes = true;
                    self.escape()?;
                }
                Some(_) => return Err(self.fault(JsonFaultKind::ControlCharacter)),
                None => return Err(self.fault(JsonFaultKind::EndsEarly)),
            }
        }
        let end = self.at;
        self.advance();
        if end - start > self.bounds.string {
            return Err(JsonFault { at: opening, kind: JsonFaultKind::StringTooLong });
        }
        Ok(StringSpan { start, end, has_escapes })
    }

    /// Passes over a number (RFC 8259 §6).
    pub(super) fn number(&mut self) -> Result<(), JsonFault> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') && self.digits() == 0 {
            return Err(self.fault(JsonFaultKind::NumberMalformed));
        }
        if self.take(b'.') && self.digits() == 0 {
            return Err(self.fault(JsonFaultKind::NumberMalformed));
        }
        let has_exponent = self.take(b'e') || self.take(b'E');
        if has_exponent {
            let _has_sign = self.take(b'-') || self.take(b'+');
            if self.digits() == 0 {
                return Err(self.fault(JsonFaultKind::NumberMalformed));
            }
        }
        if let Some(b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-') = self.peek() {
            return Err(self.fault(JsonFaultKind::NumberMalformed));
        }
        let fault = |kind| Err(JsonFault { at: start, kind });
        let length = self.at - start;
        if length > self.bounds.number {
            return fault(JsonFaultKind::NumberTooLong);
        }
        // Fewer digits than the largest double has cannot exceed it.
        let may_be_too_large = has_exponent || length > LONGEST_SURELY_FINITE;
        if may_be_too_large && !self.text.get(start..self.at).is_some_and(is_finite) {
            return fault(JsonFaultKind::NumberTooLarge);
        }
        Ok(())
    }

    /// Passes over `true`, `false` or `null`.
    pub(super) fn literal(&mut self) -> Result<(), JsonFault> {
        let rest = self.rest();
        let literal =
            ["true", "false", "null"].into_iter().find(|literal| rest.starts_with(literal.as_bytes()));
        match literal {
            Some(literal) => {
                self.at += literal.len();
                Ok(())
            }
            None => Err(self.unexpected()),
        }
    }

    fn escape(&mut self) -> Result<(), JsonFault> {
        match self.rest() {
            [_, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => {
                self.at += 2;
                Ok(())
            }
            [_, b'u', rest @ ..] => {
                let unit = code_unit(rest).ok_or_else(|| self.fault(JsonFaultKind::EscapeMalformed))?;
                let length = match unit {
                    0xD800..=0xDBFF => match rest.get(4..) {
                        Some([b'\\', b'u', low @ ..]) if matches!(code_unit(low), Some(0xDC00..=0xDFFF)) => {
                            12
                        }
                        _ => return Err(self.fault(JsonFaultKind::SurrogateAlone)),
                    },
                    0xDC00..=0xDFFF => return Err(self.fault(JsonFaultKind::SurrogateAlone)),
                    _ => 6,
                };
                self.at += length;
                Ok(())
            }
            _ => Err(self.fault(JsonFaultKind::EscapeMalformed)),
        }
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        self.at - start
    }

    fn rest(&self) -> &'t [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }
}

/// The largest double has 309 digits.
const LONGEST_SURELY_FINITE: usize = 300;

fn is_finite(number: &str) -> bool {
    number.parse::<f64>().is_ok_and(f64::is_finite)
}

/// How many bytes of a string come before its end, an escape or a control character.
#[inline]
fn plain_length(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1F)).unwrap_or(bytes.len())
}

/// Four hexadecimal digits.
pub(super) fn code_unit(bytes: &[u8]) -> Option<u16> {
    let [a, b, c, d, ..] = bytes else { return None };
    [a, b, c, d].into_iter().try_fold(0, |unit, digit| Some(unit << 4 | u16::from(hex_digit(*digit)?)))
}
