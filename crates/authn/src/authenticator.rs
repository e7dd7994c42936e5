//! Who is calling: the one door to this crate while requests are walked.
//!
//! In: the head of a request, and which schemes its operation accepts. Out: the [`Principal`]
//! behind the token, or a [`Denial`] with the challenge that fits. Called by the gateway's `admit`:
//! first [`Authenticator::take_token`], then [`Authenticator::identify`], for each request anew
//! (RFC 9110 §11: a connection is never authenticated). Does not decide what the caller may do: see
//! `authz`.

use std::sync::{Arc, Weak};
use std::time::Duration;

use http::HeaderMap;
use portcullis_domain::{Denial, Now, Principal, Reason};
use thiserror::Error;

use crate::algorithm::Algorithm;
use crate::assurance::{Factors, Requirements};
use crate::bearer::{self, AccessToken, Taken, TokenScheme};
use crate::cache::{Believed, Proven, Question};
use crate::challenge::Challenges;
use crate::dpop::ProofRules;
use crate::introspection::{Introspection, Vouched};
use crate::jws::Compact;
use crate::jwt;
use crate::keys::KeyStatus;
use crate::possession::{self, Constraint, Shown};
use crate::refusal::Refusal;
use crate::revoked::{Revocable, Revoked};
use crate::trusted_issuer::TrustedIssuer;

/// Longest pause of the driver; keys that are due sooner are refreshed sooner.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// RFC 9449 §8.1.
const NONCE_FIELD: &str = "dpop-nonce";
/// Shortest pause of the driver, so that nothing it meets can make it spin.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

/// All issuers that a policy believes.
#[derive(Debug)]
pub struct Authenticator {
    issuers: Box<[TrustedIssuer]>,
    proofs: ProofRules,
    revoked: Arc<Revoked>,
    token_size: usize,
}

/// The schemes that an operation accepts, and how it challenges. Made once, when the policy is
/// compiled.
#[derive(Clone, Debug)]
pub struct AcceptedSchemes {
    /// One bit per issuer, in the order of [`Authenticator::issuers`].
    bits: u64,
    requirements: Requirements,
    challenges: Challenges,
}

/// A credential that is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tokenless {
    /// An API key or a password: whoever has it may use it.
    Plain,
    /// A client certificate: worthless without its key.
    Certified,
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
    /// Its issuer vouched for it now (RFC 7662).
    Introspection,
    /// The same token had been judged before, and what was proven still holds.
    Memory,
}

/// Why a set of schemes cannot be accepted together.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SchemesRefused {
    /// A scheme that no issuer is configured for.
    #[error("no issuer is configured for the security scheme `{0}`")]
    Unknown(String),
    /// An opaque token does not say whose it is, and no issuer may be shown another's tokens.
    #[error("both `{0}` and `{1}` would have to be asked about a token that does not say whose it is")]
    TwoToAsk(String, String),
}

impl Authenticator {
    /// How many issuers one policy may have.
    pub const ISSUERS: usize = u64::BITS as usize;

    pub(crate) fn new(issuers: Vec<TrustedIssuer>, proofs: ProofRules, token_size: usize) -> Self {
        Self { issuers: issuers.into(), proofs, revoked: Arc::new(Revoked::nothing()), token_size }
    }

    /// Refuses what is among these revocations, however well it is signed.
    #[must_use]
    pub fn believing_no(mut self, revoked: &Arc<Revoked>) -> Self {
        self.revoked = Arc::clone(revoked);
        self
    }

    /// The names of the schemes that tokens can satisfy.
    pub fn schemes(&self) -> impl Iterator<Item = &str> {
        self.issuers.iter().map(|issuer| &*issuer.scheme)
    }

    /// The identifier of the issuer behind a scheme.
    #[must_use]
    pub fn issuer_of(&self, scheme: &str) -> Option<&str> {
        self.issuers.iter().find(|issuer| *issuer.scheme == *scheme).map(|issuer| issuer.issuer.as_str())
    }

    /// The algorithms that proofs of possession may be signed with.
    pub fn proof_algorithms(&self) -> impl Iterator<Item = &'static str> {
        self.proofs.algorithms.iter().map(Algorithm::name)
    }

    /// The set of these schemes, with the realm that challenges name. An operation without schemes
    /// has a set too: it is for taking tokens out of requests that need none.
    ///
    /// # Errors
    /// The first scheme that no issuer is configured for; two schemes whose issuers would both have to be
    /// asked about an opaque token.
    pub fn accept<'n>(
        &self,
        schemes: impl IntoIterator<Item = &'n str>,
        realm: &str,
    ) -> Result<AcceptedSchemes, SchemesRefused> {
        self.accept_if(schemes, realm, Requirements::default())
    }

    /// The same for an operation that requires something of the credential.
    ///
    /// # Errors
    /// As [`Authenticator::accept`].
    pub fn accept_if<'n>(
        &self,
        schemes: impl IntoIterator<Item = &'n str>,
        realm: &str,
        requirements: Requirements,
    ) -> Result<AcceptedSchemes, SchemesRefused> {
        let mut bits = 0;
        let mut asked: Option<&TrustedIssuer> = None;
        let mut second_factors = Vec::new();
        for scheme in schemes {
            let found = self.issuers.iter().enumerate().find(|(_, issuer)| *issuer.scheme == *scheme);
            let (index, issuer) = found.ok_or_else(|| SchemesRefused::Unknown(scheme.to_owned()))?;
            bits |= 1 << index;
            second_factors.extend(issuer.rules.vocabulary.second_factor_acr.iter().map(|acr| &**acr));
            if issuer.introspection.is_some()
                && let Some(other) = asked.replace(issuer).filter(|other| other.scheme != issuer.scheme)
            {
                return Err(SchemesRefused::TwoToAsk(other.scheme.to_string(), issuer.scheme.to_string()));
            }
        }
        let strength = &requirements.strength;
        let acr_values: Vec<&str> = match (strength.acr.is_empty(), strength.factors) {
            (false, _) => strength.acr.iter().map(|acr| &**acr).collect(),
            (true, Factors::Second) => second_factors,
            (true, Factors::AsIssued) => Vec::new(),
        };
        let algorithms = self.proofs.algorithm_names();
        let challenges = Challenges::new(realm, algorithms, &requirements, &acr_values);
        Ok(AcceptedSchemes { bits, requirements, challenges })
    }

    /// Takes the access token and its proofs out of the head, so that they cannot reach the upstream or
    /// the record.
    ///
    /// # Errors
    /// [`Reason::CredentialAmbiguous`] (400) if two places carry one: the upstream might believe
    /// the other. [`Reason::CredentialMalformed`] and [`Reason::TokenTooLarge`] (401) before
    /// anything is parsed.
    pub fn take_token(
        &self,
        headers: &mut HeaderMap,
        query: Option<&str>,
        accepted: &AcceptedSchemes,
    ) -> Result<Taken, Denial> {
        bearer::take(headers, query, self.token_size)
            .map_err(|refusal| accepted.challenges.refuse(refusal, TokenScheme::Bearer))
    }

    /// Finds out who is calling. Waits only if a key has to be fetched, or the issuer to be asked, first.
    ///
    /// # Errors
    /// [`Reason::CredentialMissing`] without a token, with a challenge that names no error. A
    /// `Token…` reason if the token is not believed; all look alike to the client (RFC 6750 §3.1).
    /// A `Proof…` reason if the client does not show the key that the token is bound to.
    /// [`Reason::SenderConstraintMissing`] and [`Reason::AuthenticationInsufficient`] if the operation
    /// requires more. [`Reason::KeysUnavailable`], [`Reason::IntrospectionUnavailable`] and
    /// [`Reason::ProofsSaturated`] (503) if nothing could be decided.
    pub async fn identify(
        &self,
        shown: &Shown<'_>,
        accepted: &AcceptedSchemes,
        now: Now,
    ) -> Result<Recognized, Denial> {
        let Some(token) = shown.token else { return Err(accepted.challenges.missing()) };
        let answer = match self.recall(token, accepted, now) {
            Some(believed) => Ok((believed, Recognition::Memory)),
            None => self.judge(token, accepted, now).await,
        };
        let recognized = answer.and_then(|(believed, by)| {
            // Asked anew for each request: what is remembered was good when it was judged.
            self.revoked.refuse(&Revocable::by(&believed.principal, believed.kid.as_deref()), now)?;
            self.check_use(shown, token, &believed, accepted, now)?;
            Ok(Recognized { principal: believed.principal, by })
        });
        recognized.map_err(|refusal| self.deny(refusal, token.scheme(), accepted, now))
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

    pub(crate) fn revoked(&self) -> &Revoked {
        &self.revoked
    }

    pub(crate) const fn proofs(&self) -> &ProofRules {
        &self.proofs
    }

    fn recall(&self, token: &AccessToken, accepted: &AcceptedSchemes, now: Now) -> Option<Believed> {
        let mut remembering = self.accepted(accepted).filter(|issuer| issuer.verified.is_on()).peekable();
        remembering.peek()?; // spares the digest where nothing is remembered
        let question = accepted.ask(token);
        remembering.find_map(|issuer| issuer.verified.recall(&question, &issuer.keys, now))
    }

    /// Judges a token that is not remembered: a JWT by its signature, any other by asking its issuer.
    async fn judge(
        &self,
        token: &AccessToken,
        accepted: &AcceptedSchemes,
        now: Now,
    ) -> Result<(Believed, Recognition), Refusal> {
        let no_jwt = match Compact::read(token.expose()) {
            Ok(compact) => return self.verify(token, &compact, accepted, now).await,
            Err(refusal) => refusal,
        };
        // What is a JWT in form and not in content stays one: it is refused, and shown to nobody.
        if no_jwt.reason() != Reason::TokenMalformed {
            return Err(no_jwt);
        }
        let asked =
            self.accepted(accepted).find_map(|issuer| Some((issuer, issuer.introspection.as_deref()?)));
        match asked {
            Some((issuer, introspection)) => ask(issuer, introspection, token, now).await,
            None => Err(no_jwt),
        }
    }

    async fn verify(
        &self,
        token: &AccessToken,
        compact: &Compact<'_>,
        accepted: &AcceptedSchemes,
        now: Now,
    ) -> Result<(Believed, Recognition), Refusal> {
        let claimed = jwt::claimed_issuer(&compact.payload)?;
        let mut refusal =
            Refusal::because(Reason::TokenIssuerUnknown, "`iss` is none that this operation accepts");
        for issuer in self.accepted(accepted).filter(|issuer| issuer.issuer.as_str() == claimed) {
            if let Some(introspection) = issuer.asked_about_all() {
                return ask(issuer, introspection, token, now).await;
            }
            match issuer.verify(compact, now).await {
                Ok(proven) => {
                    if issuer.verified.is_on() {
                        issuer.verified.remember(accepted.ask(token), token.expose().len(), &proven);
                    }
                    let Proven { principal, binding, kid, .. } = proven;
                    let believed = Believed { principal, binding, kid };
                    return Ok((believed, Recognition::Verification));
                }
                Err(other) => refusal = refusal.or(other),
            }
        }
        Err(refusal)
    }

    /// Whether this client may use the token here, and whether the caller is authenticated well enough.
    fn check_use(
        &self,
        shown: &Shown<'_>,
        token: &AccessToken,
        believed: &Believed,
        accepted: &AcceptedSchemes,
        now: Now,
    ) -> Result<(), Refusal> {
        let Requirements { constraint, strength } = &accepted.requirements;
        possession::check(shown, token, &believed.binding, *constraint, &self.proofs, now)?;
        if strength.is_any() {
            return Ok(());
        }
        let scheme = &believed.principal.scheme;
        let issuer = self.issuers.iter().find(|issuer| issuer.scheme == *scheme);
        let issuer = issuer.ok_or(Reason::InternalFault)?;
        strength.check(&issuer.rules.vocabulary, &believed.principal.claims, now.wall, issuer.rules.skew)
    }

    fn deny(&self, refusal: Refusal, scheme: TokenScheme, accepted: &AcceptedSchemes, now: Now) -> Denial {
        let reason = refusal.reason();
        let denial = accepted.challenges.refuse(refusal, scheme);
        match &self.proofs.nonces {
            Some(nonces) if reason == Reason::ProofNonceWanted => {
                denial.with_field(NONCE_FIELD, nonces.current(now.wall))
            }
            Some(_) | None => denial,
        }
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

    /// Whether a good credential that is no token does for an operation that requires something of it. It
    /// tells nothing of how its holder logged in, which is the lowest assurance (ASVS 6.8.4).
    ///
    /// # Errors
    /// [`Reason::SenderConstraintMissing`] and [`Reason::AuthenticationInsufficient`], with the challenge for
    /// a token that would do.
    pub fn check_tokenless(&self, credential: Tokenless) -> Result<(), Denial> {
        let Requirements { constraint, strength } = &self.requirements;
        let reason = match (credential, constraint) {
            (Tokenless::Plain, Constraint::Needed) => Reason::SenderConstraintMissing,
            _ if !strength.is_any() => Reason::AuthenticationInsufficient,
            (Tokenless::Plain, Constraint::Optional) | (Tokenless::Certified, _) => return Ok(()),
        };
        Err(self.challenges.refuse(reason.into(), TokenScheme::Bearer))
    }

    fn ask(&self, token: &AccessToken) -> Question {
        Question { token: token.digest(), accepted: self.bits }
    }
}

async fn ask(
    issuer: &TrustedIssuer,
    introspection: &Introspection,
    token: &AccessToken,
    now: Now,
) -> Result<(Believed, Recognition), Refusal> {
    let vouched = introspection.judge(token, &issuer.issuer, &issuer.scheme, now).await?;
    Ok(match vouched {
        Vouched::Now(believed) => (believed, Recognition::Introspection),
        Vouched::Before(believed) => (believed, Recognition::Memory),
    })
}
