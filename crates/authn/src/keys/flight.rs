//! When an issuer may be asked for its keys: one question at a time, and never in a stranger's rhythm.
//!
//! In: the moment, and why somebody wants newer keys. Out: whether to ask, to wait for the answer
//! under way, or to leave it. A table of times without effects; [`super::ring`] acts on it. OpenID
//! Connect Core §10.1.1 lets an unknown `kid` trigger a fetch; without a cooldown any stranger
//! could make us fetch at will.

use std::time::Duration;

/// Wait after the first failed renewal; doubles up to the cooldown.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// How long keys live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RefreshTimes {
    /// Age at which keys are renewed ahead of need.
    pub(crate) refresh: Duration,
    /// Least time between two renewals that unknown identifiers ask for.
    pub(crate) cooldown: Duration,
    /// How much longer than `refresh` keys serve while renewals fail.
    pub(crate) stale_for: Duration,
}

/// Why newer keys are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The keys are old, or there are none.
    Age,
    /// A token names an identifier that is not in the set.
    UnknownKid,
}

/// What to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leave {
    /// Ask the issuer now.
    Ask,
    /// Somebody is asking already; wait for that answer.
    Join,
    /// Not for so long.
    NotFor(Duration),
}

/// When renewals may start. All moments are of the monotonic clock.
#[derive(Debug)]
pub(super) struct Timetable {
    times: RefreshTimes,
    is_under_way: bool,
    next_for_age: Duration,
    next_for_unknown_kid: Duration,
    failures: u32,
}

impl Timetable {
    /// A timetable on which a renewal is due at once.
    pub(super) const fn new(times: RefreshTimes) -> Self {
        Self {
            times,
            is_under_way: false,
            next_for_age: Duration::ZERO,
            next_for_unknown_kid: Duration::ZERO,
            failures: 0,
        }
    }

    /// Asks for leave to start a renewal. After [`Leave::Ask`] the caller must end it with
    /// [`Timetable::succeeded`] or [`Timetable::failed`].
    pub(super) fn ask(&mut self, cause: Cause, mono: Duration) -> Leave {
        if self.is_under_way {
            return Leave::Join;
        }
        let next = match cause {
            Cause::Age => self.next_for_age,
            Cause::UnknownKid => self.next_for_unknown_kid,
        };
        if mono < next {
            return Leave::NotFor(next - mono);
        }
        if cause == Cause::UnknownKid {
            self.next_for_unknown_kid = mono + self.times.cooldown;
        }
        self.is_under_way = true;
        Leave::Ask
    }

    pub(super) fn succeeded(&mut self, mono: Duration) {
        self.is_under_way = false;
        self.failures = 0;
        self.next_for_age = mono + self.times.refresh;
    }

    pub(super) fn failed(&mut self, mono: Duration) {
        self.is_under_way = false;
        let wait = FIRST_RETRY.saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX));
        self.failures = self.failures.saturating_add(1);
        self.next_for_age = mono + wait.min(self.times.cooldown);
    }

    /// How long until an unknown identifier may ask for the next renewal.
    pub(super) fn cooling(&self, mono: Duration) -> Duration {
        self.next_for_unknown_kid.saturating_sub(mono)
    }

    /// How long until age asks for the next renewal.
    pub(super) fn idle(&self, mono: Duration) -> Duration {
        self.next_for_age.saturating_sub(mono)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMES: RefreshTimes = RefreshTimes {
        refresh: Duration::from_secs(300),
        cooldown: Duration::from_secs(30),
        stale_for: Duration::from_secs(3600),
    };

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn only_one_renewal_is_under_way() {
        let mut table = Timetable::new(TIMES);
        assert_eq!(table.ask(Cause::Age, at(0)), Leave::Ask);
        assert_eq!(table.ask(Cause::Age, at(1)), Leave::Join);
        assert_eq!(table.ask(Cause::UnknownKid, at(1)), Leave::Join);
        table.succeeded(at(2));
        assert_eq!(table.ask(Cause::Age, at(2)), Leave::NotFor(at(300)));
    }

    #[test]
    fn an_unknown_kid_asks_once_per_cooldown_and_not_for_having_just_renewed() {
        let mut table = Timetable::new(TIMES);
        assert_eq!(table.ask(Cause::Age, at(0)), Leave::Ask);
        table.succeeded(at(0));
        assert_eq!(table.ask(Cause::UnknownKid, at(1)), Leave::Ask);
        table.succeeded(at(1));
        assert_eq!(table.ask(Cause::UnknownKid, at(2)), Leave::NotFor(at(29)));
        assert_eq!(table.ask(Cause::UnknownKid, at(31)), Leave::Ask);
    }

    #[test]
    fn failures_are_retried_ever_later_up_to_the_cooldown() {
        let mut table = Timetable::new(TIMES);
        let mut now = at(0);
        for wait in [1, 2, 4, 8, 16, 30, 30] {
            assert_eq!(table.ask(Cause::Age, now), Leave::Ask);
            table.failed(now);
            assert_eq!(table.ask(Cause::Age, now), Leave::NotFor(at(wait)));
            now += at(wait);
        }
    }
}
