//! How many items one page of an answer may have (VAL-16, OWASP API4:2023).
//!
//! In: `x-portcullis-page-limit` of a query parameter, or what `portcullis.yaml` says for all that have a
//! certain name; the raw query of a request. Out: a violation, or a query in which one value was replaced
//! and everything else is as it came. Called by [`super::check`] and by [`crate::Operation::paged_query`].

use serde::Deserialize;
use smallvec::SmallVec;

use super::decode::{Coding, decode};
use super::query::{Pair, Pairs};
use crate::extension::malformed;
use crate::reading::{Findings, Node};
use crate::schema::{Shape, Spot, Type, Types, Violations};

/// The extension's name.
pub(crate) const PAGE_LIMIT: &str = "x-portcullis-page-limit";

/// What a query parameter that asks for a number of items may ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageLimit {
    /// The parameter.
    pub name: Box<str>,
    /// The largest number.
    pub maximum: u64,
    /// What becomes of a larger one.
    pub beyond: Beyond,
}

/// What becomes of a number that is larger than the page limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Beyond {
    /// The request breaks the contract.
    #[default]
    Refuse,
    /// The upstream is asked for the largest number that is allowed.
    Clamp,
}

/// The extension as a document writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    maximum: u64,
    #[serde(default)]
    beyond: Beyond,
}

/// What a number says to a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    Within,
    Beyond,
    /// Text that is no plain number. `-1`, `all` and `1e9` mean "without end" to some applications.
    Unclear,
}

impl PageLimit {
    /// Reads the extension of the query parameter `name`, if it has one.
    pub(super) fn declared(
        name: &str,
        node: &Node<'_>,
        shape: Option<&Shape>,
        findings: &mut Findings<'_>,
    ) -> Option<Self> {
        let extension = node.child(PAGE_LIMIT)?;
        let written: Written = match Written::deserialize(extension.value()) {
            Ok(written) => written,
            Err(error) => {
                findings.refuse(
                    malformed(&extension, format!("`{PAGE_LIMIT}`: {error}"))
                        .help("write `{ maximum: 100, beyond: clamp }`"),
                );
                return None;
            }
        };
        if !shape.is_some_and(|shape| shape.types == Types::NONE.with(Type::Integer)) {
            findings.refuse(
                malformed(&extension, format!("`{PAGE_LIMIT}` limits whole numbers, and `{name}` is none"))
                    .help("say `schema: { type: integer }` at the parameter"),
            );
            return None;
        }
        Some(Self { name: name.into(), maximum: written.maximum, beyond: written.beyond })
    }

    /// Adds what is wrong with the numbers in `pairs`, of which declared parameters have claimed theirs.
    pub(super) fn check(&self, pairs: &Pairs<'_>, violations: &mut Violations) {
        let spot = Spot { location: "query", name: &self.name };
        let asked: SmallVec<[&Pair<'_>; 2]> = pairs.iter().filter(|pair| *pair.name == *self.name).collect();
        // Whether a declared one may stand twice was judged with it.
        if asked.len() > 1 && asked.iter().any(|pair| !pair.claimed) {
            return violations.add(spot, "repeated", "the parameter once");
        }
        for pair in asked {
            match (self.size(pair.raw), self.beyond) {
                (Size::Within, _) | (Size::Beyond, Beyond::Clamp) => {}
                (Size::Beyond, Beyond::Refuse) => {
                    violations.add(spot, PAGE_LIMIT, format!("at most {}", self.maximum));
                }
                (Size::Unclear, _) => violations.add(spot, PAGE_LIMIT, "a whole number, zero or more"),
            }
        }
    }

    fn size(&self, raw: &str) -> Size {
        match decode(raw, Coding::Form) {
            Some(text) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
                // A number that does not fit is beyond every limit.
                match text.parse::<u64>() {
                    Ok(number) if number <= self.maximum => Size::Within,
                    Ok(_) | Err(_) => Size::Beyond,
                }
            }
            Some(_) | None => Size::Unclear,
        }
    }
}

/// `query` with the numbers that are beyond their limit replaced by it; `None` if it may stay as it is.
pub(crate) fn clamp(limits: &[PageLimit], query: &str) -> Option<String> {
    let mut clamped: Option<String> = None;
    let is_clamped = |piece: &str| {
        let (name, raw) = piece.split_once('=').unwrap_or((piece, ""));
        let decoded = decode(name, Coding::Form)?;
        let limit = limits.iter().find(|limit| *limit.name == *decoded && limit.beyond == Beyond::Clamp)?;
        (limit.size(raw) == Size::Beyond).then(|| format!("{name}={}", limit.maximum))
    };
    let mut at = 0;
    for piece in query.split('&') {
        if let Some(replaced) = is_clamped(piece) {
            let text = clamped.get_or_insert_with(|| query.get(..at).unwrap_or_default().to_owned());
            text.push_str(&replaced);
        } else if let Some(text) = &mut clamped {
            text.push_str(piece);
        }
        at += piece.len() + 1;
        if let Some(text) = clamped.as_mut().filter(|_| at <= query.len()) {
            text.push('&');
        }
    }
    clamped
}

#[cfg(test)]
mod tests {
    use super::*;

    // proves-part: VAL-16 (the rewriting; the gateway's walk shows what the upstream sees)
    #[test]
    fn one_value_is_replaced_and_the_rest_stays_byte_for_byte() {
        let limits = [PageLimit { name: "limit".into(), maximum: 100, beyond: Beyond::Clamp }];
        for kept in ["", "limit=100", "limit=0", "a=1&limit=099", "limits=1000", "Limit=1000", "a=limit=1000"]
        {
            assert_eq!(clamp(&limits, kept), None, "{kept}");
        }
        for (query, expected) in [
            ("limit=101", "limit=100"),
            ("limit=1000000", "limit=100"),
            ("limit=340282366920938463463374607431768211456", "limit=100"),
            ("a=%41+b&&limit=1%30%30%30&z=", "a=%41+b&&limit=100&z="),
            ("l%69mit=1000&", "l%69mit=100&"),
            ("&limit=0000000101", "&limit=100"),
        ] {
            assert_eq!(clamp(&limits, query).as_deref(), Some(expected), "{query}");
        }
        let refusing = [PageLimit { beyond: Beyond::Refuse, ..limits[0].clone() }];
        assert_eq!(clamp(&refusing, "limit=1000"), None);
    }
}
