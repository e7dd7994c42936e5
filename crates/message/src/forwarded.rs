//! Who the client is behind proxies, and telling the upstream (RFC 7239).
//!
//! In: the socket's peer, the request's headers, the proxies that the operator trusts. Out: the client's
//! address; then headers that carry what the gateway itself asserts. [`client`] must be called before
//! [`crate::hop_by_hop::strip`] and [`Assertion::write`] after it.
//!
//! A forwarding header is a list that every hop appends to, so only its right end was written by someone
//! we know. It is walked from there, and only as far as the hops are trusted (RFC 7239 §8.1).

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;

const FORWARDED: HeaderName = http::header::FORWARDED;
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// In which header the trusted proxies write. Only one is read: a proxy that appends to one header hands
/// on the other as the client sent it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Notation {
    /// `X-Forwarded-For: client, proxy`.
    #[default]
    XForwardedFor,
    /// `Forwarded: for=client, for=proxy`.
    Forwarded,
}

/// The proxies whose word is taken for who connected to them.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies {
    networks: Box<[IpNet]>,
    notation: Notation,
}

impl TrustedProxies {
    /// Trusts the addresses in `networks`, which write `notation`. With no networks nobody is trusted.
    #[must_use]
    pub fn new(networks: impl IntoIterator<Item = IpNet>, notation: Notation) -> Self {
        Self { networks: networks.into_iter().collect(), notation }
    }

    /// Whether the address is of a proxy that is believed.
    #[must_use]
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }
}

/// The scheme that the client used to reach the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proto {
    /// Plaintext.
    Http,
    /// TLS.
    Https,
}

impl Proto {
    const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// The client's address: the first hop, seen from us, that is not a trusted proxy. An entry that is no
/// address ends the walk at the hop that reported it.
#[must_use]
pub fn client(peer: IpAddr, headers: &HeaderMap, trusted: &TrustedProxies) -> IpAddr {
    let mut known = peer.to_canonical();
    if !trusted.trusts(known) {
        return known;
    }
    let name = match trusted.notation {
        Notation::XForwardedFor => X_FORWARDED_FOR,
        Notation::Forwarded => FORWARDED,
    };
    for line in headers.get_all(name).into_iter().rev() {
        let Ok(line) = line.to_str() else { return known };
        for entry in line.rsplit(',') {
            let address = match trusted.notation {
                Notation::XForwardedFor => read_node(entry.trim()),
                Notation::Forwarded => read_element(entry),
            };
            let Some(address) = address else { return known };
            known = address.to_canonical();
            if !trusted.trusts(known) {
                return known;
            }
        }
    }
    known
}

/// Whether the client came over TLS, as the trusted proxy in front of us says; `None` if there is none or
/// it does not say.
#[must_use]
pub fn proto(peer: IpAddr, headers: &HeaderMap, trusted: &TrustedProxies) -> Option<Proto> {
    if !trusted.trusts(peer.to_canonical()) {
        return None;
    }
    let mut lines = headers.get_all(X_FORWARDED_PROTO).into_iter();
    // Several are the client's and the proxy's; nobody can say which is whose.
    let (Some(line), None) = (lines.next(), lines.next()) else { return None };
    match line.to_str().ok()?.trim() {
        said if said.eq_ignore_ascii_case("https") => Some(Proto::Https),
        said if said.eq_ignore_ascii_case("http") => Some(Proto::Http),
        _ => None,
    }
}

/// What the gateway tells the upstream about the client, in both notations.
///
/// The same for every request of a client to one host: worth keeping with a connection.
#[derive(Clone, Debug)]
pub struct Assertion {
    client: HeaderValue,
    proto: HeaderValue,
    host: Option<HeaderValue>,
    forwarded: HeaderValue,
}

impl Assertion {
    /// Says that `client` asked for `host` over `proto`.
    #[must_use]
    pub fn new(client: IpAddr, proto: Proto, host: Option<HeaderValue>) -> Self {
        let mut text = match client {
            IpAddr::V4(address) => format!("for={address};proto={}", proto.name()),
            IpAddr::V6(address) => format!("for=\"[{address}]\";proto={}", proto.name()),
        };
        if let Some(Ok(host)) = host.as_ref().map(HeaderValue::to_str) {
            // An authority holds neither quotes nor backslashes; the quotes allow its colon.
            text.extend([";host=\"", host, "\""]);
        }
        Self {
            client: visible(client.to_string()),
            proto: HeaderValue::from_static(proto.name()),
            host,
            forwarded: visible(text),
        }
    }

    /// Writes it into `headers`, in place of whatever stood there.
    pub fn write(&self, headers: &mut HeaderMap) {
        headers.insert(X_FORWARDED_FOR, self.client.clone());
        headers.insert(X_FORWARDED_PROTO, self.proto.clone());
        headers.insert(FORWARDED, self.forwarded.clone());
        match &self.host {
            Some(host) => headers.insert(X_FORWARDED_HOST, host.clone()),
            None => headers.remove(X_FORWARDED_HOST),
        };
    }
}

/// `text` as a value; addresses and authorities are made of visible characters only.
fn visible(text: String) -> HeaderValue {
    HeaderValue::from_maybe_shared(Bytes::from(text)).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
}

/// The `for` of one forwarded-element (RFC 7239 §4): pairs separated by `;`, names in any case. An
/// element with two of them, or with a quoted separator, is not an address and ends the walk.
fn read_element(element: &str) -> Option<IpAddr> {
    let mut found = None;
    for pair in element.split(';') {
        let (name, value) = pair.trim().split_once('=')?;
        if name.eq_ignore_ascii_case("for") {
            if found.is_some() {
                return None;
            }
            found = Some(unquoted(value)?);
        }
    }
    read_node(found?)
}

fn unquoted(value: &str) -> Option<&str> {
    match value.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"').filter(|inner| !inner.contains(['"', '\\'])),
        None => (!value.contains('"')).then_some(value),
    }
}

/// An address, with or without brackets and port (RFC 7239 §6). `unknown` and obfuscated names are none.
fn read_node(node: &str) -> Option<IpAddr> {
    if let Ok(address) = node.parse() {
        return Some(address);
    }
    if let Ok(address) = node.parse::<SocketAddr>() {
        return Some(address.ip());
    }
    node.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: &str = "10.0.0.9";

    fn find(notation: Notation, peer: &str, lines: &[&str]) -> String {
        let trusted =
            TrustedProxies::new(["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()], notation);
        let mut headers = HeaderMap::new();
        for line in lines {
            let name = match notation {
                Notation::XForwardedFor => X_FORWARDED_FOR,
                Notation::Forwarded => FORWARDED,
            };
            headers.append(name, HeaderValue::from_str(line).unwrap());
        }
        client(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    // proves-part: GW-06 (that limiter, policy and record use this address is shown in the gateway)
    #[test]
    fn an_untrusted_peer_is_the_client_whatever_it_claims() {
        for notation in [Notation::XForwardedFor, Notation::Forwarded] {
            assert_eq!(find(notation, "203.0.113.7", &["127.0.0.1"]), "203.0.113.7");
            assert_eq!(find(notation, "203.0.113.7", &["for=127.0.0.1"]), "203.0.113.7");
        }
        let nobody = TrustedProxies::default();
        let mut headers = HeaderMap::new();
        headers.insert(X_FORWARDED_FOR, HeaderValue::from_static("127.0.0.1"));
        assert_eq!(client(PEER.parse().unwrap(), &headers, &nobody).to_string(), PEER);
    }

    // proves-part: GW-06 (that limiter, policy and record use this address is shown in the gateway)
    #[test]
    fn the_list_is_walked_from_the_right_across_trusted_hops() {
        for (lines, expected) in [
            (&["203.0.113.7"][..], "203.0.113.7"),
            (&["127.0.0.1, 203.0.113.7"], "203.0.113.7"),
            (&["127.0.0.1, 203.0.113.7, 10.1.1.1"], "203.0.113.7"),
            (&["127.0.0.1", "203.0.113.7,10.1.1.1"], "203.0.113.7"),
            (&["127.0.0.1,203.0.113.7", "10.1.1.1"], "203.0.113.7"),
            (&["10.2.2.2, 10.1.1.1"], "10.2.2.2"),
            (&["203.0.113.7:4711"], "203.0.113.7"),
            (&["2001:db8::1"], "2001:db8::1"),
            (&["[2001:db8::1]:4711"], "2001:db8::1"),
            (&["::ffff:203.0.113.7"], "203.0.113.7"),
            (&[][..], PEER),
        ] {
            assert_eq!(find(Notation::XForwardedFor, PEER, lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn an_entry_that_is_no_address_ends_the_walk_at_its_reporter() {
        for line in
            ["203.0.113.7, unknown", "203.0.113.7,", "203.0.113.7, 1.2.3", "203.0.113.7, 1.2.3.4 5.6.7.8"]
        {
            assert_eq!(find(Notation::XForwardedFor, PEER, &[line]), PEER, "{line}");
        }
        assert_eq!(find(Notation::XForwardedFor, PEER, &["203.0.113.7, x, 10.1.1.1"]), "10.1.1.1");
    }

    #[test]
    fn the_standard_notation_is_read_likewise() {
        for (lines, expected) in [
            (&["for=203.0.113.7"][..], "203.0.113.7"),
            (&["for=127.0.0.1, For=\"203.0.113.7:80\";proto=https;by=10.1.1.1"], "203.0.113.7"),
            (&["proto=http; for=\"[2001:db8::1]:80\""], "2001:db8::1"),
            (&["for=203.0.113.7", "for=10.1.1.1"], "203.0.113.7"),
            (&["for=_hidden"], PEER),
            (&["for=203.0.113.7;for=127.0.0.1"], PEER),
            (&["proto=https"], PEER),
            (&["for=\"203.0.113.7"], PEER),
            (&["for=\"a, for=203.0.113.7"], "203.0.113.7"),
        ] {
            assert_eq!(find(Notation::Forwarded, PEER, lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn only_the_configured_notation_is_read() {
        let trusted = TrustedProxies::new(["10.0.0.0/8".parse().unwrap()], Notation::Forwarded);
        let mut headers = HeaderMap::new();
        headers.insert(X_FORWARDED_FOR, HeaderValue::from_static("127.0.0.1"));
        assert_eq!(client(PEER.parse().unwrap(), &headers, &trusted).to_string(), PEER);
    }

    #[test]
    fn a_mapped_peer_is_the_address_it_maps() {
        assert_eq!(find(Notation::XForwardedFor, "::ffff:10.0.0.9", &["203.0.113.7"]), "203.0.113.7");
        assert_eq!(find(Notation::XForwardedFor, "::ffff:203.0.113.9", &["127.0.0.1"]), "203.0.113.9");
    }

    #[test]
    fn what_the_gateway_asserts_replaces_what_was_there() {
        let mut headers = HeaderMap::new();
        for name in [X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO, FORWARDED] {
            headers.append(name.clone(), HeaderValue::from_static("evil"));
            headers.append(name, HeaderValue::from_static("evil"));
        }
        let host = HeaderValue::from_static("a.example:8443");
        Assertion::new("2001:db8::1".parse().unwrap(), Proto::Https, Some(host.clone())).write(&mut headers);
        let all: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(all.len(), 4);
        assert!(all.contains(&("x-forwarded-for", "2001:db8::1")));
        assert!(all.contains(&("x-forwarded-proto", "https")));
        assert!(all.contains(&("x-forwarded-host", "a.example:8443")));
        assert!(all.contains(&("forwarded", "for=\"[2001:db8::1]\";proto=https;host=\"a.example:8443\"")));
    }

    #[test]
    fn a_request_without_host_asserts_none() {
        let mut headers = HeaderMap::new();
        headers.insert(X_FORWARDED_HOST, HeaderValue::from_static("evil"));
        Assertion::new("192.0.2.1".parse().unwrap(), Proto::Http, None).write(&mut headers);
        assert_eq!(headers.get(FORWARDED).unwrap(), "for=192.0.2.1;proto=http");
        assert!(!headers.contains_key(X_FORWARDED_HOST));
    }
}
