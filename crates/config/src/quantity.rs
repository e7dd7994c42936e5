//! What sizes, periods and rates share: text that cannot be read as one.

/// A quantity that could not be read. The message says how to write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// Not written as this kind of quantity is.
    #[error("is not {kind}; write it like {example}")]
    Malformed {
        /// What was wanted, with its article.
        kind: &'static str,
        /// How one looks.
        example: &'static str,
    },
    /// Written well, and larger than can be kept.
    #[error("is larger than any {kind} can be")]
    TooLarge {
        /// What was wanted.
        kind: &'static str,
    },
}

/// Splits `12 KiB` into the number and the unit; both may be missing.
pub(crate) fn split(text: &str) -> (&str, &str) {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    (number, unit.strip_prefix(' ').unwrap_or(unit))
}

/// Serde, schema and text for a quantity that is written as text with a unit, or as a whole number.
macro_rules! quantity {
    ($type:ident, kind: $kind:literal, pattern: $pattern:literal, examples: $examples:expr, number: $number:expr) => {
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl serde::de::Visitor<'_> for Visitor {
                    type Value = $type;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str(concat!("a ", $kind))
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(|error| E::custom(format_args!("`{text}` {error}")))
                    }

                    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<$type, E> {
                        let from_number: Option<fn(u64) -> $type> = $number;
                        match from_number {
                            Some(from_number) => Ok(from_number(number)),
                            None => Err(E::invalid_type(serde::de::Unexpected::Unsigned(number), &self)),
                        }
                    }
                }
                deserializer.deserialize_any(Visitor)
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let from_number: Option<fn(u64) -> $type> = $number;
                let mut schema = schemars::json_schema!({
                    "title": $kind,
                    "type": "string",
                    "pattern": $pattern,
                    "examples": $examples,
                });
                if from_number.is_some() {
                    schema.insert("type".into(), serde_json::json!(["string", "integer"]));
                    schema.insert("minimum".into(), serde_json::json!(0));
                }
                schema
            }
        }
    };
}
pub(crate) use quantity;
