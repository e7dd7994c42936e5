//! Fields that are meant for one connection and must not travel further (RFC 9110 §7.6.1).
//!
//! In: the headers of a request or a response. Out: the same without `Connection`, what it nominates,
//! and the known hop-by-hop fields. Called by the gateway in both directions, before it adds fields of
//! its own, so that a client cannot nominate those away.

use http::header::{CONNECTION, TE};
use http::{HeaderMap, HeaderName};
use smallvec::SmallVec;

use crate::characters::trim_whitespace;

/// Whether the peer said `TE: trailers`; gRPC servers insist on being told (RFC 9110 §10.1.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrailerSupport {
    /// It accepts trailers.
    Announced,
    /// It did not say.
    Unannounced,
}

/// Removes every hop-by-hop field, and what `also` says. All lines of a repeated `Connection` count, empty
/// ones included.
pub fn strip(headers: &mut HeaderMap, also: impl Fn(&HeaderName) -> bool) -> TrailerSupport {
    let mut removable: SmallVec<[HeaderName; 8]> = SmallVec::new();
    let mut support = TrailerSupport::Unannounced;
    for name in headers.keys() {
        if *name == CONNECTION {
            removable.extend(nominated(headers));
        } else if *name == TE && accepts_trailers(headers) {
            support = TrailerSupport::Announced;
        }
        if is_hop_by_hop(name) || also(name) {
            removable.push(name.clone());
        }
    }
    for name in removable {
        headers.remove(name);
    }
    support
}

/// RFC 9110 §7.6.1 and §11.7, RFC 9113 §8.2.2, and what older specifications had.
pub(crate) fn is_hop_by_hop(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection"
            | "keep-alive"
            | "proxy-connection"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "te"
            | "transfer-encoding"
            | "upgrade"
            | "http2-settings"
    )
}

fn nominated(headers: &HeaderMap) -> impl Iterator<Item = HeaderName> {
    list_items(headers, CONNECTION).filter_map(|option| HeaderName::from_bytes(option).ok())
}

fn accepts_trailers(headers: &HeaderMap) -> bool {
    list_items(headers, TE).any(|coding| coding.eq_ignore_ascii_case(b"trailers"))
}

fn list_items(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &[u8]> {
    headers
        .get_all(name)
        .into_iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(trim_whitespace)
        .filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn nothing_else(_: &HeaderName) -> bool {
        false
    }

    // proves-part: HTTP-14 (that neither direction leaks is shown in the gateway)
    #[test]
    fn what_any_connection_line_nominates_is_removed() {
        let mut headers = headers(&[
            ("connection", ""),
            ("connection", " X-Foo ,close,, x-bar"),
            ("x-foo", "1"),
            ("x-foo", "2"),
            ("x-bar", "1"),
            ("x-kept", "1"),
        ]);
        strip(&mut headers, nothing_else);
        assert_eq!(headers.len(), 1);
        assert!(headers.contains_key("x-kept"));
    }

    #[test]
    fn the_known_set_is_removed_without_being_nominated() {
        let mut headers = headers(&[
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("proxy-authorization", "Basic eA=="),
            ("proxy-authenticate", "Basic"),
            ("te", "gzip"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("http2-settings", "AAMAAABk"),
            ("trailer", "x-checksum"),
            ("accept", "*/*"),
        ]);
        assert_eq!(strip(&mut headers, nothing_else), TrailerSupport::Unannounced);
        assert_eq!(headers.len(), 2);
        assert!(headers.contains_key("trailer") && headers.contains_key("accept"));
    }

    #[test]
    fn what_the_caller_names_goes_as_well() {
        let mut headers =
            headers(&[("connection", "x-foo"), ("x-foo", "1"), ("server", "s"), ("accept", "*/*")]);
        strip(&mut headers, |name| name == "server");
        assert_eq!(headers.keys().collect::<Vec<_>>(), ["accept"]);
    }

    #[test]
    fn support_for_trailers_is_remembered() {
        assert_eq!(
            strip(&mut headers(&[("te", "gzip;q=0.5, Trailers")]), nothing_else),
            TrailerSupport::Announced
        );
        assert_eq!(
            strip(&mut headers(&[("te", "gzip"), ("te", "trailers")]), nothing_else),
            TrailerSupport::Announced
        );
        assert_eq!(strip(&mut headers(&[]), nothing_else), TrailerSupport::Unannounced);
    }

    #[test]
    fn a_nomination_that_is_no_name_is_passed_over() {
        let mut headers = headers(&[("connection", "a b, @, \"q\""), ("a", "1")]);
        strip(&mut headers, nothing_else);
        assert_eq!(headers.len(), 1);
    }
}
