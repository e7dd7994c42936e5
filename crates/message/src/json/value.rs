//! JSON that is read strictly and in one pass (VAL-10).
//!
//! In: bytes and bounds. Out: a value, or what is wrong. Called by all who judge by what stands in a body.
//! The value is built by a visitor of our own: a second look at the bytes, to see what `serde_json`'s own
//! would let pass, costs half as much again. That one also takes an object of one peculiar name for a
//! document within the document, so a stranger could have one thing judged and another forwarded
//! (VAL-11). What is wrong is then named by [`check`], whose bounds hold here too.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::{JsonBounds, JsonFault, JsonFaultKind, check};

/// Reads a document that every parser reads alike.
///
/// # Errors
/// The first fault, as [`check`] names it.
pub fn parse(bytes: &[u8], bounds: &JsonBounds) -> Result<Value, JsonFault> {
    let value = std::str::from_utf8(bytes).ok().and_then(|text| {
        let mut reader = serde_json::Deserializer::from_str(text);
        let value = Strict { bounds, open: 0 }.deserialize(&mut reader).ok()?;
        reader.end().ok().map(|()| value)
    });
    match value {
        Some(value) if !has_long_run(bytes, bounds.number) => Ok(value),
        // A long run of digits may stand in a string, where it is no number.
        Some(value) => check(bytes, bounds).map(|()| value),
        None => {
            check(bytes, bounds)?;
            Err(JsonFault { at: bytes.len(), kind: JsonFaultKind::UnexpectedByte })
        }
    }
}

/// Whether more than `most` characters of numbers stand in a row. Looks at few bytes: such a row covers
/// one of every `most + 1`.
fn has_long_run(bytes: &[u8], most: usize) -> bool {
    let is_of_number = |byte: &u8| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-');
    (0..bytes.len()).step_by(most + 1).any(|at| {
        let (before, after) = bytes.split_at_checked(at).unwrap_or_default();
        let length = |bytes: usize| bytes.min(most + 1);
        let ahead = length(after.iter().take(most + 1).take_while(|byte| is_of_number(byte)).count());
        let behind = before.iter().rev().take(most + 1).take_while(|byte| is_of_number(byte)).count();
        ahead > 0 && ahead + length(behind) > most
    })
}

/// Builds a value within bounds, and refuses a name that its object has already (RFC 7493 §2.3).
#[derive(Clone, Copy)]
struct Strict<'b> {
    bounds: &'b JsonBounds,
    /// How many objects and arrays are open around the value.
    open: usize,
}

impl Strict<'_> {
    fn enter<E: Error>(self) -> Result<Self, E> {
        if self.open >= self.bounds.depth {
            return Err(E::custom("too deep"));
        }
        Ok(Self { open: self.open + 1, ..self })
    }

    fn is_short<E: Error>(self, text: &str) -> Result<(), E> {
        if text.len() > self.bounds.string { Err(E::custom("too long")) } else { Ok(()) }
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("too large"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        self.is_short(text)?;
        Ok(Value::from(text))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Value, E> {
        self.is_short(&text)?;
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.enter()?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            if array.len() >= self.bounds.items {
                return Err(A::Error::custom("too many items"));
            }
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.enter()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            self.is_short(&name)?;
            if object.len() >= self.bounds.members {
                return Err(A::Error::custom("too many members"));
            }
            let value = members.next_value_seed(inner)?;
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a repeated name"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(bytes: &[u8]) -> Result<Value, JsonFault> {
        super::parse(bytes, &JsonBounds::default())
    }

    #[test]
    fn a_value_is_what_the_usual_parser_makes_of_it() {
        for text in [
            "null",
            "[true,false,-1,0,18446744073709551615,1.5,1e3,-0,0.1]",
            r#"{"b":{"a":[{}]},"a":"\u00e9\n\ud83d\ude00"}"#,
            r#"["11111111111111111111111111111111111111111111111111111111111111111111111"]"#,
        ] {
            assert_eq!(parse(text.as_bytes()).unwrap(), serde_json::from_str::<Value>(text).unwrap());
        }
    }

    // proves-part: VAL-11 (what is judged is what every other parser sees)
    #[test]
    fn a_document_within_a_document_stays_text() {
        let text = r#"{"$serde_json::private::RawValue":"{\"role\":\"user\"}"}"#;
        let judged = parse(text.as_bytes()).unwrap();
        assert_eq!(judged, json!({ "$serde_json::private::RawValue": "{\"role\":\"user\"}" }));
        let text = r#"{"$serde_json::private::Number":"1"}"#;
        assert!(parse(text.as_bytes()).unwrap().is_object());
    }

    #[test]
    fn both_readers_have_the_same_bounds() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let members = |count: usize| {
            let all: Vec<String> = (0..count).map(|n| format!("\"{n}\":0")).collect();
            format!("{{{}}}", all.join(","))
        };
        let number = |length: usize| "1".repeat(length);
        let placed = |length: usize, before: usize| format!("[{}{}]", " ".repeat(before), number(length));
        let mut texts = vec![nested(64), nested(65), members(1024), members(1025), number(64), number(65)];
        texts.extend((0..140).map(|before| placed(65, before)));
        texts.extend((0..140).map(|before| placed(64, before)));
        for text in texts {
            let expected = check(text.as_bytes(), &JsonBounds::default());
            assert_eq!(parse(text.as_bytes()).map(drop), expected, "{}", text.len());
        }
    }

    #[test]
    fn the_fault_is_named() {
        for (text, kind) in [
            (&b"{\"a\":1,\"\\u0061\":2}"[..], JsonFaultKind::NameRepeated),
            (b"[\"\\ud800\"]", JsonFaultKind::SurrogateAlone),
            (b"\"\xff\"", JsonFaultKind::NotUtf8),
            (b"1e400", JsonFaultKind::NumberTooLarge),
            (b"{} {}", JsonFaultKind::SomethingBehind),
        ] {
            assert_eq!(parse(text).unwrap_err().kind, kind);
        }
    }
}
