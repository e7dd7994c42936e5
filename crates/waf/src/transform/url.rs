//! Percent-encoding.

use std::borrow::Cow;

/// `%HH` and `+` resolved; what is no encoding stays.
pub(super) fn decode(value: &[u8]) -> Cow<'_, [u8]> {
    decoded(value, |_| None)
}

/// The same with `%uHHHH`, as IIS reads it.
pub(super) fn decode_with_unicode(value: &[u8]) -> Cow<'_, [u8]> {
    decoded(value, |rest| match rest {
        [b'u' | b'U', digits @ ..] => super::narrow(digits.get(..4)?),
        _ => None,
    })
}

fn decoded(value: &[u8], wide: fn(&[u8]) -> Option<u8>) -> Cow<'_, [u8]> {
    if !value.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return value.into();
    }
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((first, after)) = rest.split_first() {
        let (byte, length) = match (*first, after) {
            (b'+', _) => (b' ', 1),
            (b'%', after) => match (wide(after), after) {
                (Some(byte), _) => (byte, 6),
                (None, [high, low, ..]) => super::byte(*high, *low).map_or((b'%', 1), |byte| (byte, 3)),
                (None, _) => (b'%', 1),
            },
            (byte, _) => (byte, 1),
        };
        out.push(byte);
        rest = rest.get(length..).unwrap_or_default();
    }
    out.into()
}

pub(super) fn encode(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    for byte in value {
        match byte {
            b' ' => out.push(b'+'),
            b'*' | b'-' | b'_' | b'.' => out.push(*byte),
            byte if byte.is_ascii_alphanumeric() => out.push(*byte),
            byte => {
                out.push(b'%');
                out.extend(super::encode::hex(&[*byte]));
            }
        }
    }
    out
}
