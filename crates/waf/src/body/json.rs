//! JSON as named values: `json.items.0.sku`.
//!
//! Names are those of Coraza: `json`, then keys and indexes, with dots between; a list is its length, too. Repeated keys
//! are all there: which one an upstream believes is not known here. Numbers are as they are written, null is empty.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::Pair;

/// How deep a document may be.
const DEPTH: usize = 64;
/// How many values it may have.
const VALUES: usize = 100_000;

/// All values of a document, with their names.
///
/// # Errors
/// Why it is none, or is too deep or too large.
pub(super) fn flatten(body: &[u8]) -> Result<Vec<Pair>, String> {
    let document: &RawValue = serde_json::from_slice(body).map_err(|error| format!("JSON: {error}"))?;
    let mut found = Vec::new();
    walk("json", document, 0, &mut found)?;
    Ok(found)
}

fn walk(name: &str, value: &RawValue, depth: usize, found: &mut Vec<Pair>) -> Result<(), String> {
    if depth > DEPTH {
        return Err(format!("JSON: deeper than {DEPTH}"));
    }
    if found.len() >= VALUES {
        return Err(format!("JSON: more than {VALUES} values"));
    }
    let malformed = |error: serde_json::Error| format!("JSON: {error}");
    let text = value.get();
    match text.bytes().next() {
        Some(b'{') => {
            let members: Members<'_> = serde_json::from_str(text).map_err(malformed)?;
            for (key, member) in members.0 {
                walk(&format!("{name}.{key}"), member, depth + 1, found)?;
            }
        }
        Some(b'[') => {
            let items: Items<'_> = serde_json::from_str(text).map_err(malformed)?;
            found.push((name.into(), items.0.len().to_string().into_bytes()));
            for (index, item) in items.0.into_iter().enumerate() {
                walk(&format!("{name}.{index}"), item, depth + 1, found)?;
            }
        }
        Some(b'"') => {
            let text: String = serde_json::from_str(text).map_err(malformed)?;
            found.push((name.into(), text.into_bytes()));
        }
        _ if text == "null" => found.push((name.into(), Vec::new())),
        _ => found.push((name.into(), text.as_bytes().to_vec())),
    }
    Ok(())
}

/// The members of an object, repeated keys and all.
struct Members<'d>(Vec<(String, &'d RawValue)>);

/// The items of an array.
struct Items<'d>(Vec<&'d RawValue>);

impl<'d> Deserialize<'d> for Members<'d> {
    fn deserialize<D: Deserializer<'d>>(deserializer: D) -> Result<Self, D::Error> {
        struct Seen;
        impl<'d> Visitor<'d> for Seen {
            type Value = Members<'d>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'d>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Seen)
    }
}

impl<'d> Deserialize<'d> for Items<'d> {
    fn deserialize<D: Deserializer<'d>>(deserializer: D) -> Result<Self, D::Error> {
        struct Seen;
        impl<'d> Visitor<'d> for Seen {
            type Value = Items<'d>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'d>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Items(items))
            }
        }
        deserializer.deserialize_seq(Seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        let shown = |(name, value): Pair| {
            format!("{}={}", String::from_utf8_lossy(&name), String::from_utf8_lossy(&value))
        };
        flatten(text.as_bytes()).unwrap().into_iter().map(shown).collect()
    }

    #[test]
    fn values_are_named_by_their_places() {
        assert_eq!(
            read(r#"{"items":[{"sku":"a\u0041"},1e3],"ok":true,"none":null,"ok":false,"":{"x":"y"}}"#),
            [
                "json.items=2",
                "json.items.0.sku=aA",
                "json.items.1=1e3",
                "json.ok=true",
                "json.none=",
                "json.ok=false",
                "json..x=y",
            ]
        );
        assert_eq!(read("\"text\""), ["json=text"]);
        assert_eq!(read("[]"), ["json=0"]);
    }

    #[test]
    fn what_is_no_document_or_too_deep_is_an_error() {
        for bad in ["", "{", "{\"a\":1}x", "\"\\ud800\""] {
            assert!(flatten(bad.as_bytes()).is_err(), "{bad}");
        }
        let deep = format!("{}{}", "[".repeat(DEPTH + 2), "]".repeat(DEPTH + 2));
        assert!(flatten(deep.as_bytes()).unwrap_err().contains("deeper"));
    }
}
