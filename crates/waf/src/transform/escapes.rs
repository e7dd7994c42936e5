//! Escapes with a backslash, as C and JavaScript have them.

use std::borrow::Cow;

/// ANSI C: `\n` and the like, `\xHH`, `\OOO`; an unknown one loses its backslash.
pub(super) fn decode(value: &[u8]) -> Cow<'_, [u8]> {
    resolved(value, |escape| match escape {
        [b'x' | b'X', high, low, ..] => Some((super::byte(*high, *low)?, 3)),
        _ => None,
    })
}

/// JavaScript: the same, with `\uHHHH`.
pub(super) fn decode_javascript(value: &[u8]) -> Cow<'_, [u8]> {
    resolved(value, |escape| match escape {
        [b'u', digits @ ..] => Some((super::narrow(digits.get(..4)?)?, 5)),
        [b'x', high, low, ..] => Some((super::byte(*high, *low)?, 3)),
        _ => None,
    })
}

/// Resolves what both have, and what `own` reads behind a backslash: a byte, and how long its escape is.
fn resolved(value: &[u8], own: fn(&[u8]) -> Option<(u8, usize)>) -> Cow<'_, [u8]> {
    if !value.contains(&b'\\') {
        return value.into();
    }
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((first, after)) = rest.split_first() {
        let (byte, length) = match (*first, after) {
            (b'\\', [next, ..]) => {
                let (byte, length) = own(after).or_else(|| octal(after)).unwrap_or((control(*next), 1));
                (byte, 1 + length)
            }
            (byte, _) => (byte, 1),
        };
        out.push(byte);
        rest = rest.get(length..).unwrap_or_default();
    }
    out.into()
}

/// The control character that a letter stands for, or the character itself.
const fn control(letter: u8) -> u8 {
    match letter {
        b'a' => 7,
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 11,
        other => other,
    }
}

/// Up to three octal digits, of which three that would not fit a byte are two; and how many they are.
fn octal(digits: &[u8]) -> Option<(u8, usize)> {
    let count = digits.iter().take(3).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
    let fits = count < 3 || digits.first().is_some_and(|first| *first <= b'3');
    let count = if fits { count } else { 2 };
    let digits = digits.get(..count).filter(|digits| !digits.is_empty())?;
    // Two digits, or three up to 377, fit.
    Some((digits.iter().fold(0, |byte: u8, digit| byte << 3 | (digit - b'0')), count))
}
