//! One spelling for what may be written in several, so that a rule meets an id however it is written.
//!
//! In: a text of a request, a credential or a rule. Out: the same, or its one spelling. Called by
//! [`crate::rules`] for what callers and policies say, and by the gateway for the ids that a request names.

use std::borrow::Cow;

/// The text, in lower case if it is a UUID: its digits are the same in either case (RFC 9562 §4).
#[must_use]
pub fn canonical(text: Cow<'_, str>) -> Cow<'_, str> {
    if is_shouted_uuid(&text) { Cow::Owned(text.to_ascii_lowercase()) } else { text }
}

/// Whether it is a UUID that is not all in lower case.
pub(crate) fn is_shouted_uuid(text: &str) -> bool {
    let is_uuid = text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    is_uuid && text.bytes().any(|byte| byte.is_ascii_uppercase())
}
