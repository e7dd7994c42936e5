//! What looks like a secret in running text.

use std::borrow::Cow;

use super::{REDACTED, names};
use crate::sensitive::Found;
use crate::sensitive::cards::{self, Digits};
use crate::sensitive::keys::prefixes;

const TOKEN: &str = "[token]";
const PEM: &str = "[pem]";

/// Words before a credential (RFC 9110 §11.4).
const SCHEMES: [&str; 5] = ["bearer", "basic", "dpop", "digest", "negotiate"];

/// How far back a name may begin before its `=`, and how far ahead userinfo may go.
const NAME_REACH: usize = 64;
const USERINFO_REACH: usize = 256;

/// What a byte may be the beginning of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    Nothing,
    Digit,
    /// `e`: encoded JSON.
    Encoded,
    /// A letter that a scheme or a known prefix begins with, at the start of a word.
    Word,
    /// `-`: PEM.
    Dash,
    /// `:` or `=`: a name before, a value behind.
    Assignment,
}

/// A table, since this is asked of every byte of every record.
static SIGNS: [Sign; 256] = {
    let mut signs = [Sign::Nothing; 256];
    let mut byte = 0;
    while byte < 256 {
        // Every index below fits a byte.
        #[expect(clippy::indexing_slicing, reason = "the loop ends with the table")]
        {
            signs[byte] = sign(byte as u8);
        }
        byte += 1;
    }
    signs
};

const fn sign(byte: u8) -> Sign {
    match byte {
        b'0'..=b'9' => Sign::Digit,
        b'e' => Sign::Encoded,
        b'-' => Sign::Dash,
        b':' | b'=' => Sign::Assignment,
        b'b' | b'B' | b'd' | b'D' | b'n' | b'N' => Sign::Word,
        _ if !prefixes(byte).is_empty() => Sign::Word,
        _ => Sign::Nothing,
    }
}

/// The first secret at or after `from`. One pass; each detector looks only so far.
pub(super) fn find(text: &str, from: usize) -> Option<Found> {
    let bytes = text.as_bytes();
    let mut at = from;
    while let Some(byte) = bytes.get(at) {
        #[expect(clippy::indexing_slicing, reason = "the table has a place for every byte")]
        let found = match SIGNS[usize::from(*byte)] {
            Sign::Nothing => None,
            Sign::Digit => match cards::at(bytes, at) {
                Digits::Card(found) => Some(found),
                Digits::Other(next) => {
                    at = next;
                    continue;
                }
            },
            Sign::Encoded => is_encoded_json(bytes, at).then(|| token(bytes, at)),
            Sign::Word if is_word_start(bytes, at) => scheme(text, at).or_else(|| prefixed(bytes, at)),
            Sign::Word => None,
            Sign::Dash => starts(bytes, at, b"-----BEGIN").then(|| pem(text, at)),
            Sign::Assignment if starts(bytes, at, b"://") => userinfo(bytes, at),
            Sign::Assignment => named(text, at),
        };
        if found.is_some() {
            return found;
        }
        at += 1;
    }
    None
}

fn is_word_start(bytes: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| bytes.get(before));
    !before.is_some_and(u8::is_ascii_alphanumeric)
}

/// Whether a parameter's value or a path's segment of this length looks drawn by lot: letters and digits
/// without order. UUIDs name objects and are kept.
pub(super) fn is_opaque(text: &str, shortest: usize) -> bool {
    if text.len() < shortest || is_uuid(text) {
        return false;
    }
    let class = |byte: u8| match byte {
        b'0'..=b'9' => 1,
        b'a'..=b'z' => 2,
        b'A'..=b'Z' => 3,
        _ => 0,
    };
    let is_token_text =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'=' | b'+' | b'.' | b'~');
    if !text.bytes().all(is_token_text) {
        return false;
    }
    let changes = text.as_bytes().windows(2).filter(|pair| match pair {
        [left, right] => class(*left) != class(*right) && class(*left) != 0 && class(*right) != 0,
        _ => false,
    });
    changes.count() * 5 >= text.len() && text.bytes().any(|byte| byte.is_ascii_digit())
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Base64 of `{"`, `{ `, `{\n`, `{\r` or `{\t`: how every JOSE header begins (RFC 7515 §3.1).
fn is_encoded_json(bytes: &[u8], at: usize) -> bool {
    let begins = matches!(bytes.get(at..at + 3), Some(b"eyJ" | b"eyA" | b"ewo" | b"ew0" | b"ewk"));
    begins && token_end(bytes, at) - at >= 16
}

fn token(bytes: &[u8], at: usize) -> Found {
    Found { start: at, end: token_end(bytes, at), shown: Cow::Borrowed(TOKEN) }
}

fn token_end(bytes: &[u8], at: usize) -> usize {
    let is_token = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'+' | b'/' | b'=' | b'~')
    };
    end_where(bytes, at, |byte| !is_token(byte))
}

fn prefixed(bytes: &[u8], at: usize) -> Option<Found> {
    let prefix = prefixes(*bytes.get(at)?).iter().find(|prefix| starts(bytes, at, prefix.as_bytes()))?;
    let end = token_end(bytes, at);
    (end - at >= prefix.len() + 12).then_some(Found { start: at, end, shown: Cow::Borrowed(TOKEN) })
}

/// `Bearer abc`: the scheme stays, what follows goes.
fn scheme(text: &str, at: usize) -> Option<Found> {
    let bytes = text.as_bytes();
    let scheme = scheme_at(bytes, at)?;
    let start = skip_spaces(bytes, at + scheme.len())?;
    let end = end_where(bytes, start, |byte| {
        matches!(byte, b' ' | b'"' | b'\'' | b',' | b';' | b'&' | b'<' | b'\n' | b'\r')
    });
    let credential = text.get(start..end)?;
    let is_word = credential.bytes().all(|byte| byte.is_ascii_lowercase()) && credential.len() < 16;
    (credential.len() >= 4 && !is_word && !credential.starts_with(REDACTED)).then_some(Found {
        start,
        end,
        shown: Cow::Borrowed(REDACTED),
    })
}

fn scheme_at(bytes: &[u8], at: usize) -> Option<&'static str> {
    let matches = |scheme: &&&str| {
        bytes.get(at..at + scheme.len()).is_some_and(|word| word.eq_ignore_ascii_case(scheme.as_bytes()))
    };
    match bytes.get(at)? {
        b'b' | b'B' | b'd' | b'D' | b'n' | b'N' => SCHEMES.iter().find(matches).copied(),
        _ => None,
    }
}

/// The place after at least one space, `+` or `%20`.
fn skip_spaces(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += match bytes.get(at)? {
            b' ' | b'+' | b'\t' => 1,
            b'%' if starts(bytes, at, b"%20") => 3,
            _ => break,
        };
    }
    (at > from).then_some(at)
}

fn pem(text: &str, at: usize) -> Found {
    let rest = text.get(at..).unwrap_or_default();
    let end = rest.find("-----END").and_then(|end| {
        let closing = end + "-----END".len();
        rest.get(closing..)?.find("-----").map(|more| at + closing + more + "-----".len())
    });
    Found { start: at, end: end.unwrap_or(text.len()), shown: Cow::Borrowed(PEM) }
}

/// `://user:password@host` (RFC 3986 §3.2.1).
fn userinfo(bytes: &[u8], colon: usize) -> Option<Found> {
    let start = colon + 3;
    let rest = bytes.get(start..)?;
    let length = rest
        .iter()
        .take(USERINFO_REACH)
        .position(|byte| matches!(byte, b'@' | b'/' | b'?' | b'#' | b' ' | b'"' | b'\'' | b'<' | b'\n'))?;
    let is_userinfo =
        length > 0 && rest.get(length) == Some(&b'@') && rest.get(..length) != Some(REDACTED.as_bytes());
    is_userinfo.then_some(Found { start, end: start + length, shown: Cow::Borrowed(REDACTED) })
}

/// `name=value`, `name: value`, `"name": "value"` under a name that tells.
fn named(text: &str, sign: usize) -> Option<Found> {
    let bytes = text.as_bytes();
    let before = bytes.get(..sign)?;
    let name_end = match before.last() {
        Some(b'"' | b'\'') => sign - 1,
        _ => sign,
    };
    let is_name =
        |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'[' | b']');
    let length = bytes.get(..name_end)?.iter().rev().take(NAME_REACH).take_while(is_name).count();
    let name = text.get(name_end - length..name_end)?;
    if !names::is_sensitive(name) {
        return None;
    }

    let after = end_where(bytes, sign + 1, |byte| !matches!(byte, b' ' | b'\t'));
    let quote = bytes.get(after).copied().filter(|byte| matches!(byte, b'"' | b'\''));
    let start = after + usize::from(quote.is_some());
    let end = if let Some(quote) = quote {
        end_of_quoted(bytes, start, quote)
    } else if names::fills_the_line(name) {
        end_where(bytes, start, |byte| matches!(byte, b'\n' | b'\r'))
    } else {
        end_of_value(bytes, start)
    };
    let value = text.get(start..end)?;
    (!value.is_empty() && !value.starts_with(REDACTED)).then_some(Found {
        start,
        end,
        shown: Cow::Borrowed(REDACTED),
    })
}

/// The end of a value without quotes; a scheme and its credential are one value.
fn end_of_value(bytes: &[u8], start: usize) -> usize {
    let is_end = |byte: &u8| {
        matches!(
            byte,
            b' ' | b'&' | b';' | b',' | b'"' | b'\'' | b'<' | b'>' | b'(' | b')' | b'{' | b'}' | b'|'
        ) || byte.is_ascii_control()
    };
    let end = end_where(bytes, start, is_end);
    let is_scheme = scheme_at(bytes, start).is_some_and(|scheme| start + scheme.len() == end);
    match skip_spaces(bytes, end).filter(|_| is_scheme) {
        Some(credential) => end_where(bytes, credential, is_end),
        None => end,
    }
}

fn end_of_quoted(bytes: &[u8], start: usize, quote: u8) -> usize {
    let mut at = start;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            byte if *byte == quote => return at,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn starts(bytes: &[u8], at: usize, with: &[u8]) -> bool {
    bytes.get(at..).is_some_and(|rest| rest.starts_with(with))
}

fn end_where(bytes: &[u8], from: usize, is_end: impl Fn(&u8) -> bool) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    from.min(bytes.len()) + rest.iter().position(is_end).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_by_lot_is_opaque_and_what_is_written_by_people_is_not() {
        for opaque in
            ["4f9c2ab81d03e7f65a90b1c2", "dGhpcyBpcyBhIHJlYWwgc2VjcmV0IDEyMzQ1", "Zk3vQ9x_R7-pLm2NwT8bYc5"]
        {
            assert!(is_opaque(opaque, 20), "{opaque}");
        }
        for plain in [
            "550e8400-e29b-41d4-a716-446655440000",
            "report-2025-11-24-final-version",
            "a-perfectly-ordinary-slug-of-words",
            "2025-11-24T06:38:00Z/2025-11-25T06:38:00Z",
            "short1Ab2",
            "12345678901234567890123456",
        ] {
            assert!(!is_opaque(plain, 20), "{plain}");
        }
    }
}
