//! Collecting changes: what holds for many operations is said once, with all of them.

use std::collections::HashMap;

use portcullis_config::Place;

use super::{Change, Code};
use crate::reading::Node;

/// All changes so far.
#[derive(Default)]
pub(super) struct Changes {
    changes: Vec<Change>,
    known: HashMap<(Code, Option<Spot>, Option<Spot>, String), usize>,
    /// The operation that is compared.
    operation: Option<String>,
    said: usize,
}

type Spot = (usize, String);

impl Changes {
    /// What is found from here on holds for this operation.
    pub(super) fn enter(&mut self, operation: String) {
        self.operation = Some(operation);
    }

    /// What is found from here on holds for the document.
    pub(super) fn leave(&mut self) {
        self.operation = None;
    }

    /// How often something was found, repetitions included.
    pub(super) const fn count(&self) -> usize {
        self.said
    }

    /// A change between two places; what is said of an operation already is not said again.
    pub(super) fn add(
        &mut self,
        code: Code,
        old: Option<&Node<'_>>,
        new: Option<&Node<'_>>,
        sentence: impl Into<String>,
    ) {
        self.said += 1;
        let sentence = sentence.into();
        let spot = |node: &Node<'_>| -> Spot {
            let (document, pointer) = node.identity();
            (document, pointer.to_owned())
        };
        let key = (code, old.map(spot), new.map(spot), sentence.clone());
        let index = *self.known.entry(key).or_insert(self.changes.len());
        if index == self.changes.len() {
            let place = |node: &Node<'_>| -> Place { node.place() };
            let (old, new) = (old.map(place), new.map(place));
            self.changes.push(Change { code, operations: Vec::new(), old, new, sentence });
        }
        if let (Some(change), Some(operation)) = (self.changes.get_mut(index), &self.operation)
            && change.operations.last() != Some(operation)
        {
            change.operations.push(operation.clone());
        }
    }

    pub(super) fn finish(self) -> Vec<Change> {
        self.changes
    }
}
