//! The current keys of one issuer, and renewing them without breaking traffic.
//!
//! In: the `kid` and `alg` of a token and the moment. Out: the key, or why there is none. Called by
//! [`crate::trusted_issuer`] for each token that is not remembered, and by the gateway's driver through
//! [`Authenticator::refresh_due`](crate::Authenticator::refresh_due).
//!
//! A token whose key is at hand never waits. Keys older than `refresh` are renewed in the background
//! while they serve on; an unknown `kid` waits for at most one renewal per cooldown; keys older than
//! `refresh` plus `stale_for` serve no longer (ASVS 16.5.3: nobody is let in on a guess). A renewal runs
//! as a task of its own, so that a client that goes away does not take it along.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use portcullis_domain::{Clock, Now};

use super::flight::{Cause, Leave};
use super::jwk::VerificationKey;
use super::renewal::{Renewal, RenewalPlan, Waited, crowded, unavailable, unknown_kid};
use super::set::{Found, KeySet, LeftOut};
use super::source::RenewalFault;
use super::status::{KeyStatus, KeysHeld};
use crate::algorithm::Algorithm;
use crate::fetch::Fetch;
use crate::refusal::Refusal;

/// The current keys of one issuer.
#[derive(Debug)]
pub(crate) struct KeyRing {
    scheme: Arc<str>,
    held: ArcSwap<KeySet>,
    /// Counts the changes that took a key away; what was proven by an earlier generation is proven
    /// no longer.
    generation: AtomicU64,
    /// The moment, in milliseconds of the monotonic clock, from which the keys serve no longer.
    usable_until: AtomicU64,
    /// Absent for keys from a file, which change with the policy.
    renewal: Option<Renewal>,
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
        Arc::new(Self {
            scheme,
            held: ArcSwap::from_pointee(KeySet::default()),
            generation: AtomicU64::new(0),
            usable_until: AtomicU64::new(0),
            renewal: Some(Renewal::new(plan, fetch, clock)),
        })
    }

    /// Whether this ring renews itself exactly as `plan` says, so that a new policy can take it over.
    pub(crate) fn follows(&self, plan: &RenewalPlan) -> bool {
        self.renewal.as_ref().is_some_and(|renewal| renewal.plan() == plan)
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
            AtHand::NoKeys => self.wait_for_keys(renewal, kid, algorithm, now.mono).await,
            AtHand::UnknownKid => self.wait_for_kid(renewal, kid, algorithm, now.mono).await,
        }
    }

    /// Renews the keys if they are due and waits for that.
    pub(crate) async fn refresh_if_due(self: &Arc<Self>) {
        if let Some(renewal) = &self.renewal {
            renewal.wait(Cause::Age, renewal.mono(), || self.start_renewal()).await;
        }
    }

    /// How long no renewal is due; `None` if never.
    pub(crate) fn idle(&self) -> Option<Duration> {
        self.renewal.as_ref().map(|renewal| renewal.idle(renewal.mono()))
    }

    pub(crate) fn status(&self, now: Now) -> KeyStatus {
        let last_fault = self.renewal.as_ref().and_then(Renewal::last_fault);
        let held = match (&self.renewal, &last_fault) {
            (None, _) => KeysHeld::Fixed,
            (Some(_), _) if !self.is_usable(now.mono) => KeysHeld::Unavailable,
            (Some(_), None) => KeysHeld::Fresh,
            (Some(_), Some(_)) => KeysHeld::Stale,
        };
        let last_fault = last_fault.map(|fault| fault.to_string());
        KeyStatus { scheme: Arc::clone(&self.scheme), keys: self.held.load().len(), held, last_fault }
    }

    async fn wait_for_keys(
        self: &Arc<Self>,
        renewal: &Renewal,
        kid: Option<&str>,
        algorithm: Algorithm,
        mono: Duration,
    ) -> Result<KeyInHand, Refusal> {
        match renewal.wait(Cause::Age, mono, || self.start_renewal()).await {
            Waited::NotFor(wait) => Err(unavailable().retry_after(wait)),
            Waited::Crowded => Err(crowded()),
            Waited::Renewed => {
                let mono = renewal.mono();
                match self.at_hand(kid, algorithm, mono) {
                    AtHand::NoKeys => Err(unavailable().retry_after(renewal.idle(mono))),
                    at_hand => at_hand.without_renewal(),
                }
            }
        }
    }

    async fn wait_for_kid(
        self: &Arc<Self>,
        renewal: &Renewal,
        kid: Option<&str>,
        algorithm: Algorithm,
        mono: Duration,
    ) -> Result<KeyInHand, Refusal> {
        if renewal.is_known_absent(kid, mono) {
            return Err(unknown_kid());
        }
        match renewal.wait(Cause::UnknownKid, mono, || self.start_renewal()).await {
            Waited::NotFor(_) => Err(renewal.judge_unknown(kid, mono)),
            Waited::Crowded => Err(crowded()),
            Waited::Renewed => {
                let mono = renewal.mono();
                match self.at_hand(kid, algorithm, mono) {
                    AtHand::UnknownKid => Err(renewal.judge_unknown(kid, mono)),
                    at_hand => at_hand.without_renewal(),
                }
            }
        }
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

    fn is_usable(&self, mono: Duration) -> bool {
        millis(mono) < self.usable_until.load(Ordering::Acquire)
    }

    fn renew_in_background(self: &Arc<Self>, renewal: &Renewal, mono: Duration) {
        let stale_for = millis(renewal.plan().times.stale_for);
        let fresh_until = self.usable_until.load(Ordering::Acquire).saturating_sub(stale_for);
        if millis(mono) >= fresh_until && renewal.ask(Cause::Age, mono) == Leave::Ask {
            self.start_renewal();
        }
    }

    /// Starts the renewal that was given leave. Whatever happens to the task, [`Landing`] ends it.
    fn start_renewal(self: &Arc<Self>) {
        let landing = Landing { ring: Arc::clone(self), outcome: Err(RenewalFault::BrokenOff) };
        tokio::spawn(landing.fly());
    }

    fn accept(&self, plan: &RenewalPlan, keys: KeySet, mono: Duration) -> Result<(), RenewalFault> {
        let is_empty = keys.is_empty();
        let keeps_all = keys.keeps_all_of(&self.held.load());
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
        self.usable_until.store(millis(mono + plan.times.refresh + plan.times.stale_for), Ordering::Release);
        Ok(())
    }
}

impl AtHand {
    /// The answer when no renewal can change it.
    fn without_renewal(self) -> Result<KeyInHand, Refusal> {
        match self {
            Self::Key(key) => Ok(key),
            Self::Refused(refusal) => Err(refusal),
            Self::UnknownKid => Err(unknown_kid()),
            Self::NoKeys => Err(unavailable()),
        }
    }
}

/// A renewal under way. It ends when this is dropped, so that nobody waits for ever on a task that
/// panicked or whose runtime went away.
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
        let mono = renewal.mono();
        let outcome = std::mem::replace(&mut self.outcome, Err(RenewalFault::BrokenOff));
        let result = outcome.and_then(|(keys, left_out)| {
            renewal.report(&self.ring.scheme, left_out);
            self.ring.accept(renewal.plan(), keys, mono)
        });
        renewal.end(&self.ring.scheme, result, mono);
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
