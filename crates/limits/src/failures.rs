//! How often credentials failed: per peer, and per credential (AUTHN-37).
//!
//! In: the peer, and the credential as a [`Key`], before it is verified. Out: whether verifying is still
//! worth it. Called by the gateway's `identify` stage: [`Failures::check`] before any cryptography, and
//! [`Failures::record`] after a refusal. A credential found in the cache of verified tokens needs no check.
//!
//! Counting is by the *credential*, never by the account that it claims: whoever tries bad tokens in
//! somebody's name slows down themselves and no one else. A credential that keeps failing counts once
//! against its peer while its own count stands, so that one stale client behind a shared address does not
//! use up its neighbours' tries.

use std::time::Duration;

use portcullis_domain::Now;

use crate::key::Key;
use crate::limiter::{Limiter, Purpose, Span};
use crate::quota::Quota;

/// Counts failed credentials.
#[derive(Debug)]
pub struct Failures {
    per_peer: Limiter,
    per_credential: Limiter,
}

/// Too many failures; the credential was not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyFailures {
    /// When the next try is allowed.
    pub retry_after: Duration,
}

impl Failures {
    /// Allows as many failures as the quotas say, and remembers up to `capacity` peers and as many
    /// credentials.
    #[must_use]
    pub fn new(per_peer: Quota, per_credential: Quota, capacity: usize) -> Self {
        let limiter = |quota: Quota| {
            let place = format!("failures/{}", quota.name());
            Limiter::at(&place, quota, Purpose::Guessing, Span::Process, capacity)
        };
        Self { per_peer: limiter(per_peer), per_credential: limiter(per_credential) }
    }

    /// Whether another try may be made. Spends nothing: tries that are under way at the same time all pass,
    /// so the count may be exceeded by the number of workers.
    ///
    /// # Errors
    /// [`TooManyFailures`]; the answer is `Reason::FailuresExceeded`.
    pub fn check(&self, peer: Key, credential: Key, now: Now) -> Result<(), TooManyFailures> {
        let peer = self.per_peer.peek(peer, 1, now);
        let credential = self.per_credential.peek(credential, 1, now);
        let wait =
            [peer.err(), credential.err()].into_iter().flatten().map(|exceeded| exceeded.retry_after).max();
        match wait {
            None => Ok(()),
            Some(retry_after) => Err(TooManyFailures { retry_after }),
        }
    }

    /// Counts one failure.
    pub fn record(&self, peer: Key, credential: Key, now: Now) {
        let before = self.per_credential.peek(credential, 0, now);
        // Nothing is owed: what was counted of it before is forgotten.
        let is_first = before.is_ok_and(|standing| standing.reset.is_zero());
        let _ = self.per_credential.take(credential, 1, now);
        if is_first {
            // A count that is full already cannot get fuller.
            let _ = self.per_peer.take(peer, 1, now);
        }
    }

    /// The two limiters, for a scrape of their sizes.
    #[must_use]
    pub fn limiters(&self) -> [&Limiter; 2] {
        [&self.per_peer, &self.per_credential]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Now =
        Now { wall: portcullis_domain::Timestamp::from_seconds(9), mono: Duration::from_secs(10) };

    fn failures(per_peer: u32, per_credential: u32) -> Failures {
        let quota = |name, count| Quota::new(name, count, Duration::from_secs(60), count).unwrap();
        Failures::new(quota("peer", per_peer), quota("credential", per_credential), 1_000)
    }

    fn peer(last: u8) -> Key {
        Key::peer([192, 0, 2, last].into())
    }

    fn token(number: u32) -> Key {
        Key::credential(format!("token {number}").as_bytes())
    }

    // proves-part: AUTHN-37 (that nothing is verified after the refusal is shown in the walk)
    #[test]
    fn twenty_bad_credentials_in_a_minute_close_the_door_before_the_next_is_looked_at() {
        let failures = failures(20, 5);
        for number in 0..20 {
            assert_eq!(failures.check(peer(1), token(number), NOW), Ok(()));
            failures.record(peer(1), token(number), NOW);
        }
        let refused = failures.check(peer(1), token(99), NOW).unwrap_err();
        assert_eq!(refused.retry_after, Duration::from_secs(3));
        assert_eq!(failures.check(peer(2), token(99), NOW), Ok(()));
        assert_eq!(
            failures.check(peer(1), token(99), Now { mono: NOW.mono + refused.retry_after, ..NOW }),
            Ok(())
        );
    }

    #[test]
    fn one_bad_credential_is_stopped_wherever_it_comes_from() {
        let failures = failures(20, 5);
        for number in 0..5 {
            assert_eq!(failures.check(peer(number), token(1), NOW), Ok(()));
            failures.record(peer(number), token(1), NOW);
        }
        assert!(failures.check(peer(77), token(1), NOW).is_err());
        assert_eq!(failures.check(peer(77), token(2), NOW), Ok(()));
    }

    #[test]
    fn a_client_that_repeats_one_stale_token_does_not_close_the_door_for_its_neighbours() {
        let failures = failures(5, 3);
        for _ in 0..100 {
            failures.record(peer(1), token(1), NOW);
        }
        assert!(failures.check(peer(1), token(1), NOW).is_err());
        assert_eq!(failures.check(peer(1), token(2), NOW), Ok(()));
    }

    #[test]
    fn success_costs_nothing() {
        let failures = failures(1, 1);
        for _ in 0..100 {
            assert_eq!(failures.check(peer(1), token(1), NOW), Ok(()));
        }
    }
}
