//! So many in so much time, as people write it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::period::Period;
use crate::quantity::{QuantityError, quantity};

/// A number of events in a period: `100/s`, `600/5m`. Neither is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    /// How many.
    pub count: u32,
    /// In how much time.
    pub per: Duration,
}

quantity!(Rate,
    kind: "rate",
    pattern: "^[1-9][0-9]*/([1-9][0-9]*)?(ms|s|m|h|d)$",
    examples: ["100/s", "600/5m"],
    number: None);

impl FromStr for Rate {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let malformed = QuantityError::Malformed { kind: "a rate", example: "`100/s` or `600/5m`" };
        let (count, per) = text.split_once('/').ok_or(malformed)?;
        let is_number = !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number || count.starts_with('0') || per.starts_with('0') || per.contains(' ') {
            return Err(malformed);
        }
        let count = count.parse().map_err(|_| QuantityError::TooLarge { kind: "rate" })?;
        let period = match per.bytes().next() {
            Some(byte) if byte.is_ascii_digit() => per.parse::<Period>(),
            _ => format!("1{per}").parse::<Period>(),
        };
        match period {
            Ok(Period(per)) => Ok(Self { count, per }),
            Err(QuantityError::Malformed { .. }) => Err(malformed),
            Err(QuantityError::TooLarge { .. }) => Err(QuantityError::TooLarge { kind: "rate" }),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let period = Period(self.per).to_string();
        let one = period.strip_prefix('1').filter(|unit| unit.starts_with(|c: char| c.is_ascii_alphabetic()));
        write!(f, "{}/{}", self.count, one.unwrap_or(&period))
    }
}
