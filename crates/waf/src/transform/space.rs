//! Blanks and comments.

use std::borrow::Cow;

/// Blanks of C, and the no-break space of Latin-1.
pub(super) const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r' | 0xa0)
}

pub(super) fn compressed(value: &[u8]) -> Cow<'_, [u8]> {
    if !value.iter().any(|byte| is_blank(*byte)) {
        return value.into();
    }
    let mut out = Vec::with_capacity(value.len());
    let mut was_blank = false;
    for byte in value {
        if !is_blank(*byte) {
            out.push(*byte);
        } else if !was_blank {
            out.push(b' ');
        }
        was_blank = is_blank(*byte);
    }
    out.into()
}

pub(super) fn trimmed_start(value: &[u8]) -> &[u8] {
    let length = value.iter().take_while(|byte| is_blank(**byte)).count();
    value.get(length..).unwrap_or_default()
}

pub(super) fn trimmed_end(value: &[u8]) -> &[u8] {
    let length = value.iter().rev().take_while(|byte| is_blank(**byte)).count();
    value.get(..value.len() - length).unwrap_or_default()
}

/// As a shell would read a command that was written to be overlooked: without quotes, carets and backslashes, blanks,
/// commas and semicolons as one space, none before `/` and `(`, in lower case.
pub(super) fn command_line(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    for byte in value {
        match byte {
            b'"' | b'\'' | b'\\' | b'^' => {}
            b' ' | b',' | b';' | b'\t' | b'\r' | b'\n' => {
                if out.last() != Some(&b' ') {
                    out.push(b' ');
                }
            }
            b'/' | b'(' => {
                if out.last() == Some(&b' ') {
                    out.pop();
                }
                out.push(*byte);
            }
            byte => out.push(byte.to_ascii_lowercase()),
        }
    }
    out
}

/// Each `/*…*/` as one space, and what is not closed, too.
pub(super) fn comments_as_blanks(value: &[u8]) -> Cow<'_, [u8]> {
    if find(value, b"/*").is_none() {
        return value.into();
    }
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((before, after)) = find(rest, b"/*") {
        out.extend_from_slice(before);
        out.push(b' ');
        rest = find(after, b"*/").map_or(&[][..], |(_, after)| after);
    }
    out.extend_from_slice(rest);
    out.into()
}

/// Without comments of C, HTML and SQL; one that is not closed reaches to the end.
pub(super) fn without_comments(value: &[u8]) -> Cow<'_, [u8]> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((first, after)) = rest.split_first() {
        let end: Option<&[u8]> = match rest {
            [b'/', b'*', ..] => Some(b"*/"),
            [b'<', b'!', b'-', b'-', ..] => Some(b"-->"),
            [b'-', b'-', ..] | [b'#', ..] => None,
            _ => {
                out.push(*first);
                rest = after;
                continue;
            }
        };
        rest = end.and_then(|end| find(after, end)).map_or(&[][..], |(_, after)| after);
    }
    match out.len() == value.len() {
        true => value.into(),
        false => out.into(),
    }
}

/// Without the marks by which comments begin and end.
pub(super) fn without_comment_marks(value: &[u8]) -> Cow<'_, [u8]> {
    const MARKS: [&[u8]; 6] = [b"/*", b"*/", b"<!--", b"-->", b"--", b"#"];
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((first, after)) = rest.split_first() {
        rest = match MARKS.iter().find_map(|mark| rest.strip_prefix(*mark)) {
            Some(after) => after,
            None => {
                out.push(*first);
                after
            }
        };
    }
    match out.len() == value.len() {
        true => value.into(),
        false => out.into(),
    }
}

/// What stands before the first `mark`, and what follows it.
fn find<'v>(value: &'v [u8], mark: &[u8]) -> Option<(&'v [u8], &'v [u8])> {
    let at = value.windows(mark.len()).position(|window| window == mark)?;
    Some((value.get(..at)?, value.get(at + mark.len()..)?))
}
