//! Where time enters the program.
//!
//! Everything below the rim takes a [`Now`]; only [`Clock`] reads the machine's clocks. Tests hold a
//! clock of their own and move it by hand.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Wall time in whole milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The moment `millis` milliseconds after the epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// The moment `seconds` seconds after the epoch.
    #[must_use]
    pub const fn from_seconds(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch.
    #[must_use]
    pub const fn as_seconds(self) -> u64 {
        self.0 / 1000
    }

    /// This moment and `span` more.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
    }

    /// The time from `earlier` to this moment, zero if that lies later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// One reading of both clocks, taken once per request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Wall time: for tokens, certificates and the record. May step.
    pub wall: Timestamp,
    /// Time since the clock was made: for limits, timeouts and durations. Never steps back.
    pub mono: Duration,
}

/// A handle on the clocks; cheap to clone.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    Machine { origin: Instant },
    Manual(Arc<Manual>),
}

struct Manual {
    wall_millis: AtomicU64,
    mono_millis: AtomicU64,
}

impl Clock {
    /// The machine's clocks.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place where the monotonic clock is read")]
    pub fn machine() -> Self {
        Self(Source::Machine { origin: Instant::now() })
    }

    /// A clock that stands at `wall` until [`Clock::advance`] moves it.
    #[must_use]
    pub fn manual(wall: Timestamp) -> Self {
        Self(Source::Manual(Arc::new(Manual {
            wall_millis: AtomicU64::new(wall.as_millis()),
            mono_millis: AtomicU64::new(0),
        })))
    }

    /// Moves a manual clock forward; the machine's clock cannot be moved and stays.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(manual) = &self.0 {
            let millis = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
            manual.wall_millis.fetch_add(millis, Ordering::SeqCst);
            manual.mono_millis.fetch_add(millis, Ordering::SeqCst);
        }
    }

    /// Both clocks at once.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place where wall time is read")]
    pub fn now(&self) -> Now {
        match &self.0 {
            Source::Machine { origin } => {
                let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
                Now {
                    wall: Timestamp(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)),
                    mono: origin.elapsed(),
                }
            }
            Source::Manual(manual) => Now {
                wall: Timestamp(manual.wall_millis.load(Ordering::SeqCst)),
                mono: Duration::from_millis(manual.mono_millis.load(Ordering::SeqCst)),
            },
        }
    }

    /// The monotonic clock alone, for measuring a stage.
    #[must_use]
    pub fn mono(&self) -> Duration {
        match &self.0 {
            Source::Machine { origin } => origin.elapsed(),
            Source::Manual(manual) => Duration::from_millis(manual.mono_millis.load(Ordering::SeqCst)),
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Source::Machine { .. } => "Clock(machine)",
            Source::Manual(_) => "Clock(manual)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_by_hand() {
        let clock = Clock::manual(Timestamp::from_seconds(1_700_000_000));
        let before = clock.now();
        clock.advance(Duration::from_millis(1500));
        let after = clock.now();
        assert_eq!(after.wall.since(before.wall), Duration::from_millis(1500));
        assert_eq!(after.mono, before.mono + Duration::from_millis(1500));
    }

    #[test]
    fn an_earlier_moment_is_zero_ahead() {
        assert_eq!(Timestamp::from_seconds(1).since(Timestamp::from_seconds(2)), Duration::ZERO);
    }
}
