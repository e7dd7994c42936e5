//! Things by name, of which some are always there: members of objects, parameters of requests.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::words::is_name;

/// Most names that are told apart; what has more is a map.
const NAMES: usize = 128;

/// What merges in any order and any grouping, and with itself to itself.
pub(super) trait Merge {
    fn merge(&mut self, other: Self);
}

/// Named things.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Members<T> {
    named: BTreeMap<Box<str>, Named<T>>,
    /// What stands under names that are values, or that were too many.
    others: Option<Box<T>>,
    /// Whether names are told apart no more.
    is_map: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named<T> {
    always: bool,
    known: T,
}

/// Whether a member is always there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Always,
    Sometimes,
}

impl<T: Merge> FromIterator<(Box<str>, T)> for Members<T> {
    fn from_iter<I: IntoIterator<Item = (Box<str>, T)>>(members: I) -> Self {
        let mut all = Self { named: BTreeMap::new(), others: None, is_map: false };
        for (name, known) in members {
            if !is_name(&name) {
                all.add_other(known);
                continue;
            }
            match all.named.get_mut(&name) {
                Some(named) => named.known.merge(known),
                None => drop(all.named.insert(name, Named { always: true, known })),
            }
        }
        all.bound();
        all
    }
}

impl<T: Merge> Members<T> {
    /// The names, with what is known of each.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, Need, &T)> {
        self.named.iter().map(|(name, Named { always, known })| {
            (&**name, if *always { Need::Always } else { Need::Sometimes }, known)
        })
    }

    /// What stands under all other names.
    pub(super) fn others(&self) -> Option<&T> {
        self.others.as_deref()
    }

    fn add_other(&mut self, known: T) {
        match &mut self.others {
            Some(others) => others.merge(known),
            none => *none = Some(Box::new(known)),
        }
    }

    fn bound(&mut self) {
        self.is_map |= self.named.len() > NAMES;
        if self.is_map {
            for (_, Named { known, .. }) in std::mem::take(&mut self.named) {
                self.add_other(known);
            }
        }
    }
}

impl<T: Merge> Merge for Members<T> {
    fn merge(&mut self, mut other: Self) {
        self.is_map |= other.is_map;
        for (name, named) in &mut self.named {
            named.always &= other.named.get(name).is_some_and(|other| other.always);
        }
        for (name, Named { known, .. }) in std::mem::take(&mut other.named) {
            match self.named.get_mut(&name) {
                Some(named) => named.known.merge(known),
                None => drop(self.named.insert(name, Named { always: false, known })),
            }
        }
        if let Some(others) = other.others {
            self.add_other(*others);
        }
        self.bound();
    }
}
