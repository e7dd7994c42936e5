//! The cookies of a request, as far as they are declared (RFC 6265 §4.2.1).

use http::header::{COOKIE, HeaderMap};
use smallvec::SmallVec;

/// The values of all cookies with this name, as they stand; `None` if a Cookie field is not UTF-8.
pub(super) fn values<'h>(headers: &'h HeaderMap, name: &str) -> Option<SmallVec<[&'h str; 2]>> {
    let mut values = SmallVec::new();
    for field in headers.get_all(COOKIE) {
        let text = std::str::from_utf8(field.as_bytes()).ok()?;
        for cookie in text.split(';') {
            let (own, value) = cookie.trim_matches([' ', '\t']).split_once('=').unwrap_or((cookie, ""));
            if own == name {
                values.push(value);
            }
        }
    }
    Some(values)
}
