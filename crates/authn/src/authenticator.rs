//! Who is calling: the one door to this crate while requests are walked.
//!
//! In: the head of a request, and which schemes its operation accepts. Out: the [`Principal`]
//! behind the token, or a [`Denial`] with the challenge that fits. Called by the gateway's `admit`:
//! first [`Authenticator::take_bearer`], then [`Authenticator::identify`], for each request anew
//! (RFC 9110 §11: a connection is never authenticated). Does not decide what the caller may do: see
//! `authz`.

use std::sync::{Arc, Weak};
use std::time::Duration;

use http::HeaderMap;
use portcullis_domain::{Denial, Now, Principal, Reason};
use thiserror::Error;

use crate::bearer::{self, BearerToken, Taken};
use crate::cache::Question;
use crate::challenge::Challenges;
use crate::jws::Compact;
use crate::jwt;
use crate::keys::KeyStatus;
use crate::refusal::Refusal;
use crate::trusted_issuer::TrustedIssuer;

/// Longest pause of the driver; keys that are due sooner are refreshed sooner.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Shortest pause of the driver, so that nothing it meets can make it spin.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

/// All issuers that a policy believes.
#[derive(Debug)]
pub struct Authenticator {
    issuers: Box<[TrustedIssuer]>,
    token_size: usize,
}

/// The schemes that an operation accepts, and how it challenges. Made once, when the policy is
/// compiled.
#[derive(Clone, Debug)]
pub struct AcceptedSchemes {
    /// One bit per issuer, in the order of [`Authenticator::issuers`].
    bits: u64,
    challenges: Challenges,
}

/// A caller, and how it was recognized.
#[derive(Clone, Debug)]
pub struct Recognized {
    /// Who.
    pub principal: Arc<Principal>,
    /// How.
    pub by: Recognition,
}

/// How a caller was recognized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recognition {
    /// Its token was verified now.
    Verification,
    /// The same token had been verified before, and what was proven still holds.
    Memory,
}

/// A scheme that no issuer is configured for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("no issuer is configured for the security scheme `{0}`")]
pub struct SchemeUnknown(pub String);

impl Authenticator {
    /// How many issuers one policy may have.
    pub const ISSUERS: usize = u64::BITS as usize;

    pub(crate) fn new(issuers: Vec<TrustedIssuer>, token_size: usize) -> Self {
        Self { issuers: issuers.into(), token_size }
    }

    /// The names of the schemes that tokens can satisfy.
    pub fn schemes(&self) -> impl Iterator<Item = &str> {
        self.issuers.iter().map(|issuer| &*issuer.scheme)
    }

    /// The set of these schemes, with the realm that challenges name. An operation without schemes
    /// has a set too: it is for taking tokens out of requests that need none.
    ///
    /// # Errors
    /// The first scheme that no issuer is configured for.
    pub fn accept<'n>(
        &self,
        schemes: impl IntoIterator<Item = &'n str>,
        realm: &str,
    ) -> Result<AcceptedSchemes, SchemeUnknown> {
        let mut bits = 0;
        for scheme in schemes {
            let index = self.issuers.iter().position(|issuer| *issuer.scheme == *scheme);
            bits |= 1 << index.ok_or_else(|| SchemeUnknown(scheme.to_owned()))?;
        }
        Ok(AcceptedSchemes { bits, challenges: Challenges::new(realm) })
    }

    /// Takes the bearer token out of the head, so that it cannot reach the upstream or the record.
    ///
    /// # Errors
    /// [`Reason::CredentialAmbiguous`] (400) if two places carry one: the upstream might believe
    /// the other. [`Reason::CredentialMalformed`] and [`Reason::TokenTooLarge`] (401) before
    /// anything is parsed.
    pub fn take_bearer(
        &self,
        headers: &mut HeaderMap,
        query: Option<&str>,
        accepted: &AcceptedSchemes,
    ) -> Result<Taken, Denial> {
        bearer::take(headers, query, self.token_size).map_err(|refusal| accepted.challenges.refuse(refusal))
    }

    /// Finds out who is calling. Waits only if a key has to be fetched first.
    ///
    /// # Errors
    /// [`Reason::CredentialMissing`] without a token, with a challenge that names no error. A
    /// `Token…` reason if the token is not believed; all look alike to the client (RFC 6750 §3.1).
    /// [`Reason::KeysUnavailable`] (503) if the issuer's keys cannot be had.
    pub async fn identify(
        &self,
        token: Option<&BearerToken>,
        accepted: &AcceptedSchemes,
        now: Now,
    ) -> Result<Recognized, Denial> {
        let Some(token) = token else { return Err(accepted.challenges.missing()) };
        if let Some(principal) = self.recall(token, accepted, now) {
            return Ok(Recognized { principal, by: Recognition::Memory });
        }
        match self.verify(token, accepted, now).await {
            Ok(principal) => Ok(Recognized { principal, by: Recognition::Verification }),
            Err(refusal) => Err(accepted.challenges.refuse(refusal)),
        }
    }

    /// Refreshes the keys that are due, all issuers at once, and tells how long nothing will be due.
    ///
    /// Must be polled on a tokio runtime with time and whatever [`Fetch`](crate::Fetch) needs.
    pub async fn refresh_due(&self) -> Duration {
        // Each refresh runs as a task of its own; starting all before waiting keeps a slow issuer
        // from holding up the rest.
        let mut under_way = Vec::with_capacity(self.issuers.len());
        for issuer in &self.issuers {
            let keys = Arc::clone(&issuer.keys);
            under_way.push(tokio::spawn(async move { keys.refresh_if_due().await }));
        }
        for refresh in under_way {
            // A refresh that was broken off has been told to the ring already.
            let _ = refresh.await;
        }
        let pauses = self.issuers.iter().filter_map(|issuer| issuer.keys.idle());
        pauses.min().unwrap_or(LONGEST_PAUSE).clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
    }

    /// Keeps the keys fresh until the policy that owns them is gone. The gateway runs this on one
    /// worker.
    pub async fn keep_fresh(authenticator: Weak<Self>) {
        while let Some(current) = authenticator.upgrade() {
            let pause = current.refresh_due().await;
            drop(current);
            tokio::time::sleep(pause).await;
        }
    }

    /// How the keys of each issuer are, for health pages and metrics.
    #[must_use]
    pub fn key_status(&self, now: Now) -> Vec<KeyStatus> {
        self.issuers.iter().map(|issuer| issuer.keys.status(now)).collect()
    }

    pub(crate) fn issuers(&self) -> &[TrustedIssuer] {
        &self.issuers
    }

    fn recall(&self, token: &BearerToken, accepted: &AcceptedSchemes, now: Now) -> Option<Arc<Principal>> {
        let mut remembering = self.accepted(accepted).filter(|issuer| issuer.verified.is_on()).peekable();
        remembering.peek()?; // spares the digest where nothing is remembered
        let question = accepted.ask(token);
        remembering.find_map(|issuer| issuer.verified.recall(&question, &issuer.keys, now))
    }

    async fn verify(
        &self,
        token: &BearerToken,
        accepted: &AcceptedSchemes,
        now: Now,
    ) -> Result<Arc<Principal>, Refusal> {
        let compact = Compact::read(token.expose())?;
        let claimed = jwt::claimed_issuer(&compact.payload)?;
        let mut refusal =
            Refusal::because(Reason::TokenIssuerUnknown, "`iss` is none that this operation accepts");
        for issuer in self.accepted(accepted).filter(|issuer| issuer.issuer.as_str() == claimed) {
            match issuer.verify(&compact, now).await {
                Ok(proven) => {
                    if issuer.verified.is_on() {
                        issuer.verified.remember(accepted.ask(token), token.expose().len(), &proven);
                    }
                    return Ok(proven.principal);
                }
                Err(other) => refusal = refusal.or(other),
            }
        }
        Err(refusal)
    }

    fn accepted(&self, accepted: &AcceptedSchemes) -> impl Iterator<Item = &TrustedIssuer> {
        let bits = accepted.bits;
        self.issuers
            .iter()
            .enumerate()
            .filter(move |(index, _)| bits >> index & 1 == 1)
            .map(|(_, issuer)| issuer)
    }
}

impl AcceptedSchemes {
    /// Whether no scheme is accepted.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bits == 0
    }

    fn ask(&self, token: &BearerToken) -> Question {
        Question { token: token.digest(), accepted: self.bits }
    }
}
