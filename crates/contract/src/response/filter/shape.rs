//! What schemas say of values, as the filter needs it: a graph of shapes.
//!
//! Made by [`super::plan`], read by the walk. A shape joins all schemas that speak of the same value; a
//! schema that leads back to itself is a number that is met again, so the graph is finite.

use regex::Regex;
use smallvec::SmallVec;

use super::audience::{Audience, Owner};
use super::mask::MaskAs;

/// A shape, by its number in [`Shapes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ShapeId(pub(super) u32);

impl ShapeId {
    /// Anything: nothing is said of the value or of what is in it.
    pub(super) const OPEN: Self = Self(0);
}

/// What is said of who sees a value, by its number in [`Shapes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct RuleId(pub(super) u32);

impl RuleId {
    /// Everybody sees it.
    pub(super) const NONE: Self = Self(0);
}

/// All shapes of one contract.
#[derive(Debug)]
pub(super) struct Shapes {
    pub(super) shapes: Vec<Shape>,
    pub(super) rules: Vec<Rule>,
    pub(super) audiences: Vec<Audience>,
}

/// What is said of one value.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) kinds: Kinds,
    pub(super) rule: RuleId,
    pub(super) members: Members,
    pub(super) patterns: Box<[(Regex, ShapeId)]>,
    /// What holds for a name that matches several of them.
    pub(super) all_patterns: ShapeId,
    pub(super) others: Others,
    pub(super) items: ShapeId,
    /// Whether a rule may remove a member or an item, whatever happens to what is undeclared.
    pub(super) hides: bool,
}

/// What holds for members that are neither named nor match a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Others {
    /// There are none.
    Closed,
    /// They have this shape.
    Open(ShapeId),
}

/// Who sees a value, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Rule {
    pub(super) write_only: bool,
    /// Each of them must admit the caller.
    pub(super) audiences: SmallVec<[u16; 2]>,
    /// Each masks the value for callers whom its audience, if it has one, does not admit.
    pub(super) masks: SmallVec<[(MaskAs, Option<u16>); 1]>,
}

/// Kinds of JSON values, as their first byte tells them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Kinds(pub(super) u8);

/// The kind of a JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JsonKind {
    Object,
    Array,
    String,
    Number,
    Boolean,
    Null,
}

/// The members that a shape names. They are tried in document order first, for that is how they mostly
/// come; else one look into a table of hashes finds one.
#[derive(Debug, Default)]
pub(super) struct Members {
    entries: Box<[Entry]>,
    /// Numbers of entries, or [`FREE`]; a power of two of them, at most half of them taken.
    slots: Box<[u16]>,
}

/// One named member.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: Box<str>,
    pub(super) shape: ShapeId,
    pub(super) standing: Standing,
    /// Which owner of other members it names, counted within the object.
    pub(super) owner: Option<u8>,
}

/// Whether a named member may be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Declared,
    /// It is only known because it names an owner, or since a schema says that it must not be.
    Undeclared,
}

/// Members that one shape may name. What has more is left open, and that is reported.
pub(super) const MEMBERS: usize = 4096;

const FREE: u16 = u16::MAX;

impl Shapes {
    /// Only [`ShapeId::OPEN`].
    pub(super) fn open() -> Self {
        Self { shapes: vec![Shape::open()], rules: vec![Rule::default()], audiences: Vec::new() }
    }

    #[inline]
    #[expect(clippy::expect_used, reason = "the planner gives out numbers of shapes that it then makes")]
    pub(super) fn shape(&self, id: ShapeId) -> &Shape {
        self.shapes.get(id.0 as usize).expect("a shape of this graph")
    }

    #[inline]
    #[expect(clippy::expect_used, reason = "the planner gives out numbers of rules that it has made")]
    pub(super) fn rule(&self, id: RuleId) -> &Rule {
        self.rules.get(id.0 as usize).expect("a rule of this graph")
    }

    /// The property that names the owner whom audience `index` is about.
    pub(super) fn owner_property(&self, index: u16) -> Option<&str> {
        match self.audiences.get(usize::from(index))?.owner.as_ref()? {
            Owner::Property(name) => Some(name),
            Owner::Path(_) => None,
        }
    }
}

impl Shape {
    pub(super) fn open() -> Self {
        Self {
            kinds: Kinds::ANY,
            rule: RuleId::NONE,
            members: Members::default(),
            patterns: Box::default(),
            all_patterns: ShapeId::OPEN,
            others: Others::Open(ShapeId::OPEN),
            items: ShapeId::OPEN,
            hides: false,
        }
    }

    /// The shape of a member whose name matches a pattern.
    pub(super) fn by_pattern(&self, name: &[u8]) -> Option<ShapeId> {
        if self.patterns.is_empty() {
            return None;
        }
        let name = std::str::from_utf8(name).ok()?;
        let mut matching = self.patterns.iter().filter(|(pattern, _)| pattern.is_match(name));
        let (_, first) = matching.next()?;
        Some(if matching.next().is_some() { self.all_patterns } else { *first })
    }

    /// The shapes of all that may be within.
    pub(super) fn within(&self) -> impl Iterator<Item = ShapeId> {
        let others = match self.others {
            Others::Closed => None,
            Others::Open(shape) => Some(shape),
        };
        let named = self.members.entries.iter().map(|entry| entry.shape);
        let patterns = self.patterns.iter().map(|(_, shape)| *shape);
        named.chain(patterns).chain(others).chain([self.all_patterns, self.items])
    }

    /// Whether it says anything of its own value that the filter would act on.
    pub(super) fn says_something(&self) -> bool {
        self.kinds != Kinds::ANY || self.rule != RuleId::NONE || self.others == Others::Closed
    }
}

impl Rule {
    /// The audiences of the value and of its masks.
    pub(super) fn all_audiences(&self) -> impl Iterator<Item = u16> {
        let of_masks = self.masks.iter().filter_map(|(_, audience)| *audience);
        self.audiences.iter().copied().chain(of_masks)
    }
}

impl Kinds {
    pub(super) const ANY: Self = Self(0b11_1111);
    pub(super) const NONE: Self = Self(0);

    #[inline]
    pub(super) const fn contains(self, kind: JsonKind) -> bool {
        self.0 >> kind as u8 & 1 == 1
    }

    pub(super) const fn with(self, kind: JsonKind) -> Self {
        Self(self.0 | 1 << kind as u8)
    }

    pub(super) const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl JsonKind {
    /// The kind of the value that begins with `byte`.
    #[inline]
    pub(super) const fn of(byte: u8) -> Option<Self> {
        match byte {
            b'"' => Some(Self::String),
            b'{' => Some(Self::Object),
            b'[' => Some(Self::Array),
            b'-' | b'0'..=b'9' => Some(Self::Number),
            b't' | b'f' => Some(Self::Boolean),
            b'n' => Some(Self::Null),
            _ => None,
        }
    }

    pub(super) const fn is_container(self) -> bool {
        matches!(self, Self::Object | Self::Array)
    }
}

impl Members {
    /// At most [`MEMBERS`] entries, each name once.
    pub(super) fn new(entries: Vec<Entry>) -> Self {
        let size = (entries.len() * 2).next_power_of_two();
        let mut slots = vec![FREE; if entries.is_empty() { 0 } else { size }].into_boxed_slice();
        for (index, entry) in (0_u16..).zip(&entries) {
            let mut at = hash(entry.name.as_bytes());
            while let Some(slot) = slots.get_mut(at & (size - 1)) {
                if *slot == FREE {
                    *slot = index;
                    break;
                }
                at += 1;
            }
        }
        Self { entries: entries.into_boxed_slice(), slots }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn entry(&self, index: u32) -> Option<&Entry> {
        self.entries.get(index as usize)
    }

    /// The member called `name`; `guess` is tried first.
    #[inline]
    pub(super) fn find(&self, name: &[u8], guess: u32) -> Option<(u32, &Entry)> {
        if let Some(entry) = self.entry(guess)
            && entry.name.as_bytes() == name
        {
            return Some((guess, entry));
        }
        self.look_up(name)
    }

    fn look_up(&self, name: &[u8]) -> Option<(u32, &Entry)> {
        let mut at = hash(name);
        loop {
            // No slots at all: nothing is named.
            let slot = *self.slots.get(at & self.slots.len().wrapping_sub(1))?;
            let entry = self.entries.get(usize::from(slot))?;
            if entry.name.as_bytes() == name {
                return Some((u32::from(slot), entry));
            }
            at = at.wrapping_add(1);
        }
    }
}

/// Length, beginning and end: enough to tell the names of one object apart. The names in the table are
/// the operator's, so that nobody can choose ones that meet.
#[inline]
fn hash(name: &[u8]) -> usize {
    let first = match name.first_chunk::<8>() {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => name.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    let last = name.last_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let mixed = (first ^ last.rotate_left(23) ^ name.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(names: &[&str]) -> Members {
        let entry = |name: &&str| Entry {
            name: (*name).into(),
            shape: ShapeId::OPEN,
            standing: Standing::Declared,
            owner: None,
        };
        Members::new(names.iter().map(entry).collect())
    }

    #[test]
    fn a_name_is_found_wherever_it_stands() {
        let many: Vec<String> = (0..1000).map(|n| format!("member{n}")).collect();
        let names: Vec<&str> = many.iter().map(String::as_str).collect();
        let members = members(&names);
        for (index, name) in (0..).zip(&names) {
            for guess in [0, index, 5000] {
                assert_eq!(
                    members.find(name.as_bytes(), guess).map(|(found, _)| found),
                    Some(index),
                    "{name}"
                );
            }
        }
        assert!(members.find(b"member1000", 3).is_none());
        assert!(members.find(b"", 3).is_none());
    }

    #[test]
    fn a_shape_without_members_finds_none() {
        assert!(members(&[]).find(b"a", 0).is_none());
        assert!(Members::default().find(b"", 0).is_none());
    }

    #[test]
    fn names_that_meet_in_the_table_are_told_apart() {
        let members = members(&["aaaaaaaaXbbbbbbbb", "aaaaaaaaYbbbbbbbb", "aaaaaaaaZbbbbbbbb"]);
        assert_eq!(members.find(b"aaaaaaaaZbbbbbbbb", 9).map(|(found, _)| found), Some(2));
        assert!(members.find(b"aaaaaaaaWbbbbbbbb", 9).is_none());
    }
}
