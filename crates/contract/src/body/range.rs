//! Media ranges, as `content` lists them (RFC 9110 §12.5.1).

use std::cmp::Ordering;
use std::fmt;

/// A media type, or a family of them. Parameters are not told apart: `application/json; version=1`
/// and `application/json` are the same range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Range {
    /// `application/json`.
    Exact(String),
    /// `application/*`, kept as `application/`.
    Family(String),
    /// `*/*`.
    All,
}

impl Range {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let essence = text.split_once(';').map_or(text, |(essence, _)| essence).trim().to_ascii_lowercase();
        let (kind, subtype) = essence.split_once('/')?;
        let is_token = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+*".contains(&byte))
        };
        if !is_token(kind) || !is_token(subtype) {
            return None;
        }
        Some(match (kind, subtype) {
            ("*", "*") => Self::All,
            (kind, "*") if !kind.contains('*') => Self::Family(format!("{kind}/")),
            _ if essence.contains('*') => return None,
            _ => Self::Exact(essence),
        })
    }

    /// Whether a media type, in lower case and without parameters, belongs here.
    pub(crate) fn covers(&self, essence: &str) -> bool {
        match self {
            Self::Exact(own) => own == essence,
            Self::Family(prefix) => essence.starts_with(prefix.as_str()),
            Self::All => true,
        }
    }

    /// Whether some media type belongs to both.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::All, _) | (_, Self::All) => true,
            (Self::Exact(essence), range) | (range, Self::Exact(essence)) => range.covers(essence),
            (Self::Family(mine), Self::Family(theirs)) => mine == theirs,
        }
    }

    /// The most specific range first.
    pub(crate) fn by_specificity(&self, other: &Self) -> Ordering {
        self.vagueness().cmp(&other.vagueness())
    }

    const fn vagueness(&self) -> u8 {
        match self {
            Self::Exact(_) => 0,
            Self::Family(_) => 1,
            Self::All => 2,
        }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(essence) => f.write_str(essence),
            Self::Family(prefix) => write!(f, "{prefix}*"),
            Self::All => f.write_str("*/*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_what_they_name() {
        let covers = |range: &str, essence: &str| Range::parse(range).unwrap().covers(essence);
        assert!(covers("Application/JSON; charset=utf-8", "application/json"));
        assert!(covers("application/*", "application/xml"));
        assert!(covers("*/*", "text/plain"));
        assert!(!covers("application/*", "applications/xml"));
        assert!(!covers("application/json", "application/json+x"));
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for bad in ["", "json", "*/json", "appl*/json", "a/b/c", "application/", "/json", "a b/c"] {
            assert_eq!(Range::parse(bad), None, "{bad}");
        }
    }
}
