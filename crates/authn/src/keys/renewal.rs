//! Asking an issuer for its keys: how, when, and how the last time went.
//!
//! In: a [`RenewalPlan`] and the gateway's [`Fetch`]. Out: a filtered [`KeySet`], and an opinion on
//! tokens whose key is not there. Owned by [`super::ring`], which keeps the keys; this module never
//! sees them in use.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use portcullis_domain::{Clock, Reason};
use quick_cache::sync::Cache;
use tokio::sync::{Semaphore, watch};

use super::flight::{Cause, Leave, RefreshTimes, Timetable};
use super::set::{KeySet, LeftOut};
use super::source::{KeySource, Locator, RenewalFault};
use crate::algorithm::AllowedAlgorithms;
use crate::fetch::{Fetch, FetchBounds, FetchError};
use crate::refusal::Refusal;

/// How many requests may wait for one renewal; more are told to come back.
const WAITING_LIMIT: usize = 1024;
/// How many absent identifiers are remembered.
const ABSENT_LIMIT: usize = 1024;

/// What two policies must agree on to share the keys of an issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RenewalPlan {
    pub(crate) source: KeySource,
    pub(crate) allowed: AllowedAlgorithms,
    pub(crate) times: RefreshTimes,
    pub(crate) bounds: FetchBounds,
    pub(crate) keys: usize,
}

/// The renewals of one issuer's keys, one at a time.
pub(super) struct Renewal {
    plan: RenewalPlan,
    locator: Locator,
    fetch: Arc<dyn Fetch>,
    clock: Clock,
    timetable: Mutex<Timetable>,
    last_fault: Mutex<Option<RenewalFault>>,
    /// What was reported as left out; said again only when it changes.
    reported: Mutex<Vec<LeftOut>>,
    /// Counts renewals that ended, well or not.
    ended: watch::Sender<u64>,
    waiting: Semaphore,
    /// Identifiers that a renewal did not bring, by keyed hash, and until when they are not asked for.
    absent: Cache<u64, Duration>,
    absent_hasher: RandomState,
}

/// How waiting for a renewal ended.
pub(super) enum Waited {
    Renewed,
    /// No renewal may start for so long.
    NotFor(Duration),
    /// Too many wait already.
    Crowded,
}

impl Renewal {
    pub(super) fn new(plan: RenewalPlan, fetch: Arc<dyn Fetch>, clock: Clock) -> Self {
        Self {
            locator: Locator::new(plan.source.clone()),
            timetable: Mutex::new(Timetable::new(plan.times)),
            plan,
            fetch,
            clock,
            last_fault: Mutex::new(None),
            reported: Mutex::new(Vec::new()),
            ended: watch::Sender::new(0),
            waiting: Semaphore::new(WAITING_LIMIT),
            absent: Cache::new(ABSENT_LIMIT),
            absent_hasher: RandomState::new(),
        }
    }

    pub(super) const fn plan(&self) -> &RenewalPlan {
        &self.plan
    }

    /// This moment of the monotonic clock; renewals take longer than a request's own reading of it
    /// is good for.
    pub(super) fn mono(&self) -> Duration {
        self.clock.mono()
    }

    /// Asks for leave to start a renewal; see [`Timetable::ask`].
    pub(super) fn ask(&self, cause: Cause, mono: Duration) -> Leave {
        self.timetable().ask(cause, mono)
    }

    /// Waits until a renewal has ended; `start` is called if it falls to this caller to start one.
    pub(super) async fn wait(&self, cause: Cause, mono: Duration, start: impl FnOnce()) -> Waited {
        // Subscribed before asking, so that no end is missed.
        let mut ended = self.ended.subscribe();
        match self.ask(cause, mono) {
            Leave::NotFor(wait) => return Waited::NotFor(wait),
            Leave::Ask => start(),
            Leave::Join => {}
        }
        let Ok(_place) = self.waiting.try_acquire() else { return Waited::Crowded };
        // Fails only if the sender is gone, and the sender is ours.
        let _ = ended.changed().await;
        Waited::Renewed
    }

    /// Fetches the keys and keeps the fit ones.
    pub(super) async fn fetch_keys(&self) -> Result<(KeySet, Vec<LeftOut>), RenewalFault> {
        let bounds = self.plan.bounds;
        let set = tokio::time::timeout(bounds.time, self.locator.fetch_set(&*self.fetch, bounds))
            .await
            .map_err(|_| RenewalFault::Fetch(FetchError::TimedOut))??;
        Ok(KeySet::read(&set, &self.plan.allowed, self.plan.keys)?)
    }

    /// Notes how a renewal ended and tells everybody who waits for it.
    pub(super) fn end(&self, scheme: &str, result: Result<(), RenewalFault>, mono: Duration) {
        match &result {
            Ok(()) => self.timetable().succeeded(mono),
            Err(fault) => {
                tracing::error!(scheme, %fault, "the keys of an issuer could not be renewed");
                self.timetable().failed(mono);
            }
        }
        *locked(&self.last_fault) = result.err();
        self.ended.send_modify(|ended| *ended = ended.wrapping_add(1));
    }

    /// Warns of published keys that are not used, unless that was said before.
    pub(super) fn report(&self, scheme: &str, left_out: Vec<LeftOut>) {
        let mut reported = locked(&self.reported);
        if *reported != left_out {
            for LeftOut { index, why } in &left_out {
                tracing::warn!(scheme, index, %why, "a published key is not used");
            }
            *reported = left_out;
        }
    }

    pub(super) fn last_fault(&self) -> Option<RenewalFault> {
        locked(&self.last_fault).clone()
    }

    /// How long until age asks for the next renewal.
    pub(super) fn idle(&self, mono: Duration) -> Duration {
        self.timetable().idle(mono)
    }

    /// Whether a renewal has just shown that there is no such key.
    pub(super) fn is_known_absent(&self, kid: Option<&str>, mono: Duration) -> bool {
        self.absent.get(&self.absent_hasher.hash_one(kid)).is_some_and(|until| mono < until)
    }

    /// What to say of an identifier that is not in the set at hand. If the last renewal failed, a
    /// newer set might have it: that is undecided, not wrong, and the client should come back with
    /// the same token.
    pub(super) fn judge_unknown(&self, kid: Option<&str>, mono: Duration) -> Refusal {
        let cooling = self.timetable().cooling(mono);
        if self.last_fault().is_some() {
            return unavailable().retry_after(cooling);
        }
        self.absent.insert(self.absent_hasher.hash_one(kid), mono + cooling);
        unknown_kid()
    }

    fn timetable(&self) -> MutexGuard<'_, Timetable> {
        locked(&self.timetable)
    }
}

pub(super) fn unknown_kid() -> Refusal {
    Refusal::because(Reason::TokenKeyUnknown, "no key of the issuer has this `kid`")
}

pub(super) fn unavailable() -> Refusal {
    Refusal::because(Reason::KeysUnavailable, "the issuer's keys could not be had")
}

pub(super) fn crowded() -> Refusal {
    Refusal::because(Reason::KeysUnavailable, "too many requests wait for the issuer's keys")
        .retry_after(Duration::from_secs(1))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Renewal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Renewal").field("plan", &self.plan).finish_non_exhaustive()
    }
}
