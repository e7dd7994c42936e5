//! What was spent of long quotas, as it is kept beyond a process: a month's budget must not begin anew with it.
//!
//! A gateway counts in memory and hands over what changed, now and then; whoever keeps it needs to understand none of
//! it. Keys are keyed hashes: no identity can be read from what is kept.

use crate::store::StoreFuture;
use crate::time::Timestamp;

/// What one key has spent of one quota.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptCount {
    /// Where the quota stands, e.g. `shop/caller/daily`.
    pub place: Box<str>,
    /// The key.
    pub key: u64,
    /// Until when this counts.
    pub until: Timestamp,
    /// What was spent of a day or month; zero for quotas of which `until` says it all.
    pub spent: u32,
}

/// Keeps counts.
pub trait CountStore: Send + Sync {
    /// Keeps these in place of what was known of the same keys; all of them or none.
    fn keep_counts(&self, counts: Vec<KeptCount>) -> StoreFuture<'_, ()>;

    /// What is known of the quota at `place` and still counts at `now`, the latest to end first; at most `most`.
    fn kept_counts(&self, place: &str, now: Timestamp, most: u32) -> StoreFuture<'_, Vec<KeptCount>>;

    /// Forgets what does not count any more, and tells how many rows that were.
    fn forget_counts(&self, now: Timestamp) -> StoreFuture<'_, u64>;
}
