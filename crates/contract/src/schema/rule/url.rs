//! URLs in requests: where they may lead (VAL-17, OWASP API7:2023, ASVS 1.3.6).
//!
//! An application that fetches what a client names can be sent to its own network. Scheme, host and port are
//! judged here as every parser must read them: what two parsers could read in two ways is refused, and an
//! address is known in every spelling (decimal, octal, hexadecimal, IPv4 within IPv6). Names are compared and
//! not resolved: whoever fetches must also look at the address that a name leads to, at that moment.
//! WHATWG URL; RFC 3986 §3.2; RFC 6890.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::net::IpAddr;

use portcullis_domain::is_public;
use serde::Deserialize;
use serde_json::Value;
use url::{Host, Url};

use super::Rule;

/// The extension as a document writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Written {
    schemes: Vec<String>,
    hosts: Option<Vec<String>>,
    ports: Option<Vec<u16>>,
    addresses: Addresses,
}

impl Default for Written {
    fn default() -> Self {
        Self { schemes: vec!["https".to_owned()], hosts: None, ports: None, addresses: Addresses::default() }
    }
}

/// Which hosts a URL may name by their address, or by a name that only has meaning inside a network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Addresses {
    /// Global unicast ones.
    #[default]
    Public,
    /// All.
    Any,
}

/// Where a URL may lead.
#[derive(Debug)]
pub(super) struct UrlRule {
    schemes: Vec<String>,
    /// Any if `None`.
    hosts: Option<Vec<HostPattern>>,
    /// The scheme's own if `None`.
    ports: Option<Vec<u16>>,
    addresses: Addresses,
}

#[derive(Debug, PartialEq, Eq)]
enum HostPattern {
    Exactly(Host),
    /// All names that end in this: `.example.com`.
    Below(String),
}

/// What is wrong with a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Form,
    Scheme,
    UserInformation,
    Host,
    Port,
    Address,
}

impl Rule for UrlRule {
    fn read(written: &Value) -> Result<Self, String> {
        let written = Written::deserialize(written).map_err(|error| error.to_string())?;
        if written.schemes.is_empty() {
            return Err("`schemes` names at least one".to_owned());
        }
        for scheme in &written.schemes {
            let has_form = scheme.starts_with(|first: char| first.is_ascii_lowercase())
                && scheme
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte));
            if !has_form || scheme == "file" {
                return Err(format!("`{scheme}` is no scheme of URLs that name a host, in lower case"));
            }
        }
        let hosts = written.hosts.map(|hosts| hosts.iter().map(|host| HostPattern::read(host)).collect());
        let rule = Self {
            schemes: written.schemes,
            hosts: hosts.transpose()?,
            ports: written.ports,
            addresses: written.addresses,
        };
        for pattern in rule.hosts.iter().flatten() {
            if let HostPattern::Exactly(host) = pattern
                && rule.addresses == Addresses::Public
                && !leads_outside(host)
            {
                return Err(format!("`{host}` is not public; say `addresses: any` if it is meant"));
            }
        }
        Ok(rule)
    }

    fn faults<'r>(&'r self, value: &'r Value) -> impl Iterator<Item = Cow<'static, str>> + 'r {
        let fault = value.as_str().and_then(|text| self.judge(text).err());
        fault.map(|fault| self.expected(fault)).into_iter()
    }
}

impl UrlRule {
    fn judge(&self, text: &str) -> Result<(), Fault> {
        // Parsers drop some of these, turn others round, or end the URL there.
        if text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
            return Err(Fault::Form);
        }
        let (scheme, rest) = text.split_once("://").ok_or(Fault::Form)?;
        if !self.schemes.iter().any(|known| known.eq_ignore_ascii_case(scheme)) {
            return Err(Fault::Scheme);
        }
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err(Fault::UserInformation);
        }
        // Escapes and letters beyond ASCII become something else, and not everywhere the same.
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
        if authority.is_empty() || !authority.bytes().all(is_plain) {
            return Err(Fault::Host);
        }
        let url = Url::parse(text).map_err(|_| Fault::Form)?;
        let host = host_of(&url).ok_or(Fault::Host)?;
        if self.hosts.as_ref().is_some_and(|hosts| !hosts.iter().any(|pattern| pattern.covers(&host))) {
            return Err(Fault::Host);
        }
        if self.addresses == Addresses::Public && !leads_outside(&host) {
            return Err(Fault::Address);
        }
        match &self.ports {
            Some(ports) if url.port_or_known_default().is_some_and(|port| ports.contains(&port)) => Ok(()),
            None if url.port().is_none() => Ok(()),
            Some(_) | None => Err(Fault::Port),
        }
    }

    fn expected(&self, fault: Fault) -> Cow<'static, str> {
        let listed = |what: &str, values: &mut dyn Iterator<Item = String>| {
            let mut text = what.to_owned();
            for (index, value) in values.enumerate() {
                let _ = write!(text, "{}`{value}`", if index == 0 { " " } else { ", " });
            }
            Cow::Owned(text)
        };
        match fault {
            Fault::Form => "a URL that can be read in one way only: scheme, `://`, host".into(),
            Fault::Scheme => listed("a URL with one of the schemes", &mut self.schemes.iter().cloned()),
            Fault::UserInformation => "a URL without user information".into(),
            Fault::Host => "a URL with a host that is allowed, in ASCII".into(),
            Fault::Address => "a URL that leads to a public address".into(),
            Fault::Port => match &self.ports {
                Some(ports) => listed("a URL with one of the ports", &mut ports.iter().map(u16::to_string)),
                None => "a URL with the port of its scheme".into(),
            },
        }
    }
}

impl HostPattern {
    fn read(text: &str) -> Result<Self, String> {
        let host = |text: &str| match Host::parse(text) {
            Ok(host) => Ok(without_final_dot(host)),
            Err(_) => Err(format!("`{text}` is no host")),
        };
        let Some(parent) = text.strip_prefix("*.") else { return host(text).map(Self::Exactly) };
        match host(parent)? {
            Host::Domain(name) => Ok(Self::Below(format!(".{name}"))),
            Host::Ipv4(_) | Host::Ipv6(_) => Err(format!("`{text}`: nothing is below an address")),
        }
    }

    fn covers(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Exactly(known), host) => known == host,
            (Self::Below(end), Host::Domain(name)) => name.len() > end.len() && name.ends_with(end.as_str()),
            (Self::Below(_), Host::Ipv4(_) | Host::Ipv6(_)) => false,
        }
    }
}

/// The host of `url`, with an address in any spelling as an address.
fn host_of(url: &Url) -> Option<Host> {
    Some(match url.host()? {
        // Schemes that the standard does not name keep the host as it came.
        Host::Domain(name) => without_final_dot(Host::parse(name).ok()?),
        Host::Ipv4(address) => Host::Ipv4(address),
        Host::Ipv6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => Host::Ipv4(mapped),
            None => Host::Ipv6(address),
        },
    })
}

/// `example.com.` and `example.com` are one name (RFC 1034 §3.1).
fn without_final_dot(host: Host) -> Host {
    match host {
        Host::Domain(mut name) => {
            if name.ends_with('.') {
                name.pop();
            }
            Host::Domain(name)
        }
        Host::Ipv4(_) | Host::Ipv6(_) => host,
    }
}

/// Whether `host` is a public address, or a name that may have one.
fn leads_outside(host: &Host) -> bool {
    /// Names that lead inside wherever they are asked for: RFC 6761, RFC 6762, RFC 8375, and `internal`, which
    /// ICANN has reserved for private use and where clouds keep their metadata.
    const INSIDE: [&str; 5] = [".localhost", ".local", ".internal", ".home.arpa", ".localdomain"];
    match host {
        Host::Ipv4(address) => is_public(IpAddr::V4(*address)),
        Host::Ipv6(address) => is_public(IpAddr::V6(*address)),
        // A name of one label is looked for in the resolver's own domains.
        Host::Domain(name) => name.contains('.') && !INSIDE.iter().any(|end| name.ends_with(end)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn judge(rule: &Value, text: &str) -> Result<(), Fault> {
        UrlRule::read(rule).unwrap().judge(text)
    }

    // proves-part: VAL-17 (the rule; the gateway's walk shows the refusal)
    #[test]
    fn no_spelling_of_an_inner_address_passes() {
        let rule = json!({ "schemes": ["http", "https", "git"] });
        for inner in [
            "http://169.254.169.254/latest/meta-data",
            "http://2852039166/",
            "http://0251.0376.0251.0376/",
            "http://0xa9.0xfe.0xa9.0xfe/",
            "http://0xA9FEA9FE/",
            "http://169.254.43518/",
            "http://169.254.169.254./",
            "http://127.1/",
            "http://[::1]/",
            "http://[::ffff:169.254.169.254]/",
            "http://[::ffff:a9fe:a9fe]/",
            "http://[64:ff9b::a9fe:a9fe]/",
            "http://[2002:a9fe:a9fe::]/",
            "http://[fd00:ec2::254]/",
            "http://0/",
            "git://2852039166/",
            "git://0x7f000001/",
            "git://[::ffff:127.0.0.1]/",
            "http://localhost/",
            "http://LOCALHOST./",
            "http://intranet/",
            "http://metadata.google.internal/",
        ] {
            assert_eq!(judge(&rule, inner), Err(Fault::Address), "{inner}");
        }
        for outer in ["http://93.184.216.34/", "https://[2606:4700::1111]/", "https://example.com/a?b=@c#d"] {
            assert_eq!(judge(&rule, outer), Ok(()), "{outer}");
        }
    }

    // proves-part: VAL-17 (the rule; the gateway's walk shows the refusal)
    #[test]
    fn what_two_parsers_could_read_in_two_ways_is_refused() {
        for (text, fault) in [
            ("file:///etc/passwd", Fault::Scheme),
            ("javascript://example.com/%0aalert(1)", Fault::Scheme),
            ("http://example.com", Fault::Scheme),
            ("https:example.com", Fault::Form),
            ("https:/example.com", Fault::Form),
            ("//example.com", Fault::Form),
            ("example.com", Fault::Form),
            ("", Fault::Form),
            ("https:///example.com", Fault::Host),
            ("https://example.com\\@169.254.169.254/", Fault::Form),
            ("https://exam\tple.com/", Fault::Form),
            (" https://example.com/", Fault::Form),
            ("https://example.com/\r\nhost: x", Fault::Form),
            ("https://user@example.com/", Fault::UserInformation),
            ("https://user:password@example.com/", Fault::UserInformation),
            ("https://example.com@169.254.169.254/", Fault::UserInformation),
            ("https://127%2e0.0.1/", Fault::Host),
            ("https://１２７.0.0.1/", Fault::Host),
            ("https://b\u{fc}cher.example/", Fault::Host),
            ("https://[::1", Fault::Form),
            ("https://example.com:8443/", Fault::Port),
            ("https://example.com:99999/", Fault::Form),
        ] {
            assert_eq!(judge(&json!({}), text), Err(fault), "{text}");
        }
        assert_eq!(judge(&json!({}), "HTTPS://Example.COM:443/"), Ok(()));
    }

    // proves-part: VAL-17 (the rule; the gateway's walk shows the refusal)
    #[test]
    fn only_listed_hosts_and_ports_pass() {
        let rule = json!({
            "hosts": ["hooks.example.com", "*.partner.example", "93.184.216.34"],
            "ports": [443, 8443],
        });
        for good in [
            "https://hooks.example.com/a",
            "https://hooks.example.com.:8443/",
            "https://a.partner.example/",
            "https://b.a.partner.example/",
            "https://93.184.216.34/",
        ] {
            assert_eq!(judge(&rule, good), Ok(()), "{good}");
        }
        for (bad, fault) in [
            ("https://example.com/", Fault::Host),
            ("https://partner.example/", Fault::Host),
            ("https://evilpartner.example/", Fault::Host),
            ("https://hooks.example.com.evil.example/", Fault::Host),
            ("https://1.1.1.1/", Fault::Host),
            ("https://hooks.example.com:444/", Fault::Port),
        ] {
            assert_eq!(judge(&rule, bad), Err(fault), "{bad}");
        }
        let inner = json!({ "schemes": ["http"], "hosts": ["10.0.0.5"], "addresses": "any" });
        assert_eq!(judge(&inner, "http://10.0.0.5/"), Ok(()));
        assert_eq!(judge(&inner, "http://167772165/"), Ok(()));
    }

    #[test]
    fn a_rule_that_cannot_be_meant_is_not_read() {
        for bad in [
            json!({ "scheme": ["https"] }),
            json!({ "schemes": [] }),
            json!({ "schemes": ["HTTPS"] }),
            json!({ "schemes": ["file"] }),
            json!({ "hosts": ["exa mple"] }),
            json!({ "hosts": ["*.10.0.0.1"] }),
            json!({ "hosts": ["localhost"] }),
            json!({ "hosts": ["169.254.169.254"] }),
            json!({ "ports": [70000] }),
            json!({ "addresses": "private" }),
            json!("https"),
        ] {
            assert!(UrlRule::read(&bad).is_err(), "{bad}");
        }
    }
}
