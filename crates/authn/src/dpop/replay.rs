//! Proofs that were used, so that none is used twice.
//!
//! In: the key and the identifier of a proof that holds. Out: nothing, or that it was seen before. RFC 9449
//! §11.1. Each proof is remembered for at least as long as it would be accepted. What is remembered is
//! bounded: when it is full, an unknown proof cannot be told from a replay, and is refused.
//!
//! Only good proofs for good tokens are remembered, so only customers can fill it. One process alone: other
//! gateways have memories of their own; server nonces, which each gateway makes for itself, close that gap.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest;
use portcullis_domain::Reason;

use crate::binding::Thumbprint;
use crate::refusal::Refusal;

const SHARDS: usize = 16;

/// What was used, in shards so that cores seldom wait for each other.
pub(crate) struct Replays {
    shards: [Mutex<Shard>; SHARDS],
    span: Duration,
    per_shard: usize,
}

/// Two spans of time: the running one and the one before. Forgetting is dropping the older set.
#[derive(Debug, Default)]
struct Shard {
    began: Duration,
    running: HashSet<u128>,
    before: HashSet<u128>,
}

impl Replays {
    /// Remembers at most `capacity` proofs per `span`, each for one span at least.
    pub(crate) fn new(span: Duration, capacity: usize) -> Self {
        Self { shards: Default::default(), span, per_shard: capacity.div_ceil(SHARDS) }
    }

    /// Whether this keeps what was used just as long and as much as asked for here.
    pub(crate) fn serves(&self, span: Duration, capacity: usize) -> bool {
        self.span == span && self.per_shard == capacity.div_ceil(SHARDS)
    }

    /// Notes that a proof is used at `mono`, if it was not used before.
    pub(crate) fn remember(&self, key: &Thumbprint, jti: &str, mono: Duration) -> Result<(), Refusal> {
        let name = name_of(key, jti);
        let place = usize::try_from(name % SHARDS as u128).unwrap_or_default();
        let Some(shard) = self.shards.get(place) else { return Err(Reason::InternalFault.into()) };
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        shard.turn(self.span, mono);
        if shard.running.contains(&name) || shard.before.contains(&name) {
            return Err(Reason::ProofReplayed.into());
        }
        if shard.running.len() >= self.per_shard {
            return Err(Refusal::because(Reason::ProofsSaturated, "no room to remember another proof")
                .retry_after(self.span.saturating_sub(mono.saturating_sub(shard.began))));
        }
        shard.running.insert(name);
        Ok(())
    }
}

impl Shard {
    fn turn(&mut self, span: Duration, mono: Duration) {
        let age = mono.saturating_sub(self.began);
        if age < span {
            return;
        }
        let running = std::mem::take(&mut self.running);
        self.before = if age < span * 2 { running } else { HashSet::new() };
        self.began = mono;
    }
}

/// A proof's name: 128 bits of SHA-256, so that no client can make one that passes for another's.
fn name_of(key: &Thumbprint, jti: &str) -> u128 {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(key);
    context.update(jti.as_bytes());
    let digest = context.finish();
    digest.as_ref().first_chunk::<16>().map_or(0, |bytes| u128::from_be_bytes(*bytes))
}

impl fmt::Debug for Replays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replays").field("span", &self.span).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Thumbprint = [7; 32];
    const SPAN: Duration = Duration::from_secs(60);

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn reason(answer: Result<(), Refusal>) -> Option<Reason> {
        answer.err().map(|refusal| refusal.reason())
    }

    #[test]
    fn a_proof_is_remembered_for_a_span_at_least_and_not_for_ever() {
        let replays = Replays::new(SPAN, 1000);
        assert_eq!(reason(replays.remember(&KEY, "a", at(59))), None);
        assert_eq!(reason(replays.remember(&KEY, "a", at(59))), Some(Reason::ProofReplayed));
        assert_eq!(reason(replays.remember(&KEY, "a", at(119))), Some(Reason::ProofReplayed));
        assert_eq!(reason(replays.remember(&[8; 32], "a", at(119))), None);
        assert_eq!(reason(replays.remember(&KEY, "a", at(240))), None);
    }

    #[test]
    fn a_full_memory_refuses_what_it_cannot_judge() {
        let replays = Replays::new(SPAN, 32);
        let used = (0..1000).filter(|n| replays.remember(&KEY, &n.to_string(), at(1)).is_ok()).count();
        assert_eq!(used, 32);
        let refusal = replays.remember(&KEY, "more", at(2)).unwrap_err();
        assert_eq!(refusal.reason(), Reason::ProofsSaturated);
        assert!(refusal.wait().is_some_and(|wait| wait <= SPAN));
        assert_eq!(reason(replays.remember(&KEY, "more", at(61))), None);
    }
}
