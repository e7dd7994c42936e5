//! UTF-8 as `%uHHHH`, so that later steps see characters.

use std::borrow::Cow;
use std::io::Write as _;

/// Each sequence of two to four bytes as its code point; overlong ones, too, since that is what they are sent for. What
/// is no sequence stays.
pub(super) fn to_unicode(value: &[u8]) -> Cow<'_, [u8]> {
    if value.is_ascii() {
        return value.into();
    }
    let mut out = Vec::with_capacity(value.len() * 2);
    let mut rest = value;
    while let Some((first, after)) = rest.split_first() {
        match sequence(rest) {
            Some((code, length)) => {
                // Writing to a `Vec` cannot fail.
                let _ = write!(out, "%u{code:04x}");
                rest = rest.get(length..).unwrap_or_default();
            }
            None => {
                out.push(*first);
                rest = after;
            }
        }
    }
    out.into()
}

fn sequence(bytes: &[u8]) -> Option<(u32, usize)> {
    let first = *bytes.first()?;
    let (length, bits) = match first {
        0xc0..=0xdf => (2, first & 0x1f),
        0xe0..=0xef => (3, first & 0x0f),
        0xf0..=0xf7 => (4, first & 0x07),
        _ => return None,
    };
    let more = bytes.get(1..length)?;
    let code = more.iter().try_fold(u32::from(bits), |code, byte| {
        (byte & 0xc0 == 0x80).then_some(code << 6 | u32::from(byte & 0x3f))
    })?;
    (code <= 0x10_ffff && !(0xd800..=0xdfff).contains(&code)).then_some((code, length))
}
