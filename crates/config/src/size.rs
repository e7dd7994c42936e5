//! Numbers of bytes, as people write them.

use std::fmt;
use std::str::FromStr;

use crate::quantity::{self, QuantityError, quantity};

/// A number of bytes: `16 KiB`, `1MiB`, `1024`. Units are binary (IEC 80000-13); `KB` is refused because
/// it means 1000 to some and 1024 to others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

const UNITS: [(&str, u32); 5] = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10), ("B", 0)];

quantity!(ByteSize,
    kind: "byte size",
    pattern: "^[0-9]+( ?(B|KiB|MiB|GiB|TiB))?$",
    examples: ["16 KiB", "1 MiB"],
    number: Some(ByteSize));

impl ByteSize {
    /// The number of bytes, as far as this machine can address them.
    #[must_use]
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for ByteSize {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let malformed = QuantityError::Malformed { kind: "a byte size", example: "`16 KiB` or `1 MiB`" };
        let (number, unit) = quantity::split(text);
        let shift = match unit {
            "" if number.len() == text.len() => 0,
            _ => UNITS.iter().find(|(name, _)| *name == unit).map(|(_, shift)| *shift).ok_or(malformed)?,
        };
        if number.is_empty() {
            return Err(malformed);
        }
        number
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(1 << shift))
            .map(Self)
            .ok_or(QuantityError::TooLarge { kind: "byte size" })
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, shift) = UNITS
            .into_iter()
            .find(|(_, shift)| self.0 != 0 && self.0.trailing_zeros() >= *shift)
            .unwrap_or(("B", 0));
        write!(f, "{} {unit}", self.0 >> shift)
    }
}
