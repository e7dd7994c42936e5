//! Logins of browsers: the gateway keeps the tokens, the browser gets a cookie that says nothing.
//!
//! The backend-for-frontend pattern (ASVS 10.1.1; "OAuth 2.0 for Browser-Based Applications" §6.1): a page sends
//! the user to [`RelyingParty::begin`], the provider sends them back to [`RelyingParty::complete`], and from
//! then on the page's calls carry a cookie whose access token [`RelyingParty::find`] takes from the
//! [`SessionStore`]. That token is judged like any other by
//! [`Authenticator::identify`](crate::Authenticator::identify): a session is a way to carry it, not another
//! kind of caller. [`login`] is OpenID Connect Core §3.1 with PKCE (RFC 7636), RFC 9126 and RFC 9207;
//! [`logout`] is RP-Initiated and Back-Channel Logout; [`id_token`] judges what the provider signs;
//! [`memory`] spares most requests the store; [`content`] is what is sealed there.
//!
//! Called by the gateway, which knows paths, methods and pages. Not done here: who may call across sites.

pub mod config;
mod content;
mod cookie;
mod id_token;
mod login;
mod logout;
mod memory;
mod provider;
mod return_path;

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use portcullis_domain::{
    Assurance, Clock, Denial, Issuer, Now, Principal, PrincipalKind, Reason, Scopes, Secret, Session,
    SessionStore, StoreError, Subject, Timestamp,
};
use serde_json::{Map, Value, json};

use content::Content;
pub use cookie::{Found, OwnCookies};
pub(crate) use cookie::{PREFIX as COOKIE_PREFIX, SameSite};
use id_token::Signer;
pub use login::{Callback, LoginRequest};
pub use logout::Ended;
pub use memory::Live;
use memory::Memory;
use provider::Provider;
pub(crate) use return_path::same_origin;

use crate::algorithm::AllowedAlgorithms;
use crate::authenticator::Authenticator;
use crate::bearer::{AccessToken, TokenDigest};
use crate::client_authentication::ClientAuthentication;
use crate::fetch::{Fetch, FetchBounds};
use crate::introspection::Turns;
use crate::keys::{KeyRing, KeySource};
use crate::revoked::Revocable;

/// How logins at one provider are done.
#[derive(Debug)]
pub(crate) struct SessionPlan {
    pub(crate) scheme: Arc<str>,
    pub(crate) issuer: Issuer,
    pub(crate) source: KeySource,
    pub(crate) bounds: FetchBounds,
    pub(crate) client: ClientAuthentication,
    pub(crate) algorithms: AllowedAlgorithms,
    pub(crate) skew: Duration,
    /// Separated by spaces.
    pub(crate) scopes: Box<str>,
    /// RFC 8707.
    pub(crate) resource: Option<Box<str>>,
    /// Separated by spaces.
    pub(crate) acr: Option<Box<str>>,
    pub(crate) prompt: Option<Box<str>>,
    pub(crate) max_age: Option<Duration>,
    /// Below an API's mount, without a final slash.
    pub(crate) path: Box<str>,
    pub(crate) cookie: Box<str>,
    pub(crate) same_site: SameSite,
    pub(crate) idle: Duration,
    pub(crate) absolute: Duration,
    /// How long a login may take.
    pub(crate) login: Duration,
    /// How many logins may be under way.
    pub(crate) logins: usize,
    pub(crate) after_login: Box<str>,
    pub(crate) after_logout: Box<str>,
    /// How many sessions are remembered.
    pub(crate) remembered: usize,
}

/// Logs users in at one provider and keeps their sessions.
pub struct RelyingParty {
    plan: SessionPlan,
    signer: Signer,
    provider: Provider,
    memory: Memory,
    /// One refresh per session at a time.
    refreshing: Turns,
    /// When each login under way is over, oldest first.
    logins: Mutex<std::collections::VecDeque<Duration>>,
    clock: Clock,
}

/// Sends a browser somewhere, with cookies.
#[derive(Debug)]
pub struct Redirect {
    /// Where to.
    pub location: String,
    /// Values of `Set-Cookie`.
    pub cookies: Vec<HeaderValue>,
    /// Who has signed in by this, for the record.
    pub signed_in: Option<Arc<Principal>>,
}

impl RelyingParty {
    pub(crate) fn new(plan: SessionPlan, keys: Arc<KeyRing>, fetch: Arc<dyn Fetch>, clock: Clock) -> Self {
        Self {
            signer: Signer {
                issuer: plan.issuer.clone(),
                client: plan.client.client().into(),
                algorithms: plan.algorithms.clone(),
                keys,
                skew: plan.skew,
            },
            provider: Provider::new(plan.source.clone(), plan.bounds, fetch, clock.clone()),
            memory: Memory::new(plan.remembered),
            refreshing: Turns::default(),
            logins: Mutex::default(),
            clock,
            plan,
        }
    }

    /// Whether this works exactly as `plan` says, so that a new policy can take it over.
    pub(crate) fn follows(&self, plan: &SessionPlan, keys: &Arc<KeyRing>) -> bool {
        Arc::ptr_eq(&self.signer.keys, keys) && self.plan.is_same(plan)
    }

    /// The scheme whose tokens it keeps.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.plan.scheme
    }

    /// Below which path of an API the places of the login are.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.plan.path
    }

    /// Where a user is who has logged out.
    #[must_use]
    pub fn after_logout(&self) -> &str {
        &self.plan.after_logout
    }

    /// The name of the cookie with a session's id.
    #[must_use]
    pub fn cookie(&self) -> &str {
        &self.plan.cookie
    }

    /// What a request has under the name of our cookie.
    #[must_use]
    pub fn shown(&self, headers: &HeaderMap) -> Found {
        cookie::find(headers, &self.plan.cookie)
    }

    /// What a request has of a login under way.
    #[must_use]
    pub fn login_shown(headers: &HeaderMap) -> Found {
        cookie::find(headers, cookie::LOGIN)
    }

    /// Refuses a cookie that led to nothing a moment ago. Browsers show the cookie of a session that has ended
    /// with every call; that is no guessing, and needs no look.
    ///
    /// # Errors
    /// [`Reason::SessionUnknown`].
    pub fn refuse_ended(&self, id: &Secret) -> Result<(), Denial> {
        match self.memory.is_unknown(&TokenDigest::of(id.expose())) {
            true => Err(unknown("the session has ended, as was said before")),
            false => Ok(()),
        }
    }

    /// The session behind a cookie, with an access token that is good for a while.
    ///
    /// # Errors
    /// [`Reason::SessionUnknown`] if there is none, or none any more; [`Reason::StoreUnavailable`] and
    /// [`Reason::ProviderUnavailable`] if nobody can tell.
    pub async fn find(
        self: &Arc<Self>,
        store: &Arc<dyn SessionStore>,
        id: &Secret,
        now: Now,
    ) -> Result<Arc<Live>, Denial> {
        let digest = TokenDigest::of(id.expose());
        if let Some(live) = self.memory.recall(&digest, now) {
            return Ok(live);
        }
        let epoch = self.memory.epoch();
        let (mut session, mut content) = self.read(store, id, now).await?;
        if content.is_due(now.wall) {
            // As a task of its own: a client that goes away must not take the new refresh token along.
            let refresh = Arc::clone(self).refresh(Arc::clone(store), id.clone());
            let refreshed = tokio::spawn(refresh).await;
            (session, content) =
                refreshed.map_err(|_| Denial::new(Reason::InternalFault).with_note("a refresh broke"))??;
        }
        let idle_at = now.wall.plus(self.plan.idle).min(session.ends_at);
        if idle_at.since(session.idle_at) >= self.idle_step() {
            match store.touch_session(id, idle_at).await {
                Ok(()) => session.idle_at = idle_at,
                Err(StoreError::Conflict) => return Err(unknown("the session has just ended")),
                Err(error) => return Err(store_failed(error)),
            }
        }
        let token = AccessToken::kept(&content.access_token)
            .ok_or_else(|| unknown("the access token cannot be sent in a field"))?;
        let due_at = content.access.map(|access| match content.refresh_token {
            Some(_) => access.refresh_at,
            None => access.ends_at,
        });
        let live = Arc::new(Live {
            token,
            subject: session.subject,
            sid: session.sid,
            created_at: session.created_at,
            idle_at: session.idle_at,
            ends_at: session.ends_at,
            // A refresh that is tried again and again must not fail those whose token still holds.
            due_at: due_at
                .filter(|due_at| now.wall < *due_at)
                .or(content.access.map(|access| access.ends_at)),
        });
        self.memory.remember(digest, &live, epoch, now.mono);
        Ok(live)
    }

    /// What the page may know of the session: who, and until when. No tokens, and no use of it.
    ///
    /// # Errors
    /// As for [`RelyingParty::find`], but the provider is never asked.
    pub async fn describe(&self, store: &dyn SessionStore, id: &Secret, now: Now) -> Result<Bytes, Denial> {
        let (session, content) = self.read_from(store, id, now).await?;
        let mut members = Map::new();
        members.insert("issuer".into(), session.issuer.as_str().into());
        members.insert("subject".into(), session.subject.as_str().into());
        members.insert("signed_in_at".into(), session.created_at.as_seconds().into());
        members.insert("idle_at".into(), session.idle_at.as_seconds().into());
        members.insert("ends_at".into(), session.ends_at.as_seconds().into());
        members.insert("profile".into(), json!(content.profile));
        Ok(Bytes::from(serde_json::to_vec(&members).unwrap_or_default()))
    }

    /// Whose session it is, by what the provider said at the login.
    fn holder(&self, subject: &Subject, sid: Option<&str>, since: Timestamp) -> Principal {
        let mut claims = Map::new();
        if let Some(sid) = sid {
            claims.insert("sid".into(), Value::from(sid));
        }
        claims.insert("iat".into(), since.as_seconds().into());
        Principal {
            issuer: self.plan.issuer.clone(),
            subject: subject.clone(),
            kind: PrincipalKind::User,
            client: Some(Arc::from(self.plan.client.client())),
            scopes: Scopes::default(),
            roles: Scopes::default(),
            expires_at: None,
            claims: Arc::new(claims),
            scheme: Arc::clone(&self.plan.scheme),
            assurance: Assurance::default(),
        }
    }

    async fn read(
        &self,
        store: &Arc<dyn SessionStore>,
        id: &Secret,
        now: Now,
    ) -> Result<(Session, Content), Denial> {
        self.read_from(&**store, id, now).await
    }

    async fn read_from(
        &self,
        store: &dyn SessionStore,
        id: &Secret,
        now: Now,
    ) -> Result<(Session, Content), Denial> {
        if !crate::random::is_unguessable(id.expose()) {
            return Err(unknown("the cookie holds no id"));
        }
        let session = match store.find_session(id, now.wall).await {
            Ok(Some(session)) => session,
            Ok(None) => {
                self.memory.remember_unknown(TokenDigest::of(id.expose()));
                return Err(unknown("there is no such session, or it has ended"));
            }
            Err(StoreError::Unreadable) => return Err(unknown("the session is sealed under another secret")),
            Err(error) => return Err(store_failed(error)),
        };
        let content = Content::read(&session.content).filter(|_| session.issuer == self.plan.issuer);
        match content {
            Some(content) if *content.scheme == *self.plan.scheme => Ok((session, content)),
            Some(_) | None => Err(unknown("the session is not one of this scheme")),
        }
    }

    /// How much later the idle end must lie to be worth writing down. The store's is never too late.
    fn idle_step(&self) -> Duration {
        (self.plan.idle / 20).min(Duration::from_secs(60))
    }
}

impl Authenticator {
    /// Who logs users in for this scheme, if anybody does.
    #[must_use]
    pub fn relying_party(&self, scheme: &str) -> Option<&Arc<RelyingParty>> {
        self.relying_parties().find(|party| party.scheme() == scheme)
    }

    /// All who log users in.
    pub fn relying_parties(&self) -> impl Iterator<Item = &Arc<RelyingParty>> {
        self.issuers().iter().filter_map(|issuer| issuer.session.as_ref())
    }

    /// Refuses a session that was revoked by hand, by its `sid` or its subject.
    ///
    /// # Errors
    /// [`Reason::TokenRevoked`]; [`Reason::StoreUnavailable`] if nobody can tell.
    pub fn check_session(&self, party: &RelyingParty, session: &Live, now: Now) -> Result<(), Denial> {
        let holder = party.holder(&session.subject, session.sid.as_deref(), session.created_at);
        self.revoked().refuse(&Revocable::by(&holder, None), now).map_err(|refusal| {
            let denial = Denial::new(refusal.reason());
            match refusal.into_note() {
                Some(note) => denial.with_note(note),
                None => denial,
            }
        })
    }
}

impl SessionPlan {
    fn is_same(&self, other: &Self) -> bool {
        let words = |plan: &Self| {
            [&plan.scopes, &plan.path, &plan.cookie, &plan.after_login, &plan.after_logout]
                .map(|word| word.clone())
        };
        let times = |plan: &Self| (plan.idle, plan.absolute, plan.login, plan.max_age, plan.skew);
        self.scheme == other.scheme
            && self.issuer == other.issuer
            && self.source == other.source
            && self.bounds == other.bounds
            && self.client.is_same(&other.client)
            && self.algorithms == other.algorithms
            && (self.logins, self.remembered, self.same_site)
                == (other.logins, other.remembered, other.same_site)
            && words(self) == words(other)
            && times(self) == times(other)
            && (&self.resource, &self.acr, &self.prompt) == (&other.resource, &other.acr, &other.prompt)
    }
}

fn unknown(note: &'static str) -> Denial {
    Denial::new(Reason::SessionUnknown).with_note(note)
}

fn store_failed(error: StoreError) -> Denial {
    Denial::new(Reason::StoreUnavailable)
        .with_note(error.to_string())
        .with_retry_after(Duration::from_secs(1))
}

impl fmt::Debug for RelyingParty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RelyingParty").field("plan", &self.plan).finish_non_exhaustive()
    }
}
