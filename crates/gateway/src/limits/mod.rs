//! The limits of one operation, as a request meets them.
//!
//! In: a request and who calls. Out: what it is to spend of which budgets. Compiled by [`crate::compile`], asked by
//! [`crate::stages::limit`]. How it is counted is `portcullis-limits`' matter.

pub(crate) mod attempts;
pub(crate) mod keeper;
pub(crate) mod pending;
pub(crate) mod priority;

use std::sync::Arc;

use http::HeaderValue;
use http_body::SizeHint;
use portcullis_domain::{Caller, Principal};
use portcullis_limits::{Charge, Concurrency, CountsConfig, Key, Purpose, Term, Visibility};
use serde_json::Value;

use crate::arrival::Envelope;
use crate::ownership::{Place, Reading};
use crate::policy::Route;
use attempts::Attempts;
use priority::Priority;

/// Everything that limits one operation beside its peers' quotas.
#[derive(Debug, Default)]
pub(crate) struct RouteLimits {
    pub(crate) rules: Box<[Rule]>,
    /// How much a request spends.
    pub(crate) cost: u32,
    pub(crate) concurrency: Option<Arc<Concurrency>>,
    pub(crate) attempts: Option<Attempts>,
    pub(crate) reach: Reach,
    /// `RateLimit-Policy`: the quotas that the caller is told of.
    pub(crate) policy: Option<HeaderValue>,
    pub(crate) priority: Priority,
}

/// How much of a request is needed to tell what it spends. All is spent at once, so that one decision is one
/// question to whoever counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The head and who calls.
    #[default]
    Head,
    /// Its fields, once they are found valid.
    Whole,
}

/// A quota, and whose budget is spent.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) term: Term,
    /// Empty for everybody together.
    pub(crate) by: Box<[By]>,
}

/// A part of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Address,
    Caller,
    Client,
    Operation,
    Claim(Box<str>),
    Field(Place),
}

/// What keys are made of.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a, 'q> {
    pub(crate) envelope: &'a Envelope,
    pub(crate) caller: &'a Caller,
    pub(crate) operation: &'a str,
    /// Nothing, as long as nobody needs it.
    pub(crate) reading: Option<&'a Reading<'a, 'q>>,
    /// How long the body is, if it is known.
    pub(crate) length: Option<u64>,
}

impl<'a, 'q> Asked<'a, 'q> {
    /// A request of which no field is looked at.
    pub(crate) fn new(envelope: &'a Envelope, caller: &'a Caller, route: &'a Route, body: SizeHint) -> Self {
        let operation = &route.operation.id;
        Self { envelope, caller, operation, reading: None, length: body.exact() }
    }

    /// The same with its fields.
    pub(crate) const fn within(self, reading: &'a Reading<'a, 'q>) -> Self {
        Self { reading: Some(reading), ..self }
    }
}

impl RouteLimits {
    /// Whether nothing is limited here.
    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.concurrency.is_none() && self.attempts.is_none()
    }

    /// Whether it must be known what stands in bodies.
    pub(crate) fn reads_body(&self) -> bool {
        let of_rules = self.rules.iter().flat_map(|rule| rule.by.iter());
        let of_attempts =
            self.attempts.iter().flat_map(|attempts| attempts.account.iter().chain(&attempts.password));
        of_rules.filter_map(By::field).chain(of_attempts).any(Place::is_in_body)
    }

    /// Whether it must be known what stands in answers.
    pub(crate) fn reads_answers(&self) -> bool {
        self.attempts.as_ref().is_some_and(|attempts| attempts.failed.answer.is_some())
    }
}

impl Rule {
    /// Who may see where the key stands: only whose own budget it is (RateLimit fields draft §8.2).
    pub(crate) fn visibility(&self) -> Visibility {
        let is_own = self.by.iter().any(|by| matches!(by, By::Address | By::Caller));
        if is_own { Visibility::Told } else { Visibility::Kept }
    }

    /// Whether everybody spends of one budget.
    pub(crate) fn is_common(&self) -> bool {
        self.by.iter().all(|by| *by == By::Operation)
    }

    /// What a request is to spend.
    pub(crate) fn charge<'r>(&'r self, cost: u32, asked: Asked<'_, '_>) -> Charge<'r> {
        Charge {
            limiter: &self.term.limiter,
            key: self.key(asked),
            cost: match (self.term.counts, asked.length) {
                // A try is a try, whatever it weighs.
                (CountsConfig::Requests | CountsConfig::Served, _)
                    if self.term.limiter.purpose() == Purpose::Guessing =>
                {
                    1
                }
                (CountsConfig::Requests | CountsConfig::Served, _) => cost,
                (CountsConfig::ContentBytes, Some(length)) => u32::try_from(length).unwrap_or(u32::MAX),
                // Of a body without an announced length only that it begins is known; the rest is charged at its end.
                (CountsConfig::ContentBytes, None) => 1,
            },
            strength: self.term.strength,
            visibility: self.visibility(),
            alert_at: self.term.alert_at,
        }
    }

    fn key(&self, asked: Asked<'_, '_>) -> Key {
        let mut parts = self.by.iter().map(|by| by.key(asked));
        match parts.next() {
            None => Key::everybody(),
            Some(first) => parts.fold(first, Key::and),
        }
    }
}

impl By {
    pub(crate) const fn field(&self) -> Option<&Place> {
        match self {
            Self::Field(place) => Some(place),
            Self::Address | Self::Caller | Self::Client | Self::Operation | Self::Claim(_) => None,
        }
    }

    fn key(&self, asked: Asked<'_, '_>) -> Key {
        let peer = asked.envelope.peer_key;
        match self {
            Self::Address => peer,
            Self::Caller => caller_key(asked.caller, peer),
            Self::Client => match asked
                .caller
                .principal()
                .and_then(|principal| Some((principal.issuer.as_str(), principal.client.as_deref()?)))
            {
                Some((issuer, client)) => Key::client(issuer, client),
                None => caller_key(asked.caller, peer),
            },
            Self::Operation => Key::named("operation", asked.operation),
            Self::Claim(claim) => {
                let value = asked.caller.principal().and_then(|principal| claimed(principal, claim));
                // Who has no tenant shares the budget of all who have none.
                Key::named(claim, value.as_deref().unwrap_or_default())
            }
            Self::Field(place) => {
                let value = asked.reading.and_then(|reading| reading.one(place));
                Key::named("field", &spelling(value.as_deref().unwrap_or_default()))
            }
        }
    }
}

/// Whose budget a caller spends: an anonymous one's is its address's.
pub(crate) fn caller_key(caller: &Caller, peer: Key) -> Key {
    match caller {
        Caller::Authenticated(principal) => {
            Key::subject(principal.issuer.as_str(), principal.subject.as_str())
        }
        Caller::Anonymous => peer,
    }
}

fn claimed(principal: &Principal, claim: &str) -> Option<String> {
    match principal.claims.get(claim)? {
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// One spelling of what many upstreams take for the same: whoever writes `Alice ` has no other budget than `alice`.
pub(crate) fn spelling(text: &str) -> String {
    text.trim().to_lowercase()
}
