//! What all parts of a schema say together: the schema itself, what it refers to, and all of `allOf`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::reading::Node;
use crate::schema::OF_SCHEMA;

/// How many schemas are heard for one value.
const PARTS: usize = 512;

/// What a lower or upper bound limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edge {
    Upper,
    Lower,
    /// `multipleOf`: wider where the number divides the other.
    Step,
}

/// Bounds, and which way they are narrow.
const BOUNDS: [(&str, Edge); 14] = [
    ("maxLength", Edge::Upper),
    ("minLength", Edge::Lower),
    ("maximum", Edge::Upper),
    ("minimum", Edge::Lower),
    ("exclusiveMaximum", Edge::Upper),
    ("exclusiveMinimum", Edge::Lower),
    ("maxItems", Edge::Upper),
    ("minItems", Edge::Lower),
    ("maxProperties", Edge::Upper),
    ("minProperties", Edge::Lower),
    ("maxContains", Edge::Upper),
    ("minContains", Edge::Lower),
    ("multipleOf", Edge::Step),
    // `true` is one, and anything else is none.
    ("uniqueItems", Edge::Lower),
];

/// Keywords that are compared as they are written.
const CONDITIONS: [&str; 11] = [
    "not",
    "if",
    "then",
    "else",
    "contains",
    "propertyNames",
    "patternProperties",
    "dependentRequired",
    "dependentSchemas",
    "unevaluatedProperties",
    "unevaluatedItems",
];

/// Who may see a member.
const VISIBLE_TO: &str = "x-portcullis-visible-to";

/// What is said about members that are not named.
#[derive(Clone, Default)]
pub(super) enum Additional<'d> {
    /// Nothing.
    #[default]
    Unsaid,
    /// They are taken.
    Open(Node<'d>),
    /// They are refused.
    Closed(Node<'d>),
    /// They keep this schema.
    Like(Node<'d>),
}

/// What is said of one value.
pub(super) struct Facts<'d> {
    /// The schema that was asked about, behind its reference.
    pub(super) node: Node<'d>,
    pub(super) types: Option<BTreeSet<&'d str>>,
    /// `enum` and `const`.
    pub(super) values: Option<Vec<&'d Value>>,
    pub(super) bounds: BTreeMap<&'static str, (Edge, f64)>,
    pub(super) patterns: BTreeMap<&'d str, Node<'d>>,
    pub(super) formats: BTreeMap<&'d str, Node<'d>>,
    /// Each with every schema that is said of it.
    pub(super) members: BTreeMap<&'d str, Vec<Node<'d>>>,
    pub(super) required: BTreeSet<&'d str>,
    pub(super) additional: Additional<'d>,
    /// Schemas of an array's elements, by position or for all.
    pub(super) items: BTreeMap<String, Node<'d>>,
    /// Of `oneOf` and `anyOf`, by what they refer to or their position.
    pub(super) alternatives: BTreeMap<String, Node<'d>>,
    pub(super) conditions: BTreeMap<&'static str, Node<'d>>,
    pub(super) read_only: bool,
    pub(super) write_only: bool,
    pub(super) visible_to: Option<Node<'d>>,
    left: usize,
    path: Vec<(usize, String)>,
}

impl<'d> Facts<'d> {
    /// Hears all of `nodes`, which speak of the same value; `None` for none.
    pub(super) fn of(nodes: &[Node<'d>]) -> Option<Self> {
        let first = nodes.first()?;
        let mut facts = Self {
            node: first.resolved().unwrap_or_else(|_| first.clone()),
            types: None,
            values: None,
            bounds: BTreeMap::new(),
            patterns: BTreeMap::new(),
            formats: BTreeMap::new(),
            members: BTreeMap::new(),
            required: BTreeSet::new(),
            additional: Additional::Unsaid,
            items: BTreeMap::new(),
            alternatives: BTreeMap::new(),
            conditions: BTreeMap::new(),
            read_only: false,
            write_only: false,
            visible_to: None,
            left: PARTS,
            path: Vec::new(),
        };
        for node in nodes {
            facts.hear(node);
        }
        Some(facts)
    }

    fn hear(&mut self, node: &Node<'d>) {
        let (document, pointer) = node.identity();
        let is_open = self.path.iter().any(|(open, at)| *open == document && at == pointer);
        if self.left == 0 || is_open {
            return;
        }
        self.left -= 1;
        self.path.push((document, pointer.to_owned()));
        if let Some(Ok(target)) = node.reference() {
            self.hear(&target);
        }
        self.hear_value(node);
        self.hear_object(node);
        self.hear_array(node);
        for part in node.child("allOf").iter().flat_map(Node::items) {
            self.hear(&part);
        }
        for keyword in ["oneOf", "anyOf"] {
            for (index, part) in node.child(keyword).iter().flat_map(Node::items).enumerate() {
                let name = part.text("$ref").map_or_else(|| format!("{keyword} {index}"), str::to_owned);
                self.alternatives.entry(name).or_insert(part);
            }
        }
        for keyword in CONDITIONS.into_iter().chain(OF_SCHEMA) {
            if let Some(condition) = node.child(keyword) {
                self.conditions.entry(keyword).or_insert(condition);
            }
        }
        self.read_only |= node.says("readOnly");
        self.write_only |= node.says("writeOnly");
        if let Some(visible_to) = node.child(VISIBLE_TO) {
            self.visible_to.get_or_insert(visible_to);
        }
        self.path.pop();
    }

    fn hear_value(&mut self, node: &Node<'d>) {
        if let Some(types) = types(node) {
            self.types = Some(match self.types.take() {
                Some(before) => intersection(&before, &types),
                None => types,
            });
        }
        let constant = node.child("const").map(|constant| vec![constant.value()]);
        let listed = node.child("enum").and_then(|list| Some(list.value().as_array()?.iter().collect()));
        for values in [constant, listed].into_iter().flatten() {
            let values: Vec<&Value> = values;
            self.values = Some(match self.values.take() {
                Some(before) => before.into_iter().filter(|value| values.contains(value)).collect(),
                None => values,
            });
        }
        for (keyword, edge) in BOUNDS {
            if let Some(bound) = bound(node, keyword) {
                let entry = self.bounds.entry(keyword).or_insert((edge, bound));
                entry.1 = match edge {
                    Edge::Upper => entry.1.min(bound),
                    Edge::Lower | Edge::Step => entry.1.max(bound),
                };
            }
        }
        for (keyword, found) in [("pattern", &mut self.patterns), ("format", &mut self.formats)] {
            if let (Some(text), Some(child)) = (node.text(keyword), node.child(keyword)) {
                found.entry(text).or_insert(child);
            }
        }
    }

    fn hear_object(&mut self, node: &Node<'d>) {
        for (name, member) in node.child("properties").iter().flat_map(Node::members) {
            self.members.entry(name).or_default().push(member);
        }
        let required = node.child("required").and_then(|required| required.value().as_array());
        self.required.extend(required.into_iter().flatten().filter_map(Value::as_str));
        if let Some(additional) = node.child("additionalProperties") {
            let said = match additional.value() {
                Value::Bool(false) => Additional::Closed(additional),
                Value::Bool(true) => Additional::Open(additional),
                Value::Object(members) if members.is_empty() => Additional::Open(additional),
                _ => Additional::Like(additional),
            };
            // One part that closes the object closes it.
            if !matches!(self.additional, Additional::Closed(_)) {
                self.additional = said;
            }
        }
    }

    fn hear_array(&mut self, node: &Node<'d>) {
        if let Some(items) = node.child("items").filter(|items| items.object().is_some()) {
            self.items.entry("*".to_owned()).or_insert(items);
        }
        for (index, item) in node.child("prefixItems").iter().flat_map(Node::items).enumerate() {
            self.items.entry(index.to_string()).or_insert(item);
        }
    }
}

/// The types that a schema names; `nullable` (3.0) is one of them.
fn types<'d>(node: &Node<'d>) -> Option<BTreeSet<&'d str>> {
    let mut types: BTreeSet<&str> = match node.child("type")?.value() {
        Value::String(one) => BTreeSet::from([one.as_str()]),
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => return None,
    };
    if node.says("nullable") {
        types.insert("null");
    }
    Some(types)
}

fn intersection<'d>(one: &BTreeSet<&'d str>, other: &BTreeSet<&'d str>) -> BTreeSet<&'d str> {
    let mut both: BTreeSet<&str> = one.intersection(other).copied().collect();
    let is_in_one = |name| one.contains(name) || other.contains(name);
    if is_in_one("integer") && is_in_one("number") {
        both.insert("integer");
    }
    both
}

/// A bound as a number. In 3.0 `exclusiveMaximum: true` makes `maximum` exclusive.
fn bound(node: &Node<'_>, keyword: &str) -> Option<f64> {
    let beside = |keyword: &str| node.child(keyword).map(|child| child.value().clone());
    let value = beside(keyword)?;
    match (keyword, &value) {
        ("maximum", _) if node.says("exclusiveMaximum") => None,
        ("minimum", _) if node.says("exclusiveMinimum") => None,
        ("exclusiveMaximum", Value::Bool(true)) => beside("maximum")?.as_f64(),
        ("exclusiveMinimum", Value::Bool(true)) => beside("minimum")?.as_f64(),
        ("uniqueItems", Value::Bool(true)) => Some(1.0),
        _ => value.as_f64(),
    }
}
