//! One quota: a name, a count, a window and a burst.

use std::time::Duration;

use crate::calendar::Calendar;
use crate::gcra::Gcra;

/// So many units in so much time; compiled and ready to be counted against.
///
/// Invariant: none of the numbers is zero, and the name is safe inside a quoted string of a header field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    name: Box<str>,
    count: u32,
    unit: Unit,
    pace: Pace,
    policy_item: Box<str>,
}

/// How spent units come back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pace {
    /// One by one, at an even speed.
    Rolling {
        /// The time in which the count comes back.
        window: Duration,
        /// Speed and depth.
        gcra: Gcra,
    },
    /// All at once, when the next day or month begins.
    Fixed(Calendar),
}

/// What is counted (`qu`, draft §3.1.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    /// Requests, or what they weigh.
    #[default]
    Requests,
    /// Bytes of their bodies.
    ContentBytes,
}

/// The longest name.
const NAME: usize = 64;
/// How much of a text a name is made of; its number needs the rest.
const NAME_AFTER: usize = NAME - 21;

/// Why a quota cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuotaError {
    /// The name would not survive in a header field.
    #[error("the name of a quota has 1 to 64 letters, digits, `-`, `_` or `.`")]
    Name,
    /// The count is zero.
    #[error("a quota of zero would refuse everything")]
    Count,
    /// The window is zero.
    #[error("the window of a quota must be longer than nothing")]
    Window,
    /// The burst is zero.
    #[error("a burst of zero would refuse everything")]
    Burst,
    /// An empty bucket would take more than a century to fill.
    #[error("the burst takes more than a hundred years to be earned at this rate")]
    Refill,
}

impl Quota {
    /// `count` units in each `window`, of which `burst` may come at once.
    ///
    /// # Errors
    /// A number that is zero, a name with other characters than letters, digits, `-`, `_` and `.`, or a
    /// burst that takes more than a hundred years to refill.
    pub fn new(name: &str, count: u32, window: Duration, burst: u32) -> Result<Self, QuotaError> {
        if !is_name(name) {
            return Err(QuotaError::Name);
        }
        if count == 0 {
            return Err(QuotaError::Count);
        }
        if window.is_zero() {
            return Err(QuotaError::Window);
        }
        if burst == 0 {
            return Err(QuotaError::Burst);
        }
        let nanos = u64::try_from(window.as_nanos()).map_err(|_| QuotaError::Refill)?;
        let gcra = Gcra::new(count, nanos, burst).ok_or(QuotaError::Refill)?;
        Ok(Self::with(name, count, Pace::Rolling { window, gcra }))
    }

    /// `count` units in each day or month.
    ///
    /// # Errors
    /// A count of zero, or a name as of [`Quota::new`].
    pub fn fixed(name: &str, count: u32, calendar: Calendar) -> Result<Self, QuotaError> {
        if !is_name(name) {
            return Err(QuotaError::Name);
        }
        if count == 0 {
            return Err(QuotaError::Count);
        }
        Ok(Self::with(name, count, Pace::Fixed(calendar)))
    }

    /// The same quota, of these units.
    #[must_use]
    pub fn counting(self, unit: Unit) -> Self {
        let policy_item = policy_item(&self.name, self.count, unit, &self.pace);
        Self { unit, policy_item, ..self }
    }

    fn with(name: &str, count: u32, pace: Pace) -> Self {
        let unit = Unit::default();
        let policy_item = policy_item(name, count, unit, &pace);
        Self { name: name.into(), count, unit, pace, policy_item }
    }

    /// The name, as clients see it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Units in each window.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// What is counted.
    #[must_use]
    pub const fn unit(&self) -> Unit {
        self.unit
    }

    /// How spent units come back.
    #[must_use]
    pub const fn pace(&self) -> &Pace {
        &self.pace
    }

    /// The longest time that a spent unit is remembered.
    #[must_use]
    pub fn memory(&self) -> Duration {
        match &self.pace {
            Pace::Rolling { gcra, .. } => Duration::from_nanos(gcra.depth()),
            Pace::Fixed(calendar) => Duration::from_secs(calendar.seconds()),
        }
    }

    /// The member of `RateLimit-Policy` that describes this quota, e.g. `"default";q=100;w=60`.
    #[must_use]
    pub fn policy_item(&self) -> &str {
        &self.policy_item
    }
}

/// A name for the quota number `index` of something that is known by `text`, whatever it is made of.
#[must_use]
pub fn name_after(text: &str, index: usize) -> String {
    let fitting = |byte: u8| if is_name_byte(byte) { char::from(byte) } else { '-' };
    let name: String = text.bytes().take(NAME_AFTER).map(fitting).collect();
    format!("{name}-{index}")
}

fn is_name(name: &str) -> bool {
    (1..=NAME).contains(&name.len()) && name.bytes().all(is_name_byte)
}

const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

/// `w` counts whole seconds and is not zero (§3.1.3). A window that is not whole seconds is rounded up and
/// the count scaled with it, downwards: what is advertised is never more than what is granted.
fn policy_item(name: &str, count: u32, unit: Unit, pace: &Pace) -> Box<str> {
    let (scaled, seconds) = match pace {
        Pace::Rolling { window, .. } => {
            let seconds = window.as_secs() + u64::from(window.subsec_nanos() > 0);
            let scaled = u128::from(count) * u128::from(seconds) * 1_000_000_000 / window.as_nanos().max(1);
            (scaled, seconds)
        }
        Pace::Fixed(calendar) => (count.into(), calendar.seconds()),
    };
    let unit = match unit {
        Unit::Requests => "",
        Unit::ContentBytes => ";qu=\"content-bytes\"",
    };
    format!("\"{name}\";q={scaled};w={seconds}{unit}").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::Every;

    #[test]
    fn a_quota_describes_itself_in_whole_seconds() {
        let quota = |count, millis| Quota::new("default", count, Duration::from_millis(millis), 1).unwrap();
        assert_eq!(quota(100, 60_000).policy_item(), "\"default\";q=100;w=60");
        assert_eq!(quota(10, 100).policy_item(), "\"default\";q=100;w=1");
        assert_eq!(quota(10, 1_500).policy_item(), "\"default\";q=13;w=2");
        let bytes = quota(1_048_576, 3_600_000).counting(Unit::ContentBytes);
        assert_eq!(bytes.policy_item(), "\"default\";q=1048576;w=3600;qu=\"content-bytes\"");
        let daily = Quota::fixed("daily", 5, Calendar::new(Every::Day, jiff::tz::TimeZone::UTC)).unwrap();
        assert_eq!(daily.policy_item(), "\"daily\";q=5;w=86400");
    }

    #[test]
    fn quotas_that_make_no_sense_are_refused() {
        let minute = Duration::from_secs(60);
        assert_eq!(Quota::new("a", 0, minute, 1), Err(QuotaError::Count));
        assert_eq!(Quota::new("a", 1, Duration::ZERO, 1), Err(QuotaError::Window));
        assert_eq!(Quota::new("a", 1, minute, 0), Err(QuotaError::Burst));
        assert_eq!(Quota::new("a", 1, Duration::MAX, 1), Err(QuotaError::Refill));
        assert_eq!(Quota::new("a\";q=9", 1, minute, 1), Err(QuotaError::Name));
        assert_eq!(Quota::new("", 1, minute, 1), Err(QuotaError::Name));
    }

    #[test]
    fn any_text_gives_a_name() {
        assert_eq!(name_after("GET /orders/{id}", 0), "GET--orders--id--0");
        for text in ["", "a", "ä\"\n", &"x".repeat(500)] {
            assert!(is_name(&name_after(text, usize::MAX)), "{text}");
        }
    }
}
