//! A shape while the planner works on it.

use regex::Regex;
use serde_json::Value;

use super::frame::OWNERS;
use super::said::{MASK, VISIBLE_TO};
use super::shape::{Entry, Kinds, Members, Others, RuleId, Shape, ShapeId, Standing};
use crate::reading::Node;

/// How many references are followed from one schema.
const HOPS: usize = 32;

/// A shape that is not complete.
pub(super) struct Draft<'d> {
    pub(super) node: Option<Node<'d>>,
    pub(super) kinds: Kinds,
    pub(super) rule: RuleId,
    pub(super) members: Vec<(&'d str, ShapeId, Standing)>,
    pub(super) patterns: Vec<(Regex, ShapeId)>,
    pub(super) all_patterns: ShapeId,
    pub(super) others: Others,
    pub(super) items: ShapeId,
}

impl Draft<'_> {
    pub(super) const fn open() -> Self {
        Self {
            node: None,
            kinds: Kinds::ANY,
            rule: RuleId::NONE,
            members: Vec::new(),
            patterns: Vec::new(),
            all_patterns: ShapeId::OPEN,
            others: Others::Open(ShapeId::OPEN),
            items: ShapeId::OPEN,
        }
    }

    /// The shapes of what an object of this shape may have in it.
    pub(super) fn members_within(&self) -> impl Iterator<Item = ShapeId> {
        let others = match self.others {
            Others::Closed => None,
            Others::Open(shape) => Some(shape),
        };
        let named = self.members.iter().map(|(_, shape, _)| *shape);
        named.chain(self.patterns.iter().map(|(_, shape)| *shape)).chain([self.all_patterns]).chain(others)
    }

    pub(super) fn finish(self, owners: &[Box<str>]) -> Shape {
        let owner = |name: &str| {
            let at = owners.iter().take(OWNERS).position(|owner| **owner == *name);
            at.and_then(|at| u8::try_from(at).ok())
        };
        let entry = |(name, shape, standing): (&str, ShapeId, Standing)| Entry {
            name: name.into(),
            shape,
            standing,
            owner: owner(name),
        };
        // Where there may be others, one of them may name the owner.
        let of_others = match self.others {
            Others::Closed => None,
            Others::Open(shape) => Some(shape),
        };
        let named = |name: &str| self.members.iter().any(|(known, ..)| *known == name);
        let unnamed: Vec<Entry> = of_others
            .iter()
            .flat_map(|shape| owners.iter().map(|name| (&**name, *shape, Standing::Declared)))
            .filter(|(name, ..)| !named(name))
            .map(entry)
            .collect();
        Shape {
            kinds: self.kinds,
            rule: self.rule,
            members: Members::new(self.members.into_iter().map(entry).chain(unnamed).collect()),
            patterns: self.patterns.into(),
            all_patterns: self.all_patterns,
            others: self.others,
            items: self.items,
            hides: false,
        }
    }
}

/// The schema behind a node that is nothing but a reference.
pub(super) fn behind<'d>(node: &Node<'d>) -> Node<'d> {
    let mut node = node.clone();
    for _ in 0..HOPS {
        let is_bare = node.object().is_some_and(|members| members.len() == 1);
        match node.reference() {
            Some(Ok(target)) if is_bare => node = target,
            _ => break,
        }
    }
    node
}

/// Whether a schema says nothing but which kinds of values there are.
pub(super) fn is_plain(node: &Node<'_>) -> bool {
    const SAYS_MORE: [&str; 22] = [
        "$ref",
        "allOf",
        "anyOf",
        "oneOf",
        "if",
        "then",
        "else",
        "dependentSchemas",
        "discriminator",
        "properties",
        "patternProperties",
        "additionalProperties",
        "unevaluatedProperties",
        "required",
        "items",
        "prefixItems",
        "writeOnly",
        "unevaluatedItems",
        "$recursiveRef",
        VISIBLE_TO,
        MASK,
        "$dynamicRef",
    ];
    match node.value() {
        Value::Object(members) => !members.keys().any(|name| SAYS_MORE.contains(&name.as_str())),
        _ => true,
    }
}
