//! Comparing the numbers of JSON without rounding either of them.

use std::cmp::Ordering;

use serde_json::Number;

/// How `a` stands to `b`. A number that is whole is compared as such, whatever the other one is: 2^53 + 1
/// is more than 9007199254740992.0.
pub(super) fn compare(a: &Number, b: &Number) -> Option<Ordering> {
    match (whole(a), whole(b)) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        (Some(a), None) => whole_to_float(a, b.as_f64()?),
        (None, Some(b)) => whole_to_float(b, a.as_f64()?).map(Ordering::reverse),
        (None, None) => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

fn whole(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

fn whole_to_float(whole: i128, float: f64) -> Option<Ordering> {
    /// All whole numbers here lie well within.
    const BEYOND: f64 = 1e30;
    if float.is_nan() {
        return None;
    }
    if float.abs() > BEYOND {
        return Some(if float > 0.0 { Ordering::Less } else { Ordering::Greater });
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the part before the point, checked to be below 1e30"
    )]
    let floor = float.floor() as i128;
    Some(whole.cmp(&floor).then(if float > float.floor() { Ordering::Less } else { Ordering::Equal }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_without_rounding() {
        for (less, more) in [
            ("9007199254740992", "9007199254740993"),
            ("9007199254740992.0", "9007199254740993"),
            ("18446744073709551614", "18446744073709551615"),
            ("-9223372036854775808", "18446744073709551615"),
            ("9223372036854775807", "9223372036854775808.0"),
            ("-1.5", "-1"),
            ("1", "1.5"),
            ("1", "1e300"),
            ("-1e300", "-9223372036854775808"),
            ("0.1", "0.2"),
        ] {
            let read = |text: &str| serde_json::from_str::<Number>(text).unwrap();
            assert_eq!(compare(&read(less), &read(more)), Some(Ordering::Less), "{less} {more}");
            assert_eq!(compare(&read(more), &read(less)), Some(Ordering::Greater), "{less} {more}");
            assert_eq!(compare(&read(less), &read(less)), Some(Ordering::Equal), "{less}");
        }
        assert_eq!(compare(&Number::from(1), &Number::from_f64(1.0).unwrap()), Some(Ordering::Equal));
    }
}
