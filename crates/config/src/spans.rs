//! Where each value of a document stands in its text: a tree of the same shape as the value.

use std::ops::Range;

use serde_json::Value;

/// Bytes in a file of at most 4 GiB; half the size of a `Range<usize>`, of which there are millions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    pub(crate) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

impl From<Range<usize>> for Span {
    fn from(range: Range<usize>) -> Self {
        let clip = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Self { start: clip(range.start), end: clip(range.end) }
    }
}

/// The place of one value and of all in it.
///
/// Invariant: `children` are in the order of the object's keys or the array's elements.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spans {
    /// The key that introduces the value; empty for elements of arrays and for the whole document.
    pub(crate) key: Span,
    pub(crate) value: Span,
    pub(crate) children: Box<[Spans]>,
}

impl Spans {
    /// The value at `pointer` and its place, or the nearest that exists above it.
    pub(crate) fn find<'a>(&'a self, value: &'a Value, pointer: &str) -> (&'a Value, &'a Self) {
        let mut found = (value, self);
        for token in pointer.split('/').skip(1) {
            match found.1.step(found.0, &token.replace("~1", "/").replace("~0", "~")) {
                Some(next) => found = next,
                None => break,
            }
        }
        found
    }

    fn step<'a>(&'a self, value: &'a Value, name: &str) -> Option<(&'a Value, &'a Self)> {
        match value {
            Value::Object(members) => {
                let index = members.keys().position(|key| key == name)?;
                Some((members.get(name)?, self.children.get(index)?))
            }
            Value::Array(elements) => {
                let index: usize = name.parse().ok()?;
                Some((elements.get(index)?, self.children.get(index)?))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        }
    }
}
