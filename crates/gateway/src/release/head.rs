//! The head of an answer whose body may leave other than it came.

use http::header::{ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LENGTH, ETAG};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Checksums of the body as the upstream sent it (RFC 9530 §2 and §3, and what came before).
const DIGESTS: [HeaderName; 4] = [
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-md5"),
];

/// Takes away what would no longer be true.
pub(super) fn adapt(headers: &mut HeaderMap) {
    headers.remove(CONTENT_LENGTH);
    headers.remove(ACCEPT_RANGES);
    for digest in DIGESTS {
        headers.remove(digest);
    }
    // RFC 9110 §8.8.1: a strong validator stands for the very bytes.
    if let Some(tag) = headers.get(ETAG).filter(|tag| tag.as_bytes().starts_with(b"\""))
        && let Ok(weak) = HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat())
    {
        headers.insert(ETAG, weak);
    }
}

/// Whether the body is coded, and cannot be read as it is.
pub(super) fn is_coded(headers: &HeaderMap) -> bool {
    headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .any(|coding| !coding.is_empty() && !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_altered_body_would_belie_is_taken_away() {
        let field = |name: &'static str, value: &'static str| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        let mut headers: HeaderMap = [
            field("etag", "\"v7\""),
            field("content-length", "12"),
            field("content-digest", "sha-256=:x:"),
            field("repr-digest", "sha-256=:x:"),
            field("digest", "sha-256=x"),
            field("content-md5", "x"),
            field("accept-ranges", "bytes"),
            field("last-modified", "Tue, 24 Nov 2026 06:00:00 GMT"),
        ]
        .into_iter()
        .collect();
        adapt(&mut headers);
        assert_eq!(headers.len(), 2);
        assert_eq!(headers.get("etag").unwrap(), "W/\"v7\"");
        adapt(&mut headers);
        assert_eq!(headers.get("etag").unwrap(), "W/\"v7\"");
    }
}
