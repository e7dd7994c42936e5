//! Percent-decoding without forgiveness.

use std::borrow::Cow;

/// How text is encoded where it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    /// As it is: headers and cookies.
    Plain,
    /// Percent-encoded: paths (RFC 3986 §2.1).
    Percent,
    /// Percent-encoded, and `+` is a space: queries and forms, as browsers and servers read them.
    Form,
}

/// The text behind `text`, or `None` if an escape is broken or the result is not UTF-8.
pub(crate) fn decode(text: &str, coding: Coding) -> Option<Cow<'_, str>> {
    let is_special = |byte: u8| match coding {
        Coding::Plain => false,
        Coding::Percent => byte == b'%',
        Coding::Form => matches!(byte, b'%' | b'+'),
    };
    if !text.bytes().any(is_special) {
        return Some(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            b'+' if coding == Coding::Form => b' ',
            _ => byte,
        });
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_escapes_and_other_encodings_are_refused() {
        for bad in ["%", "%4", "%4g", "%C3", "%FF", "%C0%AF"] {
            assert_eq!(decode(bad, Coding::Form), None, "{bad}");
        }
        assert_eq!(decode("a%20b+c", Coding::Form).as_deref(), Some("a b c"));
        assert_eq!(decode("a%20b+c", Coding::Percent).as_deref(), Some("a b+c"));
        assert_eq!(decode("a%20b+c", Coding::Plain).as_deref(), Some("a%20b+c"));
    }
}
