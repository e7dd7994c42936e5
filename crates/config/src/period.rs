//! Spans of time, as people write them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::quantity::{self, QuantityError, quantity};

/// A span of time in whole milliseconds: `100ms`, `30s`, `5m`, `2h`, `7d`; a bare number counts seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period(pub Duration);

pub(crate) const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

quantity!(Period,
    kind: "period",
    pattern: "^[0-9]+ ?(ms|s|m|h|d)$",
    examples: ["30s", "5m"],
    number: Some(|seconds| Period(Duration::from_secs(seconds))));

impl Period {
    /// A period of so many seconds.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// A period of so many milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }
}

impl FromStr for Period {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let malformed = QuantityError::Malformed { kind: "a period", example: "`30s` or `5m`" };
        let (number, unit) = quantity::split(text);
        let millis =
            UNITS.iter().find(|(name, _)| *name == unit).map(|(_, millis)| *millis).ok_or(malformed)?;
        if number.is_empty() {
            return Err(malformed);
        }
        number
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(millis))
            .map(|millis| Self(Duration::from_millis(millis)))
            .ok_or(QuantityError::TooLarge { kind: "period" })
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        let (unit, size) = UNITS
            .into_iter()
            .map(|(unit, size)| (unit, u128::from(size)))
            .find(|(_, size)| millis != 0 && millis.is_multiple_of(*size))
            .unwrap_or(("s", 1000));
        write!(f, "{}{unit}", millis / size)
    }
}
