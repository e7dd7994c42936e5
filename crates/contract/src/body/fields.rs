//! The fields of a form, as the object that its schema describes (OpenAPI 3.1.1 §4.8.14.4).
//!
//! Forms of both kinds are lists of names and texts. Which text is a number is for the schema to say; a
//! name that stands twice is a list if the schema says so, and otherwise a mistake (VAL-12).

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::parameter::{Parts, Text, build, scalar};
use crate::schema::{Root, Schemas, Shape, Spot, Type, Violations};

/// What stands behind a name.
#[derive(Clone, Debug)]
pub(super) enum Field<'b, 's> {
    /// Text that becomes what the schema says.
    Text(Cow<'b, str>),
    /// Text in a style of its own, with the shape of what it becomes.
    Styled(Parts<'b>, &'s Shape),
    /// A value that needs no reading.
    Value(Value),
}

/// Names, and what stands behind each, in the order they came.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields<'b, 's>(Vec<(Cow<'b, str>, Field<'b, 's>)>);

impl<'b, 's> Fields<'b, 's> {
    pub(super) fn push(&mut self, name: impl Into<Cow<'b, str>>, field: Field<'b, 's>) {
        self.0.push((name.into(), field));
    }

    /// Adds all ways in which the fields break the schema to `violations`.
    pub(super) fn check(
        self,
        root: Option<Root>,
        shape: &Shape,
        schemas: &Schemas,
        spot: Spot<'_>,
        violations: &mut Violations,
    ) {
        let Some(root) = root else { return };
        let again = self.is_ambiguous(shape).then(|| self.clone());
        let value = match self.into_object(shape, Text::Typed) {
            Ok(value) => value,
            Err(repeated) => {
                let at = format!("/{}", crate::reading::escape(&repeated));
                return violations.add(Spot { name: &at, ..spot }, "repeated", "the field once");
            }
        };
        match again {
            None => schemas.check(root, value, spot, violations),
            Some(again) => {
                let literal = || again.into_object(shape, Text::Literal).ok();
                schemas.check_either(root, value, literal, spot, violations);
            }
        }
    }

    /// The object that they are; `None` if a name stands twice and is no list.
    pub(super) fn value(self, shape: &Shape) -> Option<Value> {
        self.into_object(shape, Text::Typed).ok()
    }

    fn is_ambiguous(&self, shape: &Shape) -> bool {
        let styled = |field: &Field<'_, '_>| matches!(field, Field::Styled(_, shape) if shape.is_ambiguous());
        shape.is_ambiguous() || self.0.iter().any(|(_, field)| styled(field))
    }

    /// The object, or the name that stands twice.
    fn into_object(self, shape: &Shape, reading: Text) -> Result<Value, String> {
        let mut members = Map::with_capacity(self.0.len());
        for (name, field) in self.0 {
            let member = shape.member(&name);
            let (value, is_item) = match field {
                Field::Text(text) if member.is_array() => (scalar(&text, member.items, reading), true),
                Field::Text(text) => (scalar(&text, member.types, reading), false),
                // A list stands under its name once as a whole, or once for each item.
                Field::Value(value) => {
                    let is_whole = value.is_array() && !member.items.contains(Type::Array);
                    (value, member.is_array() && !is_whole)
                }
                Field::Styled(parts, shape) => match build(&parts, shape, reading) {
                    Ok(value) => (value, false),
                    Err(_) => return Err(name.into_owned()),
                },
            };
            let name = name.into_owned();
            if is_item {
                let list = members.entry(name).or_insert_with(|| Value::Array(Vec::new()));
                if let Value::Array(items) = list {
                    items.push(value);
                }
            } else if let Some(_before) = members.insert(name.clone(), value) {
                return Err(name);
            }
        }
        Ok(Value::Object(members))
    }
}
