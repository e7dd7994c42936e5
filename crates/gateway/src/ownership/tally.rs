//! How requests for the objects of one type were judged, counted without a lock.

use std::sync::atomic::{AtomicU64, Ordering};

use portcullis_authz::ledger::{CONTRADICTIONS_TO_WATCH, Decision};
use portcullis_domain::{Coverage, Timestamp};

/// The counts of one type.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    own: AtomicU64,
    granted: AtomicU64,
    foreign: AtomicU64,
    unknown: AtomicU64,
    /// Contradictions that the store has not heard of.
    contradictions: AtomicU64,
    /// All that the operator has not looked into.
    open: AtomicU64,
}

impl Tally {
    /// One more id that was judged.
    pub(crate) fn count(&self, decision: Decision) {
        let count = match decision {
            Decision::Own => &self.own,
            Decision::Granted | Decision::ReadOnly => &self.granted,
            Decision::Foreign => &self.foreign,
            Decision::Unknown => &self.unknown,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// One more contradiction. Tells whether it is the one after which the type is only watched.
    pub(super) fn contradict(&self) -> bool {
        self.contradictions.fetch_add(1, Ordering::Relaxed);
        self.open.fetch_add(1, Ordering::Relaxed) + 1 == CONTRADICTIONS_TO_WATCH
    }

    /// Whether what is known of the type contradicts itself, so that nobody may be refused by it.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.open.load(Ordering::Relaxed) >= CONTRADICTIONS_TO_WATCH
    }

    /// So many are open, the store says.
    pub(super) fn set_open(&self, open: u64) {
        self.open.store(open + self.contradictions.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// What was counted since the last time, if anything.
    pub(super) fn take(&self, realm: &str, kind: &str, now: Timestamp) -> Option<Coverage> {
        let take = |count: &AtomicU64| count.swap(0, Ordering::Relaxed);
        let taken = Coverage {
            realm: realm.into(),
            kind: kind.into(),
            own: take(&self.own),
            granted: take(&self.granted),
            foreign: take(&self.foreign),
            unknown: take(&self.unknown),
            contradictions: take(&self.contradictions),
            began_at: now,
            last_at: now,
        };
        let sum = taken.own + taken.granted + taken.foreign + taken.unknown + taken.contradictions;
        (sum > 0).then_some(taken)
    }

    /// Counts again what the store did not take.
    pub(super) fn give_back(&self, counts: &Coverage) {
        let give = |count: &AtomicU64, more| {
            count.fetch_add(more, Ordering::Relaxed);
        };
        give(&self.own, counts.own);
        give(&self.granted, counts.granted);
        give(&self.foreign, counts.foreign);
        give(&self.unknown, counts.unknown);
        give(&self.contradictions, counts.contradictions);
    }
}
