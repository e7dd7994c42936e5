//! The current keys of one issuer, and renewing them without breaking traffic.
//!
//! In: the `kid` and `alg` of a token and the moment. Out: the key, or why there is none. Called by
//! [`crate::trusted_issuer`] for each token that is not remembered, and by the gateway's driver through
//! [`Authenticator::refresh_due`](crate::Authenticator::refresh_due).
//!
//! A token whose key is at hand never waits. Keys older than `refresh` are renewed in the background while they
//! serve on; an unknown `kid` waits for at most one renewal per cooldown; keys older than `refresh` plus
//! `stale_for` serve no longer (ASVS 16.5.3: nobody is let in on a guess). A renewal runs as a task of its
//! own, so that a client that goes away does not take it along.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use portcullis_domain::{Clock, Now, Reason};
use quick_cache::sync::Cache;
use tokio::sync::{Semaphore, watch};

use super::flight::{Cause, Leave, RefreshTimes, Timetable};
use super::jwk::VerificationKey;
use super::set::{Found, KeySet, LeftOut};
use super::source::{KeySource, Locator, RenewalFault};
use crate::algorithm::{Algorithm, AllowedAlgorithms};
use crate::fetch::{Fetch, FetchBounds, FetchError};
use crate::refusal::Refusal;

/// How many requests may wait for one renewal; more are told to come back.
const WAITING_LIMIT: usize = 1024;
/// How many absent identifiers are remembered.
const ABSENT_LIMIT: usize = 1024;

/// The current keys of one issuer.
#[derive(Debug)]
pub(crate) struct KeyRing {
    scheme: Arc<str>,
    held: ArcSwap<KeySet>,
    /// Counts the changes that took a key away; what was proven by an earlier generation is proven no longer.
    generation: AtomicU64,
    /// The moment, in milliseconds of the monotonic clock, from which the keys serve no longer.
    usable_until: AtomicU64,
    renewal: Option<Renewal>,
}

/// What a ring needs to renew itself; absent for keys from a file, which change with the policy.
struct Renewal {
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
    /// Identifiers that the last renewal did not bring, by keyed hash, and until when they are not asked for.
    absent: Cache<u64, Duration>,
    absent_hasher: RandomState,
}

/// What two policies must agree on to share a ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RenewalPlan {
    pub(crate) source: KeySource,
    pub(crate) allowed: AllowedAlgorithms,
    pub(crate) times: RefreshTimes,
    pub(crate) bounds: FetchBounds,
    pub(crate) keys: usize,
}

/// The state of one issuer's keys, for health pages and metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyStatus {
    /// The scheme's name in the configuration.
    pub scheme: Arc<str>,
    /// How many keys are usable.
    pub keys: usize,
    /// How they are.
    pub held: KeysHeld,
    /// What went wrong with the last renewal, if it failed.
    pub last_fault: Option<String>,
}

/// How the keys of an issuer are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeysHeld {
    /// From a file; they change with the policy.
    Fixed,
    /// Renewed in time.
    Fresh,
    /// Renewals fail; the last good keys serve for a while.
    Stale,
    /// There are none, or they are too old; the issuer's tokens are refused.
    Unavailable,
}

/// A key for one token, and the generation of the ring before it was looked up.
#[derive(Debug)]
pub(crate) struct KeyInHand {
    pub(crate) key: Arc<VerificationKey>,
    pub(crate) generation: u64,
}

/// What is at hand without waiting.
enum AtHand {
    Key(KeyInHand),
    Refused(Refusal),
    /// A newer set might have it.
    UnknownKid,
    /// There are no keys to look in.
    NoKeys,
}

/// How waiting for a renewal ended.
enum Waited {
    Renewed,
    /// No renewal may start for so long.
    NotFor(Duration),
    /// Too many wait already.
    Crowded,
}

impl KeyRing {
    /// A ring of keys that are never renewed.
    pub(crate) fn fixed(scheme: Arc<str>, keys: KeySet) -> Arc<Self> {
        Arc::new(Self {
            scheme,
            held: ArcSwap::from_pointee(keys),
            generation: AtomicU64::new(0),
            usable_until: AtomicU64::new(u64::MAX),
            renewal: None,
        })
    }

    /// A ring without keys that fetches them when first needed, or when the driver starts.
    pub(crate) fn renewing(
        scheme: Arc<str>,
        plan: RenewalPlan,
        fetch: Arc<dyn Fetch>,
        clock: Clock,
    ) -> Arc<Self> {
        let renewal = Renewal {
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
        };
        Arc::new(Self {
            scheme,
            held: ArcSwap::from_pointee(KeySet::default()),
            generation: AtomicU64::new(0),
            usable_until: AtomicU64::new(0),
            renewal: Some(renewal),
        })
    }

    /// Whether this ring renews itself exactly as `plan` says, so that a new policy can take it over.
    pub(crate) fn follows(&self, plan: &RenewalPlan) -> bool {
        self.renewal.as_ref().is_some_and(|renewal| renewal.plan == *plan)
    }

    /// Whether what was proven in `generation` still holds.
    pub(crate) fn vouches_for(&self, generation: u64, now: Now) -> bool {
        self.generation.load(Ordering::Acquire) == generation && self.is_usable(now.mono)
    }

    /// The key for a token that names `kid` and `algorithm`. Waits only if no key at hand can tell.
    pub(crate) async fn key_for(
        self: &Arc<Self>,
        kid: Option<&str>,
        algorithm: Algorithm,
        now: Now,
    ) -> Result<KeyInHand, Refusal> {
        let at_hand = self.at_hand(kid, algorithm, now.mono);
        let Some(renewal) = &self.renewal else { return at_hand.without_renewal() };
        match at_hand {
            AtHand::Key(key) => {
                self.renew_in_background(renewal, now.mono);
                Ok(key)
            }
            AtHand::Refused(refusal) => Err(refusal),
            AtHand::NoKeys => match self.renew(renewal, Cause::Age, now.mono).await {
                Waited::Renewed => {
                    let mono = renewal.clock.mono();
                    let answer = self.at_hand(kid, algorithm, mono).without_renewal();
                    answer.map_err(|refusal| renewal.with_retry(refusal, mono))
                }
                Waited::NotFor(wait) => Err(unavailable().retry_after(wait)),
                Waited::Crowded => Err(crowded()),
            },
            AtHand::UnknownKid if renewal.is_known_absent(kid, now.mono) => Err(unknown_kid()),
            AtHand::UnknownKid => match self.renew(renewal, Cause::UnknownKid, now.mono).await {
                Waited::Renewed => {
                    let mono = renewal.clock.mono();
                    let at_hand = self.at_hand(kid, algorithm, mono);
                    if matches!(at_hand, AtHand::UnknownKid) {
                        renewal.remember_absent(kid, mono);
                    }
                    at_hand.without_renewal()
                }
                Waited::NotFor(_) => Err(unknown_kid()),
                Waited::Crowded => Err(crowded()),
            },
        }
    }

    /// Renews the keys if they are due and waits for that.
    pub(crate) async fn refresh_if_due(self: &Arc<Self>) {
        if let Some(renewal) = &self.renewal {
            self.renew(renewal, Cause::Age, renewal.clock.mono()).await;
        }
    }

    /// How long no renewal is due; `None` if never.
    pub(crate) fn idle(&self) -> Option<Duration> {
        let renewal = self.renewal.as_ref()?;
        Some(renewal.timetable().idle(renewal.clock.mono()))
    }

    pub(crate) fn status(&self, now: Now) -> KeyStatus {
        let last_fault = self.renewal.as_ref().and_then(|renewal| locked(&renewal.last_fault).clone());
        let held = match (&self.renewal, &last_fault) {
            (None, _) => KeysHeld::Fixed,
            (Some(_), _) if !self.is_usable(now.mono) => KeysHeld::Unavailable,
            (Some(_), None) => KeysHeld::Fresh,
            (Some(_), Some(_)) => KeysHeld::Stale,
        };
        let last_fault = last_fault.map(|fault| fault.to_string());
        KeyStatus { scheme: Arc::clone(&self.scheme), keys: self.held.load().len(), held, last_fault }
    }

    fn is_usable(&self, mono: Duration) -> bool {
        millis(mono) < self.usable_until.load(Ordering::Acquire)
    }

    fn at_hand(&self, kid: Option<&str>, algorithm: Algorithm, mono: Duration) -> AtHand {
        // Read before the keys: if a key goes away meanwhile, the proof is of the old generation.
        let generation = self.generation.load(Ordering::Acquire);
        if !self.is_usable(mono) {
            return AtHand::NoKeys;
        }
        match self.held.load().find(kid, algorithm) {
            Found::Key(key) => AtHand::Key(KeyInHand { key: Arc::clone(key), generation }),
            Found::Unknown => AtHand::UnknownKid,
            Found::Refused(refusal) => AtHand::Refused(refusal),
        }
    }

    fn renew_in_background(self: &Arc<Self>, renewal: &Renewal, mono: Duration) {
        let fresh_until =
            self.usable_until.load(Ordering::Acquire).saturating_sub(millis(renewal.plan.times.stale_for));
        if millis(mono) >= fresh_until && renewal.timetable().ask(Cause::Age, mono) == Leave::Ask {
            self.start_renewal();
        }
    }

    async fn renew(self: &Arc<Self>, renewal: &Renewal, cause: Cause, mono: Duration) -> Waited {
        // Subscribed before asking, so that no end is missed.
        let mut ended = renewal.ended.subscribe();
        let leave = renewal.timetable().ask(cause, mono);
        match leave {
            Leave::NotFor(wait) => return Waited::NotFor(wait),
            Leave::Ask => self.start_renewal(),
            Leave::Join => {}
        }
        let Ok(_place) = renewal.waiting.try_acquire() else { return Waited::Crowded };
        // Fails only if the sender is gone, and the sender is ours.
        let _ = ended.changed().await;
        Waited::Renewed
    }

    /// Starts the task that was given leave. Whatever happens to it, [`Landing`] ends it.
    fn start_renewal(self: &Arc<Self>) {
        let landing = Landing { ring: Arc::clone(self), outcome: Err(RenewalFault::BrokenOff) };
        tokio::spawn(landing.fly());
    }

    fn accept(&self, renewal: &Renewal, keys: KeySet, mono: Duration) -> Result<(), RenewalFault> {
        let is_empty = keys.is_empty();
        let keeps_all = keys.keeps_all_of(&self.held.load());
        let usable_for = renewal.plan.times.refresh + renewal.plan.times.stale_for;
        self.held.store(Arc::new(keys));
        if !keeps_all {
            // After the store: who sees the new generation sees the new keys.
            self.generation.fetch_add(1, Ordering::AcqRel);
        }
        if is_empty {
            // The issuer took all its keys back. It is obeyed, and asked again soon.
            self.usable_until.store(0, Ordering::Release);
            return Err(RenewalFault::NoUsableKey);
        }
        self.usable_until.store(millis(mono + usable_for), Ordering::Release);
        Ok(())
    }
}

impl Renewal {
    fn timetable(&self) -> MutexGuard<'_, Timetable> {
        locked(&self.timetable)
    }

    async fn fetch_keys(&self) -> Result<(KeySet, Vec<LeftOut>), RenewalFault> {
        let bounds = self.plan.bounds;
        let set = tokio::time::timeout(bounds.time, self.locator.fetch_set(&*self.fetch, bounds))
            .await
            .map_err(|_| RenewalFault::Fetch(FetchError::TimedOut))??;
        Ok(KeySet::read(&set, &self.plan.allowed, self.plan.keys)?)
    }

    fn report(&self, scheme: &str, left_out: Vec<LeftOut>) {
        let mut reported = locked(&self.reported);
        if *reported != left_out {
            for LeftOut { index, why } in &left_out {
                tracing::warn!(scheme, index, %why, "a published key is not used");
            }
            *reported = left_out;
        }
    }

    /// Says when the next renewal may bring what this one did not.
    fn with_retry(&self, refusal: Refusal, mono: Duration) -> Refusal {
        match refusal.reason() {
            Reason::KeysUnavailable => refusal.retry_after(self.timetable().idle(mono)),
            _ => refusal,
        }
    }

    fn is_known_absent(&self, kid: Option<&str>, mono: Duration) -> bool {
        self.absent.get(&self.absent_hasher.hash_one(kid)).is_some_and(|until| mono < until)
    }

    fn remember_absent(&self, kid: Option<&str>, mono: Duration) {
        self.absent.insert(self.absent_hasher.hash_one(kid), mono + self.plan.times.cooldown);
    }
}

impl AtHand {
    /// The answer when no renewal can change it any more.
    fn without_renewal(self) -> Result<KeyInHand, Refusal> {
        match self {
            Self::Key(key) => Ok(key),
            Self::Refused(refusal) => Err(refusal),
            Self::UnknownKid => Err(unknown_kid()),
            Self::NoKeys => Err(unavailable()),
        }
    }
}

/// A renewal under way. Its end is told even if the task is dropped or panics, so that nobody waits for ever.
struct Landing {
    ring: Arc<KeyRing>,
    outcome: Result<(KeySet, Vec<LeftOut>), RenewalFault>,
}

impl Landing {
    async fn fly(mut self) {
        if let Some(renewal) = &self.ring.renewal {
            self.outcome = renewal.fetch_keys().await;
        }
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        let Some(renewal) = &self.ring.renewal else { return };
        let mono = renewal.clock.mono();
        let outcome = std::mem::replace(&mut self.outcome, Err(RenewalFault::BrokenOff));
        let result = outcome.and_then(|(keys, left_out)| {
            renewal.report(&self.ring.scheme, left_out);
            self.ring.accept(renewal, keys, mono)
        });
        match &result {
            Ok(()) => renewal.timetable().succeeded(mono),
            Err(fault) => {
                tracing::error!(scheme = &*self.ring.scheme, %fault, "the keys of an issuer could not be renewed");
                renewal.timetable().failed(mono);
            }
        }
        *locked(&renewal.last_fault) = result.err();
        renewal.ended.send_modify(|ended| *ended = ended.wrapping_add(1));
    }
}

fn unknown_kid() -> Refusal {
    Refusal::because(Reason::TokenKeyUnknown, "no key of the issuer has this `kid`")
}

fn unavailable() -> Refusal {
    Refusal::because(Reason::KeysUnavailable, "the issuer's keys could not be had")
}

fn crowded() -> Refusal {
    Refusal::because(Reason::KeysUnavailable, "too many requests wait for the issuer's keys")
        .retry_after(Duration::from_secs(1))
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for Renewal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Renewal").field("plan", &self.plan).finish_non_exhaustive()
    }
}
