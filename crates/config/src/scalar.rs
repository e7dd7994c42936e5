//! What a plain YAML scalar means: the core schema of YAML 1.2.2 §10.3.2.
//!
//! `yes`, `no`, `on` and `12:30` are text here, as YAML 1.2 has it; only YAML 1.1 read them otherwise.
//! Integers beyond 64 bits become the nearest floating-point number, as in every JSON reader of the house.

use serde_json::{Number, Value};

/// A scalar that has no meaning in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// `.inf`, `.nan`, or a number whose exponent is too large.
    NotFinite,
    /// The text does not fit the tag before it.
    NotOfTag,
}

/// The meaning of an untagged plain scalar.
pub(crate) fn plain(text: &str) -> Result<Value, Unusable> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Ok(Value::Null),
        "true" | "True" | "TRUE" => Ok(Value::Bool(true)),
        "false" | "False" | "FALSE" => Ok(Value::Bool(false)),
        _ => match number(text) {
            Some(number) => number.map(Value::Number),
            None => Ok(Value::String(text.to_owned())),
        },
    }
}

/// The meaning of a scalar with the core tag `!!suffix`; `None` if there is no such tag.
pub(crate) fn tagged(suffix: &str, text: &str) -> Option<Result<Value, Unusable>> {
    let of = |wanted: fn(&Value) -> bool| match plain(text) {
        Ok(value) if wanted(&value) => Ok(value),
        Ok(_) => Err(Unusable::NotOfTag),
        Err(unusable) => Err(unusable),
    };
    match suffix {
        "str" => Some(Ok(Value::String(text.to_owned()))),
        "null" => Some(of(Value::is_null)),
        "bool" => Some(of(Value::is_boolean)),
        "int" => Some(of(|value| value.is_i64() || value.is_u64())),
        "float" => Some(of(Value::is_number)),
        _ => None,
    }
}

fn number(text: &str) -> Option<Result<Number, Unusable>> {
    let first = text.bytes().next()?;
    if !(first.is_ascii_digit() || matches!(first, b'-' | b'+' | b'.')) {
        return None;
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Some(Err(Unusable::NotFinite));
    }
    if is_all_digits(unsigned) {
        let text = text.strip_prefix('+').unwrap_or(text);
        if let Ok(integer) = text.parse::<i64>() {
            return Some(Ok(integer.into()));
        }
        if let Ok(integer) = text.parse::<u64>() {
            return Some(Ok(integer.into()));
        }
        return Some(float(text));
    }
    is_float(unsigned).then(|| float(text))
}

fn radix(digits: &str, radix: u32) -> Option<Result<Number, Unusable>> {
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    // Beyond 64 bits nobody writes hexadecimal numbers; as text they are refused where a number is wanted.
    u64::from_str_radix(digits, radix).ok().map(|integer| Ok(integer.into()))
}

/// `(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let mantissa_fits = match mantissa.split_once('.') {
        None => is_all_digits(mantissa),
        Some(("", fraction)) => is_all_digits(fraction),
        Some((whole, fraction)) => is_all_digits(whole) && (fraction.is_empty() || is_all_digits(fraction)),
    };
    mantissa_fits
        && exponent
            .is_none_or(|exponent| is_all_digits(exponent.strip_prefix(['-', '+']).unwrap_or(exponent)))
}

fn is_all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn float(text: &str) -> Result<Number, Unusable> {
    text.parse().ok().and_then(Number::from_f64).ok_or(Unusable::NotFinite)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Value) {
        assert_eq!(plain(text), Ok(expected), "`{text}`");
    }

    #[test]
    fn scalars_mean_what_the_core_schema_of_yaml_1_2_says() {
        for text in ["", "~", "null", "Null", "NULL"] {
            check(text, Value::Null);
        }
        check("true", json!(true));
        check("False", json!(false));
        check("0", json!(0));
        check("-19", json!(-19));
        check("+12", json!(12));
        check("010", json!(10));
        check("0o14", json!(12));
        check("0xFF", json!(255));
        check("1.", json!(1.0));
        check(".5", json!(0.5));
        check("-1.5e+3", json!(-1500.0));
        check("3.1", json!(3.1));
    }

    #[test]
    fn what_only_yaml_1_1_read_otherwise_is_text() {
        for text in [
            "yes",
            "no",
            "on",
            "off",
            "y",
            "n",
            "TrUe",
            "12:30",
            "0b1",
            "1_000",
            "2001-01-01",
            "3.1.0",
            "1e",
            "-",
            "+",
            ".",
            "0x",
            "0o9",
            "e5",
            "-.",
            "nan",
            "Inf",
            "-0x1",
        ] {
            check(text, json!(text));
        }
    }

    #[test]
    fn integers_of_64_bits_are_exact() {
        check("18446744073709551615", json!(u64::MAX));
        check("-9223372036854775808", json!(i64::MIN));
        check("18446744073709551616", json!(18_446_744_073_709_551_616.0));
    }

    #[test]
    fn numbers_that_json_cannot_hold_are_refused() {
        for text in [".inf", "-.INF", ".NaN", "1e999"] {
            assert_eq!(plain(text), Err(Unusable::NotFinite), "`{text}`");
        }
    }

    #[test]
    fn tags_of_the_core_schema_are_honored() {
        assert_eq!(tagged("str", "12"), Some(Ok(json!("12"))));
        assert_eq!(tagged("int", "12"), Some(Ok(json!(12))));
        assert_eq!(tagged("int", "x"), Some(Err(Unusable::NotOfTag)));
        assert_eq!(tagged("binary", "x"), None);
    }
}
