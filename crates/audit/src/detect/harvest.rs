//! Far more different objects than peers read, or than the caller read before.
//!
//! In: objects that were served, or that are somebody else's. Out: an alarm when the number of different ones in ten
//! minutes or in a day is beyond what is known of peers and of the caller itself. Nobody is accused because a fixed
//! number was passed: calibration (C2) shows that such a number accuses every support agent and misses a thief of
//! 25 ids. Where it is known whose objects are, those of others are counted apart, and a slow thief shows there.

use std::time::Duration;

use portcullis_domain::Timestamp;

use super::cohort::{Cohorts, Reading};
use super::distinct::Distinct;
use super::observation::{Fate, SeenObject};

/// One caller's windows.
#[derive(Debug)]
pub(super) struct Reads {
    minutes: Window,
    day: Window,
    foreign: Window,
}

/// What was read in one window, and in those before.
#[derive(Debug)]
struct Window {
    began: Timestamp,
    seen: Distinct,
    usual: f32,
    ended: u16,
    is_told: bool,
}

/// Far more than usual.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Excess {
    pub(super) reading: Reading,
    pub(super) count: u64,
    pub(super) cut: f64,
    pub(super) began: Timestamp,
}

impl Reading {
    const fn span(self) -> Duration {
        match self {
            Self::Minutes => Duration::from_secs(600),
            Self::Day | Self::Foreign => Duration::from_secs(86_400),
        }
    }

    /// So many are nobody's harvest.
    const fn floor(self) -> f64 {
        match self {
            Self::Minutes => 100.0,
            Self::Day => 1_000.0,
            Self::Foreign => 20.0,
        }
    }

    /// Beyond which number a caller is told of whose peers and habits nothing is known.
    const fn unknown(self) -> f64 {
        match self {
            Self::Minutes => 1_000.0,
            Self::Day => 10_000.0,
            Self::Foreign => 20.0,
        }
    }
}

/// After so many windows a caller's own habit is known.
const HABIT: u16 = 3;
/// So many times its own habit is far more.
const BEYOND_HABIT: f64 = 8.0;

impl Reads {
    pub(super) fn new(at: Timestamp) -> Self {
        Self { minutes: Window::new(at), day: Window::new(at), foreign: Window::new(at) }
    }

    /// Counts one object.
    pub(super) fn note(
        &mut self,
        seen: SeenObject,
        at: Timestamp,
        cohort: u64,
        cohorts: &mut Cohorts,
    ) -> Option<Excess> {
        match seen.fate {
            Fate::Own => {
                let minutes = self.minutes.note(Reading::Minutes, seen.id, at, cohort, cohorts);
                let day = self.day.note(Reading::Day, seen.id, at, cohort, cohorts);
                minutes.or(day)
            }
            Fate::Foreign => self.foreign.note(Reading::Foreign, seen.id, at, cohort, cohorts),
            Fate::Absent | Fate::Denied => None,
        }
    }

    /// Whether nothing of it matters any more at `now`.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        let is_over = |window: &Window| now.since(window.began) >= Reading::Day.span() * 2;
        is_over(&self.minutes) && is_over(&self.day) && is_over(&self.foreign)
    }
}

impl Window {
    fn new(at: Timestamp) -> Self {
        Self { began: at, seen: Distinct::default(), usual: 0.0, ended: 0, is_told: false }
    }

    fn note(
        &mut self,
        reading: Reading,
        id: u64,
        at: Timestamp,
        cohort: u64,
        cohorts: &mut Cohorts,
    ) -> Option<Excess> {
        if at.since(self.began) >= reading.span() || at < self.began {
            self.end(reading, at, cohort, cohorts);
        }
        self.seen.note(id);
        let count = self.seen.count();
        if self.is_told || (count as f64) < reading.floor() {
            return None;
        }
        let cut = self.cut(reading, cohort, cohorts);
        self.is_told = count as f64 >= cut;
        self.is_told.then_some(Excess { reading, count, cut, began: self.began })
    }

    fn cut(&self, reading: Reading, cohort: u64, cohorts: &Cohorts) -> f64 {
        let peers = cohorts.far_beyond(cohort, reading);
        let own = (self.ended >= HABIT).then(|| f64::from(self.usual) * BEYOND_HABIT);
        match (peers, own) {
            (None, None) => reading.unknown(),
            (peers, own) => reading.floor().max(peers.unwrap_or(0.0)).max(own.unwrap_or(0.0)),
        }
    }

    fn end(&mut self, reading: Reading, at: Timestamp, cohort: u64, cohorts: &mut Cohorts) {
        let count = self.seen.count();
        // What was an alarm is nobody's habit.
        if count > 0 && !self.is_told {
            cohorts.note_read(cohort, reading, count);
            self.usual = match self.ended {
                0 => count as f32,
                _ => self.usual * 0.8 + count as f32 * 0.2,
            };
            self.ended = self.ended.saturating_add(1);
        }
        (self.began, self.seen, self.is_told) = (at, Distinct::default(), false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_seconds(1_764_000_000);

    fn object(id: u64, fate: Fate) -> SeenObject {
        SeenObject { kind: 1, id: id.wrapping_mul(0x9e37_79b9_7f4a_7c15), fate }
    }

    /// Peers of cohort 0 read about ten objects in ten minutes and thirty in a day.
    fn peers() -> Cohorts {
        let mut cohorts = Cohorts::default();
        for peer in 0..500 {
            cohorts.note_read(0, Reading::Minutes, 5 + peer % 10);
            cohorts.note_read(0, Reading::Day, 15 + peer % 30);
        }
        cohorts
    }

    fn first_excess(cohort: u64, cohorts: &mut Cohorts, apart: Duration, fate: Fate) -> Option<u64> {
        let mut reads = Reads::new(AT);
        (0..20_000).find(|id| {
            let at = AT.plus(apart * u32::try_from(*id).unwrap());
            reads.note(object(*id, fate), at, cohort, cohorts).is_some()
        })
    }

    #[test]
    fn reading_far_beyond_peers_is_noticed_at_the_floor_and_without_peers_much_later() {
        let mut cohorts = peers();
        assert_eq!(first_excess(0, &mut cohorts, Duration::from_secs(1), Fate::Own), Some(99));
        let alone = first_excess(9, &mut cohorts, Duration::from_millis(100), Fate::Own).unwrap();
        assert!((900..1_100).contains(&alone), "{alone}");
    }

    #[test]
    fn five_objects_of_others_in_ten_minutes_are_noticed_within_two_hours() {
        let first = first_excess(0, &mut peers(), Duration::from_secs(120), Fate::Foreign).unwrap();
        assert!(first * 120 <= 7_200, "after {first}");
    }

    #[test]
    fn whoever_reads_much_every_day_may_go_on() {
        let mut cohorts = peers();
        let mut reads = Reads::new(AT);
        let mut told = Vec::new();
        for day in 0..30u64 {
            for id in 0..80 {
                let at = AT.plus(Duration::from_secs(day * 86_400 + id * 5));
                told.extend(reads.note(object(day * 1_000 + id, Fate::Own), at, 0, &mut cohorts));
            }
        }
        assert_eq!(told, []);
        // Ten times that is told, once a window.
        for id in 0..800u64 {
            let at = AT.plus(Duration::from_secs(30 * 86_400) + Duration::from_millis(id * 500));
            told.extend(reads.note(object(90_000 + id, Fate::Own), at, 0, &mut cohorts));
        }
        assert_eq!(told.len(), 1, "{told:?}");
    }
}
