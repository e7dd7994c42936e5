//! The request target, read once (RFC 3986 §6.2.2, RFC 9112 §3.2).
//!
//! In: what hyper read from the request line or from `:path`. Out: the canonical [`Target`]: the form
//! that is routed, limited, judged, inspected and forwarded. Called by the gateway before anything else
//! looks at the path. Equivalent spellings become one; what two parsers could read differently is
//! refused instead of guessed at (encoded slashes, dot segments, double encoding and their kind).
//!
//! Not done here: which operation a path is, and what its query means.

mod path;
mod query;

use std::borrow::Cow;

use bytes::Bytes;
use http::Method;
use http::uri::PathAndQuery;
use portcullis_domain::Reason;

use crate::bounds::Bounds;

/// A target in its one canonical form.
///
/// Invariant: reading [`Target::path_and_query`] again gives an equal target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target(PathAndQuery);

impl Target {
    /// Reads a target. Costs no allocation if it is canonical already.
    ///
    /// A `_method` parameter is taken out of the query: frameworks let it replace the method that was
    /// judged (GW-23).
    ///
    /// # Errors
    /// [`Reason::TargetTooLong`]; [`Reason::PathAmbiguous`] for `%2F`, `%5C`, `%00`, encoded controls,
    /// `..`, encoded dots that form a segment, double encoding, `;`, `//` and backslashes in the path;
    /// [`Reason::TargetMalformed`] for broken escapes, for bytes that are not UTF-8, for characters that
    /// belong in no target, and for `*` with any method but OPTIONS.
    pub fn read(method: &Method, raw: &PathAndQuery, bounds: &Bounds) -> Result<Self, Reason> {
        let text = raw.as_str();
        if text.len() > bounds.target {
            return Err(Reason::TargetTooLong);
        }
        if text == "*" {
            let is_asterisk_form = method == Method::OPTIONS;
            return if is_asterisk_form { Ok(Self(raw.clone())) } else { Err(Reason::TargetMalformed) };
        }
        let path = path::canonical(raw.path())?;
        let query = raw.query().map(query::canonical).transpose()?;
        let is_canonical = matches!(path, Cow::Borrowed(_))
            && matches!(query, None | Some(Some(Cow::Borrowed(_))))
            && text.starts_with('/');
        if is_canonical { Ok(Self(raw.clone())) } else { Self::assemble(&path, query.flatten().as_deref()) }
    }

    /// The path, percent-encoded where it must be; `*` for the asterisk-form.
    #[must_use]
    pub fn path(&self) -> &str {
        self.0.path()
    }

    /// The query, as it was sent.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.0.query()
    }

    /// What is forwarded.
    #[must_use]
    pub fn path_and_query(&self) -> PathAndQuery {
        self.0.clone()
    }

    /// The target within a mount: what stands behind `prefix`, which must end at a segment's end. The
    /// result is what is forwarded, and therefore what must be judged (GW-04). `None` if the path does
    /// not lie under `prefix`. `prefix` itself must be canonical.
    #[must_use]
    pub fn strip_prefix(&self, prefix: &str) -> Option<Self> {
        let prefix = prefix.trim_end_matches('/');
        let rest = self.path().strip_prefix(prefix)?;
        match rest.as_bytes().first() {
            Some(b'/') if prefix.is_empty() => Some(self.clone()),
            Some(b'/') => Self::assemble(rest, self.query()).ok(),
            None if self.path() != "*" => Self::assemble("/", self.query()).ok(),
            Some(_) | None => None,
        }
    }

    /// The same path with another query, which must come from this target's own; none if it is empty.
    #[must_use]
    pub fn with_query(&self, query: &str) -> Option<Self> {
        Self::assemble(self.path(), Some(query).filter(|query| !query.is_empty())).ok()
    }

    fn assemble(path: &str, query: Option<&str>) -> Result<Self, Reason> {
        let mut text = String::with_capacity(path.len() + query.map_or(0, |query| query.len() + 1));
        text.push_str(path);
        if let Some(query) = query {
            text.push('?');
            text.push_str(query);
        }
        // Both parts were checked against a narrower set than the one asked for here.
        PathAndQuery::from_maybe_shared(Bytes::from(text)).map(Self).map_err(|_| Reason::TargetMalformed)
    }
}

#[cfg(test)]
mod tests;
