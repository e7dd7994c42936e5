//! Trailers that may travel (RFC 9110 §6.5.1).
//!
//! In: the trailer section that hyper read, of a request or response. Out: the same without fields that
//! mean something for framing, routing, authentication, request control or the content: read after the
//! decision was made, or merged into the headers by the next hop, they would change it. Called by the
//! gateway for each body that ends in trailers. The trailers are never merged into the headers here.

use http::{HeaderMap, HeaderName};
use smallvec::SmallVec;

use crate::{hop_by_hop, spoofed};

/// Drops every trailer that must not be one, and all that a client could not send in a head ([`spoofed::is_spoofed`]).
pub fn retain_safe(trailers: &mut HeaderMap) {
    let unsafe_names: SmallVec<[HeaderName; 4]> =
        trailers.keys().filter(|name| !is_safe(name) || spoofed::is_spoofed(name, &[])).cloned().collect();
    for name in unsafe_names {
        trailers.remove(name);
    }
}

fn is_safe(name: &HeaderName) -> bool {
    let is_meant_for_the_head = matches!(
        name.as_str(),
        // framing, routing
        "content-length" | "host" | "trailer" | "via" | "forwarded" | "max-forwards"
            // authentication and state
            | "authorization" | "authentication-info" | "www-authenticate" | "cookie" | "set-cookie" | "dpop"
            | "x-api-key"
            // request control
            | "cache-control" | "expect" | "pragma" | "range" | "if-match" | "if-none-match"
            | "if-modified-since" | "if-unmodified-since" | "if-range" | "origin"
            // the content
            | "content-encoding" | "content-type" | "content-range" | "content-location"
            // response control
            | "age" | "date" | "expires" | "location" | "retry-after" | "vary" | "warning"
    );
    !is_meant_for_the_head && !hop_by_hop::is_hop_by_hop(name) && !name.as_str().starts_with("proxy-")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    // proves-part: HTTP-06 (that they are absent upstream is shown in the gateway)
    #[test]
    fn framing_routing_and_credential_trailers_are_dropped() {
        let mut trailers = HeaderMap::new();
        for name in [
            "authorization",
            "host",
            "content-length",
            "transfer-encoding",
            "cookie",
            "set-cookie",
            "te",
            "proxy-status",
            "content_length",
            "x-http-method-override",
            "x-forwarded-for",
            "content-type",
            "trailer",
            "connection",
            "x-api-key",
        ] {
            trailers.append(name, HeaderValue::from_static("1"));
        }
        retain_safe(&mut trailers);
        assert!(trailers.is_empty(), "{trailers:?}");
    }

    #[test]
    fn checksums_and_grpc_status_are_kept() {
        let mut trailers = HeaderMap::new();
        for name in ["grpc-status", "grpc-message", "x-checksum", "content-digest", "server-timing", "etag"] {
            trailers.append(name, HeaderValue::from_static("1"));
        }
        retain_safe(&mut trailers);
        assert_eq!(trailers.len(), 6);
    }
}
