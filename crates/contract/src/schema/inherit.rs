//! Schemas that build on another one: the `allOf` way of writing inheritance.
//!
//! `Pet` has a `discriminator`, `Cat` says `allOf: [Pet, {…}]`, and a body is declared as `Pet`. Such a
//! body may be a cat: closing `Pet` on its own would refuse the members of `Cat` (OpenAPI 3.1.1 §4.8.25).

use std::collections::{HashMap, HashSet};

use crate::reading::Node;

/// From a schema to those that build on it, directly or not, in document order.
#[derive(Debug, Default)]
pub(crate) struct Heirs<'d>(HashMap<(usize, String), Vec<Node<'d>>>);

impl<'d> Heirs<'d> {
    /// Reads the named schemas of the document.
    pub(crate) fn of(root: &Node<'d>) -> Self {
        let mut direct: HashMap<(usize, String), Vec<Node<'d>>> = HashMap::new();
        let schemas = root.child("components").and_then(|components| components.child("schemas"));
        for (_, schema) in schemas.iter().flat_map(Node::members) {
            for part in schema.child("allOf").iter().flat_map(Node::items) {
                if let Some(Ok(base)) = part.reference() {
                    direct.entry(key(&base)).or_default().push(schema.clone());
                }
            }
        }
        Self(direct)
    }

    /// All schemas that build on `base`, each once.
    pub(crate) fn of_base(&self, base: &Node<'d>) -> Vec<Node<'d>> {
        let mut found = Vec::new();
        let mut seen = HashSet::from([key(base)]);
        let mut waiting = vec![key(base)];
        while let Some(base) = waiting.pop() {
            for heir in self.0.get(&base).into_iter().flatten() {
                if seen.insert(key(heir)) {
                    waiting.push(key(heir));
                    found.push(heir.clone());
                }
            }
        }
        found
    }
}

fn key(node: &Node<'_>) -> (usize, String) {
    let (document, pointer) = node.identity();
    (document, pointer.to_owned())
}
