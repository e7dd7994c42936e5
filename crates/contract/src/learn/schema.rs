//! From shapes to JSON Schema (2020-12, as OpenAPI 3.1 uses it).

use serde_json::{Map, Value, json};

use super::members::{Members, Need};
use super::shape::{Magnitude, Shape};
use super::text::{Form, TextShape, with_headroom};

/// From how many samples on few words are all there are.
const ENUMERATED: u64 = 20;

/// The schema that accepts what went into `shape`, of which there were so many samples.
pub(super) fn schema(shape: &Shape, samples: u64) -> Value {
    if shape.any || shape.is_empty() {
        return json!({});
    }
    let mut types = Vec::new();
    let mut schema = Map::new();
    if let Some(text) = &shape.text {
        types.push("string");
        let is_alone = !shape.null && !shape.boolean && shape.integer.is_none() && shape.number.is_none();
        let is_alone = is_alone && shape.array.is_none() && shape.object.is_none();
        add_text(&mut schema, text, is_alone, samples);
    }
    match (shape.integer, shape.number) {
        (None, None) => {}
        (Some(magnitude), None) => {
            types.push("integer");
            add_bounds(&mut schema, magnitude);
        }
        (integer, Some(number)) => {
            types.push("number");
            let integer = integer.unwrap_or(number);
            add_bounds(
                &mut schema,
                Magnitude {
                    positive: number.positive.max(integer.positive),
                    negative: number.negative.max(integer.negative),
                },
            );
        }
    }
    if shape.boolean {
        types.push("boolean");
    }
    if let Some(array) = &shape.array {
        types.push("array");
        schema.insert("items".to_owned(), self::schema(&array.items, samples));
        schema.insert("maxItems".to_owned(), json!(with_headroom(array.length).max(16)));
    }
    if let Some(members) = &shape.object {
        types.push("object");
        add_members(&mut schema, members, samples);
    }
    if shape.null {
        types.push("null");
    }
    let kind = match types.as_slice() {
        [only] => json!(only),
        several => json!(several),
    };
    let mut whole = Map::from_iter([("type".to_owned(), kind)]);
    whole.append(&mut schema);
    Value::Object(whole)
}

/// The schema of a parameter, whose value is a text.
pub(super) fn of_parameter(text: &TextShape, samples: u64) -> Value {
    if text.has(Form::Integer) {
        return json!({ "type": "integer", "format": "int64" });
    }
    if text.has(Form::Number) {
        return json!({ "type": "number" });
    }
    if text.has(Form::Boolean) {
        return json!({ "type": "boolean" });
    }
    let mut schema = Map::from_iter([("type".to_owned(), json!("string"))]);
    add_text(&mut schema, text, true, samples);
    Value::Object(schema)
}

fn add_text(schema: &mut Map<String, Value>, text: &TextShape, is_alone: bool, samples: u64) {
    match text.words() {
        // Words that each came up several times; of fewer samples nobody knows whether these are all.
        Some(words) if is_alone && samples >= ENUMERATED && words.len() as u64 * 5 <= samples => {
            schema.insert("enum".to_owned(), json!(words));
        }
        Some(_) | None => {
            if let Some(format) = text.format() {
                schema.insert("format".to_owned(), json!(format));
            }
            schema.insert("maxLength".to_owned(), json!(text.longest()));
        }
    }
}

fn add_bounds(schema: &mut Map<String, Value>, magnitude: Magnitude) {
    let bound = |bits: u8| i64::try_from(with_headroom(bits)).ok();
    let minimum =
        if magnitude.negative == 0 { Some(0) } else { bound(magnitude.negative).map(|bound| -bound) };
    if let Some(minimum) = minimum {
        schema.insert("minimum".to_owned(), json!(minimum));
    }
    if let Some(maximum) = bound(magnitude.positive.max(4)) {
        schema.insert("maximum".to_owned(), json!(maximum));
    }
}

fn add_members(schema: &mut Map<String, Value>, members: &Members<Shape>, samples: u64) {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (name, need, shape) in members.iter() {
        properties.insert(name.to_owned(), self::schema(shape, samples));
        if need == Need::Always {
            required.push(name);
        }
    }
    if !required.is_empty() {
        schema.insert("required".to_owned(), json!(required));
    }
    let others = match members.others() {
        Some(others) => self::schema(others, samples),
        None => json!(false),
    };
    if !properties.is_empty() {
        schema.insert("properties".to_owned(), Value::Object(properties));
    }
    schema.insert("additionalProperties".to_owned(), others);
}
