//! One header or trailer line: `name ":" OWS value OWS` (RFC 9112 §5).
//!
//! In: one line without its CRLF. Out: name and value. Refused: whitespace before the colon and at the
//! start of a line (§5.1, §5.2: folding), characters that are no token in the name, controls in the value.

use memchr::memchr;
use portcullis_domain::Reason;

use crate::characters::{is_field_value, token_length};

/// Splits and checks one line. The value keeps the whitespace around it.
pub(super) fn read(line: &[u8]) -> Result<(&[u8], &[u8]), Reason> {
    match line.split_at_checked(token_length(line)) {
        Some((name, [b':', value @ ..])) if !name.is_empty() && is_field_value(value) => Ok((name, value)),
        // A CR that is not part of the line's end: some parsers take it for one (RFC 9112 §2.2).
        _ if memchr(b'\r', line).is_some() => Err(Reason::LineEndingMalformed),
        _ => Err(Reason::HeaderLineMalformed),
    }
}
