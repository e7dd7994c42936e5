//! Whether a name that no schema has stands twice in its object (RFC 8259 §4, RFC 7493 §2.3).
//!
//! Names that a schema has are counted exactly, by the frame of their object. Of all others that are open
//! at one time the first [`NAMES`] are remembered, by hash, if they are no longer than an excerpt; what
//! is beyond that is not compared. A map of more names than that is judged for what stands in it all the
//! same; it is only its repetitions that go unnoticed.

use std::hash::{DefaultHasher, Hasher};

/// How many names are remembered, of all objects that are open.
const NAMES: usize = 2048;
const SLOTS: usize = 2 * NAMES;
/// A name that finds no place near its own is not remembered: names are chosen by strangers, who could
/// choose ones that all want the same.
const REACH: usize = 16;
/// So many names are remembered one after another: most answers have no more, and the table would cost them more than
/// all the rest of the filter.
const FEW: usize = 16;

/// The names of the objects that are open.
#[derive(Default)]
pub(super) struct Repeated {
    /// The first names, in the order in which they came. Full before the first goes into the table.
    few: Vec<u64>,
    /// Hashes of those behind them; zero where there is none. Made when the first comes.
    table: Vec<u64>,
    /// Where each of these stands, in the order in which they came.
    taken: Vec<u16>,
}

/// Whether an object has a name already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Before,
    NotKnown,
}

/// A hash that tells names apart.
pub(super) fn hash(name: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(name);
    hasher.finish()
}

impl Repeated {
    /// How many names there are: what [`Self::forget`] takes when an object ends that begins now.
    pub(super) fn mark(&self) -> usize {
        self.few.len() + self.taken.len()
    }

    /// Notes a name of the object at `depth`, the innermost.
    pub(super) fn note(&mut self, depth: usize, hash: u64) -> Seen {
        if self.mark() >= NAMES {
            return Seen::NotKnown;
        }
        let own = (hash ^ (depth as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)) | 1;
        if self.few.contains(&own) {
            return Seen::Before;
        }
        if self.few.len() < FEW {
            self.few.push(own);
            return Seen::NotKnown;
        }
        if self.table.is_empty() {
            self.table.resize(SLOTS, 0);
            self.taken.reserve_exact(NAMES - FEW);
        }
        let begin = usize::try_from(own >> 40).unwrap_or_default();
        for at in begin..begin + REACH {
            let at = at % SLOTS;
            match self.table.get_mut(at) {
                Some(slot) if *slot == 0 => {
                    *slot = own;
                    self.taken.extend(u16::try_from(at));
                    return Seen::NotKnown;
                }
                Some(slot) if *slot == own => return Seen::Before,
                _ => {}
            }
        }
        Seen::NotKnown
    }

    /// Forgets all names that came after the mark. The last goes first, so that none is left behind a gap.
    pub(super) fn forget(&mut self, mark: usize) {
        while self.mark() > mark.max(FEW) {
            let slot = self.taken.pop().and_then(|at| self.table.get_mut(usize::from(at)));
            if let Some(slot) = slot {
                *slot = 0;
            }
        }
        self.few.truncate(mark);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_repeated_within_its_object_only() {
        let mut names = Repeated::default();
        assert_eq!(names.note(1, hash(b"a")), Seen::NotKnown);
        let mark = names.mark();
        assert_eq!(names.note(2, hash(b"a")), Seen::NotKnown);
        assert_eq!(names.note(2, hash(b"a")), Seen::Before);
        names.forget(mark);
        assert_eq!(names.note(2, hash(b"a")), Seen::NotKnown);
        assert_eq!(names.note(1, hash(b"b")), Seen::NotKnown);
        assert_eq!(names.note(1, hash(b"a")), Seen::Before);
    }

    #[test]
    fn many_names_are_remembered_and_too_many_are_not() {
        let mut names = Repeated::default();
        let name = |number: usize| hash(&number.to_le_bytes());
        for number in 0..1000 {
            assert_eq!(names.note(1, name(number)), Seen::NotKnown);
        }
        assert!((0..1000).all(|number| names.note(1, name(number)) == Seen::Before));
        for number in 1000..100_000 {
            names.note(1, name(number));
        }
        assert!(names.mark() <= NAMES && names.taken.capacity() <= NAMES);
        names.forget(0);
        assert!(names.few.is_empty() && names.table.iter().all(|slot| *slot == 0));
    }

    #[test]
    fn names_are_forgotten_and_noted_again_across_the_bound_of_the_few() {
        let mut names = Repeated::default();
        let name = |number: usize| hash(&number.to_le_bytes());
        for mark in [FEW - 1, FEW, FEW + 1, 2 * FEW, 0] {
            for number in names.mark()..3 * FEW {
                assert_eq!(names.note(1, name(number)), Seen::NotKnown, "{number}");
            }
            assert!((0..3 * FEW).all(|number| names.note(1, name(number)) == Seen::Before));
            names.forget(mark);
            assert_eq!(names.mark(), mark);
        }
    }
}
