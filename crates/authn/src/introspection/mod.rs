//! Tokens that only their issuer can judge: it is asked (RFC 7662).
//!
//! In: a token that is no JWT, or any token of an issuer that wants to be asked each time. Out: what the
//! issuer vouches for, or a [`Refusal`]. Called by [`crate::trusted_issuer`]. [`turns`] sees to one question
//! per token at a time, [`answer`] reads what comes back. Answers are remembered under the token's digest,
//! never under the token: good ones for no longer than the configured time, which bounds how late a
//! revocation is noticed (RFC 7662 §4); bad ones in a memory of their own, so that a stranger who makes
//! tokens up cannot push good ones out. If the issuer cannot be asked, nobody is let in.

mod answer;
mod turns;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use portcullis_domain::{Clock, Issuer, Now, Reason, Timestamp};
use quick_cache::sync::Cache;
use url::Url;

use crate::bearer::{AccessToken, TokenDigest};
use crate::cache::Believed;
use crate::client_authentication::ClientAuthentication;
use crate::fetch::{Fetch, FetchBounds};
use crate::jwt::ClaimRules;
use crate::refusal::Refusal;
pub(crate) use turns::Turns;

/// After a question that failed, nobody is asked for so long: a slow issuer must not hold up every request.
const PAUSE: Duration = Duration::from_secs(1);

/// Which tokens the issuer is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Those that are no JWT.
    Opaque,
    /// All, so that each revocation is noticed.
    All,
}

/// How one issuer is asked.
#[derive(Debug)]
pub(crate) struct IntrospectionPlan {
    pub(crate) asked: Asked,
    pub(crate) url: Url,
    pub(crate) client: ClientAuthentication,
    pub(crate) bounds: FetchBounds,
    /// Longest time for which a good answer is believed.
    pub(crate) remembered: Duration,
    /// Longest time for which a bad one is.
    pub(crate) refused: Duration,
    pub(crate) entries: usize,
    pub(crate) rules: ClaimRules,
}

/// The questions to one issuer, and its answers.
pub(crate) struct Introspection {
    plan: IntrospectionPlan,
    fetch: Arc<dyn Fetch>,
    clock: Clock,
    good: Cache<TokenDigest, Good>,
    bad: Cache<TokenDigest, Bad>,
    turns: Turns,
    /// Until when nobody is asked, in milliseconds of the monotonic clock.
    paused_until: AtomicU64,
}

#[derive(Clone)]
struct Good {
    believed: Believed,
    until: Duration,
    expires_at: Timestamp,
}

#[derive(Clone)]
struct Bad {
    refusal: Refusal,
    until: Duration,
}

/// Whether the issuer was asked now.
pub(crate) enum Vouched {
    Now(Believed),
    Before(Believed),
}

impl Introspection {
    pub(crate) fn new(plan: IntrospectionPlan, fetch: Arc<dyn Fetch>, clock: Clock) -> Self {
        Self {
            good: Cache::new(plan.entries),
            bad: Cache::new(plan.entries.clamp(16, 1024)),
            turns: Turns::default(),
            paused_until: AtomicU64::new(0),
            plan,
            fetch,
            clock,
        }
    }

    pub(crate) const fn asked(&self) -> Asked {
        self.plan.asked
    }

    /// Whether this asks exactly as `plan` says, so that a new policy can take it over.
    pub(crate) fn follows(&self, plan: &IntrospectionPlan) -> bool {
        let mine = &self.plan;
        mine.asked == plan.asked
            && mine.url == plan.url
            && mine.client.is_same(&plan.client)
            && mine.bounds == plan.bounds
            && (mine.remembered, mine.refused, mine.entries) == (plan.remembered, plan.refused, plan.entries)
            && mine.rules == plan.rules
    }

    /// What the issuer says of this token, now or a moment ago.
    pub(crate) async fn judge(
        &self,
        token: &AccessToken,
        issuer: &Issuer,
        scheme: &Arc<str>,
        now: Now,
    ) -> Result<Vouched, Refusal> {
        let digest = token.digest();
        if let Some(answer) = self.recall(&digest, now) {
            return answer;
        }
        self.check_pause(now.mono)?;
        let Some(_turn) = self.turns.take(digest).await else {
            return Err(unavailable("too many requests wait for the issuer").retry_after(PAUSE));
        };
        // Whoever had the turn before may have asked about the same token.
        let now = self.clock.now();
        if let Some(answer) = self.recall(&digest, now) {
            return answer;
        }
        self.check_pause(now.mono)?;
        let answer = self.ask(token, issuer, now).await;
        let now = self.clock.now();
        let claims = match answer {
            Ok(claims) => claims,
            Err(refusal) if refusal.reason() == Reason::TokenInactive => {
                return self.refuse(digest, refusal, now.mono);
            }
            Err(refusal) => {
                self.paused_until.store(millis(now.mono + PAUSE), Ordering::Release);
                return Err(refusal.retry_after(PAUSE));
            }
        };
        match answer::read(claims, &self.plan.rules, issuer, scheme, now.wall) {
            Ok(believed) => Ok(self.remember(digest, believed, now)),
            Err(refusal) => self.refuse(digest, refusal, now.mono),
        }
    }

    async fn ask(&self, token: &AccessToken, issuer: &Issuer, now: Now) -> Result<answer::Claims, Refusal> {
        // RFC 7662 §2.1. A token is `b64token` and thereby text.
        let token = std::str::from_utf8(token.expose()).unwrap_or_default();
        let question = [("token", token), ("token_type_hint", "access_token")];
        let form = self.plan.client.form(&question, issuer.as_str(), now.wall);
        let form = form.ok_or_else(|| unavailable("no assertion of who we are could be signed"))?;
        let asking = self.fetch.post(&self.plan.url, &form, self.plan.bounds);
        let answer = match tokio::time::timeout(self.plan.bounds.time, asking).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(unavailable(format!("the issuer cannot be asked: {error}"))),
            Err(_) => return Err(unavailable("the issuer took too long to answer")),
        };
        if answer.status != 200 {
            let status = answer.status;
            tracing::error!(%status, url = %self.plan.url, "an issuer does not answer to introspection");
            return Err(unavailable(format!("the issuer answered with status {status}")));
        }
        if answer.body.len() > self.plan.bounds.body {
            return Err(unavailable("the issuer's answer is too large"));
        }
        answer::claims(&answer.body)
    }

    fn recall(&self, digest: &TokenDigest, now: Now) -> Option<Result<Vouched, Refusal>> {
        if let Some(good) = self.good.get(digest)
            && now.mono < good.until
            && now.wall < good.expires_at
        {
            return Some(Ok(Vouched::Before(good.believed)));
        }
        let bad = self.bad.get(digest)?;
        (now.mono < bad.until).then_some(Err(bad.refusal))
    }

    fn remember(&self, digest: TokenDigest, believed: Believed, now: Now) -> Vouched {
        if let Some(expires_at) = believed.principal.expires_at {
            let until = now.mono + self.plan.remembered;
            self.good.insert(digest, Good { believed: believed.clone(), until, expires_at });
        }
        Vouched::Now(believed)
    }

    fn refuse(&self, digest: TokenDigest, refusal: Refusal, mono: Duration) -> Result<Vouched, Refusal> {
        // What was good a moment ago and is not any more must not be found again.
        self.good.remove(&digest);
        self.bad.insert(digest, Bad { refusal: refusal.clone(), until: mono + self.plan.refused });
        Err(refusal)
    }

    fn check_pause(&self, mono: Duration) -> Result<(), Refusal> {
        let left = self.paused_until.load(Ordering::Acquire).saturating_sub(millis(mono));
        match left {
            0 => Ok(()),
            left => Err(unavailable("the issuer could not be asked a moment ago")
                .retry_after(Duration::from_millis(left))),
        }
    }
}

fn unavailable(note: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
    Refusal::because(Reason::IntrospectionUnavailable, note)
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

impl fmt::Debug for Introspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Introspection").field("plan", &self.plan).finish_non_exhaustive()
    }
}
