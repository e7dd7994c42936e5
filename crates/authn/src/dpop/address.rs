//! Whether a proof was made for the address that was asked.
//!
//! In: the request's address as clients know it, and `htu`. Out: yes or no. RFC 9449 §4.3 step 9: compared
//! after the normalization of RFC 3986 §6.2.2 and §6.2.3, without query and fragment. The address is the
//! external one: what stands in front of the gateway may end TLS, and the upstream's name never counts.

use std::borrow::Cow;

use url::Url;

/// A request's address as the client knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExternalUrl<'a> {
    /// Whether the client came over TLS, to us or to a proxy that we trust.
    pub scheme: UrlScheme,
    /// The host, in lower case; an IPv6 address in brackets.
    pub host: &'a str,
    /// The port, where it is not the scheme's own.
    pub port: Option<u16>,
    /// The path as the client sent it.
    pub path: &'a str,
}

/// How the client came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlScheme {
    /// In plaintext.
    Http,
    /// Over TLS.
    Https,
}

impl ExternalUrl<'_> {
    /// Whether `address` is this one, in whatever spelling.
    pub(super) fn is_meant_by(&self, address: &str) -> bool {
        let (Ok(theirs), Some(ours)) = (Url::parse(address), self.parsed()) else { return false };
        theirs.username().is_empty()
            && theirs.password().is_none()
            && theirs.scheme() == ours.scheme()
            && theirs.host_str() == ours.host_str()
            && theirs.port_or_known_default() == ours.port_or_known_default()
            && normalized(theirs.path()) == normalized(ours.path())
    }

    fn parsed(&self) -> Option<Url> {
        let scheme = match self.scheme {
            UrlScheme::Http => "http",
            UrlScheme::Https => "https",
        };
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        Url::parse(&format!("{scheme}://{}{port}{}", self.host, self.path)).ok()
    }
}

/// RFC 3986 §6.2.2.1, §6.2.2.2: escapes of characters that need none are undone, digits are in capitals.
fn normalized(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let mut plain = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        plain.push_str(before);
        let escape = after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match escape {
            Some(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                plain.push(char::from(byte));
                rest = after.get(2..).unwrap_or_default();
            }
            Some(byte) => {
                plain.push_str(&format!("%{byte:02X}"));
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                plain.push('%');
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: ExternalUrl<'_> =
        ExternalUrl { scheme: UrlScheme::Https, host: "api.example.com", port: None, path: "/shop/~a%2Fb" };

    #[test]
    fn every_spelling_of_the_address_is_this_address() {
        for same in [
            "https://api.example.com/shop/~a%2Fb",
            "HTTPS://API.Example.com:443/shop/~a%2fb",
            "https://api.example.com/shop/%7ea%2Fb?query=1#fragment",
            "https://api.example.com/x/../shop/./~a%2Fb",
        ] {
            assert!(HERE.is_meant_by(same), "{same}");
        }
    }

    #[test]
    fn another_address_is_another_one() {
        for other in [
            "http://api.example.com/shop/~a%2Fb",
            "https://api.example.com:8443/shop/~a%2Fb",
            "https://api.internal/shop/~a%2Fb",
            "https://api.example.com/shop/~a/b",
            "https://api.example.com/shop/~a%2Fb/",
            "https://api.example.com/Shop/~a%2Fb",
            "https://user@api.example.com/shop/~a%2Fb",
            "/shop/~a%2Fb",
            "",
        ] {
            assert!(!HERE.is_meant_by(other), "{other}");
        }
    }
}
