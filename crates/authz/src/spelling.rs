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
    text.len() == 36 && starts_uuid(text) && is_shouted(text)
}

/// Whether it is the beginning of a UUID, two groups of it at least, and not all in lower case.
pub(crate) fn starts_shouted_uuid(text: &str) -> bool {
    (13..=36).contains(&text.len()) && starts_uuid(text) && is_shouted(text)
}

fn starts_uuid(text: &str) -> bool {
    text.bytes().enumerate().all(|(index, byte)| match index {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    })
}

fn is_shouted(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_uppercase())
}
