//! One header or trailer line: `name ":" OWS value OWS` (RFC 9112 §5).
//!
//! In: one line without its CRLF. Out: name and value. Refused: whitespace before the colon and at the
//! start of a line (§5.1, §5.2: folding), characters that are no token in the name, controls in the value.

use memchr::memchr;
use portcullis_domain::Reason;

use crate::characters::{is_field_value, is_token};

/// Splits and checks one line. The value keeps the whitespace around it.
pub(super) fn read(line: &[u8]) -> Result<(&[u8], &[u8]), Reason> {
    let malformed = || {
        // A CR that is not part of the line's end: some parsers take it for one (RFC 9112 §2.2).
        if memchr(b'\r', line).is_some() { Reason::LineEndingMalformed } else { Reason::HeaderLineMalformed }
    };
    let colon = memchr(b':', line).ok_or_else(malformed)?;
    let (name, colon_and_value) = line.split_at(colon);
    let value = colon_and_value.get(1..).unwrap_or_default();
    if !is_token(name) || !is_field_value(value) {
        return Err(malformed());
    }
    Ok((name, value))
}
