//! Sessions that were looked up a moment ago, so that not each request asks the store.
//!
//! In: the digest of a session's id. Out: what its requests need, if that is still to be relied on: for a second,
//! so that what another gateway ended ends here within that time; and only until anything ends here, so that it
//! ends for the next request of every worker. Bounded; what falls out is looked up again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use portcullis_domain::{Now, Timestamp};
use quick_cache::sync::Cache;

use crate::bearer::{AccessToken, TokenDigest};

/// How long what was read is relied on.
const RELIED_ON: Duration = Duration::from_secs(1);

/// How many ids are remembered that lead to nothing.
const UNKNOWN: usize = 4096;

/// A session as its requests see it.
#[derive(Debug)]
pub struct Live {
    pub(super) token: AccessToken,
    pub(super) subject: portcullis_domain::Subject,
    pub(super) sid: Option<Box<str>>,
    pub(super) created_at: Timestamp,
    /// When it ends unless it is used: as the store has it, which is never too late.
    pub(super) idle_at: Timestamp,
    pub(super) ends_at: Timestamp,
    /// When the access token is to be replaced.
    pub(super) due_at: Option<Timestamp>,
}

impl Live {
    /// The token that stands for the caller.
    #[must_use]
    pub const fn token(&self) -> &AccessToken {
        &self.token
    }

    fn holds(&self, now: Timestamp) -> bool {
        now < self.idle_at && now < self.ends_at && self.due_at.is_none_or(|due_at| now < due_at)
    }
}

/// What was looked up a moment ago.
pub(super) struct Memory {
    known: Cache<TokenDigest, Known>,
    /// Ids that lead to nothing, and never will: ids are made by lot.
    unknown: Cache<TokenDigest, ()>,
    /// Counts what has ended here.
    epoch: AtomicU64,
}

#[derive(Clone)]
struct Known {
    live: Arc<Live>,
    epoch: Epoch,
    read_at: Duration,
}

/// What had ended when a look at the store began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Epoch(u64);

impl Memory {
    pub(super) fn new(capacity: usize) -> Self {
        Self { known: Cache::new(capacity), unknown: Cache::new(UNKNOWN), epoch: AtomicU64::new(0) }
    }

    /// Taken before the store is asked: what ends while it answers must not be remembered.
    pub(super) fn epoch(&self) -> Epoch {
        Epoch(self.epoch.load(Ordering::Acquire))
    }

    pub(super) fn recall(&self, id: &TokenDigest, now: Now) -> Option<Arc<Live>> {
        let known = self.known.get(id)?;
        let is_recent = now.mono.saturating_sub(known.read_at) < RELIED_ON;
        (is_recent && known.epoch == self.epoch() && known.live.holds(now.wall)).then_some(known.live)
    }

    pub(super) fn remember(&self, id: TokenDigest, live: &Arc<Live>, epoch: Epoch, mono: Duration) {
        self.known.insert(id, Known { live: Arc::clone(live), epoch, read_at: mono });
    }

    pub(super) fn remember_unknown(&self, id: TokenDigest) {
        self.unknown.insert(id, ());
    }

    pub(super) fn is_unknown(&self, id: &TokenDigest) -> bool {
        self.unknown.get(id).is_some()
    }

    /// Something has ended: nothing is relied on any more before the store has been asked.
    pub(super) fn forget(&self, id: Option<&TokenDigest>) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        if let Some(id) = id {
            self.known.remove(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use portcullis_domain::{Secret, Subject};

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn at(millis: u64) -> Now {
        let span = Duration::from_millis(millis);
        Now { wall: NOW.plus(span), mono: span }
    }

    fn live(token: &str) -> Arc<Live> {
        Arc::new(Live {
            token: AccessToken::kept(&Secret::new(token.as_bytes().to_vec())).unwrap(),
            subject: Subject::from("alice"),
            sid: Some("sid-1".into()),
            created_at: NOW,
            idle_at: NOW.plus(Duration::from_millis(500)),
            ends_at: NOW.plus(Duration::from_secs(86_400)),
            due_at: None,
        })
    }

    #[test]
    fn what_was_read_serves_until_anything_ends() {
        let memory = Memory::new(16);
        let id = TokenDigest::of(b"id");
        let before = memory.epoch();
        memory.remember(id, &live("token"), before, at(0).mono);
        assert!(memory.recall(&id, at(499)).is_some());
        assert!(memory.recall(&id, at(500)).is_none(), "idle");
        memory.forget(Some(&TokenDigest::of(b"another")));
        assert!(memory.recall(&id, at(1)).is_none());
        // Read before the end, and written after it.
        memory.remember(id, &live("token"), before, at(1).mono);
        assert!(memory.recall(&id, at(1)).is_none());
        memory.remember(id, &live("token"), memory.epoch(), at(1).mono);
        assert!(memory.recall(&id, at(1)).is_some());
    }

    /// Bytes of this process in memory.
    fn resident() -> usize {
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
        statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
    }

    #[test]
    fn a_hundred_thousand_sessions_take_less_than_100_mib() {
        let before = resident();
        let memory = Memory::new(100_000);
        for number in 0..100_000_u32 {
            // A signed token of usual length.
            let token = format!("{number:0>650}");
            memory.remember(
                TokenDigest::of(&number.to_be_bytes()),
                &live(&token),
                memory.epoch(),
                at(0).mono,
            );
        }
        let taken = resident() - before;
        assert!(memory.known.len() > 95_000, "{} are remembered", memory.known.len());
        assert!(taken < 100 << 20, "{} MiB", taken >> 20);
    }
}
