//! What is known of a container that is open.

use super::mask::MaskAs;
use super::shape::{RuleId, ShapeId};

/// Containers within each other.
pub(super) const DEPTH: usize = 128;

/// A container that is open, or the document around all of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) container: Container,
    pub(super) shape: ShapeId,
    /// The value that is being read, or was last.
    pub(super) slot: Slot,
    /// Where its own bytes go.
    pub(super) sink: Sink,
    /// Whether what comes may have to be removed: then the comma before it has to wait.
    pub(super) may_remove: bool,
    /// Whether a member or item has left.
    pub(super) has_emitted: bool,
    /// Where in the hold the value that is being read begins, if it is held.
    pub(super) held_begin: Option<usize>,
    /// Whether an owner was met since held members were last looked at.
    pub(super) owner_is_new: bool,
    /// The mask of an array holds for its items.
    pub(super) mask: Option<MaskAs>,
    /// Owners that were met, and those of them who are the caller, as bits.
    pub(super) owners_met: u8,
    pub(super) owners_admitted: u8,
    /// The members held here, by number of the hold.
    pub(super) hold: Option<u8>,
    /// The first members of the shape that were met, as bits; further ones are in a list of words.
    pub(super) seen: u64,
    pub(super) seen_mark: usize,
    pub(super) names_mark: usize,
}

/// What kind of container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Container {
    Document,
    Object,
    Array,
}

/// A place in a container and what is said of the value there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) which: Which,
    pub(super) shape: ShapeId,
    /// What a name hashes to that no schema has; else zero.
    pub(super) hash: u64,
    pub(super) owner: Option<u8>,
    /// What was decided when its name turned out too long to wait.
    pub(super) early: Option<Early>,
}

/// Which place in a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// The document's one value.
    Whole,
    Item,
    /// The member of this number in the shape.
    Named(u32),
    /// A member that is not named and may be there.
    Other,
    /// A member that is not named, or named as one that is not declared, and may not be there.
    Undeclared,
}

/// What was decided of a member before its value came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Early {
    Removed,
    /// Its name has left: there must be a value.
    Named,
}

/// Where bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sink {
    Out,
    Hold(u8),
    Nowhere,
}

/// How many owners one object may name.
pub(super) const OWNERS: usize = 8;

impl Slot {
    pub(super) const fn of(which: Which, shape: ShapeId) -> Self {
        Self { which, shape, hash: 0, owner: None, early: None }
    }
}

impl Frame {
    /// The document, whose one value has this shape.
    pub(super) const fn document(shape: ShapeId) -> Self {
        Self::new(Container::Document, ShapeId::OPEN, Sink::Out, Slot::of(Which::Whole, shape))
    }

    pub(super) const fn new(container: Container, shape: ShapeId, sink: Sink, slot: Slot) -> Self {
        Self {
            container,
            shape,
            slot,
            sink,
            may_remove: false,
            has_emitted: false,
            held_begin: None,
            owner_is_new: false,
            mask: None,
            owners_met: 0,
            owners_admitted: 0,
            hold: None,
            seen: 0,
            seen_mark: 0,
            names_mark: 0,
        }
    }
}

/// A member that waits for its owner to be named.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) rule: RuleId,
    pub(super) slot: Slot,
    pub(super) begin: usize,
    pub(super) end: usize,
}
