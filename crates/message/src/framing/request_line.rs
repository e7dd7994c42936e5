//! The request line: `method SP target SP version` (RFC 9112 §3).
//!
//! In: one line without its CRLF. Out: the version, or why the line is refused. The target is checked in
//! its form and characters, so that hyper's own parser never refuses what passed here; its path is read
//! by [`crate::target`].

use memchr::memchr;
use portcullis_domain::Reason;

use crate::authority;
use crate::bounds::Bounds;
use crate::characters::{is_path, is_query, is_token};

/// The versions that the guard lets pass (RFC 9112 §2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    Http10,
    Http11,
}

/// ` HTTP/1.1` and CRLF, and the space behind the method.
const AROUND_METHOD_AND_TARGET: usize = 12;

/// How long a request line may be, with its line end.
pub(super) const fn longest(bounds: &Bounds) -> usize {
    bounds.method.saturating_add(bounds.target).saturating_add(AROUND_METHOD_AND_TARGET)
}

/// Judges a complete line.
pub(super) fn read(line: &[u8], bounds: &Bounds) -> Result<Version, Reason> {
    let (method, rest) = split_at_space(line).ok_or_else(|| without_space(line, bounds))?;
    if method.len() > bounds.method {
        return Err(without_space(method, bounds));
    }
    if !is_token(method) {
        return Err(malformed(line));
    }
    let (target, version) = split_at_space(rest).ok_or_else(|| malformed(line))?;
    if target.is_empty() {
        return Err(malformed(line));
    }
    if target.len() > bounds.target {
        return Err(Reason::TargetTooLong);
    }
    let version = match version {
        b"HTTP/1.1" => Version::Http11,
        b"HTTP/1.0" => Version::Http10,
        // The HTTP/2 preface ends here too: `PRI * HTTP/2.0` (RFC 9113 §3.4).
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            return Err(Reason::HttpVersionUnsupported);
        }
        _ => return Err(malformed(line)),
    };
    check_target(method, target)
        .map_err(|reason| if has_bare_cr(line) { Reason::LineEndingMalformed } else { reason })?;
    Ok(version)
}

/// Says which part makes a line too long, from its first [`longest`] bytes.
pub(super) fn blame_overlong(beginning: &[u8], bounds: &Bounds) -> Reason {
    match split_at_space(beginning) {
        None => without_space(beginning, bounds),
        Some((method, _)) if method.len() > bounds.method => without_space(method, bounds),
        Some((_, rest)) => match split_at_space(rest) {
            None => Reason::TargetTooLong,
            Some((target, _)) if target.len() > bounds.target => Reason::TargetTooLong,
            Some(_) => Reason::RequestLineMalformed,
        },
    }
}

/// RFC 9112 §3.2: origin-form, absolute-form, authority-form for CONNECT, asterisk-form for OPTIONS.
fn check_target(method: &[u8], target: &[u8]) -> Result<(), Reason> {
    let is_well_formed = match target {
        _ if method == b"CONNECT" => authority::is_host_and_port(target),
        [b'/', ..] => is_path_and_query(target),
        b"*" => method == b"OPTIONS",
        _ => is_absolute(target),
    };
    if is_well_formed { Ok(()) } else { Err(Reason::TargetMalformed) }
}

fn is_absolute(target: &[u8]) -> bool {
    let Some(rest) = strip_scheme(target) else { return false };
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    let (authority, path_and_query) = rest.split_at(end);
    // User information is refused with the rest: it is deprecated in http URIs and has been used to
    // make one host look like another (RFC 9110 §4.2.4).
    authority::is_valid(authority) && is_path_and_query(path_and_query)
}

fn strip_scheme(target: &[u8]) -> Option<&[u8]> {
    [b"https://".as_slice(), b"http://"].into_iter().find_map(|scheme| {
        let (beginning, rest) = target.split_at_checked(scheme.len())?;
        beginning.eq_ignore_ascii_case(scheme).then_some(rest)
    })
}

fn is_path_and_query(bytes: &[u8]) -> bool {
    let path = bytes.iter().position(|byte| !is_path(*byte)).unwrap_or(bytes.len());
    match bytes.get(path..) {
        Some([b'?', query @ ..]) => query.iter().all(|byte| is_query(*byte)),
        Some([_, ..]) => false,
        Some([]) | None => true,
    }
}

fn split_at_space(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = memchr(b' ', bytes)?;
    Some((bytes.get(..space)?, bytes.get(space + 1..)?))
}

/// A line, or a first word, that ought to be a method.
fn without_space(word: &[u8], bounds: &Bounds) -> Reason {
    let first = word.get(..bounds.method.saturating_add(1)).unwrap_or(word);
    if first.len() > bounds.method && is_token(first) { Reason::MethodTooLong } else { malformed(word) }
}

fn malformed(line: &[u8]) -> Reason {
    if has_bare_cr(line) { Reason::LineEndingMalformed } else { Reason::RequestLineMalformed }
}

fn has_bare_cr(line: &[u8]) -> bool {
    memchr(b'\r', line).is_some()
}
