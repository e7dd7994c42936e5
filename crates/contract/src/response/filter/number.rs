//! A JSON number, in pieces (RFC 8259 §6).

use portcullis_message::json::JsonFaultKind;

/// Where in a number the reading stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    /// Behind the minus.
    Minus,
    /// Behind a leading zero, which nothing but a point or an exponent may follow.
    Zero,
    Whole,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    ExponentDigits,
}

/// What a byte does to a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Digit {
    GoesOn(Number),
    /// The byte is not part of it any more.
    Ends,
}

impl Number {
    /// Begins with `byte`, a minus or a digit.
    pub(super) const fn begin(byte: u8) -> Self {
        match byte {
            b'-' => Self::Minus,
            b'0' => Self::Zero,
            _ => Self::Whole,
        }
    }

    #[inline]
    pub(super) fn next(self, byte: u8) -> Result<Digit, JsonFaultKind> {
        let goes_on = match (self, byte) {
            (Self::Minus, b'0') => Self::Zero,
            (Self::Minus | Self::Whole, b'0'..=b'9') => Self::Whole,
            (Self::Zero | Self::Whole, b'.') => Self::Point,
            (Self::Zero | Self::Whole | Self::Fraction, b'e' | b'E') => Self::Exponent,
            (Self::Point | Self::Fraction, b'0'..=b'9') => Self::Fraction,
            (Self::Exponent, b'+' | b'-') => Self::ExponentSign,
            (Self::Exponent | Self::ExponentSign | Self::ExponentDigits, b'0'..=b'9') => Self::ExponentDigits,
            (_, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-') => {
                return Err(JsonFaultKind::NumberMalformed);
            }
            _ => return self.end().map(|()| Digit::Ends),
        };
        Ok(Digit::GoesOn(goes_on))
    }

    /// Whether it may end here.
    pub(super) fn end(self) -> Result<(), JsonFaultKind> {
        match self {
            Self::Zero | Self::Whole | Self::Fraction | Self::ExponentDigits => Ok(()),
            Self::Minus | Self::Point | Self::Exponent | Self::ExponentSign => {
                Err(JsonFaultKind::NumberMalformed)
            }
        }
    }
}

/// Whether some double can hold `text` (RFC 7493 §2.2): others read `1e999` as no number at all.
pub(super) fn is_finite(text: &[u8]) -> bool {
    // Fewer digits than the largest double has cannot exceed it.
    let is_surely = text.len() < 300 && !text.iter().any(|byte| matches!(byte, b'e' | b'E'));
    let parses = |text: &str| text.parse::<f64>().is_ok_and(f64::is_finite);
    is_surely || std::str::from_utf8(text).is_ok_and(parses)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(text: &str) -> bool {
        let mut bytes = text.bytes();
        let mut number = Number::begin(bytes.next().unwrap());
        for byte in bytes {
            match number.next(byte) {
                Ok(Digit::GoesOn(next)) => number = next,
                Ok(Digit::Ends) | Err(_) => return false,
            }
        }
        number.end().is_ok() && is_finite(text.as_bytes())
    }

    #[test]
    fn numbers_are_those_of_serde_json() {
        for text in [
            "0", "-0", "7", "-12", "0.5", "10.25", "1e5", "1E+5", "1.5e-10", "1e308", "-", "01", "-01", "1.",
            "1.e5", "1e", "1e+", "1e999", "-1e999", "1.2.3", "1e5e5", "1-", "--1",
        ] {
            assert_eq!(reads(text), serde_json::from_str::<f64>(text).is_ok(), "{text}");
        }
        assert!(!reads(&"9".repeat(400)));
    }
}
