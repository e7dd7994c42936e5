//! ANSI C escapes.

use std::borrow::Cow;

/// `\n` and the like, `\xHH`, `\OOO`; an unknown one loses its backslash.
pub(super) fn decode(value: &[u8]) -> Cow<'_, [u8]> {
    if !value.contains(&b'\\') {
        return value.into();
    }
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((first, after)) = rest.split_first() {
        let (byte, length) = match (*first, after) {
            (b'\\', [b'x' | b'X', high, low, ..]) if super::byte(*high, *low).is_some() => {
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

/// The control character that a letter stands for.
pub(super) const fn control(letter: u8) -> Option<u8> {
    Some(match letter {
        b'a' => 7,
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 11,
        _ => return None,
    })
}

/// Up to three octal digits, of which three that would not fit a byte are two; and how many they are.
pub(super) fn octal(digits: &[u8]) -> (u8, usize) {
    let count = digits.iter().take(3).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
    let fits = count < 3 || digits.first().is_some_and(|first| *first <= b'3');
    let count = if fits { count } else { 2 };
    let digits = digits.get(..count).unwrap_or_default();
    // Two digits, or three up to 377, fit.
    (digits.iter().fold(0, |byte: u8, digit| byte << 3 | (digit - b'0')), count)
}
