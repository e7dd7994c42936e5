//! JavaScript escapes.

use std::borrow::Cow;

use super::escapes::{control, octal};

/// `\uHHHH`, `\xHH`, `\OOO` and single characters; an unknown one loses its backslash.
pub(super) fn decode(value: &[u8]) -> Cow<'_, [u8]> {
    if !value.contains(&b'\\') {
        return value.into();
    }
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((first, after)) = rest.split_first() {
        let (byte, length) = match (*first, after) {
            (b'\\', [b'u', digits @ ..]) if digits.get(..4).and_then(super::narrow).is_some() => {
                (digits.get(..4).and_then(super::narrow).unwrap_or_default(), 6)
            }
            (b'\\', [b'x', high, low, ..]) if super::byte(*high, *low).is_some() => {
                (super::byte(*high, *low).unwrap_or_default(), 4)
            }
            (b'\\', [b'0'..=b'7', ..]) => {
                let (byte, length) = octal(after);
                (byte, 1 + length)
            }
            (b'\\', [next, ..]) => (control(*next).unwrap_or(*next), 2),
            (byte, _) => (byte, 1),
        };
        out.push(byte);
        rest = rest.get(length..).unwrap_or_default();
    }
    out.into()
}
