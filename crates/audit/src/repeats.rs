//! Refusals that come again and again: written whole at first, then counted (AUD-13).
//!
//! In: a refusal that is to be written. Out: whether it is written, or counted with those like it; and one line for
//! each of these counts when its time is over. A flood of one request costs the record some lines for each window
//! and worker, however long it goes on, and still every refusal is in a count: nothing is sampled away. Two refusals
//! are alike when their lines would differ in nothing but moment, receipt, trace and measures. Called by [`crate::Pen`],
//! which each worker has for itself: no lock. What is not refused is never counted away.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash as _, Hasher as _, RandomState};
use std::time::Duration;

use portcullis_domain::Timestamp;

use crate::event::{Event, Verdict};
use crate::line::{Calendar, Line};

/// From when on refusals are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeats {
    /// How many alike are written whole.
    pub after: u64,
    /// Within which time.
    pub within: Duration,
}

impl Default for Repeats {
    fn default() -> Self {
        Self { after: 100, within: Duration::from_secs(10) }
    }
}

/// Most kinds that are told apart at a time; what is of no known kind is written whole.
const KINDS: usize = 256;

/// What is to become of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Written,
    Counted,
}

/// What one worker saw lately.
#[derive(Debug)]
pub(crate) struct Memory {
    repeats: Repeats,
    /// Keyed by a hash that a stranger cannot aim at.
    kinds: HashMap<u64, Kind>,
    hasher: RandomState,
    /// Kinds with a count that is not told yet.
    untold: usize,
    calendar: Calendar,
}

#[derive(Debug)]
struct Kind {
    since: Timestamp,
    seen: u64,
    /// The first that was counted, as a line; empty if none was.
    line: Vec<u8>,
    counted: u64,
    last: Timestamp,
}

impl Kind {
    const fn new(since: Timestamp) -> Self {
        Self { since, seen: 1, line: Vec::new(), counted: 0, last: since }
    }

    /// Appends the count as a line, if there is one.
    fn tell(&mut self, buffer: &mut Vec<u8>, calendar: &mut Calendar) -> u64 {
        let counted = std::mem::take(&mut self.counted);
        if counted > 0 {
            buffer.extend_from_slice(self.line.strip_suffix(b"}\n").unwrap_or(&self.line));
            let mut line = Line::within(buffer);
            line.number("repeated", counted).moment_by("until", self.last, calendar);
            line.end();
        }
        self.line.clear();
        counted
    }
}

impl Memory {
    pub(crate) fn new(repeats: Repeats) -> Self {
        Self {
            repeats,
            kinds: HashMap::new(),
            hasher: RandomState::new(),
            untold: 0,
            calendar: Calendar::default(),
        }
    }

    /// Takes note of a refusal. What an older count has to tell is appended to `buffer` first; says how many events
    /// that speaks for as well.
    pub(crate) fn note(&mut self, event: &Event<'_>, buffer: &mut Vec<u8>) -> (Fate, u64) {
        let at = event.trail.arrived().wall;
        let key = self.key(event);
        if !self.kinds.contains_key(&key) {
            let told = if self.kinds.len() >= KINDS { self.forget(at, buffer) } else { 0 };
            if self.kinds.len() < KINDS {
                self.kinds.insert(key, Kind::new(at));
            }
            return (Fate::Written, told);
        }
        let Self { repeats, kinds, untold, calendar, .. } = self;
        let Some(kind) = kinds.get_mut(&key) else { return (Fate::Written, 0) };
        if at.since(kind.since) >= repeats.within {
            let told = kind.tell(buffer, calendar);
            *untold -= usize::from(told > 0);
            *kind = Kind::new(at);
            return (Fate::Written, told);
        }
        kind.seen += 1;
        if kind.seen <= repeats.after {
            return (Fate::Written, 0);
        }
        if kind.counted == 0 {
            *untold += 1;
            event.write(&mut kind.line, calendar);
        }
        kind.counted += 1;
        kind.last = at;
        (Fate::Counted, 0)
    }

    /// Whether there is a count to be told some time.
    pub(crate) const fn has_counts(&self) -> bool {
        self.untold > 0
    }

    /// Appends the counts whose time is over; says how many events they speak for.
    pub(crate) fn forget(&mut self, now: Timestamp, buffer: &mut Vec<u8>) -> u64 {
        let Self { repeats, kinds, untold, calendar, .. } = self;
        let mut told = 0;
        kinds.retain(|_, kind| {
            let is_over = now.since(kind.since) >= repeats.within;
            if is_over {
                let events = kind.tell(buffer, calendar);
                *untold -= usize::from(events > 0);
                told += events;
            }
            !is_over
        });
        told
    }

    /// Appends every count: the worker ends.
    pub(crate) fn tell_all(&mut self, buffer: &mut Vec<u8>) -> u64 {
        let Self { kinds, untold, calendar, .. } = self;
        *untold = 0;
        kinds.drain().map(|(_, mut kind)| kind.tell(buffer, calendar)).sum()
    }

    fn key(&self, event: &Event<'_>) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        (event.verdict.reason().map(|reason| reason.code()), event.status, event.method, event.target)
            .hash(&mut hasher);
        event.origin.members().hash(&mut hasher);
        event.destination.map(|destination| destination.members()).hash(&mut hasher);
        if let Some(identity) = &event.identity {
            let principal = identity.principal;
            (principal.issuer.as_str(), principal.subject.as_str(), &principal.client).hash(&mut hasher);
        }
        match event.verdict {
            Verdict::Answered => {}
            Verdict::Denied(denial) => {
                denial.note().map(|note| note.as_str()).hash(&mut hasher);
                denial.violations().len().hash(&mut hasher);
            }
            Verdict::Failed(fault) => fault.note().map(|note| note.as_str()).hash(&mut hasher),
        }
        hasher.finish()
    }
}
