//! One strict look at JSON that strangers wrote, before serde reads it.
//!
//! Repeated members, encodings other than UTF-8 and bottomless nesting end here, so that what is read
//! below has one meaning (RFC 7515 §4, RFC 7519 §4, RFC 8725 §3.7). Called by [`crate::jws`] and
//! [`crate::jwt`] on tokens and by [`crate::keys`] on what an issuer serves.

use portcullis_domain::Reason;
use portcullis_message::json::{self, JsonBounds, JsonFault};

use crate::refusal::Refusal;

/// Deep enough for any claim in use (`cnf`, `address`, `realm_access` nest two or three levels).
const DEPTH: usize = 16;

/// Whether `bytes` are one JSON text with one reading.
pub(crate) fn check(bytes: &[u8]) -> Result<(), JsonFault> {
    json::check(bytes, &JsonBounds { depth: DEPTH, ..JsonBounds::default() })
}

/// The same, for a part of a token.
pub(crate) fn check_token_part(bytes: &[u8]) -> Result<(), Refusal> {
    check(bytes)
        .map_err(|_| Refusal::because(Reason::TokenMalformed, "header or claims are no unambiguous JSON"))
}
