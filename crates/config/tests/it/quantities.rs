//! Sizes, periods and rates: what is accepted, and that they read back what they write.

use std::fmt::{Debug, Display};
use std::str::FromStr;
use std::time::Duration;

use portcullis_config::{ByteSize, Period, QuantityError, Rate, json_schema};
use proptest::prelude::*;
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

#[track_caller]
fn check<T: FromStr<Err = QuantityError> + PartialEq + Debug>(text: &str, expected: T) {
    assert_eq!(text.parse::<T>(), Ok(expected), "`{text}`");
}

#[track_caller]
fn refused<T: FromStr<Err = QuantityError> + Debug>(texts: &[&str]) {
    for text in texts {
        assert!(text.parse::<T>().is_err(), "`{text}`");
    }
}

/// Text, JSON and schema agree about `value`.
fn round_trip<T>(value: &T) -> Result<(), TestCaseError>
where
    T: FromStr<Err = QuantityError> + Display + Serialize + DeserializeOwned + JsonSchema + PartialEq + Debug,
{
    let text = value.to_string();
    prop_assert_eq!(&text.parse::<T>().unwrap(), value, "{}", text);
    let json = serde_json::to_value(value).unwrap();
    prop_assert_eq!(&json, &Value::String(text));
    prop_assert!(jsonschema::is_valid(&json_schema::<T>(), &json), "{}", json);
    prop_assert_eq!(&serde_json::from_value::<T>(json).unwrap(), value);
    Ok(())
}

/// The schema accepts `text` exactly if the type does, but for numbers that are too large.
fn agree<T: FromStr<Err = QuantityError> + JsonSchema>(text: &str) -> Result<(), TestCaseError> {
    let schema_accepts = jsonschema::is_valid(&json_schema::<T>(), &json!(text));
    let type_accepts = !matches!(text.parse::<T>(), Err(QuantityError::Malformed { .. }));
    prop_assert_eq!(schema_accepts, type_accepts, "`{}`", text);
    Ok(())
}

#[test]
fn sizes_have_binary_units_or_none() {
    check("16 KiB", ByteSize(16 << 10));
    check("1MiB", ByteSize(1 << 20));
    check("2 GiB", ByteSize(2 << 30));
    check("1 TiB", ByteSize(1 << 40));
    check("1024", ByteSize(1024));
    check("7 B", ByteSize(7));
    check("0", ByteSize(0));
    refused::<ByteSize>(&[
        "", "KiB", " 1", "1 ", "1  KiB", "16 KB", "16 kib", "1.5 MiB", "-1", "+1", "1 MiB ", "0x10", "1_000",
        "٣",
    ]);
    refused::<ByteSize>(&["18446744073709551616", "99999999 TiB"]);
}

#[test]
fn sizes_are_written_in_the_largest_unit_that_is_exact() {
    for (size, text) in [
        (0, "0 B"),
        (1, "1 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (1536, "1536 B"),
        (3 << 20, "3 MiB"),
        (5 << 50, "5120 TiB"),
    ] {
        assert_eq!(ByteSize(size).to_string(), text);
    }
}

#[test]
fn periods_need_a_unit() {
    check("100ms", Period::from_millis(100));
    check("30s", Period::from_secs(30));
    check("5 m", Period::from_secs(300));
    check("2h", Period::from_secs(7200));
    check("7d", Period::from_secs(7 * 86_400));
    refused::<Period>(&["", "30", "s", "1.5s", "1h30m", "5 min", "5M", "-1s", " 1s", "1s "]);
    refused::<Period>(&["18446744073709551616s", "999999999999999999d"]);
}

#[test]
fn periods_are_written_in_the_largest_unit_that_is_exact() {
    for (millis, text) in
        [(0, "0s"), (1, "1ms"), (1500, "1500ms"), (90_000, "90s"), (60_000, "1m"), (86_400_000, "1d")]
    {
        assert_eq!(Period::from_millis(millis).to_string(), text);
    }
}

#[test]
fn rates_are_a_number_in_a_period() {
    check("100/s", Rate { count: 100, per: Duration::from_secs(1) });
    check("600/5m", Rate { count: 600, per: Duration::from_secs(300) });
    check("1/100ms", Rate { count: 1, per: Duration::from_millis(100) });
    refused::<Rate>(&[
        "", "100", "/s", "0/s", "100/", "100/0s", "100/s/s", "100 / s", "-1/s", "1/1", "1.5/s", "100/sec",
        "01/s",
    ]);
    refused::<Rate>(&["4294967296/s", "1/999999999999999999d"]);
    assert_eq!(Rate { count: 5, per: Duration::from_secs(60) }.to_string(), "5/m");
    assert_eq!(Rate { count: 5, per: Duration::from_secs(600) }.to_string(), "5/10m");
    assert_eq!(Rate { count: 5, per: Duration::from_secs(11) }.to_string(), "5/11s");
}

#[test]
fn plain_numbers_are_bytes_and_seconds() {
    assert_eq!(serde_json::from_value::<ByteSize>(json!(1024)).unwrap(), ByteSize(1024));
    assert_eq!(serde_json::from_value::<Period>(json!(30)).unwrap(), Period::from_secs(30));
    assert!(serde_json::from_value::<Rate>(json!(30)).is_err());
    assert!(serde_json::from_value::<ByteSize>(json!(1.5)).is_err());
}

proptest! {
    #[test]
    fn sizes_read_back(size: u64) {
        round_trip(&ByteSize(size))?;
    }

    #[test]
    fn round_sizes_read_back(count in 0u64..4096, shift in 0u32..52) {
        round_trip(&ByteSize(count << shift))?;
    }

    #[test]
    fn periods_read_back(millis: u64) {
        round_trip(&Period::from_millis(millis))?;
    }

    #[test]
    fn round_periods_read_back(count in 0u64..10_000, unit in prop::sample::select(vec![1u64, 1000, 60_000, 3_600_000, 86_400_000])) {
        round_trip(&Period::from_millis(count * unit))?;
    }

    #[test]
    fn rates_read_back(count in 1u32.., millis in 1u64..) {
        round_trip(&Rate { count, per: Duration::from_millis(millis) })?;
    }

    #[test]
    fn schemas_and_types_agree(text in "[0-9]{0,3} ?(ms|s|m|h|d|B|KiB|MiB|KB|/|/s|/1m|/0s| |\n)?[0-9]?") {
        agree::<ByteSize>(&text)?;
        agree::<Period>(&text)?;
        agree::<Rate>(&text)?;
    }
}
