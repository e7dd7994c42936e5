//! Which pages of other origins may call an API (Fetch standard, CORS protocol).
//!
//! Origins are compared exactly with a list: nothing is reflected, `null` and `*` are never permitted,
//! so no answer with credentials can be read by a page that was not named (OWASP API8:2023).

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// The compiled rules of one API.
#[derive(Debug)]
pub(crate) struct Cors {
    pub(crate) origins: Vec<HeaderValue>,
    pub(crate) allow_headers: HeaderValue,
    pub(crate) expose_headers: HeaderValue,
    pub(crate) credentials: Credentials,
    pub(crate) max_age: HeaderValue,
}

/// Whether cookies and client certificates may come along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Credentials {
    Include,
    Omit,
}

/// Fields of our own that a page needs in order to react (GW-21).
pub(crate) const OWN_FIELDS: &str = "www-authenticate, dpop-nonce, retry-after, ratelimit, ratelimit-policy, x-request-id, deprecation, sunset, link";

impl Cors {
    /// Whether a page of `origin` may call.
    pub(crate) fn permits(&self, origin: &HeaderValue) -> bool {
        self.origins.contains(origin)
    }

    /// The fields of a preflight's answer.
    pub(crate) fn preflight(&self, origin: &HeaderValue, methods: &str) -> HeaderMap {
        let mut fields = HeaderMap::with_capacity(6);
        self.mark(Some(origin), &mut fields);
        fields.remove(header::ACCESS_CONTROL_EXPOSE_HEADERS);
        if let Ok(methods) = HeaderValue::from_str(methods) {
            fields.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        }
        fields.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, self.allow_headers.clone());
        fields.insert(header::ACCESS_CONTROL_MAX_AGE, self.max_age.clone());
        fields
    }

    /// Marks an answer: `Vary` always, the rest for a listed origin.
    pub(crate) fn mark(&self, origin: Option<&HeaderValue>, fields: &mut HeaderMap) {
        fields.append(header::VARY, HeaderValue::from_static("origin"));
        let Some(origin) = origin.filter(|origin| self.permits(origin)) else { return };
        fields.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        if self.credentials == Credentials::Include {
            fields.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        fields.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, self.expose_headers.clone());
    }
}

/// Whether a field answers a page's question. An upstream's own answer never leaves: two answers are how
/// wildcards slip through.
pub(crate) fn is_answer(name: &HeaderName) -> bool {
    name.as_str().starts_with("access-control-allow-")
        || *name == header::ACCESS_CONTROL_EXPOSE_HEADERS
        || *name == header::ACCESS_CONTROL_MAX_AGE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_an_upstream_are_known_by_their_names() {
        for name in
            ["access-control-allow-origin", "access-control-allow-credentials", "access-control-max-age"]
        {
            assert!(is_answer(&HeaderName::from_static(name)), "{name}");
        }
        assert!(!is_answer(&header::ACCESS_CONTROL_REQUEST_METHOD));
    }

    fn cors() -> Cors {
        Cors {
            origins: vec![HeaderValue::from_static("https://app.example.com")],
            allow_headers: HeaderValue::from_static("authorization"),
            expose_headers: HeaderValue::from_static(OWN_FIELDS),
            credentials: Credentials::Include,
            max_age: HeaderValue::from_static("600"),
        }
    }

    #[test]
    fn an_origin_is_permitted_only_letter_by_letter() {
        for stranger in [
            "null",
            "*",
            "https://app.example.com.evil.example",
            "http://app.example.com",
            "https://APP.example.com",
        ] {
            let mut fields = HeaderMap::new();
            cors().mark(Some(&HeaderValue::from_static(stranger)), &mut fields);
            assert!(!fields.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN), "{stranger}");
            assert_eq!(fields[header::VARY], "origin");
        }
        let mut fields = HeaderMap::new();
        cors().mark(Some(&HeaderValue::from_static("https://app.example.com")), &mut fields);
        assert_eq!(fields[header::ACCESS_CONTROL_ALLOW_ORIGIN], "https://app.example.com");
    }
}
