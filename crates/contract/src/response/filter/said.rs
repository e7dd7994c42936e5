//! What all schemas that speak of one value say of it, in the direction of answers.
//!
//! `allOf` is joined. Of alternatives (`anyOf`, `oneOf`, `then` and `else`, the heirs of a schema with a
//! `discriminator`) what any of them declares is declared: which one a value follows is not decided while
//! it streams. What one of them hides is hidden. Closing follows [`crate::schema`]: an object whose
//! members are named, and of which nothing else is said, has no others.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::shape::{JsonKind, Kinds};
use crate::reading::Node;
use crate::schema::{Dialect, Heirs, Type, admitted, asserts};

/// How many schemas are looked at for one value. Documents need dozens; a stranger's could need ages.
const SCHEMAS: usize = 4096;

/// Who may see a value.
pub(super) const VISIBLE_TO: &str = "x-portcullis-visible-to";
/// What is left of it for others.
pub(super) const MASK: &str = "x-portcullis-mask";

/// What is said of one value.
pub(super) struct Said<'d> {
    pub(super) kinds: Kinds,
    /// Members, with all their descriptions, in document order.
    pub(super) members: Vec<(&'d str, Vec<Node<'d>>)>,
    pub(super) patterns: Vec<(&'d str, Node<'d>)>,
    /// Members that are required somewhere.
    pub(super) required: Vec<&'d str>,
    pub(super) others: OthersSaid<'d>,
    pub(super) items: Vec<Node<'d>>,
    /// Whether anything may be within, in spite of what is described: some alternative is anything.
    pub(super) is_free: bool,
    pub(super) write_only: bool,
    pub(super) visible_to: Vec<Node<'d>>,
    pub(super) masks: Vec<Node<'d>>,
    /// Those of them that stand in an alternative, and hold for the others too.
    pub(super) widened: Vec<Node<'d>>,
    /// Whether not everything was heard.
    pub(super) is_cut: bool,
}

/// What is said of members that are not named.
pub(super) enum OthersSaid<'d> {
    /// There are none.
    Closed,
    /// These describe them, or nothing does.
    Open(Vec<Node<'d>>),
}

/// What may be where nothing is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Unsaid {
    /// No members beside those that are named.
    Closed,
    /// Other members.
    Open,
    /// Anything, also where something is said: an alternative around this value is anything. What is hidden
    /// is hidden all the same.
    Free,
}

/// Whether a schema holds, or is one of several of which one holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Holds,
    Alternative,
}

/// Hears schemas. One for each value.
pub(super) struct Listener<'p, 'd> {
    dialect: Dialect,
    heirs: &'p Heirs<'d>,
    said: Said<'d>,
    known: HashMap<&'d str, usize>,
    heard: HashSet<(usize, String)>,
    /// The schemas between the start and here.
    path: Vec<(usize, String)>,
    left: usize,
    names_members: bool,
    describes_members: bool,
    is_shut: bool,
    is_open: bool,
    is_shut_in_part: bool,
    others: Vec<Node<'d>>,
}

impl<'p, 'd> Listener<'p, 'd> {
    pub(super) fn new(dialect: Dialect, heirs: &'p Heirs<'d>) -> Self {
        let said = Said {
            kinds: Kinds::NONE,
            members: Vec::new(),
            patterns: Vec::new(),
            required: Vec::new(),
            others: OthersSaid::Open(Vec::new()),
            items: Vec::new(),
            is_free: false,
            write_only: false,
            visible_to: Vec::new(),
            masks: Vec::new(),
            widened: Vec::new(),
            is_cut: false,
        };
        Self {
            dialect,
            heirs,
            said,
            known: HashMap::new(),
            heard: HashSet::new(),
            path: Vec::new(),
            left: SCHEMAS,
            names_members: false,
            describes_members: false,
            is_shut: false,
            is_open: false,
            is_shut_in_part: false,
            others: Vec::new(),
        }
    }

    /// Hears `nodes`, each of which describes the value.
    pub(super) fn listen(mut self, nodes: &[Node<'d>], unsaid: Unsaid) -> Said<'d> {
        let names_members =
            |node: &Node<'d>| node.resolved().is_ok_and(|node| node.child("properties").is_some());
        self.names_members = nodes.iter().any(names_members);
        for node in nodes {
            self.hear(node, Standing::Holds);
            self.said.kinds = self.said.kinds.union(kinds(node, self.dialect));
        }
        self.said.others = self.conclude(unsaid);
        if unsaid == Unsaid::Free {
            self.said.is_free = true;
            self.said.kinds = Kinds::ANY;
        }
        self.said
    }

    fn conclude(&mut self, unsaid: Unsaid) -> OthersSaid<'d> {
        let is_shut_unsaid = self.describes_members && unsaid == Unsaid::Closed;
        let others = std::mem::take(&mut self.others);
        let is_shut = match unsaid {
            Unsaid::Free => false,
            Unsaid::Closed | Unsaid::Open if self.is_shut => true,
            Unsaid::Closed | Unsaid::Open if self.is_open || !others.is_empty() => false,
            Unsaid::Closed | Unsaid::Open => is_shut_unsaid || self.is_shut_in_part,
        };
        if is_shut { OthersSaid::Closed } else { OthersSaid::Open(others) }
    }

    fn hear(&mut self, node: &Node<'d>, standing: Standing) {
        if self.left == 0 {
            self.said.is_cut = true;
            return;
        }
        self.left -= 1;
        let identity = identity(node);
        if !self.heard.insert(identity.clone()) {
            return;
        }
        self.path.push(identity);
        self.hear_new(node, standing);
        self.path.pop();
    }

    fn hear_new(&mut self, node: &Node<'d>, standing: Standing) {
        // Also beside a `$ref` of OpenAPI 3.0, where others ignore what they find: to overlook that
        // something is to be hidden would show it.
        self.hear_extensions(node, standing);
        if standing == Standing::Alternative {
            self.hear_free(node);
        }
        if let Some(Ok(target)) = node.reference() {
            self.hear(&target, standing);
            if self.dialect == Dialect::V30 {
                return;
            }
        }
        self.hear_members(node);
        self.hear_others(node, standing);
        self.hear_items(node);
        for part in node.child("allOf").iter().flat_map(Node::items) {
            self.hear(&part, standing);
        }
        for keyword in ["anyOf", "oneOf"] {
            for part in node.child(keyword).iter().flat_map(Node::items) {
                self.hear(&part, Standing::Alternative);
            }
        }
        for keyword in ["if", "then", "else"] {
            if let Some(part) = node.child(keyword) {
                self.hear(&part, Standing::Alternative);
            }
        }
        for (_, part) in node.child("dependentSchemas").iter().flat_map(Node::members) {
            self.hear(&part, Standing::Alternative);
        }
        self.hear_heirs(node);
    }

    fn hear_extensions(&mut self, node: &Node<'d>, standing: Standing) {
        self.said.write_only |= node.says("writeOnly");
        let (visible_to, mask) = (node.child(VISIBLE_TO), node.child(MASK));
        if standing == Standing::Alternative {
            self.said.widened.extend(visible_to.iter().chain(&mask).cloned());
        }
        self.said.visible_to.extend(visible_to);
        self.said.masks.extend(mask);
        if self.dialect == Dialect::V30 && node.says("nullable") {
            self.said.kinds = self.said.kinds.with(JsonKind::Null);
        }
    }

    fn hear_members(&mut self, node: &Node<'d>) {
        for (name, schema) in node.child("properties").iter().flat_map(Node::members) {
            self.describes_members = true;
            let at = *self.known.entry(name).or_insert(self.said.members.len());
            match self.said.members.get_mut(at) {
                Some((_, schemas)) => schemas.push(schema),
                None => self.said.members.push((name, vec![schema])),
            }
        }
        if let Some(patterns) = node.child("patternProperties") {
            // OpenAPI 3.0 does not have it, and closes nothing because of it; but whoever wrote it declared
            // something.
            self.describes_members |= self.dialect == Dialect::V31;
            self.said.patterns.extend(patterns.members());
        }
        if let Some(names) = node.child("required") {
            let names = names.value().as_array().into_iter().flatten().filter_map(Value::as_str);
            self.said.required.extend(names);
        }
    }

    fn hear_items(&mut self, node: &Node<'d>) {
        for keyword in ["items", "prefixItems", "unevaluatedItems"] {
            if let Some(items) = node.child(keyword) {
                let several: Vec<_> = items.items().collect();
                self.said.items.extend(if items.value().is_array() { several } else { vec![items] });
            }
        }
        // What follows the first items is anything unless it is said what.
        let has_rest = node.child("items").is_some() || node.child("unevaluatedItems").is_some();
        self.said.is_free |= node.child("prefixItems").is_some() && !has_rest;
        // Nobody follows these, and what they would say may be anything.
        if node.child("$dynamicRef").is_some() || node.child("$recursiveRef").is_some() {
            self.is_open = true;
            self.said.is_free = true;
        }
    }

    fn hear_others(&mut self, node: &Node<'d>, standing: Standing) {
        for keyword in ["additionalProperties", "unevaluatedProperties"] {
            let Some(others) = node.child(keyword) else { continue };
            match (others.value(), standing) {
                (_, _) if keyword == "unevaluatedProperties" && self.dialect == Dialect::V30 => {}
                (Value::Bool(false), Standing::Holds) => self.is_shut = true,
                (Value::Bool(false), Standing::Alternative) => self.is_shut_in_part = true,
                (Value::Object(_), _) => self.others.push(others),
                _ => self.is_open = true,
            }
        }
    }

    /// An alternative that says no more than its type is a map or a list of anything.
    fn hear_free(&mut self, node: &Node<'d>) {
        let Ok(node) = node.resolved() else { return };
        let says_only_type = match node.value() {
            Value::Object(members) => {
                !members.contains_key("nullable")
                    && members.keys().all(|name| name == "type" || !asserts(self.dialect, name))
            }
            value => *value == true,
        };
        if says_only_type {
            let kinds = kinds(&node, self.dialect);
            let is_map = kinds.contains(JsonKind::Object) && !self.names_members;
            self.is_open |= is_map;
            self.said.is_free |= is_map || kinds.contains(JsonKind::Array);
        }
    }

    /// A schema with a `discriminator` stands for those that build on it, unless this value is said to be
    /// one of them (OpenAPI 3.1.1 §4.8.25).
    fn hear_heirs(&mut self, node: &Node<'d>) {
        let Some(discriminator) = node.child("discriminator") else { return };
        if let Some(name) = discriminator.text("propertyName") {
            self.said.required.push(name);
        }
        let heirs = self.heirs.of_base(node);
        let is_heir = heirs.iter().any(|heir| self.path.contains(&identity(heir)));
        if is_heir {
            return;
        }
        for heir in heirs {
            self.hear(&heir, Standing::Alternative);
        }
        for (_, target) in discriminator.child("mapping").iter().flat_map(Node::members) {
            let Some(text) = target.value().as_str() else { continue };
            let named = format!("#/components/schemas/{text}");
            if let Some(target) = discriminator.follow(&named).or_else(|| discriminator.follow(text)) {
                self.hear(&target, Standing::Alternative);
            }
        }
    }
}

/// The kinds of values that a schema lets through.
fn kinds(node: &Node<'_>, dialect: Dialect) -> Kinds {
    if node.value().is_boolean() {
        return if *node.value() == true { Kinds::ANY } else { Kinds::NONE };
    }
    let admitted = admitted(node, dialect);
    let pairs = [
        (Type::Null, JsonKind::Null),
        (Type::Boolean, JsonKind::Boolean),
        (Type::Integer, JsonKind::Number),
        (Type::Number, JsonKind::Number),
        (Type::String, JsonKind::String),
        (Type::Array, JsonKind::Array),
        (Type::Object, JsonKind::Object),
    ];
    let kinds = pairs.into_iter().filter(|(kind, _)| admitted.contains(*kind));
    kinds.fold(Kinds::NONE, |kinds, (_, kind)| kinds.with(kind))
}

/// What tells a schema from all others.
pub(super) fn identity(node: &Node<'_>) -> (usize, String) {
    let (document, pointer) = node.identity();
    (document, pointer.to_owned())
}
