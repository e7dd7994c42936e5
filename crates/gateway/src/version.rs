//! Which version of an API a request is for, where the place alone does not say.
//!
//! In: the head of a request that came to a place (host and mount) at which a group of versions is served. Out:
//! the API behind the version, or a refusal. Nothing is guessed (VER-07): an unknown version is refused and not
//! served by an older one, two different ones are refused, and none is the declared default or refused.
//! Made by [`crate::compile`]; called by [`crate::stages::route`]. What this page calls a version's name is
//! the name without a `v` before a number, so that `v2`, `2` and `application/vnd.shop.v2+json` are the same.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use portcullis_domain::{Denial, Reason, Timestamp};
use portcullis_message::MediaType;

use crate::life::Life;

/// How the requests of a group say which version they want, and which versions there are.
#[derive(Debug, Default)]
pub(crate) struct Versions {
    /// A header that names it.
    pub(crate) header: Option<HeaderName>,
    /// A parameter of the media type: `application/json; version=2`.
    pub(crate) parameter: Option<String>,
    /// What stands before and after the version in a media type: `application/vnd.shop.` and `+json`.
    pub(crate) vendor: Option<(String, String)>,
    /// The names of all that are served, at whatever place.
    pub(crate) served: Vec<Box<str>>,
    /// Those that were, and what became of them.
    pub(crate) gone: Vec<(Box<str>, Arc<Life>)>,
}

/// The versions at one place.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) versions: Arc<Versions>,
    /// Their names, and which APIs they are.
    pub(crate) here: Vec<(Box<str>, usize)>,
    /// Which of them serves those who name none. A place with one version needs no default.
    pub(crate) default: Option<usize>,
}

impl Versions {
    /// Whether requests can say which version they want, other than by where they go.
    pub(crate) const fn are_named_in_requests(&self) -> bool {
        self.header.is_some() || self.parameter.is_some() || self.vendor.is_some()
    }
}

impl Choice {
    /// The API that the request is for.
    ///
    /// # Errors
    /// [`Reason::VersionAmbiguous`], [`Reason::VersionUnknown`], [`Reason::VersionUnacceptable`],
    /// [`Reason::VersionMissing`]; [`Reason::VersionRetired`] for a version that is gone.
    pub(crate) fn choose(
        &self,
        method: &Method,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<usize, Denial> {
        let said = self.versions.said(headers)?;
        let Some(Said { name, by }) = said else { return self.unsaid(method, headers) };
        if let Some((_, api)) = self.here.iter().find(|(own, _)| **own == *name) {
            return Ok(*api);
        }
        if let Some((_, life)) = self.versions.gone.iter().find(|(own, _)| **own == *name) {
            life.judge_alone(now)?;
        }
        let is_elsewhere = self.versions.served.iter().any(|own| **own == *name);
        Err(match (is_elsewhere, by) {
            // The path or host says one version, and the request another.
            (true, _) => Denial::new(Reason::VersionAmbiguous).with_note("place and request disagree"),
            (false, By::Header) => Denial::new(Reason::VersionUnknown),
            (false, By::MediaType) => Denial::new(Reason::VersionUnacceptable),
        })
    }

    fn unsaid(&self, method: &Method, headers: &HeaderMap) -> Result<usize, Denial> {
        match (self.default, self.here.as_slice()) {
            (Some(api), _) => Ok(api),
            (None, [(_, only)]) => Ok(*only),
            // A browser asks before it says (Fetch §3.3.5). It learns what a page may send, and the request that
            // follows is judged by the version that it names.
            (None, [(_, first), ..])
                if *method == Method::OPTIONS
                    && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) =>
            {
                Ok(*first)
            }
            (None, _) => Err(Denial::new(Reason::VersionMissing)),
        }
    }
}

/// A version that a request names.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    name: String,
    by: By,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Header,
    MediaType,
}

impl Versions {
    /// The one version that a request names, if it names any.
    fn said(&self, headers: &HeaderMap) -> Result<Option<Said>, Denial> {
        let mut said: Option<Said> = None;
        let mut hear = |name: &str, by: By| match &said {
            Some(before) if before.name != bare(name) => Err(Denial::new(Reason::VersionAmbiguous)),
            Some(_) => Ok(()),
            None => {
                said = Some(Said { name: bare(name).to_owned(), by });
                Ok(())
            }
        };
        if let Some(header) = &self.header {
            for value in headers.get_all(header) {
                // What is no text is no version's name.
                hear(value.to_str().unwrap_or_default().trim(), By::Header)?;
            }
        }
        if self.parameter.is_some() || self.vendor.is_some() {
            let elements = headers.get_all(header::ACCEPT).iter().filter_map(|field| field.to_str().ok());
            let elements = elements.flat_map(|field| field.split(','));
            let content_types = headers.get_all(header::CONTENT_TYPE).iter();
            let content_types = content_types.filter_map(|field| field.to_str().ok());
            for element in elements.chain(content_types) {
                let Ok(value) = HeaderValue::from_str(element.trim()) else { continue };
                // Whether it is one at all is for the contract to judge.
                let Ok(media_type) = MediaType::parse(&value) else { continue };
                if let Some(name) = self.parameter.as_ref().and_then(|name| media_type.parameter(name)) {
                    hear(&name, By::MediaType)?;
                }
                if let Some(name) = self.vendor_version(media_type.essence()) {
                    hear(name, By::MediaType)?;
                }
            }
        }
        Ok(said)
    }

    fn vendor_version<'t>(&self, essence: &'t str) -> Option<&'t str> {
        let (before, after) = self.vendor.as_ref()?;
        essence.strip_prefix(before.as_str())?.strip_suffix(after.as_str())
    }
}

/// A version's name without the `v` before a number.
pub(crate) fn bare(name: &str) -> &str {
    match name.strip_prefix('v') {
        Some(rest) if rest.starts_with(|first: char| first.is_ascii_digit()) => rest,
        Some(_) | None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(here: &[&str], default: Option<usize>) -> Choice {
        let served = ["1", "2", "3"].map(Box::from).to_vec();
        let gone = Life { end: Some(Timestamp::from_seconds(5)), ..Life::default() };
        Choice {
            versions: Arc::new(Versions {
                header: Some(HeaderName::from_static("x-api-version")),
                parameter: Some("version".into()),
                vendor: Some(("application/vnd.shop.v".into(), "+json".into())),
                served,
                gone: vec![("0".into(), Arc::new(gone))],
            }),
            here: here.iter().enumerate().map(|(api, name)| ((*name).into(), api)).collect(),
            default,
        }
    }

    #[track_caller]
    fn check(choice: &Choice, headers: &[(&'static str, &'static str)], expected: Result<usize, Reason>) {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        let chosen = choice.choose(&Method::GET, &headers, Timestamp::from_seconds(10));
        assert_eq!(chosen.map_err(|denial| denial.reason()), expected, "{headers:?}");
    }

    #[test]
    fn every_way_of_naming_a_version_is_heard() {
        let both = choice(&["1", "2"], None);
        for headers in [
            [("x-api-version", "2")],
            [("x-api-version", "v2")],
            [("accept", "application/json; version=2")],
            [("accept", "text/html, application/json;q=0.5;version=\"2\"")],
            [("content-type", "application/json; Version=v2")],
            [("accept", "application/vnd.shop.v2+json")],
            [("content-type", "application/vnd.SHOP.v2+json")],
        ] {
            check(&both, &headers, Ok(1));
        }
    }

    #[test]
    fn nothing_is_guessed() {
        let both = choice(&["1", "2"], None);
        check(&both, &[], Err(Reason::VersionMissing));
        check(&both, &[("x-api-version", "9")], Err(Reason::VersionUnknown));
        check(&both, &[("x-api-version", "")], Err(Reason::VersionUnknown));
        check(&both, &[("accept", "application/vnd.shop.v9+json")], Err(Reason::VersionUnacceptable));
        check(&both, &[("accept", "a/b;version=9")], Err(Reason::VersionUnacceptable));
        check(&both, &[("x-api-version", "0")], Err(Reason::VersionRetired));
        check(&both, &[("access-control-request-method", "GET")], Err(Reason::VersionMissing));
        let default = choice(&["1", "2"], Some(1));
        check(&default, &[], Ok(1));
        check(&default, &[("accept", "application/json")], Ok(1));
        check(&default, &[("x-api-version", "9")], Err(Reason::VersionUnknown));
    }

    #[test]
    fn two_different_versions_are_refused_wherever_they_stand() {
        let both = choice(&["1", "2"], Some(0));
        for headers in [
            [("x-api-version", "1"), ("x-api-version", "2")],
            [("x-api-version", "1"), ("accept", "a/b;version=2")],
            [("accept", "a/b;version=1"), ("content-type", "a/b;version=2")],
        ] {
            check(&both, &headers, Err(Reason::VersionAmbiguous));
        }
        check(&both, &[("accept", "a/b;version=1, a/b;version=2")], Err(Reason::VersionAmbiguous));
        check(&both, &[("x-api-version", "2"), ("accept", "a/b;version=v2")], Ok(1));
    }

    #[test]
    fn a_place_that_holds_one_version_disagrees_with_every_other() {
        let first = choice(&["1"], None);
        check(&first, &[], Ok(0));
        check(&first, &[("x-api-version", "1")], Ok(0));
        check(&first, &[("x-api-version", "3")], Err(Reason::VersionAmbiguous));
        check(&first, &[("x-api-version", "9")], Err(Reason::VersionUnknown));
    }
}
