//! CSS escapes (CSS 2 §4.1.3).

use std::borrow::Cow;

/// A backslash with one to six hexadecimal digits and one blank, before a line end, or before any other character.
pub(super) fn decode(value: &[u8]) -> Cow<'_, [u8]> {
    if !value.contains(&b'\\') {
        return value.into();
    }
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((first, after)) = rest.split_first() {
        if *first != b'\\' {
            out.push(*first);
            rest = after;
            continue;
        }
        let digits = after.iter().take(6).take_while(|byte| super::digit(**byte).is_some()).count();
        rest = match (digits, after) {
            // A backslash that escapes nothing is nothing.
            (0, []) => after,
            (0, [b'\n', after @ ..]) => after,
            (0, [next, after @ ..]) => {
                out.push(*next);
                after
            }
            (count, _) => {
                out.extend(escaped(after.get(..count).unwrap_or_default()));
                let after = after.get(count..).unwrap_or_default();
                let blank = after.first().is_some_and(u8::is_ascii_whitespace);
                after.get(usize::from(blank)..).unwrap_or_default()
            }
        };
    }
    out.into()
}

/// The byte that digits stand for: the last two of them, or one of full width if the rest says so.
fn escaped(digits: &[u8]) -> Option<u8> {
    let number =
        digits.iter().try_fold(0u32, |number, digit| Some(number << 4 | u32::from(super::digit(*digit)?)))?;
    // The last byte counts, as in the reference engine.
    let low = number as u8;
    Some(match number {
        0xff01..=0xff5e => low + 0x20,
        _ => low,
    })
}
