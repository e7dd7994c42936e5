//! The strict JSON check: agrees with serde_json, and with a set about repeated names.

#![no_main]

use std::collections::HashSet;

use libfuzzer_sys::fuzz_target;
use portcullis_message::json::{JsonBounds, JsonFaultKind, check};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

const REPEATED: &str = "a name is repeated";

fuzz_target!(|bytes: &[u8]| {
    let reference = serde_json::from_slice::<Unique>(bytes);
    match check(bytes, &JsonBounds::default()) {
        Ok(()) => assert!(reference.is_ok(), "serde_json says {:?}", reference.err()),
        Err(fault) => {
            assert!(fault.at <= bytes.len());
            match fault.kind {
                JsonFaultKind::NameRepeated => {
                    let error = reference.err().expect("the set has it twice").to_string();
                    // What is wrong behind the repeated name may be said first.
                    assert!(
                        error.starts_with(REPEATED) || serde_json::from_slice::<IgnoredAny>(bytes).is_err(),
                        "{error}"
                    );
                }
                JsonFaultKind::TooDeep
                | JsonFaultKind::TooManyMembers
                | JsonFaultKind::TooManyItems
                | JsonFaultKind::StringTooLong
                | JsonFaultKind::NumberTooLong => {}
                kind => assert!(reference.is_err(), "only we say {kind}"),
            }
        }
    }
});

/// Any document in which no object has a name twice.
struct Unique;

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Unique {
    type Value = Self;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self, A::Error> {
        let mut names = HashSet::new();
        let mut is_repeated = false;
        while let Some(name) = members.next_key::<String>()? {
            is_repeated |= !names.insert(name);
            members.next_value::<Self>()?;
        }
        if is_repeated { Err(serde::de::Error::custom(REPEATED)) } else { Ok(self) }
    }
}
