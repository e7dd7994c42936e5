//! Where something was met: a JSON pointer (RFC 6901) without anything that might be a value.

use super::frame::{Container, Frame, Which};
use super::member::Stranger;
use super::repeated::hash;
use super::shape::{ShapeId, Shapes};
use crate::reading::escape;

/// Longer pointers are cut off.
const LENGTH: usize = 256;

/// What tells the slot of `top` from those of other schemas, without its pointer.
pub(super) fn key(top: &Frame, stranger: &Stranger, class: Option<&'static str>) -> u64 {
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
pub(super) fn write(shapes: &Shapes, parents: &[Frame], top: &Frame, stranger: &Stranger) -> String {
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
