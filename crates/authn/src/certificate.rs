//! A client certificate as the credential: whose names may call.
//!
//! In: the names in a certificate that the handshake has verified (chain, validity, usage, revocation), and
//! the rules of its scheme and operation. Out: a [`Principal`], or a [`Denial`]. Called by the gateway's
//! `identify`. RFC 8705 §2.1, RFC 9525 §6.3 for wildcards, SPIFFE-ID §2. A distinguished name is never
//! decided on: two readers may read it differently.

use std::sync::Arc;

use portcullis_domain::{
    Assurance, Challenge, Denial, Issuer, Principal, PrincipalKind, Reason, Scheme, Scopes, Subject,
};

/// The names in a verified certificate.
#[derive(Clone, Copy, Debug)]
pub struct CertifiedNames<'a> {
    /// `uniformResourceIdentifier` entries, SPIFFE ids among them.
    pub uris: &'a [String],
    /// `dNSName` entries, in lower case.
    pub dns_names: &'a [String],
    /// The distinguished name, which names a caller that has no other name.
    pub subject: &'a str,
}

/// A scheme of client certificates, as one operation accepts it.
#[derive(Clone, Debug)]
pub struct AcceptedCertificates {
    scheme: Arc<str>,
    realm: Arc<str>,
    /// Lists of which each must have a pattern that fits.
    lists: Vec<Arc<[NamePattern]>>,
}

/// Which names fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamePattern {
    /// This URI.
    Uri(Box<str>),
    /// Every URI that lies below this one, which ends with a slash.
    UriBelow(Box<str>),
    /// This DNS name.
    Dns(Box<str>),
    /// Every DNS name with one more label before this suffix, which begins with a dot.
    DnsBelow(Box<str>),
}

/// A text that is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no name or pattern of a certificate")]
pub struct NotAPattern;

impl NamePattern {
    /// Reads `scheme://…`, `scheme://…/*`, `host.name` or `*.host.name`.
    ///
    /// # Errors
    /// Everything else; a wildcard anywhere else would mean more than it seems to.
    pub fn parse(text: &str) -> Result<Self, NotAPattern> {
        let (kind, fixed): (fn(Box<str>) -> Self, &str) = if text.contains("://") {
            match text.strip_suffix('*') {
                Some(above) if above.ends_with('/') && !above.ends_with("://") => (Self::UriBelow, above),
                Some(_) => return Err(NotAPattern),
                None => (Self::Uri, text),
            }
        } else {
            match text.strip_prefix('*') {
                Some(suffix) if suffix.starts_with('.') => (Self::DnsBelow, suffix),
                Some(_) => return Err(NotAPattern),
                None => (Self::Dns, text),
            }
        };
        let is_plain = fixed.len() > 1 && fixed.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'*');
        match kind(fixed.into()) {
            _ if !is_plain => Err(NotAPattern),
            Self::Dns(name) => Ok(Self::Dns(name.to_ascii_lowercase().into())),
            Self::DnsBelow(suffix) => Ok(Self::DnsBelow(suffix.to_ascii_lowercase().into())),
            uri => Ok(uri),
        }
    }

    /// The name that fits, if one does.
    fn find<'a>(&self, names: &CertifiedNames<'a>) -> Option<&'a str> {
        let uri = |fits: &dyn Fn(&str) -> bool| names.uris.iter().map(String::as_str).find(|name| fits(name));
        let dns =
            |fits: &dyn Fn(&str) -> bool| names.dns_names.iter().map(String::as_str).find(|name| fits(name));
        match self {
            Self::Uri(wanted) => uri(&|name| *name == **wanted),
            // What lies below must be a path without tricks: `..` could lead up again.
            Self::UriBelow(above) => uri(&|name| {
                name.strip_prefix(&**above).is_some_and(|rest| {
                    !rest.is_empty() && rest.split('/').all(|segment| !matches!(segment, "" | "." | ".."))
                })
            }),
            Self::Dns(wanted) => dns(&|name| *name == **wanted),
            Self::DnsBelow(suffix) => dns(&|name| {
                name.strip_suffix(&**suffix)
                    .is_some_and(|label| !label.is_empty() && !label.contains(['.', '*']))
            }),
        }
    }
}

impl AcceptedCertificates {
    /// Certificates of `scheme` that fit one pattern of each list.
    #[must_use]
    pub fn new(scheme: Arc<str>, realm: &str, lists: Vec<Arc<[NamePattern]>>) -> Self {
        Self { scheme, realm: Arc::from(realm), lists }
    }

    /// Who the holder of a verified certificate is.
    ///
    /// # Errors
    /// [`Reason::CertificateUnlisted`] if no name of it may call here.
    pub fn identify(&self, names: CertifiedNames<'_>) -> Result<Arc<Principal>, Denial> {
        let mut fitting = None;
        for list in &self.lists {
            let Some(name) = list.iter().find_map(|pattern| pattern.find(&names)) else {
                return Err(Denial::new(Reason::CertificateUnlisted)
                    .with_challenge(self.challenge())
                    .with_note("no name in the certificate may call here"));
            };
            fitting.get_or_insert(name);
        }
        // Without rules: a name that was certified as such, before the distinguished name.
        let first = || names.uris.first().or(names.dns_names.first()).map_or(names.subject, String::as_str);
        let subject = fitting.unwrap_or_else(first);
        Ok(Arc::new(Principal {
            issuer: Issuer::from("x509"),
            subject: Subject::from(subject),
            kind: PrincipalKind::Client,
            client: Some(Arc::from(subject)),
            scopes: Scopes::default(),
            roles: Scopes::default(),
            expires_at: None,
            claims: Arc::default(),
            scheme: Arc::clone(&self.scheme),
            assurance: Assurance::default(),
        }))
    }

    /// What is wanted (RFC 9110 §15.5.2).
    #[must_use]
    pub fn challenge(&self) -> Challenge {
        Challenge::new(Scheme::MutualTls).with("realm", self.realm.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, name: &str, fits: bool) {
        let name = [name.to_owned()];
        let is_uri = name[0].contains("://");
        let names = CertifiedNames {
            uris: if is_uri { &name } else { &[] },
            dns_names: if is_uri { &[] } else { &name },
            subject: "CN=orders.example",
        };
        let found = NamePattern::parse(pattern).unwrap().find(&names);
        assert_eq!(found.is_some(), fits, "{pattern} {name:?}");
    }

    #[test]
    fn a_wildcard_stands_for_one_label_or_for_what_lies_below() {
        check("orders.example", "orders.example", true);
        check("Orders.Example", "orders.example", true);
        check("*.example", "orders.example", true);
        check("*.example", "a.orders.example", false);
        check("*.example", "example", false);
        check("*.example", ".example", false);
        check("orders.example", "orders.example.evil", false);
        check("spiffe://test/orders", "spiffe://test/orders", true);
        check("spiffe://test/orders", "spiffe://test/orders/x", false);
        check("spiffe://test/orders/*", "spiffe://test/orders/a/b", true);
        check("spiffe://test/orders/*", "spiffe://test/orders", false);
        check("spiffe://test/orders/*", "spiffe://test/orders/", false);
        check("spiffe://test/orders/*", "spiffe://test/orders/../admin", false);
        check("spiffe://test/*", "spiffe://test.evil/orders", false);
        check("spiffe://test/*", "spiffe://TEST/orders", false);
    }

    #[test]
    fn a_wildcard_elsewhere_is_no_pattern() {
        for text in [
            "",
            "*",
            "*.",
            "a.*.example",
            "**.example",
            "spiffe://*",
            "spiffe://te*t/x",
            "spiffe://test*",
            "a b",
            "spiffe://test/*/x",
        ] {
            assert_eq!(NamePattern::parse(text), Err(NotAPattern), "{text}");
        }
    }
}
