//! The path of a target: equivalent spellings become one, ambiguous ones are refused.
//!
//! In: a path as sent. Out: the path as judged and forwarded, borrowed if it is the same. RFC 3986
//! §6.2.2: escapes of unreserved characters are decoded, the hexadecimal digits of the others are in
//! upper case, `.` segments are dropped.

use std::borrow::Cow;

use portcullis_domain::Reason;
use smallvec::SmallVec;

use crate::characters::{escaped_byte, hex_digit, is_path, is_unreserved};

/// What a path is, once it is known not to be ambiguous.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Canonical,
    Rewritable,
}

/// The canonical form of `path`.
pub(super) fn canonical(path: &str) -> Result<Cow<'_, str>, Reason> {
    match judge(path.as_bytes())? {
        Form::Canonical => Ok(Cow::Borrowed(path)),
        Form::Rewritable => {
            let rewritten = rewrite(path.as_bytes());
            // Decoding may complete an escape that was hidden, as in `%25%32e`. One pass must be the
            // last: what is not canonical now would be read differently by whoever decodes next.
            match judge(rewritten.as_bytes())? {
                Form::Canonical => Ok(Cow::Owned(rewritten)),
                Form::Rewritable => Err(Reason::PathAmbiguous),
            }
        }
    }
}

fn judge(path: &[u8]) -> Result<Form, Reason> {
    let mut form = Form::Canonical;
    let mut escapes = Escapes::Ascii;
    let mut rest = path;
    loop {
        let plain = rest.iter().take_while(|byte| is_plain(**byte)).count();
        rest = rest.get(plain..).unwrap_or_default();
        rest = match rest {
            [] => break,
            [b'/', after @ ..] => {
                match Segment::begins(after)? {
                    Segment::Current => form = Form::Rewritable,
                    Segment::Named => {}
                }
                after
            }
            [b'%', high, low, after @ ..] => {
                let byte = escaped_byte(*high, *low).ok_or(Reason::TargetMalformed)?;
                match byte {
                    // The next decoder would see a separator, the end of a string, or a control.
                    b'/' | b'\\' | 0..=0x1F | 0x7F => return Err(Reason::PathAmbiguous),
                    b'%' if starts_with_digits(after) => return Err(Reason::PathAmbiguous),
                    byte if is_unreserved(byte) => form = Form::Rewritable,
                    byte if byte >= 0x80 => escapes = Escapes::BeyondAscii,
                    _ => {}
                }
                if high.is_ascii_lowercase() || low.is_ascii_lowercase() {
                    form = Form::Rewritable;
                }
                after
            }
            // Path parameters: containers cut them off before or after matching, each in its own way.
            [b';' | b'\\' | 0..=0x1F | 0x7F, ..] => return Err(Reason::PathAmbiguous),
            [_, ..] => return Err(Reason::TargetMalformed),
        };
    }
    match escapes {
        Escapes::Ascii => Ok(form),
        Escapes::BeyondAscii if decodes_to_utf8(path) => Ok(form),
        Escapes::BeyondAscii => Err(Reason::TargetMalformed),
    }
}

enum Escapes {
    Ascii,
    BeyondAscii,
}

/// What stands behind a slash.
enum Segment {
    /// A single, unescaped dot: this very segment (RFC 3986 §5.2.4).
    Current,
    /// Anything else that is not ambiguous.
    Named,
}

impl Segment {
    fn begins(after_slash: &[u8]) -> Result<Self, Reason> {
        let mut dots = 0;
        let mut is_escaped = false;
        let mut rest = after_slash;
        loop {
            rest = match rest {
                [b'.', after @ ..] => after,
                [b'%', b'2', b'e' | b'E', after @ ..] => {
                    is_escaped = true;
                    after
                }
                // A segment ends here. `//`: some merge the slashes, some do not.
                [b'/', ..] if dots == 0 => return Err(Reason::PathAmbiguous),
                [] | [b'/', ..] => break,
                _ => return Ok(Self::Named),
            };
            dots += 1;
        }
        match dots {
            1 if !is_escaped => Ok(Self::Current),
            1 | 2 => Err(Reason::PathAmbiguous),
            _ => Ok(Self::Named),
        }
    }
}

fn rewrite(path: &[u8]) -> String {
    let mut text = String::with_capacity(path.len());
    let mut rest = path;
    loop {
        rest = match rest {
            [] => break,
            [b'/', b'.', after @ ..] if after.starts_with(b"/") => after,
            [b'/', b'.'] => b"/",
            [b'%', high, low, after @ ..] => {
                match escaped_byte(*high, *low) {
                    Some(byte) if is_unreserved(byte) => text.push(char::from(byte)),
                    _ => {
                        text.push('%');
                        text.push(char::from(high.to_ascii_uppercase()));
                        text.push(char::from(low.to_ascii_uppercase()));
                    }
                }
                after
            }
            [byte, after @ ..] => {
                text.push(char::from(*byte));
                after
            }
        };
    }
    text
}

fn decodes_to_utf8(path: &[u8]) -> bool {
    let decoded: SmallVec<[u8; 256]> = percent_encoding::percent_decode(path).collect();
    std::str::from_utf8(&decoded).is_ok()
}

fn is_plain(byte: u8) -> bool {
    is_path(byte) && !matches!(byte, b'/' | b'%' | b';')
}

fn starts_with_digits(bytes: &[u8]) -> bool {
    matches!(bytes, [high, low, ..] if hex_digit(*high).is_some() && hex_digit(*low).is_some())
}
