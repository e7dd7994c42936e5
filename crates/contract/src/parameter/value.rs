//! From text to the value that a schema can judge.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use crate::schema::{Member, Shape, Type, Types};

/// The text of a value, split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Parts<'t> {
    One(Cow<'t, str>),
    List(Vec<Cow<'t, str>>),
    Pairs(Vec<(Cow<'t, str>, Cow<'t, str>)>),
}

/// How text that could be several things is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Text {
    /// `7` is a number if the schema allows numbers.
    Typed,
    /// `7` is a string if the schema allows strings.
    Literal,
}

/// A member of an object was given twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Repeated(pub(crate) String);

/// The value behind `parts`.
///
/// # Errors
/// The name of a member that is there twice and is no list (VAL-12).
pub(crate) fn build(parts: &Parts<'_>, shape: &Shape, text: Text) -> Result<Value, Repeated> {
    Ok(match parts {
        Parts::One(one) => scalar(one, shape.types, text),
        Parts::List(list) => Value::Array(list.iter().map(|item| scalar(item, shape.items, text)).collect()),
        Parts::Pairs(pairs) => Value::Object(object(pairs, shape, text)?),
    })
}

fn object(
    pairs: &[(Cow<'_, str>, Cow<'_, str>)],
    shape: &Shape,
    text: Text,
) -> Result<Map<String, Value>, Repeated> {
    let mut members = Map::with_capacity(pairs.len());
    for (name, value) in pairs {
        let member = shape.member(name);
        if member.is_array() {
            let list = members.entry(name.to_string()).or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(items) = list {
                items.push(scalar(value, member.items, text));
            }
        } else if members.insert(name.to_string(), scalar(value, member.types, text)).is_some() {
            return Err(Repeated(name.to_string()));
        }
    }
    Ok(members)
}

impl Shape {
    pub(crate) fn member(&self, name: &str) -> Member {
        let known = self.members.iter().find(|(known, _)| known == name);
        known.map_or(Member { types: self.others.unwrap_or(Types::ANY), items: Types::ANY }, |(_, member)| {
            *member
        })
    }

    /// Whether the same text could be read as something else.
    pub(crate) fn is_ambiguous(&self) -> bool {
        let many = |types: Types| types.contains(Type::String) && types != Types::NONE.with(Type::String);
        many(self.types)
            || (self.is_array() && many(self.items))
            || (self.is_object() && self.members.iter().any(|(_, member)| many(member.types)))
    }
}

/// The plain value behind `text`. What fits no allowed type stays a string, for the schema to refuse.
pub(crate) fn scalar(text: &str, types: Types, reading: Text) -> Value {
    if reading == Text::Literal && types.contains(Type::String) {
        return Value::from(text);
    }
    let number = || {
        if types.contains(Type::Number) || (types.contains(Type::Integer) && is_integer(text)) {
            number(text)
        } else {
            None
        }
    };
    if let Some(number) = number() {
        return Value::Number(number);
    }
    match text {
        "true" if types.contains(Type::Boolean) => Value::Bool(true),
        "false" if types.contains(Type::Boolean) => Value::Bool(false),
        "" if types.contains(Type::Null) && !types.contains(Type::String) => Value::Null,
        _ => Value::from(text),
    }
}

/// A number by the grammar of JSON (RFC 8259 §6), of at most 64 characters.
fn number(text: &str) -> Option<Number> {
    let begins = text.strip_prefix('-').unwrap_or(text).starts_with(|c: char| c.is_ascii_digit());
    let ends = text.ends_with(|c: char| c.is_ascii_digit());
    if !begins || !ends || text.len() > 64 {
        return None;
    }
    serde_json::from_str(text).ok()
}

fn is_integer(text: &str) -> bool {
    text.strip_prefix('-').unwrap_or(text).bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn reads(text: &str, kinds: &[Type], expected: Value) {
        assert_eq!(scalar(text, kinds.iter().copied().collect(), Text::Typed), expected, "{text}");
    }

    // proves-part: VAL-03 (parameters; bodies are never converted)
    #[test]
    fn text_becomes_a_number_only_in_json_form() {
        reads("1", &[Type::Integer], json!(1));
        reads("-7", &[Type::Integer], json!(-7));
        for text in ["1.0", "01", "+1", " 1", "1 ", "1e3", "0x1", "-", "", "١"] {
            reads(text, &[Type::Integer], json!(text));
        }
        reads("1.5", &[Type::Number], json!(1.5));
        reads("1e3", &[Type::Number], json!(1e3));
        for text in ["NaN", "Infinity", "1e999", ".5", "5.", "1_000"] {
            reads(text, &[Type::Number], json!(text));
        }
        reads("9007199254740993", &[Type::Integer], json!(9_007_199_254_740_993_u64));
    }

    #[test]
    fn booleans_are_two_words() {
        reads("true", &[Type::Boolean], json!(true));
        for text in ["True", "1", "yes", "on", ""] {
            reads(text, &[Type::Boolean], json!(text));
        }
    }

    #[test]
    fn a_string_stays_a_string() {
        reads("1", &[Type::String], json!("1"));
        reads("1", &[Type::String, Type::Integer], json!(1));
        assert_eq!(scalar("1", Types::ANY, Text::Literal), json!("1"));
        reads("", &[Type::Integer, Type::Null], json!(null));
    }
}
