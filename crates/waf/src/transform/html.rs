//! HTML entities: numeric ones, and the five that matter to markup.

use std::borrow::Cow;

/// Entities with or without their semicolon, as browsers take them.
pub(super) fn decode(value: &[u8]) -> Cow<'_, [u8]> {
    if !value.contains(&b'&') {
        return value.into();
    }
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((first, after)) = rest.split_first() {
        match (*first == b'&').then(|| entity(after)).flatten() {
            Some((byte, length)) => {
                out.push(byte);
                let closes = after.get(length) == Some(&b';');
                rest = after.get(length + usize::from(closes)..).unwrap_or_default();
            }
            None => {
                out.push(*first);
                rest = after;
            }
        }
    }
    out.into()
}

/// The byte that an entity stands for and its length, behind the `&`.
fn entity(text: &[u8]) -> Option<(u8, usize)> {
    match text {
        [b'#', b'x' | b'X', digits @ ..] => number(digits, 16).map(|(byte, length)| (byte, length + 2)),
        [b'#', digits @ ..] => number(digits, 10).map(|(byte, length)| (byte, length + 1)),
        _ => {
            let length = text.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
            let name = text.get(..length)?.to_ascii_lowercase();
            let byte = match name.as_slice() {
                b"quot" => b'"',
                b"amp" => b'&',
                b"lt" => b'<',
                b"gt" => b'>',
                b"nbsp" => 0xa0,
                _ => return None,
            };
            Some((byte, length))
        }
    }
}

/// Digits as a number, of which the last byte counts.
fn number(digits: &[u8], base: u32) -> Option<(u8, usize)> {
    let length = digits.iter().take_while(|byte| char::from(**byte).is_digit(base)).count();
    let value = digits.get(..length)?.iter().fold(0u32, |value, byte| {
        value.wrapping_mul(base).wrapping_add(char::from(*byte).to_digit(base).unwrap_or_default())
    });
    // Longer ones are cut, as the reference engine does.
    (length > 0).then_some((value as u8, length))
}
