//! Whom a request is addressed to: host and port.
//!
//! In: the head. Out: one canonical [`Authority`], from the target if it names one, else from Host.
//! Called by the framing guard for validity and by the gateway before routing. RFC 9110 §7.2, RFC 9112
//! §3.2, RFC 9113 §8.3.1, RFC 3986 §3.2. Whether that authority is served here is not judged.
//!
//! Stricter than the grammar on purpose: a host is letters, digits, `-`, `_` and dots, or an IP literal.
//! User information, escapes and sub-delimiters in a host have only ever made one host look like another.

use std::fmt;
use std::net::Ipv6Addr;

use http::header::HOST;
use http::request::Parts;
use http::{HeaderValue, Version};
use portcullis_domain::Reason;
use smallvec::SmallVec;

use crate::characters::trim_whitespace;

/// Host and port, canonical: the host in lower case without a final dot, an IPv6 address in the form of
/// RFC 5952 with its brackets. Two authorities are equal exactly if they name the same entity.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Authority {
    host: SmallVec<[u8; 48]>,
    port: Option<u16>,
}

impl Authority {
    /// The authority of a request; `None` if it names none, which only HTTP/1.0 may.
    ///
    /// A target that names an authority wins over Host in HTTP/1.1 (RFC 9112 §3.2.2); in HTTP/2 the two
    /// must agree (RFC 9113 §8.3.1).
    ///
    /// # Errors
    /// [`Reason::HostMalformed`] for none, several or an invalid one; [`Reason::AuthorityMismatch`] if
    /// Host and `:authority` name different entities.
    pub fn read(parts: &Parts) -> Result<Option<Self>, Reason> {
        let of_host = Self::of_host(parts)?;
        let Some(of_target) = parts.uri.authority() else {
            return match of_host {
                None if parts.version > Version::HTTP_10 => Err(Reason::HostMalformed),
                of_host => Ok(of_host),
            };
        };
        let of_target = Self::parse(of_target.as_str().as_bytes()).ok_or(Reason::HostMalformed)?;
        match of_host {
            Some(of_host) if parts.version >= Version::HTTP_2 && of_host != of_target => {
                Err(Reason::AuthorityMismatch)
            }
            Some(_) | None => Ok(Some(of_target)),
        }
    }

    /// Reads `host`, `host:port`, `[address]` or `[address]:port`.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (host, port) = split(text)?;
        let mut host = match host {
            Host::Name(name) => SmallVec::from_slice(name),
            Host::Ipv6(address) => SmallVec::from_slice(format!("[{address}]").as_bytes()),
        };
        host.make_ascii_lowercase();
        Some(Self { host, port })
    }

    /// The host, in lower case; an IPv6 address in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        std::str::from_utf8(&self.host).unwrap_or_default()
    }

    /// The port, if one was named.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    /// As the value of Host (RFC 9110 §7.2).
    #[must_use]
    pub fn header_value(&self) -> HeaderValue {
        let mut text = self.host.clone();
        if let Some(port) = self.port {
            text.push(b':');
            text.extend_from_slice(port.to_string().as_bytes());
        }
        // Only letters, digits and `-_.:[]` are in it.
        HeaderValue::from_bytes(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
    }

    fn of_host(parts: &Parts) -> Result<Option<Self>, Reason> {
        let mut hosts = parts.headers.get_all(HOST).iter();
        match (hosts.next(), hosts.next()) {
            (None, _) => Ok(None),
            (Some(host), None) => {
                Self::parse(trim_whitespace(host.as_bytes())).map(Some).ok_or(Reason::HostMalformed)
            }
            (Some(_), Some(_)) => Err(Reason::HostMalformed),
        }
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.host())?;
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authority({self})")
    }
}

/// Whether [`Authority::parse`] would read it.
pub(crate) fn is_valid(text: &[u8]) -> bool {
    split(text).is_some()
}

/// The authority-form of CONNECT, where the port is not optional (RFC 9110 §9.3.6).
pub(crate) fn is_host_and_port(text: &[u8]) -> bool {
    matches!(split(text), Some((_, Some(_))))
}

enum Host<'t> {
    Name(&'t [u8]),
    Ipv6(Ipv6Addr),
}

fn split(text: &[u8]) -> Option<(Host<'_>, Option<u16>)> {
    if let [b'[', rest @ ..] = text {
        let end = rest.iter().position(|byte| *byte == b']')?;
        let (address, after) = rest.split_at(end);
        let address = std::str::from_utf8(address).ok()?.parse().ok()?;
        return Some((Host::Ipv6(address), read_port(after.get(1..)?)?));
    }
    let end = text.iter().position(|byte| *byte == b':').unwrap_or(text.len());
    let (name, after) = text.split_at(end);
    let name = name.strip_suffix(b".").unwrap_or(name);
    is_name(name).then_some(())?;
    Some((Host::Name(name), read_port(after)?))
}

/// RFC 1123 §2.1, with `_`, which container networks use; at most 253 bytes.
fn is_name(name: &[u8]) -> bool {
    const LONGEST: usize = 253;
    let mut previous = b'.';
    for byte in name {
        let belongs = match byte {
            b'.' => previous != b'.',
            b'-' | b'_' => true,
            byte => byte.is_ascii_alphanumeric(),
        };
        if !belongs {
            return false;
        }
        previous = *byte;
    }
    previous != b'.' && name.len() <= LONGEST
}

/// Nothing, or a colon and a port that can be reached.
fn read_port(text: &[u8]) -> Option<Option<u16>> {
    let [b':', digits @ ..] = text else { return text.is_empty().then_some(None) };
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    match std::str::from_utf8(digits).ok()?.parse() {
        Ok(0) | Err(_) => None,
        Ok(port) => Some(Some(port)),
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn read(request: http::request::Builder) -> Result<Option<String>, Reason> {
        let (parts, ()) = request.body(()).unwrap().into_parts();
        Authority::read(&parts).map(|authority| authority.map(|authority| authority.to_string()))
    }

    #[test]
    fn spellings_of_one_host_are_one_authority() {
        for (text, canonical) in [
            ("Example.COM", "example.com"),
            ("example.com.", "example.com"),
            ("example.com:8443", "example.com:8443"),
            ("my_service", "my_service"),
            ("192.0.2.1:80", "192.0.2.1:80"),
            ("[2001:DB8:0::1]", "[2001:db8::1]"),
            ("[::1]:443", "[::1]:443"),
        ] {
            let authority = Authority::parse(text.as_bytes()).unwrap();
            assert_eq!(authority.to_string(), canonical);
            assert_eq!(authority.header_value(), canonical);
            assert_eq!(Authority::parse(canonical.as_bytes()), Some(authority));
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        let longest = "a".repeat(254);
        for text in [
            "",
            ".",
            "..",
            "a..b",
            ".a",
            "a/b",
            "a b",
            "a,b",
            "user@a",
            "a%2eb",
            "a:",
            "a:0",
            "a:65536",
            "a:+1",
            "a:b",
            "a:80:80",
            "[::1",
            "[::1]x",
            "[]",
            "[::g]",
            "[fe80::1%25eth0]",
            "::1",
            "a\0",
            "\u{e9}.example",
            "0.0.0.0=5000",
            &longest,
        ] {
            assert_eq!(Authority::parse(text.as_bytes()), None, "{text}");
        }
    }

    // proves-part: HTTP-10 (the closing of the connection is the gateway's)
    #[test]
    fn http_1_1_needs_exactly_one_valid_host() {
        assert_eq!(read(Request::get("/").header("host", "a")), Ok(Some("a".into())));
        assert_eq!(read(Request::get("/")), Err(Reason::HostMalformed));
        assert_eq!(
            read(Request::get("/").header("host", "a").header("host", "a")),
            Err(Reason::HostMalformed)
        );
        assert_eq!(read(Request::get("/").header("host", "a/b")), Err(Reason::HostMalformed));
    }

    #[test]
    fn http_1_0_may_name_nobody() {
        assert_eq!(read(Request::get("/").version(Version::HTTP_10)), Ok(None));
        let invalid = Request::get("/").version(Version::HTTP_10).header("host", "a/b");
        assert_eq!(read(invalid), Err(Reason::HostMalformed));
    }

    // proves-part: HTTP-11 (which Host reaches the upstream is shown in the gateway)
    #[test]
    fn an_absolute_target_wins_over_host_in_http_1_1() {
        let request = Request::get("https://a.example/x").header("host", "b.example");
        assert_eq!(read(request), Ok(Some("a.example".into())));
    }

    // proves-part: HTTP-29 (over a connection it is shown in the gateway)
    #[test]
    fn host_and_authority_must_agree_in_http_2() {
        let agreeing =
            Request::get("https://a.example/x").version(Version::HTTP_2).header("host", "A.example");
        assert_eq!(read(agreeing), Ok(Some("a.example".into())));
        for other in ["b.example", "a.example:8443"] {
            let request = Request::get("https://a.example/x").version(Version::HTTP_2).header("host", other);
            assert_eq!(read(request), Err(Reason::AuthorityMismatch));
        }
    }

    #[test]
    fn http_2_without_authority_is_addressed_by_host() {
        let request = Request::get("/").version(Version::HTTP_2).header("host", "a.example");
        assert_eq!(read(request), Ok(Some("a.example".into())));
        assert_eq!(read(Request::get("/").version(Version::HTTP_2)), Err(Reason::HostMalformed));
    }

    #[test]
    fn user_information_in_a_target_is_refused() {
        let request = Request::get("http://user@a.example/").header("host", "a.example");
        assert_eq!(read(request), Err(Reason::HostMalformed));
    }
}
