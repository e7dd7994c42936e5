//! Fields that a client must not be able to send, in any spelling.
//!
//! In: the name of a field, as it came. Out: whether it is a client's copy of what the gateway asserts, of
//! what names the client or the certificate, or of what replaces method or path. Asked by the gateway after
//! the client's address was read from them and before its own fields are added.
//!
//! CGI, WSGI, Rack and PHP turn `-` into `_`, some every other character: for the application behind us
//! `x_auth_subject`, `X.Auth.Subject` and `X-Auth-Subject` are one variable (RFC 3875 §4.1.18), and the
//! last to come wins. Names are therefore compared with all that is no letter or digit taken as equal.

use http::HeaderName;

/// What no client may send through a gateway, whatever the policy asserts.
const NEVER: [&str; 24] = [
    // replaces the method that was judged (GW-23)
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    // replaces the path that was judged (Symfony, IIS, Zend)
    "x-original-url",
    "x-original-uri",
    "x-rewrite-url",
    // claims an address, a host or a scheme (RFC 7239 §8.1)
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-by",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-forwarded-scheme",
    "x-forwarded-ssl",
    "x-forwarded-server",
    "x-forwarded-prefix",
    "x-forwarded-client-cert",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    // claims a certificate (RFC 9440 §4)
    "client-cert",
    "client-cert-chain",
];

/// Names that frame or address a message when spelled properly, and must not do so in disguise.
const DISGUISED: [&str; 3] = ["content-length", "content-type", "transfer-encoding"];

/// Whether a client must not send this field: it is some spelling of `asserted` or of the built-in names.
#[must_use]
pub fn is_spoofed(name: &HeaderName, asserted: &[HeaderName]) -> bool {
    let name = name.as_str();
    is_spoofable(name) || asserted.iter().any(|own| is_spelling_of(name, own.as_str()))
}

fn is_spoofable(name: &str) -> bool {
    // Every built-in name begins with one of these letters, and few honest ones do.
    matches!(name.as_bytes(), [b'c' | b'f' | b't' | b'x', ..]) && is_built_in(name)
}

fn is_built_in(name: &str) -> bool {
    NEVER.iter().any(|never| is_spelling_of(name, never))
        || DISGUISED.iter().any(|proper| is_spelling_of(name, proper) && name != *proper)
}

fn is_spelling_of(name: &str, own: &str) -> bool {
    name.len() == own.len()
        && name.bytes().zip(own.bytes()).all(|(left, right)| folded(left) == folded(right))
}

/// `HeaderName` is in lower case already.
fn folded(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() { byte } else { b'_' }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left_of<'n>(names: &[&'n str], asserted: &[&str]) -> Vec<&'n str> {
        let asserted: Vec<HeaderName> = asserted.iter().map(|name| name.parse().unwrap()).collect();
        let is_left = |name: &&str| !is_spoofed(&name.parse().unwrap(), &asserted);
        names.iter().copied().filter(is_left).collect()
    }

    // proves-part: GW-05 (that the gateway's own values arrive is shown in the gateway)
    #[test]
    fn every_spelling_of_an_asserted_name_is_removed() {
        let asserted = ["x-auth-subject", "x-tenant"];
        for spelling in
            ["X-Auth-Subject", "x_auth_subject", "X_AUTH-Subject", "x.auth.subject", "x-auth_subject"]
        {
            assert!(left_of(&[spelling], &asserted).is_empty(), "{spelling}");
        }
        assert_eq!(left_of(&["x-auth-subjects", "x-auth", "xauthsubject", "accept"], &asserted).len(), 4);
        assert!(left_of(&["client-cert", "Client_Cert_Chain"], &[]).is_empty());
    }

    // proves-part: GW-23 (that the request is judged by its real method is shown in the gateway)
    #[test]
    fn method_and_path_overrides_are_removed() {
        let overrides = [
            "X-HTTP-Method-Override",
            "x_http_method_override",
            "X-HTTP-Method",
            "X-Method-Override",
            "x_method-override",
            "X-Original-URL",
            "X_Rewrite_Url",
        ];
        assert!(left_of(&overrides, &[]).is_empty());
    }

    #[test]
    fn framing_fields_in_disguise_are_removed_and_proper_ones_kept() {
        assert_eq!(
            left_of(&["content-length", "content_length", "transfer_encoding", "content_type"], &[]),
            ["content-length"]
        );
    }

    #[test]
    fn the_shortcut_leaves_no_built_in_name_out() {
        for name in NEVER {
            assert!(is_spoofable(name), "{name}");
            assert!(is_spoofable(&name.replace('-', "_")), "{name}");
        }
        for name in DISGUISED {
            assert!(is_spoofable(&name.replace('-', "_")), "{name}");
        }
    }

    #[test]
    fn forwarding_claims_are_removed() {
        assert!(left_of(&["Forwarded", "X-Forwarded-For", "x_forwarded_proto", "X-Real-IP"], &[]).is_empty());
    }
}
