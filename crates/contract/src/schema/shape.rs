//! What kinds of values a schema can describe, and where their parts are described.
//!
//! Parameters and forms carry text only. Before text can be checked it must become a value, and which
//! one is for the schema to say: `7` is an integer for one and a string for another.

use super::keyword::Dialect;
use super::types::{Type, Types};
use crate::reading::Node;

/// How many schemas are looked at for one parameter.
const SCHEMAS: usize = 512;

/// What text can become under a schema.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    /// The kinds of values.
    pub(crate) types: Types,
    /// The kinds of an array's items.
    pub(crate) items: Types,
    /// The kinds of an object's members, by name, in document order.
    pub(crate) members: Vec<(String, Member)>,
    /// The kinds of members that are not named; `None` if there can be none.
    pub(crate) others: Option<Types>,
}

/// A member of an object that text describes: a plain value, or an array of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    pub(crate) types: Types,
    pub(crate) items: Types,
}

impl Shape {
    /// A shape for text that nothing is said about.
    pub(crate) const TEXT: Self = Self {
        types: Types::NONE.with(Type::String),
        items: Types::NONE.with(Type::String),
        members: Vec::new(),
        others: None,
    };

    pub(crate) fn of(node: &Node<'_>, dialect: Dialect) -> Self {
        let mut shape = Self { types: Types::ANY, items: Types::ANY, members: Vec::new(), others: None };
        let mut left = SCHEMAS;
        shape.types = types(node, dialect, &mut left);
        each_part(node, dialect, &mut left, &mut |part| {
            if let Some(items) = part.child("items") {
                shape.items = types(&items, dialect, &mut SCHEMAS.clone());
            }
            for (name, member) in part.child("properties").iter().flat_map(Node::members) {
                if !shape.members.iter().any(|(known, _)| known == name) {
                    shape.members.push((name.to_owned(), Member::of(&member, dialect)));
                }
            }
            match part.child("additionalProperties") {
                Some(others) if others.value().is_object() => {
                    shape.others = Some(types(&others, dialect, &mut SCHEMAS.clone()));
                }
                Some(others) if *others.value() == true => shape.others = Some(Types::ANY),
                Some(_) | None => {}
            }
        });
        if shape.members.is_empty() && shape.others.is_none() {
            shape.others = Some(Types::ANY);
        }
        shape
    }

    /// The same, read as an object whatever else it may be: a form is one.
    pub(crate) fn into_object(self) -> Self {
        Self { types: Types::NONE.with(Type::Object), ..self }
    }

    /// Whether text becomes an array.
    pub(crate) fn is_array(&self) -> bool {
        self.types.contains(Type::Array) && self.types != Types::ANY
    }

    /// Whether text becomes an object.
    pub(crate) fn is_object(&self) -> bool {
        self.types.contains(Type::Object) && self.types != Types::ANY && !self.is_array()
    }
}

impl Member {
    fn of(node: &Node<'_>, dialect: Dialect) -> Self {
        let mut items = Types::ANY;
        each_part(node, dialect, &mut SCHEMAS.clone(), &mut |part| {
            if let Some(inner) = part.child("items") {
                items = types(&inner, dialect, &mut SCHEMAS.clone());
            }
        });
        Self { types: types(node, dialect, &mut SCHEMAS.clone()), items }
    }

    /// Whether text becomes an array.
    pub(crate) fn is_array(self) -> bool {
        self.types.contains(Type::Array) && self.types != Types::ANY
    }
}

/// The schemas of an object's members, by name, in document order; the first where a name is described twice.
pub(crate) fn properties<'d>(node: &Node<'d>, dialect: Dialect) -> Vec<(&'d str, Node<'d>)> {
    let mut found: Vec<(&str, Node<'_>)> = Vec::new();
    each_schema(node, dialect, &mut |part| {
        for (name, member) in part.child("properties").iter().flat_map(Node::members) {
            if !found.iter().any(|(known, _)| *known == name) {
                found.push((name, member));
            }
        }
    });
    found
}

/// Calls `visit` for the schema and each one that speaks of the same value.
pub(crate) fn each_schema<'d>(node: &Node<'d>, dialect: Dialect, visit: &mut dyn FnMut(&Node<'d>)) {
    each_part(node, dialect, &mut SCHEMAS.clone(), visit);
}

fn each_part<'d>(node: &Node<'d>, dialect: Dialect, left: &mut usize, visit: &mut dyn FnMut(&Node<'d>)) {
    if *left == 0 {
        return;
    }
    *left -= 1;
    if let Some(Ok(target)) = node.reference() {
        each_part(&target, dialect, left, visit);
        if dialect == Dialect::V30 {
            return;
        }
    }
    visit(node);
    for keyword in ["allOf", "anyOf", "oneOf"] {
        for part in node.child(keyword).iter().flat_map(Node::items) {
            each_part(&part, dialect, left, visit);
        }
    }
}

/// The types that the schema lets through.
pub(crate) fn admitted(node: &Node<'_>, dialect: Dialect) -> Types {
    types(node, dialect, &mut SCHEMAS.clone())
}

fn types(node: &Node<'_>, dialect: Dialect, left: &mut usize) -> Types {
    if *left == 0 {
        return Types::ANY;
    }
    *left -= 1;
    let mut allowed = Types::ANY;
    if let Some(Ok(target)) = node.reference() {
        allowed = types(&target, dialect, left);
        if dialect == Dialect::V30 {
            return allowed;
        }
    }
    allowed = allowed.intersection(own_types(node, dialect));
    if let Some(parts) = node.child("allOf") {
        for part in parts.items() {
            allowed = allowed.intersection(types(&part, dialect, left));
        }
    }
    for keyword in ["anyOf", "oneOf"] {
        if let Some(parts) = node.child(keyword) {
            let any = parts.items().map(|part| types(&part, dialect, left)).fold(Types::NONE, Types::union);
            allowed = allowed.intersection(any);
        }
    }
    allowed
}

fn own_types(node: &Node<'_>, dialect: Dialect) -> Types {
    let named = match node.child("type").as_ref().map(Node::value) {
        Some(serde_json::Value::Array(names)) => {
            names.iter().filter_map(|name| Type::from_name(name.as_str()?)).collect()
        }
        Some(name) => name.as_str().and_then(Type::from_name).into_iter().collect(),
        None => {
            let values = node.child("enum").into_iter().chain(node.child("const"));
            let listed: Types = values
                .flat_map(|values| match values.value() {
                    serde_json::Value::Array(values) => values.iter().map(Type::of).collect(),
                    value => vec![Type::of(value)],
                })
                .collect();
            if listed == Types::NONE { Types::ANY } else { listed }
        }
    };
    if dialect == Dialect::V30 && node.says("nullable") && node.child("type").is_some() {
        named.with(Type::Null)
    } else {
        named
    }
}
