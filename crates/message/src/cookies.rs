//! One Cookie field out of several (RFC 9113 §8.2.3).
//!
//! In: request headers, where HTTP/2 lets a client split Cookie for better compression. Out: the same
//! with at most one. Called by the gateway before anything reads cookies, so that all see the same line.

use http::header::{COOKIE, HeaderMap, HeaderValue};

/// Joins several Cookie fields with `; `. Nothing is done, and nothing copied, for one or none.
pub fn rejoin(headers: &mut HeaderMap) {
    let mut fields = headers.get_all(COOKIE).iter();
    let (Some(first), Some(second)) = (fields.next(), fields.next()) else { return };
    let mut joined = first.as_bytes().to_vec();
    for field in [second].into_iter().chain(fields) {
        joined.extend_from_slice(b"; ");
        joined.extend_from_slice(field.as_bytes());
    }
    // Joining valid values with visible characters gives a valid value.
    if let Ok(joined) = HeaderValue::from_maybe_shared(bytes::Bytes::from(joined)) {
        headers.insert(COOKIE, joined);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // proves-part: HTTP-30 (over a connection it is shown in the gateway)
    #[test]
    fn split_cookies_become_one_field() {
        let mut headers = HeaderMap::new();
        for cookie in ["a=1", "b=2; c=3", "d=4"] {
            headers.append(COOKIE, HeaderValue::from_static(cookie));
        }
        rejoin(&mut headers);
        let all: Vec<&HeaderValue> = headers.get_all(COOKIE).iter().collect();
        assert_eq!(all, ["a=1; b=2; c=3; d=4"]);
    }

    #[test]
    fn one_field_stays_as_it_is() {
        let mut headers = HeaderMap::new();
        rejoin(&mut headers);
        assert!(headers.is_empty());
        headers.insert(COOKIE, HeaderValue::from_static("a=1"));
        rejoin(&mut headers);
        assert_eq!(headers.get(COOKIE).unwrap(), "a=1");
    }
}
