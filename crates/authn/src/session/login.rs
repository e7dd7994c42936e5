//! A login from the first page to the session, and the new tokens that keep it going.
//!
//! In: where the user wants to be; later, with what the provider sent them back. Out: redirects. OpenID Connect
//! Core §3.1, PKCE with S256 (RFC 7636), pushed requests where the provider takes them (RFC 9126), `iss` in the
//! answer (RFC 9207). State, nonce and verifier are kept in the store under the id of one browser's cookie, and
//! whoever takes them out is the only one (OIDC-08); so a callback can come to another gateway than the login
//! began at, and none can come twice.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use portcullis_domain::{
    Denial, Issuer, Now, Reason, Secret, Session, SessionStore, SessionsOf, StoreError, Subject,
};
use serde::Deserialize;
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::content::{AccessTimes, Content, Transaction};
use super::id_token::{Asked, SignedIn};
use super::provider::{Failure, Metadata, NamesItself};
use super::{Found, Redirect, RelyingParty, cookie, same_origin, store_failed, unknown};
use crate::bearer::TokenDigest;
use crate::random::{digest_text, unguessable};
use crate::refusal::Refusal;

/// Under which issuer the store keeps logins under way. No issuer of tokens is called so.
const LOGINS: &str = "urn:portcullis:login";
/// Under which it keeps who refreshes a session now.
const REFRESHES: &str = "urn:portcullis:refresh";
/// For how long one gateway may refresh a session before another tries.
const REFRESH_LEASE: Duration = Duration::from_secs(10);
/// How often and how long a session is looked at that another gateway refreshes.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
const LOOKS: u32 = 50;
/// How often a login could not be begun is worth trying again.
const COME_BACK: Duration = Duration::from_secs(10);
/// Longest value of a callback that is looked at.
const VALUE_LIMIT: usize = 4096;
/// Claims of the ID token that the page may see.
const PROFILE: [&str; 10] = [
    "sub",
    "name",
    "given_name",
    "family_name",
    "preferred_username",
    "email",
    "picture",
    "acr",
    "amr",
    "auth_time",
];

/// Where a login begins.
#[derive(Clone, Copy, Debug)]
pub struct LoginRequest<'a> {
    /// Scheme and authority as the browser knows them.
    pub origin: &'a str,
    /// The API's mount, without a final slash.
    pub mount: &'a str,
    /// The query of the request: `return_to`, and for a stronger login `acr_values` and `max_age` (RFC 9470).
    pub query: Option<&'a str>,
}

/// With what the provider sends the user back.
#[derive(Debug)]
pub struct Callback<'a> {
    /// The query of the request.
    pub query: Option<&'a str>,
    /// What the browser has of a login under way.
    pub login: Found,
    /// What it has of a session, which ends here.
    pub session: Found,
}

/// What a page wants of a login.
struct Wanted<'a> {
    return_to: std::borrow::Cow<'a, str>,
    acr: Option<std::borrow::Cow<'a, str>>,
    max_age: Option<Duration>,
}

/// The provider's answer, each parameter once.
#[derive(Default)]
struct Answer {
    state: Option<Secret>,
    code: Option<Secret>,
    issuer: Option<String>,
    is_error: bool,
}

/// What a token endpoint gives (RFC 6749 §5.1).
#[derive(Deserialize)]
struct Tokens {
    access_token: String,
    token_type: String,
    expires_in: Option<u64>,
    refresh_token: Option<String>,
    id_token: Option<String>,
}

impl RelyingParty {
    /// Sends the user to the provider.
    ///
    /// # Errors
    /// [`Reason::LoginsSaturated`], [`Reason::ProviderUnavailable`], [`Reason::StoreUnavailable`].
    pub async fn begin(
        &self,
        store: &dyn SessionStore,
        request: LoginRequest<'_>,
        now: Now,
    ) -> Result<Redirect, Denial> {
        self.make_room(now.mono)?;
        let wanted = self.wanted(request.query);
        let metadata = self.provider.metadata().await?;
        let id = unguessable()?;
        let transaction = Transaction {
            state: unguessable()?,
            nonce: unguessable()?,
            verifier: unguessable()?,
            redirect_uri: format!("{}{}{}/callback", request.origin, request.mount, self.plan.path).into(),
            return_to: (*wanted.return_to).into(),
            max_age: wanted.max_age,
        };
        let location = self.authorization_url(&metadata, &transaction, wanted.acr.as_deref()).await?;
        let ends_at = now.wall.plus(self.plan.login);
        let kept = Session {
            issuer: Issuer::from(LOGINS),
            subject: Subject(Arc::clone(&self.plan.scheme)),
            sid: Some(digest_text(transaction.state.expose()).into()),
            created_at: now.wall,
            idle_at: ends_at,
            ends_at,
            content: transaction.write(),
        };
        store.begin_session(&id, kept).await.map_err(store_failed)?;
        // Lax whatever the session's is: the provider sends the user back from another site.
        let cookie = cookie::set(cookie::LOGIN, &id, cookie::SameSite::Lax, Some(self.plan.login.as_secs()));
        Ok(Redirect { location, cookies: vec![cookie], signed_in: None })
    }

    /// Makes a session of what the provider sent back, and ends the one before: nobody goes on under an id
    /// that was known before the login (OIDC-12).
    ///
    /// # Errors
    /// [`Reason::LoginUnsolicited`] if this browser began no such login; the code goes nowhere then.
    /// [`Reason::LoginUnproven`] if the provider does not vouch for the user. [`Reason::ProviderUnavailable`]
    /// and [`Reason::StoreUnavailable`].
    pub async fn complete(
        &self,
        store: &dyn SessionStore,
        callback: Callback<'_>,
        now: Now,
    ) -> Result<Redirect, Denial> {
        let answer = Answer::read(callback.query)?;
        let transaction = self.take(store, callback.login, &answer, now).await?;
        let metadata = self.provider.metadata().await?;
        self.check_issuer(&answer, &metadata)?;
        let code = match (answer.is_error, &answer.code) {
            (false, Some(code)) => code.expose_text().unwrap_or_default(),
            (true, _) | (false, None) => return Err(unproven("the provider did not sign the user in")),
        };
        let tokens = self.redeem(&metadata, code, &transaction).await?;
        let id_token =
            tokens.id_token.as_deref().map(secret).ok_or_else(|| unproven("there is no ID token"))?;
        let asked = Asked { nonce: Some(&transaction.nonce), max_age: transaction.max_age };
        let signed_in =
            self.signer.signed_in(&id_token, asked, self.clock.now()).await.map_err(not_believed)?;
        if let Found::One(previous) = callback.session {
            store.end_session(&previous).await.map_err(store_failed)?;
            self.memory.forget(Some(&TokenDigest::of(previous.expose())));
        }
        let id = unguessable()?;
        let session = self.session(tokens, id_token, signed_in);
        let holder = self.holder(&session.subject, session.sid.as_deref(), session.created_at);
        store.begin_session(&id, session).await.map_err(store_failed)?;
        Ok(Redirect {
            location: transaction.return_to.into(),
            cookies: vec![
                cookie::set(&self.plan.cookie, &id, self.plan.same_site, None),
                cookie::clear(cookie::LOGIN, cookie::SameSite::Lax),
            ],
            signed_in: Some(Arc::new(holder)),
        })
    }

    /// Gets new tokens for a session. One flight at a time: in this process by turns, among all gateways by a
    /// lease in the store, since a refresh token that is shown twice ends the whole grant (RFC 9700 §4.14.2).
    pub(super) async fn refresh(
        self: Arc<Self>,
        store: Arc<dyn SessionStore>,
        id: Secret,
    ) -> Result<(Session, Content), Denial> {
        let Some(_turn) = self.refreshing.take(TokenDigest::of(id.expose())).await else {
            return Err(
                Denial::new(Reason::ProviderUnavailable).with_note("too many sessions wait for new tokens")
            );
        };
        let lease = Secret::new([b"refresh.".as_slice(), id.expose()].concat());
        for _ in 0..LOOKS {
            // Whoever had the turn before may have done it.
            let now = self.clock.now();
            let (session, content) = self.read(&store, &id, now).await?;
            if !content.is_due(now.wall) {
                return Ok((session, content));
            }
            match store.begin_session(&lease, self.lease(now)).await {
                Ok(()) => {
                    let refreshed = self.refresh_alone(&*store, &id, session, content).await;
                    if let Err(error) = store.end_session(&lease).await {
                        tracing::warn!(%error, "the lease of a refresh stays until it ends");
                    }
                    return refreshed;
                }
                Err(StoreError::Conflict) if !content.has_ended(now.wall) => return Ok((session, content)),
                Err(StoreError::Conflict) => {
                    if let Ok(None) = store.find_session(&lease, now.wall).await {
                        // Whoever had it is gone.
                        store.end_session(&lease).await.map_err(store_failed)?;
                    }
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
                Err(error) => return Err(store_failed(error)),
            }
        }
        Err(Denial::new(Reason::ProviderUnavailable).with_note("another gateway does not finish a refresh"))
    }

    async fn refresh_alone(
        &self,
        store: &dyn SessionStore,
        id: &Secret,
        mut session: Session,
        content: Content,
    ) -> Result<(Session, Content), Denial> {
        let now = self.clock.now();
        let Some(refresh_token) = &content.refresh_token else {
            self.drop_session(store, id).await?;
            return Err(unknown("the access token has ended, and there is no refresh token"));
        };
        let refreshed = match self.ask_for_new(refresh_token).await {
            Ok(tokens) => tokens,
            Err(Failure::Refused(code)) if &*code == "invalid_grant" => {
                self.drop_session(store, id).await?;
                return Err(unknown("the provider refuses to renew the session"));
            }
            // The old token serves as long as it holds.
            Err(_) if !content.has_ended(now.wall) => return Ok((session, content)),
            Err(failure) => return Err(failure.into()),
        };
        let content = match self.renewed(content, refreshed, &session.subject).await {
            Ok(content) => content,
            Err(refusal) => {
                self.drop_session(store, id).await?;
                return Err(not_believed(refusal));
            }
        };
        session.idle_at = self.clock.now().wall.plus(self.plan.idle).min(session.ends_at);
        match store.renew_session(id, session.idle_at, &content.write()).await {
            Ok(()) => Ok((session, content)),
            Err(StoreError::Conflict) => Err(unknown("the session ended while it was renewed")),
            Err(error) => Err(store_failed(error)),
        }
    }

    async fn ask_for_new(&self, refresh_token: &Secret) -> Result<Tokens, Failure> {
        let metadata = self.provider.metadata().await?;
        let refresh_token = refresh_token.expose_text().unwrap_or_default();
        let mut parameters = vec![("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
        parameters.extend(self.plan.resource.as_deref().map(|resource| ("resource", resource)));
        self.provider.ask(&metadata.token, &self.plan.client, &parameters).await
    }

    /// The session's content with new tokens. What did not come stays (RFC 6749 §6).
    async fn renewed(&self, old: Content, tokens: Tokens, subject: &Subject) -> Result<Content, Refusal> {
        check_type(&tokens)?;
        let now = self.clock.now();
        let (mut id_token, mut profile) = (old.id_token, old.profile);
        if let Some(text) = &tokens.id_token {
            let new = secret(text);
            let asked = Asked { nonce: None, max_age: None };
            let signed_in = self.signer.signed_in(&new, asked, now).await?;
            if signed_in.subject != *subject {
                let why = "the new ID token is about another user";
                return Err(Refusal::because(Reason::TokenClaimMalformed, why));
            }
            (id_token, profile) = (new, profile_of(&signed_in.claims));
        }
        Ok(Content {
            scheme: old.scheme,
            access: tokens.expires_in.map(|life| AccessTimes::of(Duration::from_secs(life), now.wall)),
            access_token: secret(&tokens.access_token),
            refresh_token: tokens.refresh_token.as_deref().map(secret).or(old.refresh_token),
            id_token,
            profile,
        })
    }

    async fn drop_session(&self, store: &dyn SessionStore, id: &Secret) -> Result<(), Denial> {
        store.end_session(id).await.map_err(store_failed)?;
        self.memory.forget(Some(&TokenDigest::of(id.expose())));
        Ok(())
    }

    /// Takes the login of this browser out of the store. Whatever comes of it, it works once.
    async fn take(
        &self,
        store: &dyn SessionStore,
        login: Found,
        answer: &Answer,
        now: Now,
    ) -> Result<Transaction, Denial> {
        let state = answer.state.as_ref().ok_or_else(|| unsolicited("there is no `state`"))?;
        let Found::One(id) = login else {
            return Err(unsolicited("this browser has begun no login, or several"));
        };
        let kept = match store.find_session(&id, now.wall).await {
            Ok(kept) => kept,
            Err(StoreError::Unreadable) => None,
            Err(error) => return Err(store_failed(error)),
        };
        let kept = kept.filter(|kept| {
            kept.issuer.as_str() == LOGINS && *kept.subject.0 == *self.plan.scheme && kept.sid.is_some()
        });
        let transaction = kept.and_then(|kept| Transaction::read(&kept.content));
        let transaction =
            transaction.ok_or_else(|| unsolicited("the login is not known, or took too long"))?;
        if !transaction.state.matches(state.expose()) {
            return Err(unsolicited("`state` is that of another login"));
        }
        let sid = digest_text(transaction.state.expose()).into();
        match store.end_sessions(SessionsOf::Sid { issuer: Issuer::from(LOGINS), sid }).await {
            Ok(1) => Ok(transaction),
            Ok(_) => Err(unsolicited("the login has been completed already")),
            Err(error) => Err(store_failed(error)),
        }
    }

    /// RFC 9207 §2.4: an answer that another provider gave must not bring its code to this one.
    fn check_issuer(&self, answer: &Answer, metadata: &Metadata) -> Result<(), Denial> {
        match (answer.issuer.as_deref(), metadata.names_itself) {
            (Some(issuer), _) if issuer == self.plan.issuer.as_str() => Ok(()),
            (Some(_), _) => Err(unsolicited("`iss` is another issuer")),
            (None, NamesItself::Always) => Err(unsolicited("`iss` is missing, and this provider sends it")),
            (None, NamesItself::Perhaps) => Ok(()),
        }
    }

    async fn redeem(
        &self,
        metadata: &Metadata,
        code: &str,
        transaction: &Transaction,
    ) -> Result<Tokens, Denial> {
        let verifier = transaction.verifier.expose_text().unwrap_or_default();
        let mut parameters = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &*transaction.redirect_uri),
            ("code_verifier", verifier),
        ];
        parameters.extend(self.plan.resource.as_deref().map(|resource| ("resource", resource)));
        let answer: Result<Tokens, _> =
            self.provider.ask(&metadata.token, &self.plan.client, &parameters).await;
        let tokens = match answer {
            Ok(tokens) => tokens,
            Err(Failure::Refused(code)) if &*code == "invalid_grant" => {
                return Err(unproven("the provider refuses the code"));
            }
            Err(failure) => return Err(failure.into()),
        };
        check_type(&tokens).map_err(not_believed)?;
        Ok(tokens)
    }

    fn session(&self, tokens: Tokens, id_token: Secret, signed_in: SignedIn) -> Session {
        let now = self.clock.now().wall;
        let ends_at = now.plus(self.plan.absolute);
        let content = Content {
            scheme: (*self.plan.scheme).into(),
            access: tokens.expires_in.map(|life| AccessTimes::of(Duration::from_secs(life), now)),
            access_token: secret(&tokens.access_token),
            refresh_token: tokens.refresh_token.as_deref().map(secret),
            id_token,
            profile: profile_of(&signed_in.claims),
        };
        Session {
            issuer: self.plan.issuer.clone(),
            subject: signed_in.subject,
            sid: signed_in.sid,
            created_at: now,
            idle_at: now.plus(self.plan.idle).min(ends_at),
            ends_at,
            content: content.write(),
        }
    }

    fn lease(&self, now: Now) -> Session {
        let ends_at = now.wall.plus(REFRESH_LEASE);
        Session {
            issuer: Issuer::from(REFRESHES),
            subject: Subject(Arc::clone(&self.plan.scheme)),
            sid: None,
            created_at: now.wall,
            idle_at: ends_at,
            ends_at,
            content: Secret::new(Vec::new()),
        }
    }

    /// Where the user is sent, with the request in the address or left at the provider beforehand.
    async fn authorization_url(
        &self,
        metadata: &Metadata,
        transaction: &Transaction,
        acr: Option<&str>,
    ) -> Result<String, Denial> {
        let challenge = digest_text(transaction.verifier.expose());
        let max_age = transaction.max_age.map(|age| age.as_secs().to_string());
        let client = self.plan.client.client();
        let mut parameters = vec![
            ("response_type", "code"),
            ("client_id", client),
            ("redirect_uri", &*transaction.redirect_uri),
            ("scope", &*self.plan.scopes),
            ("state", transaction.state.expose_text().unwrap_or_default()),
            ("nonce", transaction.nonce.expose_text().unwrap_or_default()),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        parameters.extend(self.plan.resource.as_deref().map(|resource| ("resource", resource)));
        parameters.extend(acr.map(|acr| ("acr_values", acr)));
        parameters.extend(max_age.as_deref().map(|age| ("max_age", age)));
        parameters.extend(self.plan.prompt.as_deref().map(|prompt| ("prompt", prompt)));
        let mut url = metadata.authorization.clone();
        let Some(pushed) = &metadata.pushed else {
            url.query_pairs_mut().extend_pairs(parameters);
            return Ok(url.into());
        };
        #[derive(Deserialize)]
        struct Pushed {
            request_uri: String,
        }
        let answer: Pushed = self.provider.ask(pushed, &self.plan.client, &parameters).await?;
        let mut query = url.query_pairs_mut();
        query.append_pair("client_id", client).append_pair("request_uri", &answer.request_uri);
        drop(query);
        Ok(url.into())
    }

    /// What the page asks for, as far as it may: what is not understood is as if it was not asked.
    fn wanted<'a>(&'a self, query: Option<&'a str>) -> Wanted<'a> {
        let mut wanted = Wanted {
            return_to: (&*self.plan.after_login).into(),
            acr: self.plan.acr.as_deref().map(Into::into),
            max_age: self.plan.max_age,
        };
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            match &*name {
                "return_to" if same_origin(&value).is_some() => wanted.return_to = value,
                "acr_values" => {
                    let is_plain = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
                    if !value.is_empty() && value.len() <= 256 && value.bytes().all(is_plain) {
                        wanted.acr = Some(value);
                    }
                }
                "max_age" => {
                    let asked = value.parse().ok().map(Duration::from_secs);
                    // Never longer than the operator wants.
                    wanted.max_age = asked.into_iter().chain(wanted.max_age).min();
                }
                _ => {}
            }
        }
        wanted
    }

    /// Notes one more login under way. A stranger who begins logins without end fills no more than this.
    fn make_room(&self, mono: Duration) -> Result<(), Denial> {
        let mut logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
        while logins.front().is_some_and(|over| *over <= mono) {
            logins.pop_front();
        }
        if logins.len() >= self.plan.logins {
            return Err(Denial::new(Reason::LoginsSaturated).with_retry_after(COME_BACK));
        }
        logins.push_back(mono + self.plan.login);
        Ok(())
    }
}

impl Answer {
    fn read(query: Option<&str>) -> Result<Self, Denial> {
        let mut answer = Self::default();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            let is_known = matches!(&*name, "state" | "code" | "iss" | "error");
            if !is_known {
                continue;
            }
            if value.len() > VALUE_LIMIT {
                return Err(unsolicited("a parameter is too long"));
            }
            let is_first = match &*name {
                "state" => answer.state.replace(secret(&value)).is_none(),
                "code" => answer.code.replace(secret(&value)).is_none(),
                "iss" => answer.issuer.replace(value.into_owned()).is_none(),
                _ => !std::mem::replace(&mut answer.is_error, true),
            };
            if !is_first {
                // RFC 6749 §3.1.
                return Err(unsolicited("a parameter is repeated"));
            }
        }
        Ok(answer)
    }
}

fn check_type(tokens: &Tokens) -> Result<(), Refusal> {
    match tokens.token_type.eq_ignore_ascii_case("bearer") && !tokens.access_token.is_empty() {
        true => Ok(()),
        false => Err(Refusal::because(Reason::TokenTypeWrong, "the access token is no bearer token")),
    }
}

fn profile_of(claims: &Map<String, Value>) -> Map<String, Value> {
    let shown = PROFILE.into_iter().filter_map(|name| Some((name.to_owned(), claims.get(name)?.clone())));
    shown.collect()
}

/// A token of the provider is not believed: there is no session. What could not be decided is no verdict.
pub(super) fn not_believed(refusal: Refusal) -> Denial {
    let reason = refusal.reason();
    let note = refusal.into_note().unwrap_or_default();
    match reason.status() {
        503 => Denial::new(reason).with_note(note),
        _ => Denial::new(Reason::LoginUnproven).with_note(format!("{reason}: {note}")),
    }
}

fn unsolicited(note: &'static str) -> Denial {
    Denial::new(Reason::LoginUnsolicited).with_note(note)
}

fn unproven(note: &'static str) -> Denial {
    Denial::new(Reason::LoginUnproven).with_note(note)
}

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}
