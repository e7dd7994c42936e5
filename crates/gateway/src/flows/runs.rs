//! How far runs of a flow have come: a bounded map, in shards.
//!
//! In: a key and a step. Out: whether its turn has come. A step that is under way keeps its turn, so that one
//! success of the step before lets one call through and not two at once. Pure: time is an argument.

use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use foldhash::quality::RandomState;

use super::Pace;

const SHARDS: usize = 16;

/// The runs of one flow.
pub(crate) struct Runs {
    shards: [Mutex<HashMap<u128, Run, foldhash::fast::RandomState>>; SHARDS],
    /// Runs in one shard.
    most: usize,
    seeds: [RandomState; 2],
}

/// One run. Moments are of the monotonic clock.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// How many steps have succeeded.
    done: usize,
    began: Duration,
    /// When the last of them did.
    last: Duration,
    turn: Turn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Free,
    /// A step is under way.
    Taken,
}

/// Why it is not a step's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The step before has not succeeded, or too long ago.
    Missing,
    /// A call of this run is under way.
    Underway,
    /// A person would take so much longer.
    TooFast(Duration),
}

impl Runs {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            most: (most / SHARDS).max(1),
            seeds: [RandomState::default(), RandomState::default()],
        }
    }

    /// How many it remembers at most.
    pub(crate) const fn most(&self) -> usize {
        self.most * SHARDS
    }

    /// The key of a run: 128 bits of a hash that is seeded anew in each process.
    pub(crate) fn key(&self, whose: &[&str]) -> u128 {
        let [first, second] = self.seeds.each_ref().map(|seed| seed.hash_one(whose));
        u128::from(first) << 64 | u128::from(second)
    }

    /// Takes the turn of `step`, which is not the first.
    pub(crate) fn enter(&self, key: u128, step: usize, pace: Pace, now: Duration) -> Result<(), Fault> {
        let mut shard = self.shard(key);
        let run = shard.get_mut(&key).filter(|run| run.done >= step && !run.is_over(pace, now));
        let Some(run) = run else { return Err(Fault::Missing) };
        if run.turn == Turn::Taken {
            return Err(Fault::Underway);
        }
        let took = now.saturating_sub(run.last);
        if took < pace.at_least {
            return Err(Fault::TooFast(pace.at_least - took));
        }
        run.turn = Turn::Taken;
        Ok(())
    }

    /// A step succeeded. The first one begins a run anew, the last one ends it.
    pub(crate) fn succeed(&self, key: u128, step: usize, of: usize, pace: Pace, now: Duration) {
        let mut shard = self.shard(key);
        if step + 1 >= of {
            shard.remove(&key);
            return;
        }
        let began = match shard.get(&key) {
            Some(run) if step > 0 => run.began,
            Some(_) | None => now,
        };
        if shard.len() >= self.most && !shard.contains_key(&key) {
            shard.retain(|_, run| !run.is_over(pace, now));
            if shard.len() >= self.most {
                // Whoever began first has had the most time.
                let oldest = shard.iter().min_by_key(|(_, run)| run.began).map(|(key, _)| *key);
                oldest.and_then(|oldest| shard.remove(&oldest));
            }
        }
        shard.insert(key, Run { done: step + 1, began, last: now, turn: Turn::Free });
    }

    /// A step that had its turn did not succeed: it may be tried again.
    pub(crate) fn give_back(&self, key: u128) {
        if let Some(run) = self.shard(key).get_mut(&key) {
            run.turn = Turn::Free;
        }
    }

    fn shard(&self, key: u128) -> MutexGuard<'_, HashMap<u128, Run, foldhash::fast::RandomState>> {
        let [first, ..] = &self.shards;
        // Sixteen shards, four bits.
        let shard = self.shards.get((key & 15) as usize).unwrap_or(first);
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Run {
    fn is_over(&self, pace: Pace, now: Duration) -> bool {
        now.saturating_sub(self.began) > pace.within
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace { within: Duration::from_secs(60), at_least: Duration::from_millis(300) };

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_step_waits_for_the_one_before_and_the_last_one_ends_the_run() {
        let runs = Runs::new(1000);
        let key = runs.key(&["alice"]);
        assert_eq!(runs.enter(key, 1, PACE, at(0)), Err(Fault::Missing));
        runs.succeed(key, 0, 3, PACE, at(1000));
        assert_eq!(runs.enter(key, 2, PACE, at(2000)), Err(Fault::Missing));
        assert_eq!(runs.enter(key, 1, PACE, at(2000)), Ok(()));
        assert_eq!(runs.enter(key, 1, PACE, at(2000)), Err(Fault::Underway), "one success lets one through");
        runs.give_back(key);
        assert_eq!(runs.enter(key, 2, PACE, at(2000)), Err(Fault::Missing), "it did not succeed");
        assert_eq!(runs.enter(key, 1, PACE, at(2000)), Ok(()));
        runs.succeed(key, 1, 3, PACE, at(2500));
        assert_eq!(runs.enter(key, 2, PACE, at(3000)), Ok(()));
        runs.succeed(key, 2, 3, PACE, at(3000));
        assert_eq!(runs.enter(key, 2, PACE, at(9000)), Err(Fault::Missing), "the run is over");
    }

    #[test]
    fn a_step_that_comes_sooner_than_a_person_can_is_told_how_long_to_wait() {
        let runs = Runs::new(1000);
        let key = runs.key(&["alice"]);
        runs.succeed(key, 0, 2, PACE, at(1000));
        assert_eq!(runs.enter(key, 1, PACE, at(1050)), Err(Fault::TooFast(at(250))));
        assert_eq!(runs.enter(key, 1, PACE, at(1300)), Ok(()));
    }

    #[test]
    fn a_run_that_takes_too_long_begins_again_and_going_back_costs_what_came_after() {
        let runs = Runs::new(1000);
        let key = runs.key(&["alice"]);
        runs.succeed(key, 0, 3, PACE, at(0));
        runs.succeed(key, 1, 3, PACE, at(30_000));
        assert_eq!(
            runs.enter(key, 2, PACE, at(60_001)),
            Err(Fault::Missing),
            "counted from the first step on"
        );
        runs.succeed(key, 0, 3, PACE, at(61_000));
        assert_eq!(runs.enter(key, 2, PACE, at(62_000)), Err(Fault::Missing));
        assert_eq!(runs.enter(key, 1, PACE, at(62_000)), Ok(()));
    }

    #[test]
    fn runs_are_bounded_and_the_oldest_go_first() {
        let runs = Runs::new(SHARDS * 4);
        for subject in 0..10_000u64 {
            runs.succeed(runs.key(&[&subject.to_string()]), 0, 2, PACE, at(subject));
        }
        let kept: usize = runs.shards.iter().map(|shard| shard.lock().unwrap().len()).sum();
        assert_eq!(kept, SHARDS * 4);
        assert_eq!(runs.enter(runs.key(&["9999"]), 1, PACE, at(10_300)), Ok(()));
    }

    #[test]
    fn parts_of_a_key_are_not_run_together() {
        let runs = Runs::new(16);
        assert_ne!(runs.key(&["a", "bc"]), runs.key(&["ab", "c"]));
    }
}
