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
        Self { known: Cache::new(capacity), epoch: AtomicU64::new(0) }
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

    /// Something has ended: nothing is relied on any more before the store has been asked.
    pub(super) fn forget(&self, id: Option<&TokenDigest>) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        if let Some(id) = id {
            self.known.remove(id);
        }
    }
}
