//! Ids of others, tried one after the other; and many things that are not there (LIM-18).
//!
//! In: the objects that requests name, with what came of it. Out: alarms. Different ids count, and each once: who
//! asks for the same thing a hundred times has asked once. What somebody was served before is no miss when it is
//! gone, nor is a bookmark of it. Whose an object is weighs more than whether it is there.

use std::time::Duration;

use portcullis_domain::Timestamp;

use super::cohort::Cohorts;
use super::distinct::{Familiar, Novelty};
use super::observation::{Fate, SeenObject};
use super::sprt::{self, Hypotheses, Verdict};

/// So many different misses at least, whatever the test says.
const LEAST: u16 = 6;
/// So many different misses are told apart, the latest.
const REMEMBERED: usize = 24;
/// After so many different references a caller tells what share missed, and not more often than that.
const TELLING: u16 = 20;
const TELLS_EVERY: Duration = Duration::from_secs(3600);
/// However much peers miss, objects of others are no honest mistakes beyond this.
const MOST_FOREIGN: f64 = 0.10;

/// References of one caller to objects of one type.
#[derive(Clone, Debug)]
pub(super) struct References {
    pub(super) kind: u64,
    pub(super) last_seen: Timestamp,
    ratio: f32,
    hits: u16,
    misses: u16,
    foreign: u16,
    next: u8,
    began: Timestamp,
    told_at: Timestamp,
    missed: [u32; REMEMBERED],
}

/// Why somebody is accused of trying ids.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Accusation {
    pub(super) ratio: f64,
    pub(super) misses: u16,
    pub(super) foreign: u16,
    pub(super) hits: u16,
    pub(super) began: Timestamp,
    pub(super) usual: f64,
}

impl References {
    pub(super) fn new(kind: u64, at: Timestamp) -> Self {
        Self {
            kind,
            last_seen: at,
            ratio: 0.0,
            hits: 0,
            misses: 0,
            foreign: 0,
            next: 0,
            began: at,
            told_at: at,
            missed: [0; REMEMBERED],
        }
    }

    /// Weighs one reference.
    pub(super) fn note(
        &mut self,
        seen: SeenObject,
        at: Timestamp,
        cohort: u64,
        served: &mut Familiar,
        cohorts: &mut Cohorts,
    ) -> Option<Accusation> {
        self.last_seen = at;
        let usual = cohorts.usual_misses(cohort, self.kind);
        let evidence = match seen.fate {
            Fate::Own => match served.note(seen.id) {
                Novelty::Known => return None,
                Novelty::New => {
                    self.hits = self.hits.saturating_add(1);
                    Hypotheses::new(usual).hit()
                }
            },
            Fate::Foreign | Fate::Absent | Fate::Denied => {
                if served.knows(seen.id) || !self.is_new(seen.id) {
                    return None;
                }
                self.misses = self.misses.saturating_add(1);
                if seen.fate == Fate::Foreign {
                    self.foreign = self.foreign.saturating_add(1);
                    Hypotheses::new(usual.min(MOST_FOREIGN)).miss()
                } else {
                    Hypotheses::new(usual).miss()
                }
            }
        };
        let verdict = sprt::weigh(&mut self.ratio, evidence);
        let accusation = Accusation {
            ratio: f64::from(self.ratio),
            misses: self.misses,
            foreign: self.foreign,
            hits: self.hits,
            began: self.began,
            usual,
        };
        if verdict == Verdict::Accused && self.misses >= LEAST {
            self.ratio = 0.0;
            self.count_anew(at);
            return Some(accusation);
        }
        let named = self.hits.saturating_add(self.misses);
        if named >= TELLING && at.since(self.told_at) >= TELLS_EVERY {
            cohorts.note_share(cohort, self.kind, f64::from(self.misses) / f64::from(named));
            self.told_at = at;
            // Whoever is under suspicion stays so.
            if self.ratio <= 0.0 {
                self.count_anew(at);
            }
        }
        None
    }

    fn count_anew(&mut self, at: Timestamp) {
        (self.hits, self.misses, self.foreign, self.began) = (0, 0, 0, at);
    }

    /// Whether an id is none of those that were missed lately; remembers it.
    fn is_new(&mut self, id: u64) -> bool {
        // Zero stands for nothing.
        let short = (id as u32).max(1);
        if self.missed.contains(&short) {
            return false;
        }
        let place = usize::from(self.next) % REMEMBERED;
        if let Some(slot) = self.missed.get_mut(place) {
            *slot = short;
        }
        self.next = ((place + 1) % REMEMBERED) as u8;
        true
    }
}

/// Different misses of one caller within a minute.
#[derive(Clone, Debug)]
pub(super) struct MinuteOfMisses {
    pub(super) began: Timestamp,
    pub(super) paths: Vec<u32>,
    /// How many of them name an object of an operation that there is.
    pub(super) objects: u32,
}

impl MinuteOfMisses {
    pub(super) const SPAN: Duration = Duration::from_secs(60);

    pub(super) fn new(at: Timestamp) -> Self {
        Self { began: at, paths: Vec::new(), objects: 0 }
    }

    /// Notes a miss; says whether there are `most` within the minute now.
    pub(super) fn note(&mut self, path: u64, is_object: bool, at: Timestamp, most: u32) -> bool {
        if at.since(self.began) >= Self::SPAN || at < self.began {
            *self = Self::new(at);
        }
        let short = path as u32;
        if self.paths.len() >= most as usize || self.paths.contains(&short) {
            return false;
        }
        self.paths.push(short);
        self.objects += u32::from(is_object);
        self.paths.len() == most as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_seconds(1_764_000_000);

    struct Caller {
        references: References,
        served: Familiar,
        cohorts: Cohorts,
    }

    impl Caller {
        fn new() -> Self {
            Self {
                references: References::new(1, AT),
                served: Familiar::default(),
                cohorts: Cohorts::default(),
            }
        }

        fn names(&mut self, id: u64, fate: Fate) -> Option<Accusation> {
            let id = id.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let seen = SeenObject { kind: 1, id, fate };
            self.references.note(seen, AT, 0, &mut self.served, &mut self.cohorts)
        }
    }

    #[test]
    fn nine_objects_of_others_in_a_row_accuse_and_the_tenth_begins_anew() {
        let mut caller = Caller::new();
        let accused =
            (0..40).filter_map(|id| Some((id, caller.names(id, Fate::Foreign)?))).collect::<Vec<_>>();
        assert_eq!(accused.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [8, 17, 26, 35]);
        assert_eq!((accused[0].1.misses, accused[0].1.foreign), (9, 9));
    }

    #[test]
    fn whoever_hits_as_often_as_he_misses_is_accused_later() {
        let mut caller = Caller::new();
        let first = (0..200).find(|id| {
            let fate = if id % 2 == 0 { Fate::Foreign } else { Fate::Own };
            caller.names(*id, fate).is_some()
        });
        assert!((20..60).contains(&first.unwrap()), "{first:?}");
    }

    #[test]
    fn one_missing_object_asked_for_without_end_is_one_miss() {
        let mut caller = Caller::new();
        assert!((0..10_000).all(|_| caller.names(1, Fate::Absent).is_none()));
    }

    #[test]
    fn what_was_served_once_and_is_gone_is_no_miss() {
        let mut caller = Caller::new();
        for id in 0..60 {
            assert_eq!(caller.names(id, Fate::Own), None);
        }
        for id in 0..60 {
            assert_eq!(caller.names(id, Fate::Absent), None, "{id}");
        }
    }

    #[test]
    fn fifty_different_misses_within_a_minute_are_noticed_once_and_forty_nine_or_a_slow_fifty_are_not() {
        let misses = |count: u64, apart: Duration| {
            let mut minute = MinuteOfMisses::new(AT);
            (0..count)
                .filter(|path| {
                    let at = AT.plus(apart * u32::try_from(*path).unwrap());
                    minute.note(*path, true, at, 50)
                })
                .count()
        };
        assert_eq!(misses(49, Duration::ZERO), 0);
        assert_eq!(misses(50, Duration::from_secs(1)), 1);
        assert_eq!(misses(500, Duration::ZERO), 1);
        assert_eq!(misses(500, Duration::from_secs(2)), 0);
        let mut minute = MinuteOfMisses::new(AT);
        assert!((0..500).all(|_| !minute.note(7, true, AT, 50)), "the same path is one miss");
    }
}
