//! Guessing at accounts: many passwords at one, one password at many, and a flood too thin for either.
//!
//! In: tries to log in, with digests of account and password. Out: alarms. The digests of passwords are kept for a
//! quarter of an hour, in memory and nowhere else. Somebody whose program repeats one wrong password has guessed
//! once.

use std::collections::HashMap;
use std::time::Duration;

use foldhash::fast::RandomState;
use portcullis_domain::Timestamp;

use super::bounded::Bounded;
use super::campaign::{Campaign, Rise};
use super::observation::{Login, LoginOutcome};

/// How long passwords are remembered.
const WHILE: Duration = Duration::from_secs(15 * 60);
/// So many different passwords at one account are no forgetfulness.
pub(super) const GUESSES: usize = 10;
/// So many accounts with one wrong password are no coincidence.
pub(super) const SPRAYED: usize = 20;
/// Most endpoints that are watched apart.
const ENDPOINTS: usize = 256;
/// Deviations of the share of failed logins below this are nobody's attack.
const FLOOR: f64 = 0.002;

/// All tries to log in.
#[derive(Debug)]
pub(super) struct Logins {
    accounts: Bounded<Few<GUESSES>>,
    passwords: Bounded<Few<SPRAYED>>,
    endpoints: HashMap<u64, Campaign, RandomState>,
}

/// Different things within a while, up to `N`.
#[derive(Debug)]
struct Few<const N: usize> {
    began: Timestamp,
    seen: Vec<u32>,
    tries: u32,
}

/// What was noticed about logins.
#[derive(Debug)]
pub(super) enum Sign {
    /// So many passwords at one account.
    Guessing { account: u64, passwords: u64, tries: u64, began: Timestamp },
    /// One password at so many accounts.
    Spray { accounts: u64, tries: u64, began: Timestamp },
    /// More fails than is usual.
    Stuffing(Rise),
}

impl Logins {
    /// Room for `room` accounts and as many passwords.
    pub(super) fn new(room: usize) -> Self {
        Self { accounts: Bounded::new(room), passwords: Bounded::new(room), endpoints: HashMap::default() }
    }

    /// Takes in one try from `source` at `endpoint`.
    pub(super) fn note(&mut self, login: Login, endpoint: u64, source: u64, at: Timestamp) -> Vec<Sign> {
        let mut signs = Vec::new();
        if login.outcome == LoginOutcome::Failed
            && let Some(password) = login.password
        {
            let account = self.accounts.entry(login.account, || Few::new(at));
            if account.note(password, at) {
                signs.push(Sign::Guessing {
                    account: login.account,
                    passwords: GUESSES as u64,
                    tries: u64::from(account.tries),
                    began: account.began,
                });
            }
            let sprayed = self.passwords.entry(password, || Few::new(at));
            if sprayed.note(login.account, at) {
                signs.push(Sign::Spray {
                    accounts: SPRAYED as u64,
                    tries: u64::from(sprayed.tries),
                    began: sprayed.began,
                });
            }
        }
        if self.endpoints.len() < ENDPOINTS || self.endpoints.contains_key(&endpoint) {
            let campaign = self.endpoints.entry(endpoint).or_insert_with(|| Campaign::new(at, FLOOR));
            signs.extend(campaign.note(at, login.outcome, source, login.account).map(Sign::Stuffing));
        }
        signs
    }

    /// Something was deployed.
    pub(super) fn pause(&mut self, at: Timestamp) {
        self.endpoints.values_mut().for_each(|campaign| campaign.pause(at));
    }

    /// Closes the minutes that are over; by endpoint.
    pub(super) fn pass_time(&mut self, now: Timestamp) -> Vec<(u64, Rise)> {
        let rises = self.endpoints.iter_mut();
        rises.filter_map(|(endpoint, campaign)| Some((*endpoint, campaign.pass_time(now)?))).collect()
    }

    /// Forgets passwords whose time is over.
    pub(super) fn tidy(&mut self, now: Timestamp) {
        self.accounts.retain(|few| now.since(few.began) < WHILE);
        self.passwords.retain(|few| now.since(few.began) < WHILE);
    }
}

impl<const N: usize> Few<N> {
    const fn new(at: Timestamp) -> Self {
        Self { began: at, seen: Vec::new(), tries: 0 }
    }

    /// Whether there are `N` of them now.
    fn note(&mut self, digest: u64, at: Timestamp) -> bool {
        if at.since(self.began) >= WHILE || at < self.began {
            *self = Self::new(at);
        }
        self.tries = self.tries.saturating_add(1);
        let short = digest as u32;
        if self.seen.len() >= N || self.seen.contains(&short) {
            return false;
        }
        self.seen.push(short);
        self.seen.len() == N
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_seconds(1_764_000_000);

    fn failed(account: u64, password: u64) -> Login {
        Login { account, password: Some(password), outcome: LoginOutcome::Failed }
    }

    #[test]
    fn ten_passwords_at_one_account_are_guessing_and_one_password_a_thousand_times_is_not() {
        let mut logins = Logins::new(100);
        assert!((0..1_000).all(|_| logins.note(failed(1, 1), 0, 0, AT).is_empty()));
        let first = (2..50).find(|password| {
            matches!(
                logins.note(failed(1, *password), 0, 0, AT).as_slice(),
                [Sign::Guessing { account: 1, .. }]
            )
        });
        assert_eq!(first, Some(10));
    }

    #[test]
    fn one_password_at_twenty_accounts_is_a_spray_and_passwords_are_forgotten_in_time() {
        let mut logins = Logins::new(100);
        let sprayed = |logins: &mut Logins, apart: u64| {
            (0..40).find(|account| {
                let at = AT.plus(Duration::from_secs(apart * account));
                matches!(logins.note(failed(*account, 9), 0, 0, at).as_slice(), [Sign::Spray { .. }])
            })
        };
        assert_eq!(sprayed(&mut logins, 60), None, "nineteen accounts in so long a time");
        logins.tidy(AT.plus(Duration::from_secs(86_400)));
        assert_eq!(logins.passwords.len() + logins.accounts.len(), 0);
        assert_eq!(sprayed(&mut Logins::new(100), 10), Some(19));
    }

    #[test]
    fn accounts_and_passwords_that_a_stranger_makes_up_fill_no_more_than_their_room() {
        let mut logins = Logins::new(1_000);
        for thing in 0..100_000 {
            logins.note(failed(thing, thing), thing, 0, AT);
        }
        assert!(logins.accounts.len() <= 1_000 && logins.passwords.len() <= 1_000);
        assert_eq!(logins.endpoints.len(), ENDPOINTS);
    }
}
