//! Base64, hexadecimal and digests.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub(super) fn base64(value: &[u8]) -> Vec<u8> {
    STANDARD.encode(value).into_bytes()
}

/// In lower case.
pub(super) fn hex(value: &[u8]) -> Vec<u8> {
    let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
    value.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Rules key collections by it; it protects nothing.
pub(super) fn sha1(value: &[u8]) -> Vec<u8> {
    digest(&SHA1_FOR_LEGACY_USE_ONLY, value).as_ref().to_vec()
}
