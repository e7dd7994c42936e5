//! The formats that are asserted.
//!
//! JSON Schema leaves `format` open and OpenAPI's registry adds its own; here a known format refuses what
//! does not have it (VAL-04), and an unknown one is reported when the contract is loaded.

use jsonschema::{Draft, ValidationOptions};
use serde_json::{Number, Value};

/// What a format does.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Effect {
    /// Strings are checked.
    Checked,
    /// Numbers must lie between these, both included.
    Range(Number, Number),
    /// It is a hint for people or generators and refuses nothing by definition.
    Hint,
    /// We do not know it.
    Unknown,
}

/// What the format `name` does.
pub(super) fn effect(options: &ValidationOptions<'_>, name: &str) -> Effect {
    let range = |low: i64, high: u64| Effect::Range(Number::from(low), Number::from(high));
    match name {
        "int8" => range(i64::from(i8::MIN), 0x7f),
        "int16" => range(i64::from(i16::MIN), 0x7fff),
        "int32" => range(i64::from(i32::MIN), 0x7fff_ffff),
        "int64" => range(i64::MIN, i64::MAX.unsigned_abs()),
        "uint8" => range(0, u64::from(u8::MAX)),
        "uint16" => range(0, u64::from(u16::MAX)),
        "uint32" => range(0, u64::from(u32::MAX)),
        "uint64" => range(0, u64::MAX),
        "float" | "double" | "password" | "binary" | "html" | "commonmark" => Effect::Hint,
        // Checking it would compile an expression that a stranger wrote.
        "regex" => Effect::Unknown,
        _ if options.is_known_format(Draft::Draft202012, name) => Effect::Checked,
        _ => Effect::Unknown,
    }
}

/// Adds OpenAPI's own string formats.
pub(super) fn register(options: ValidationOptions<'_>) -> ValidationOptions<'_> {
    options
        .with_format("byte", |text| is_base64(text, [b'+', b'/']))
        .with_format("base64url", |text| is_base64(text, [b'-', b'_']))
        .with_format("char", |text| text.chars().count() == 1)
}

/// RFC 4648 §4 or §5, padding complete or absent.
fn is_base64(text: &str, last_two: [u8; 2]) -> bool {
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || last_two.contains(&byte);
    let length_fits = digits.len() % 4 != 1;
    let padding_fits = padding == 0 || (padding <= 2 && text.len().is_multiple_of(4));
    length_fits && padding_fits && digits.bytes().all(is_digit)
}

/// The tighter of a bound in the schema and one that a format brings.
pub(super) fn tighter(present: Option<&Value>, bound: &Number, is_upper: Side) -> Value {
    let implied = Value::Number(bound.clone());
    let Some(present) = present else { return implied };
    let (present_float, bound_float) = (present.as_f64(), bound.as_f64());
    let keep = match is_upper {
        Side::Upper => present_float <= bound_float,
        Side::Lower => present_float >= bound_float,
    };
    if keep { present.clone() } else { implied }
}

/// Which end of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Lower,
    Upper,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_strictly() {
        for good in ["", "TQ==", "TWE=", "TWFu", "TQ", "+/+/"] {
            assert!(is_base64(good, [b'+', b'/']), "{good}");
        }
        for bad in ["T", "T===", "TQ=", "TW-u", "TW u", "=TWF"] {
            assert!(!is_base64(bad, [b'+', b'/']), "{bad}");
        }
    }

    #[test]
    fn a_format_never_loosens_a_bound() {
        let bound = Number::from(100);
        assert_eq!(tighter(Some(&Value::from(50)), &bound, Side::Upper), Value::from(50));
        assert_eq!(tighter(Some(&Value::from(500)), &bound, Side::Upper), Value::from(100));
        assert_eq!(tighter(Some(&Value::from(500)), &bound, Side::Lower), Value::from(500));
        assert_eq!(tighter(None, &bound, Side::Lower), Value::from(100));
    }
}
