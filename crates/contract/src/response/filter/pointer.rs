//! Noting what is met, and where: a JSON pointer (RFC 6901) without anything that might be a value.

use super::found::{FoundPlace, Kind};
use super::frame::{Container, Frame, Which};
use super::member::Stranger;
use super::repeated::hash;
use super::shape::{ShapeId, Shapes};
use super::walk::Pass;
use crate::reading::escape;

/// Longer pointers are cut off.
const LENGTH: usize = 256;

impl Pass<'_> {
    /// Counts what the slot of the innermost container holds.
    pub(super) fn met(&mut self, kind: Kind) {
        self.note(kind, None);
    }

    pub(super) fn met_class(&mut self, class: &'static str) {
        self.note(Kind::Detected, Some(class));
    }

    fn note(&mut self, kind: Kind, class: Option<&'static str>) {
        let walk = &mut *self.walk;
        let key = key(&walk.top, &walk.stranger, class);
        walk.finder.add(kind, key, || FoundPlace {
            kind,
            pointer: write(&self.plan.shapes, &walk.parents, &walk.top, &walk.stranger),
            class,
        });
    }
}

/// What tells the slot of `top` from those of other schemas, without its pointer.
fn key(top: &Frame, stranger: &Stranger, class: Option<&'static str>) -> u64 {
    let which = match top.slot.which {
        Which::Named(index) => u64::from(index),
        Which::Whole => u64::MAX,
        Which::Item => u64::MAX - 1,
        Which::Other => u64::MAX - 2,
        Which::Undeclared => top.slot.hash,
    };
    let around = if top.shape == ShapeId::OPEN { stranger.hash } else { u64::from(top.shape.0) };
    let class = class.map_or(0, |class| hash(class.as_bytes()));
    which.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ around.rotate_left(32) ^ class
}

/// The pointer of the slot of `top`, the innermost of `parents`.
fn write(shapes: &Shapes, parents: &[Frame], top: &Frame, stranger: &Stranger) -> String {
    let mut pointer = String::new();
    for frame in parents.iter().chain([top]).filter(|frame| frame.container != Container::Document) {
        let token = match frame.slot.which {
            Which::Item => "[]",
            Which::Named(index) => {
                shapes.shape(frame.shape).members.entry(index).map_or("*", |entry| &*entry.name)
            }
            Which::Undeclared => stranger.shown().unwrap_or("*"),
            Which::Whole | Which::Other => "*",
        };
        pointer.push('/');
        pointer.push_str(&escape(token));
        if pointer.len() > LENGTH {
            pointer.truncate(pointer.floor_char_boundary(LENGTH));
            pointer.push('…');
            break;
        }
    }
    pointer
}
