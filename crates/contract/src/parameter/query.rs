//! The query of a request, taken apart once.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::decode::{Coding, decode};

/// The pairs of a query or form, in order. Sixteen need no allocation.
#[derive(Debug)]
pub(crate) struct Pairs<'q>(SmallVec<[Pair<'q>; 16]>);

/// One pair. `?a` and `?a=` are the same.
#[derive(Debug)]
pub(crate) struct Pair<'q> {
    /// Decoded.
    pub(crate) name: Cow<'q, str>,
    /// Still encoded: styles split before they decode.
    pub(crate) raw: &'q str,
    /// Whether some parameter spoke for it.
    pub(crate) claimed: bool,
}

impl<'q> Pairs<'q> {
    /// Takes `query` apart; `None` if a name cannot be decoded. Empty pieces, as in `a=1&&b=2`, are nothing.
    pub(crate) fn read(query: &'q str) -> Option<Self> {
        let pairs = query.split('&').filter(|piece| !piece.is_empty()).map(|piece| {
            let (name, raw) = piece.split_once('=').unwrap_or((piece, ""));
            Some(Pair { name: decode(name, Coding::Form)?, raw, claimed: false })
        });
        pairs.collect::<Option<_>>().map(Self)
    }

    /// Claims all pairs with this name and returns their values.
    pub(crate) fn claim(&mut self, name: &str) -> SmallVec<[&'q str; 2]> {
        let mut values = SmallVec::new();
        for pair in self.0.iter_mut().filter(|pair| pair.name == name) {
            pair.claimed = true;
            values.push(pair.raw);
        }
        values
    }

    /// Claims all pairs whose name `take` maps to a member's name, and returns members and values.
    pub(crate) fn claim_members(&mut self, take: impl Fn(&str) -> Option<&str>) -> Vec<(String, &'q str)> {
        let mut members = Vec::new();
        for pair in self.0.iter_mut().filter(|pair| !pair.claimed) {
            if let Some(member) = take(&pair.name) {
                members.push((member.to_owned(), pair.raw));
                pair.claimed = true;
            }
        }
        members
    }

    pub(crate) fn unclaimed(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|pair| !pair.claimed).map(|pair| &*pair.name)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Pair<'q>> {
        self.0.iter()
    }
}
