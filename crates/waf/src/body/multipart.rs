//! Multipart forms, read as leniently as an upstream might, with a flag for everything that is odd.
//!
//! The rules, not this reader, decide what becomes of a body that two readers could take apart in two ways; so nothing
//! odd ends the reading as long as there is something to show.

use super::{File, Flags, Parsed};

/// How many parts a body may have.
const PARTS: usize = 1_000;
/// How many header lines a part may have.
const HEADERS: usize = 32;
/// The longest boundary (RFC 2046 §5.1.1 has 70).
const BOUNDARY: usize = 200;

/// Takes a body apart.
pub(super) fn parse(content_type: &[u8], body: &[u8]) -> Parsed {
    let mut parsed = Parsed::default();
    let result =
        boundary(content_type, &mut parsed.flags).and_then(|boundary| parts(&boundary, body, &mut parsed));
    parsed.error = result.err();
    parsed
}

/// The boundary that the type names.
fn boundary(content_type: &[u8], flags: &mut Flags) -> Result<Vec<u8>, String> {
    let lower = content_type.to_ascii_lowercase();
    // A boundary may hold the word, too.
    let is_parameter = |at: &usize| {
        let before = at.checked_sub(1).and_then(|before| lower.get(before));
        before.is_some_and(|before| matches!(before, b';' | b',' | b' ' | b'\t'))
    };
    let mut places = memchr::memmem::find_iter(&lower, b"boundary").filter(is_parameter);
    let (Some(at), None) = (places.next(), places.next()) else {
        return Err("Multipart: one boundary is needed".to_owned());
    };
    let rest = content_type.get(at + b"boundary".len()..).unwrap_or_default();
    let trimmed = rest.trim_ascii_start();
    flags.boundary_whitespace |= trimmed.len() != rest.len();
    let rest = trimmed.strip_prefix(b"=").ok_or("Multipart: the boundary has no value")?;
    flags.boundary_whitespace |= rest.first().is_some_and(u8::is_ascii_whitespace);
    let rest = rest.trim_ascii_start();
    let boundary = match rest.strip_prefix(b"\"") {
        Some(quoted) => {
            flags.boundary_quoted = true;
            let end = quoted
                .iter()
                .position(|byte| *byte == b'"')
                .ok_or("Multipart: the boundary is not closed")?;
            quoted.get(..end).unwrap_or_default()
        }
        None => rest.split(|byte| matches!(byte, b';' | b',')).next().unwrap_or_default().trim_ascii_end(),
    };
    flags.boundary_whitespace |= boundary.iter().any(u8::is_ascii_whitespace);
    match boundary.len() {
        1..=BOUNDARY => Ok(boundary.to_vec()),
        _ => Err("Multipart: the boundary is empty or too long".to_owned()),
    }
}

/// A line, and how it ends.
struct Line<'b> {
    text: &'b [u8],
    end: End,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    CrLf,
    Lf,
    Body,
}

impl End {
    const fn bytes(self) -> &'static [u8] {
        match self {
            Self::CrLf => b"\r\n",
            Self::Lf => b"\n",
            Self::Body => b"",
        }
    }
}

/// A part that is being read.
#[derive(Default)]
struct Part<'b> {
    headers: Vec<Vec<u8>>,
    in_head: bool,
    content: Vec<u8>,
    /// How the line before ended: the last line end belongs to the boundary.
    pending: &'b [u8],
}

enum Where<'b> {
    Before,
    Within(Part<'b>),
    After,
}

/// What a line is to the boundary.
enum Boundary {
    None,
    Next,
    Last,
    /// It begins like one.
    Alike,
}

fn parts(boundary: &[u8], body: &[u8], parsed: &mut Parsed) -> Result<(), String> {
    let mut place = Where::Before;
    let (mut has_crlf, mut has_lf, mut count) = (false, false, 0usize);
    let mut rest = body;
    while !rest.is_empty() {
        let line;
        (line, rest) = next_line(rest);
        match line.end {
            End::CrLf => has_crlf = true,
            End::Lf => has_lf = true,
            End::Body => {}
        }
        let kind = match place {
            Where::After => Boundary::None,
            Where::Before | Where::Within(_) => compare(boundary, line.text),
        };
        place = match (kind, place) {
            (Boundary::Next | Boundary::Last, _) if count > PARTS => {
                return Err(format!("Multipart: more than {PARTS} parts"));
            }
            (Boundary::Next, before) => {
                count += 1;
                finish(before, parsed)?;
                Where::Within(Part { in_head: true, ..Part::default() })
            }
            (Boundary::Last, before) => {
                finish(before, parsed)?;
                Where::After
            }
            (Boundary::Alike, Where::Within(part)) => {
                parsed.flags.unmatched_boundary = true;
                Where::Within(take(part, &line, parsed)?)
            }
            (_, Where::Before) => {
                parsed.flags.data_before |= !line.text.is_empty();
                Where::Before
            }
            (_, Where::Within(part)) => Where::Within(take(part, &line, parsed)?),
            (_, Where::After) => {
                parsed.flags.data_after |= !line.text.is_empty();
                Where::After
            }
        };
    }
    parsed.flags.lf_line = has_lf;
    parsed.flags.crlf_lf_lines = has_crlf && has_lf;
    match place {
        Where::After => Ok(()),
        Where::Before => Err("Multipart: no boundary".to_owned()),
        Where::Within(part) => {
            finish(Where::Within(part), parsed)?;
            Err("Multipart: the last boundary is missing".to_owned())
        }
    }
}

fn next_line(body: &[u8]) -> (Line<'_>, &[u8]) {
    let Some(at) = memchr::memchr(b'\n', body) else {
        return (Line { text: body, end: End::Body }, &[]);
    };
    let (text, rest) = (body.get(..at).unwrap_or_default(), body.get(at + 1..).unwrap_or_default());
    match text.strip_suffix(b"\r") {
        Some(text) => (Line { text, end: End::CrLf }, rest),
        None => (Line { text, end: End::Lf }, rest),
    }
}

fn compare(boundary: &[u8], line: &[u8]) -> Boundary {
    let Some(rest) = line.strip_prefix(b"--") else { return Boundary::None };
    match rest.strip_prefix(boundary) {
        Some(b"") => Boundary::Next,
        Some(b"--") => Boundary::Last,
        Some(_) | None => Boundary::Alike,
    }
}

/// One more line of a part.
fn take<'b>(mut part: Part<'b>, line: &Line<'b>, parsed: &mut Parsed) -> Result<Part<'b>, String> {
    if !part.in_head {
        part.content.extend_from_slice(part.pending);
        part.content.extend_from_slice(line.text);
        part.pending = line.end.bytes();
        return Ok(part);
    }
    match line.text {
        [] => part.in_head = false,
        [b' ' | b'\t', folded @ ..] => {
            parsed.flags.header_folding = true;
            match part.headers.last_mut() {
                Some(header) => {
                    header.push(b' ');
                    header.extend_from_slice(folded.trim_ascii());
                }
                None => parsed.flags.invalid_header_folding = true,
            }
        }
        _ if part.headers.len() >= HEADERS => {
            return Err(format!("Multipart: more than {HEADERS} headers in a part"));
        }
        text => part.headers.push(text.to_vec()),
    }
    Ok(part)
}

/// A part is at its end.
fn finish(place: Where<'_>, parsed: &mut Parsed) -> Result<(), String> {
    let Where::Within(part) = place else { return Ok(()) };
    let mut disposition = None;
    for header in &part.headers {
        let Some(at) = header.iter().position(|byte| *byte == b':') else {
            parsed.flags.invalid_part = true;
            continue;
        };
        let name = header.get(..at).unwrap_or_default();
        if name.eq_ignore_ascii_case(b"content-disposition") && disposition.is_none() {
            disposition = Some(header.get(at + 1..).unwrap_or_default().to_vec());
        }
    }
    let Some(disposition) = disposition else {
        parsed.flags.invalid_part = true;
        return Err("Multipart: a part has no Content-Disposition".to_owned());
    };
    let named = named(&disposition, &mut parsed.flags);
    let Some(field) = named.name else {
        parsed.flags.invalid_part = true;
        return Err("Multipart: a part has no name".to_owned());
    };
    parsed.part_headers.extend(part.headers.into_iter().map(|header| (field.clone(), header)));
    match named.file_name {
        Some(file_name) => parsed.files.push(File { field, file_name, size: part.content.len() }),
        None => parsed.arguments.push((field, part.content)),
    }
    Ok(())
}

#[derive(Default)]
struct Names {
    name: Option<Vec<u8>>,
    file_name: Option<Vec<u8>>,
}

/// The parameters of a Content-Disposition.
fn named(value: &[u8], flags: &mut Flags) -> Names {
    let mut names = Names::default();
    let value = value.trim_ascii();
    let end = value.iter().position(|byte| *byte == b';').unwrap_or(value.len());
    if !value.get(..end).unwrap_or_default().trim_ascii().eq_ignore_ascii_case(b"form-data") {
        flags.invalid_part = true;
    }
    let mut rest = value.get(end..).unwrap_or_default();
    while !rest.trim_ascii().is_empty() {
        rest = rest.trim_ascii_start();
        match rest.strip_prefix(b";") {
            Some(after) => rest = after.trim_ascii_start(),
            None => flags.missing_semicolon = true,
        }
        let Some(at) = rest.iter().position(|byte| *byte == b'=') else {
            flags.invalid_part |= !rest.is_empty();
            break;
        };
        let key = rest.get(..at).unwrap_or_default().trim_ascii().to_ascii_lowercase();
        let (text, after) = parameter(rest.get(at + 1..).unwrap_or_default().trim_ascii_start(), flags);
        rest = after;
        let place = match key.as_slice() {
            b"name" => &mut names.name,
            b"filename" | b"filename*" => &mut names.file_name,
            _ => continue,
        };
        // A second one is what another reader might believe.
        flags.invalid_part |= place.is_some();
        *place = Some(text);
    }
    names
}

/// A parameter's value, and what follows it.
fn parameter<'v>(text: &'v [u8], flags: &mut Flags) -> (Vec<u8>, &'v [u8]) {
    match text {
        [b'"', quoted @ ..] => {
            let mut value = Vec::new();
            let mut at = 0;
            loop {
                match quoted.get(at..).unwrap_or_default() {
                    [b'\\', escaped @ (b'"' | b'\\'), ..] => {
                        value.push(*escaped);
                        at += 2;
                    }
                    [b'"', ..] => return (value, quoted.get(at + 1..).unwrap_or_default()),
                    [byte, ..] => {
                        value.push(*byte);
                        at += 1;
                    }
                    [] => {
                        flags.invalid_quoting = true;
                        return (value, &[]);
                    }
                }
            }
        }
        _ => {
            flags.invalid_quoting |= text.first() == Some(&b'\'');
            let end = text.iter().position(|byte| *byte == b';').unwrap_or(text.len());
            (
                text.get(..end).unwrap_or_default().trim_ascii_end().to_vec(),
                text.get(end..).unwrap_or_default(),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TYPE: &[u8] = b"multipart/form-data; boundary=b";

    fn read(body: &str) -> Parsed {
        parse(TYPE, body.replace('\n', "\r\n").as_bytes())
    }

    #[test]
    fn fields_and_files_are_told_apart() {
        let parsed = read(
            "--b\nContent-Disposition: form-data; name=\"a\"\n\none\ntwo\n--b\n\
             Content-Disposition: form-data; name=f; filename=\"x\\\"y.php\"\nContent-Type: text/plain\n\nxyz\n--b--\n",
        );
        assert_eq!(parsed.error, None);
        assert_eq!(parsed.flags, Flags::default());
        assert_eq!(parsed.arguments, [(b"a".to_vec(), b"one\r\ntwo".to_vec())]);
        assert_eq!((parsed.files[0].file_name.as_slice(), parsed.files[0].size), (&b"x\"y.php"[..], 3));
        assert_eq!(parsed.part_headers.len(), 3);
        assert_eq!(parsed.part_headers[2], (b"f".to_vec(), b"Content-Type: text/plain".to_vec()));
    }

    #[test]
    fn what_is_odd_raises_its_flag() {
        let flags = |body: &str| read(body).flags;
        let part = "--b\nContent-Disposition: form-data; name=\"a\"\n\n1\n";
        assert!(flags(&format!("before\n{part}--b--\n")).data_before);
        assert!(flags(&format!("{part}--b--\nafter\n")).data_after);
        assert!(flags(&format!("{part}--bc\n--b--\n")).unmatched_boundary);
        assert!(parse(TYPE, format!("{part}--b--\n").as_bytes()).flags.lf_line);
        assert!(flags("--b\nContent-Disposition: form-data;\n name=\"a\"\n\n1\n--b--\n").header_folding);
        assert!(flags("--b\nContent-Disposition: form-data name=\"a\"\n\n1\n--b--\n").invalid_part);
        assert!(flags("--b\nContent-Disposition: form-data; name='a'\n\n1\n--b--\n").invalid_quoting);
        assert!(
            flags("--b\nContent-Disposition: form-data; name=\"a\"; name=\"b\"\n\n1\n--b--\n").invalid_part
        );
        let quoted = parse(b"multipart/form-data; boundary=\"b\"", b"--b--\r\n");
        assert!(quoted.flags.boundary_quoted);
        for bad in [part, "no boundary", "--b\nX: y\n\n1\n--b--\n"] {
            assert!(read(bad).error.is_some(), "{bad}");
        }
        assert!(parse(b"multipart/form-data", b"--b--").error.is_some());
        assert!(parse(b"multipart/form-data; boundary=a; boundary=b", b"--b--").error.is_some());
    }

    proptest! {
        #[test]
        fn any_body_is_taken(body in "(?s)[-b\r\n :;=\"'a-f]{0,200}") {
            let _ = parse(TYPE, body.as_bytes());
        }
    }
}
