//! Paths without detours.

use std::borrow::Cow;

/// What separates the segments of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Separators {
    /// `/`.
    Slash,
    /// `/` and `\`, which becomes `/`.
    SlashAndBackslash,
}

/// Without empty segments, `.` and `..`, as far as they can be resolved: a relative path may go up from where it begins,
/// nothing goes above the root. A slash at the end stays.
pub(super) fn normalized(value: &[u8], separators: Separators) -> Cow<'_, [u8]> {
    let is_separator =
        |byte: u8| byte == b'/' || (byte == b'\\' && separators == Separators::SlashAndBackslash);
    let (Some(first), Some(last)) = (value.first(), value.last()) else { return value.into() };
    let (is_absolute, is_trailing) = (is_separator(*first), is_separator(*last));
    let mut kept: Vec<&[u8]> = Vec::new();
    for segment in value.split(|byte| is_separator(*byte)) {
        match segment {
            b"" | b"." => {}
            b".." => match kept.last() {
                Some(last) if *last != b".." => drop(kept.pop()),
                Some(_) | None if is_absolute => {}
                Some(_) | None => kept.push(segment),
            },
            segment => kept.push(segment),
        }
    }
    let mut path = Vec::with_capacity(value.len());
    if is_absolute {
        path.push(b'/');
    }
    path.extend(kept.join(&b'/'));
    if is_trailing && !kept.is_empty() {
        path.push(b'/');
    }
    match path == value {
        true => value.into(),
        false => path.into(),
    }
}
