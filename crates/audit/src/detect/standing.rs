//! Where callers stand: how risky they are deemed, and what is done about it until when.
//!
//! In: accusations, from the thread that detects. Out: a standing for each request that asks, in a few nanoseconds
//! while nobody is accused of anything. Bounded: whoever stands out least is forgotten first.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use foldhash::fast::RandomState;
use portcullis_domain::{Risk, Timestamp};

use super::detectors::Noticed;
use super::subject::Score;
use crate::alert::Action;

const SHARDS: usize = 16;
/// Most callers that stand out at a time, in each shard.
const ROOM: usize = 4096;
/// A throttled caller may send one request in this time.
const PACE: Duration = Duration::from_secs(2);
/// Below this nobody stands out.
const FADED: f32 = 1.0;

/// Where all callers stand.
#[derive(Debug, Default)]
pub struct Standings {
    shards: [RwLock<HashMap<u64, Entry, RandomState>>; SHARDS],
    count: AtomicUsize,
}

#[derive(Debug)]
struct Entry {
    score: Score,
    measure: Option<Measure>,
    /// When a throttled caller may come next, in milliseconds.
    next: AtomicU64,
}

/// What is done about a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    /// What.
    pub action: Action,
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Why.
    pub because: Noticed,
}

/// Where one caller stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// How much it looks like an attack.
    pub risk: Risk,
    /// What is done about it now.
    pub measure: Option<Measure>,
    /// How long it has to wait, if it is throttled and came too early.
    pub wait: Option<Duration>,
}

impl Standings {
    /// Where `subject` stands at `now`. Whoever is throttled has spent his turn by asking.
    #[must_use]
    pub fn of(&self, subject: u64, now: Timestamp) -> Standing {
        if self.count.load(Ordering::Relaxed) == 0 {
            return Standing::default();
        }
        let Some(shard) = self.shard(subject) else { return Standing::default() };
        let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
        shard.get(&subject).map_or(Standing::default(), |entry| entry.standing(now))
    }

    /// Adds `points` to what is held against `subject`, and does something about it. Says what that adds up to.
    pub fn accuse(&self, subject: u64, points: f32, measure: Option<Measure>, now: Timestamp) -> f32 {
        let Some(shard) = self.shard(subject) else { return points };
        let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
        if shard.len() >= ROOM && !shard.contains_key(&subject) {
            let before = shard.len();
            make_room(&mut shard, now);
            self.count.fetch_sub(before - shard.len(), Ordering::Relaxed);
        }
        let entry = shard.entry(subject).or_insert_with(|| {
            self.count.fetch_add(1, Ordering::Relaxed);
            Entry { score: Score::default(), measure: None, next: AtomicU64::new(0) }
        });
        let score = entry.score.add(points, now);
        if let Some(measure) = measure {
            // A milder measure does not end a harder one.
            let harder =
                entry.measure.filter(|before| before.is_on(now) && before.weight() > measure.weight());
            entry.measure = Some(harder.unwrap_or(measure));
            entry.next.store(now.plus(PACE).as_millis(), Ordering::Relaxed);
        }
        score
    }

    /// Lets `subject` go: whatever was held against it is forgotten.
    pub fn pardon(&self, subject: u64) {
        let Some(shard) = self.shard(subject) else { return };
        if shard.write().unwrap_or_else(PoisonError::into_inner).remove(&subject).is_some() {
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Forgets whoever stands out no more.
    pub fn tidy(&self, now: Timestamp) {
        for shard in &self.shards {
            let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
            let before = shard.len();
            shard.retain(|_, entry| {
                entry.score.at(now) >= FADED || entry.measure.is_some_and(|measure| measure.is_on(now))
            });
            self.count.fetch_sub(before - shard.len(), Ordering::Relaxed);
        }
    }

    /// How many callers stand out.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Whether nobody does.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn shard(&self, subject: u64) -> Option<&RwLock<HashMap<u64, Entry, RandomState>>> {
        self.shards.get((subject >> 60) as usize)
    }
}

/// Forgets the quarter that stands out least.
fn make_room(shard: &mut HashMap<u64, Entry, RandomState>, now: Timestamp) {
    let mut orders: Vec<f32> = shard.values().map(|entry| entry.order(now)).collect();
    let (_, cut, _) = orders.select_nth_unstable_by(ROOM / 4, f32::total_cmp);
    let (cut, mut room) = (*cut, ROOM / 4);
    shard.retain(|_, entry| {
        let goes = room > 0 && entry.order(now) <= cut;
        room -= usize::from(goes);
        !goes
    });
}

impl Entry {
    fn standing(&self, now: Timestamp) -> Standing {
        let measure = self.measure.filter(|measure| measure.is_on(now));
        let wait = measure.filter(|measure| measure.action == Action::Throttled).and_then(|_| self.wait(now));
        // Truncated on purpose: what is almost one point is none.
        Standing { risk: Risk::new(self.score.at(now).min(100.0) as u8), measure, wait }
    }

    fn wait(&self, now: Timestamp) -> Option<Duration> {
        let next = self.next.load(Ordering::Relaxed);
        let after = now.plus(PACE).as_millis();
        // A clock that stepped back locks nobody out.
        let is_due = now.as_millis() >= next || next > after;
        let is_first =
            is_due && self.next.compare_exchange(next, after, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        (!is_first).then(|| Timestamp::from_millis(next).since(now).max(Duration::from_secs(1)))
    }

    fn order(&self, now: Timestamp) -> f32 {
        let measure = self.measure.filter(|measure| measure.is_on(now)).map_or(0, |measure| measure.weight());
        self.score.at(now) + 1_000.0 * f32::from(measure)
    }
}

impl Measure {
    fn is_on(&self, now: Timestamp) -> bool {
        now < self.until
    }

    const fn weight(&self) -> u8 {
        match self.action {
            Action::Logged => 0,
            Action::Tagged => 1,
            Action::SteppedUp => 2,
            Action::Throttled => 3,
            Action::Blocked => 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_seconds(1_764_000_000);

    fn measure(action: Action) -> Measure {
        Measure { action, since: AT, until: AT.plus(Duration::from_secs(600)), because: Noticed::Misses }
    }

    #[test]
    fn a_measure_ends_by_itself_and_the_risk_fades() {
        let standings = Standings::default();
        assert_eq!(standings.of(7, AT), Standing::default());
        standings.accuse(7, 100.0, Some(measure(Action::Blocked)), AT);
        let now = standings.of(7, AT);
        assert_eq!(
            (now.risk, now.measure.map(|measure| measure.action)),
            (Risk::HIGHEST, Some(Action::Blocked))
        );
        assert_eq!(standings.of(8, AT), Standing::default(), "nobody else");
        let later = standings.of(7, AT.plus(Duration::from_secs(3600)));
        assert_eq!((later.risk, later.measure), (Risk::new(50), None));
        standings.tidy(AT.plus(Duration::from_secs(86_400)));
        assert!(standings.is_empty());
    }

    #[test]
    fn whoever_is_throttled_comes_once_in_two_seconds() {
        let standings = Standings::default();
        standings.accuse(7, 100.0, Some(measure(Action::Throttled)), AT);
        let admitted = (0..600u64)
            .filter(|tenth| standings.of(7, AT.plus(Duration::from_millis(tenth * 100))).wait.is_none())
            .count();
        assert_eq!(admitted, 29);
    }

    #[test]
    fn a_milder_measure_ends_no_harder_one_and_a_pardon_ends_all() {
        let standings = Standings::default();
        standings.accuse(7, 60.0, Some(measure(Action::Blocked)), AT);
        standings.accuse(7, 25.0, Some(measure(Action::Tagged)), AT);
        assert_eq!(standings.of(7, AT).measure.map(|measure| measure.action), Some(Action::Blocked));
        standings.pardon(7);
        assert_eq!((standings.of(7, AT), standings.len()), (Standing::default(), 0));
    }

    #[test]
    fn a_flood_of_suspects_pushes_out_nobody_who_is_blocked() {
        let standings = Standings::default();
        standings.accuse(7, 100.0, Some(measure(Action::Blocked)), AT);
        for suspect in 100..200_000 {
            standings.accuse(suspect, 25.0, None, AT);
        }
        assert!(standings.of(7, AT).measure.is_some());
        assert!(standings.len() <= SHARDS * ROOM);
    }
}
