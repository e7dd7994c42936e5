//! Guesses at accounts, recognized by how the upstream answers them.
//!
//! In: the account that a request names, where it comes from, and what was answered. Out: leave to try, or the refusal
//! of too many failures. Every attempt is charged as a failure when it begins and given back when it is none, so that
//! a thousand guesses at once are no better than one after the other.
//!
//! **Two counts** (OWASP API2): failures at one account from all addresses stop a guess that is spread over many
//! addresses; failures of one address at all accounts stop one that is spread over many accounts.
//!
//! **Nobody is locked out.** What is owed is paid off by time, so each count lets a try through now and then. And an
//! address that has succeeded at an account lately is familiar there: it has tries of its own, which no stranger can
//! use up ("device cookies" of OWASP, with the address in place of the cookie).

use std::sync::Arc;

use portcullis_limits::{Charge, Key, Limiter, Term, Visibility};
use serde_json::Value;

use super::{Asked, spelling};
use crate::ownership::{Place, Pointer, value_at};

/// How the attempts of one operation are counted.
#[derive(Debug)]
pub(crate) struct Attempts {
    /// Where the account is named.
    pub(crate) account: Option<Place>,
    /// Where the password stands, for detection.
    pub(crate) password: Option<Place>,
    pub(crate) failed: Arc<Failed>,
    pub(crate) per_account: Box<[Term]>,
    pub(crate) per_address: Box<[Term]>,
    /// Holds one unit for each account and address that has succeeded there lately.
    pub(crate) familiar: Arc<Limiter>,
}

/// What a failed attempt looks like.
#[derive(Debug)]
pub(crate) struct Failed {
    /// Empty for all client errors.
    pub(crate) statuses: Box<[u16]>,
    pub(crate) answer: Option<FailedAnswer>,
}

/// A member of an answer, and what it is after a failure.
#[derive(Debug)]
pub(crate) struct FailedAnswer {
    pub(crate) at: Pointer,
    pub(crate) is: Box<[Value]>,
}

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The account's own secret was shown.
    Succeeded,
    /// It was not, or nobody can say.
    Failed,
    /// Nothing was tried: the upstream broke, or was never asked.
    Untried,
}

/// One attempt, as it is charged.
pub(crate) struct Attempt {
    account: Option<Key>,
    peer: Key,
    is_familiar: bool,
}

impl Attempts {
    /// The attempt that a request makes.
    pub(crate) fn begin(&self, asked: Asked<'_, '_>) -> Attempt {
        let peer = asked.envelope.peer_key;
        let named = self.account.as_ref().map(|place| {
            let account = asked.reading.and_then(|reading| reading.one(place));
            // Several names, or none, are one account of their own: no way around the count of any.
            Key::named("account", &spelling(account.as_deref().unwrap_or_default()))
        });
        // Owes the unit that it was given when it succeeded.
        let is_familiar = named
            .is_some_and(|account| self.familiar.peek(account.and(peer), 1, asked.envelope.now).is_err());
        Attempt { account: named, peer, is_familiar }
    }

    /// What it is charged, term by term.
    pub(crate) fn charges<'a>(&'a self, attempt: &Attempt) -> impl Iterator<Item = Charge<'a>> {
        let at_account = attempt.account.map_or(attempt.peer, |account| match attempt.is_familiar {
            true => account.and(attempt.peer),
            false => account,
        });
        let peer = attempt.peer;
        let of_account = self.of_account(attempt).iter().map(move |term| (term, at_account));
        let of_address = self.per_address.iter().map(move |term| (term, peer));
        of_account.chain(of_address).map(|(term, key)| Charge {
            limiter: &term.limiter,
            key,
            cost: 1,
            strength: term.strength,
            // Where somebody else's account stands is nobody's business.
            visibility: Visibility::Kept,
            alert_at: None,
        })
    }

    /// The terms of [`Attempts::charges`].
    pub(crate) fn terms<'a>(&'a self, attempt: &Attempt) -> impl Iterator<Item = &'a Term> {
        self.of_account(attempt).iter().chain(&self.per_address)
    }

    /// What is remembered of an attempt that succeeds.
    pub(crate) fn acquaintance(&self, attempt: &Attempt) -> Option<(Arc<Limiter>, Key)> {
        attempt.account.map(|account| (Arc::clone(&self.familiar), account.and(attempt.peer)))
    }

    fn of_account(&self, attempt: &Attempt) -> &[Term] {
        if attempt.account.is_some() { &self.per_account } else { &[] }
    }
}

impl Failed {
    /// What an answer of this status and body says.
    pub(crate) fn judge(&self, status: u16, body: Option<&Value>) -> Ending {
        let is_listed = match self.statuses.is_empty() {
            true => (400..500).contains(&status),
            false => self.statuses.contains(&status),
        };
        if is_listed {
            return Ending::Failed;
        }
        if status >= 400 {
            return Ending::Untried;
        }
        match (&self.answer, body) {
            (None, _) => Ending::Succeeded,
            // What cannot be read is no success.
            (Some(_), None) => Ending::Failed,
            (Some(answer), Some(body)) => match value_at(body, &answer.at) {
                Some(value) if answer.is.contains(value) => Ending::Failed,
                Some(_) | None => Ending::Succeeded,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_failed_attempt_is_told_by_its_status_or_by_what_it_says() {
        let by_status = Failed { statuses: [].into(), answer: None };
        for (status, ending) in [
            (200, Ending::Succeeded),
            (302, Ending::Succeeded),
            (401, Ending::Failed),
            (429, Ending::Failed),
            (500, Ending::Untried),
        ] {
            assert_eq!(by_status.judge(status, None), ending, "{status}");
        }
        let at = Pointer::parse("/ok").unwrap();
        let by_field =
            Failed { statuses: [403].into(), answer: Some(FailedAnswer { at, is: [json!(false)].into() }) };
        assert_eq!(by_field.judge(403, None), Ending::Failed);
        assert_eq!(by_field.judge(409, None), Ending::Untried);
        assert_eq!(by_field.judge(200, Some(&json!({ "ok": false }))), Ending::Failed);
        assert_eq!(by_field.judge(200, Some(&json!({ "ok": true }))), Ending::Succeeded);
        assert_eq!(by_field.judge(200, None), Ending::Failed);
    }
}
