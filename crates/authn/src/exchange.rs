//! A token for the upstream in place of the client's (RFC 8693).
//!
//! In: the client's token, believed, and its principal. Out: the value of `Authorization` for the upstream,
//! or a [`Denial`]. Called by the gateway once a request is permitted. The new token never has a scope that
//! the client's has not: what is asked for beyond it is refused before the issuer is asked, and what comes
//! beyond it is not used (RFC 8693 §2.2.1 leaves both to the server). Who acts is for the issuer to write
//! (`act`, §4.1): it knows the gateway by its client credentials.
//!
//! Kept under the digest of the client's token until shortly before either ends; one exchange per token at a
//! time. If the issuer cannot be asked, nothing is forwarded.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use portcullis_config::codes::identity as codes;
use portcullis_config::{Diagnostic, Diagnostics, Environment, Place};
use portcullis_domain::{Clock, Denial, Now, Principal, Reason, Scopes, Timestamp};
use quick_cache::sync::Cache;
use serde::Deserialize;
use url::Url;

use crate::bearer::{AccessToken, TokenDigest};
use crate::client_authentication::ClientAuthentication;
use crate::config::ExchangeConfig;
use crate::fetch::{Fetch, FetchBounds, Form, Reach};
use crate::introspection::Turns;
use crate::json;
use crate::keys::checked_address;

/// RFC 8693 §2.1.
const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// RFC 8693 §3.
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// A token is not used in its last moments, so that it is still good when it arrives.
const MARGIN: Duration = Duration::from_secs(10);
/// How long a token is used that does not say when it ends.
const UNTOLD: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_secs(1);
const LARGEST_ANSWER: usize = 64 * 1024;
const KEPT: usize = 10_000;

/// Exchanges tokens for one upstream.
pub struct TokenExchange {
    url: Url,
    client: ClientAuthentication,
    audience: Option<Box<str>>,
    resource: Option<Box<str>>,
    /// What to ask for; what the client's token has when empty.
    scopes: Scopes,
    bounds: FetchBounds,
    fetch: Arc<dyn Fetch>,
    clock: Clock,
    kept: Cache<TokenDigest, Exchanged>,
    turns: Turns,
}

#[derive(Clone)]
struct Exchanged {
    value: HeaderValue,
    until: Timestamp,
}

/// RFC 8693 §2.2.1. Other members are of no use here.
#[derive(Deserialize)]
struct Answer {
    access_token: Token,
    issued_token_type: String,
    token_type: String,
    #[serde(default)]
    expires_in: Option<u64>,
    #[serde(default)]
    scope: Option<String>,
}

/// A token as it stands in the answer; never printed.
#[derive(Deserialize)]
struct Token(String);

impl TokenExchange {
    /// Compiles `exchange:` at `place`.
    pub fn compile(
        config: &ExchangeConfig,
        place: &Place,
        environment: &Environment,
        fetch: Arc<dyn Fetch>,
        clock: Clock,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let reach = if config.allow_private_network { Reach::PrivateToo } else { Reach::PublicOnly };
        let url = checked_address(&config.url, reach);
        if let Err(fault) = &url {
            diagnostics.push(
                Diagnostic::error(codes::INTROSPECTION_ADDRESS, format!("the token endpoint {fault}"))
                    .at(place.child("url"))
                    .label("tokens and the client's secret are sent there"),
            );
        }
        let secret = config.secret.resolve_at(environment, &place.child("secret"), diagnostics);
        Some(Self {
            url: url.ok()?,
            client: ClientAuthentication::by_secret(&config.client, secret?),
            audience: config.audience.as_deref().map(Box::from),
            resource: config.resource.as_deref().map(Box::from),
            scopes: config.scopes.iter().map(String::as_str).collect(),
            bounds: FetchBounds { body: LARGEST_ANSWER, time: config.timeout.0, reach },
            fetch,
            clock,
            kept: Cache::new(KEPT),
            turns: Turns::default(),
        })
    }

    /// A token for the upstream, on behalf of `principal`, whose own is `subject`.
    ///
    /// # Errors
    /// [`Reason::ExchangeRefused`] (403) if the issuer gives none, or one may not be asked for;
    /// [`Reason::ExchangeUnavailable`] (503) if it cannot be asked.
    pub async fn exchange(
        &self,
        subject: &AccessToken,
        principal: &Principal,
        now: Now,
    ) -> Result<HeaderValue, Denial> {
        if !principal.scopes.contains_all(&self.scopes) {
            return Err(refused("the client's token lacks a scope that the upstream's is to have"));
        }
        let digest = subject.digest();
        if let Some(value) = self.kept(&digest, now.wall) {
            return Ok(value);
        }
        let Some(_turn) = self.turns.take(digest).await else {
            return Err(unavailable("too many requests wait for the issuer"));
        };
        if let Some(value) = self.kept(&digest, self.clock.now().wall) {
            return Ok(value);
        }
        let scopes = if self.scopes.is_empty() { &principal.scopes } else { &self.scopes };
        let answer = self.ask(subject, scopes).await?;
        let (value, lives) = judge(&answer, scopes)?;
        let now = self.clock.now().wall;
        let until = now.plus(lives.saturating_sub(MARGIN));
        let until = principal.expires_at.map_or(until, |end| end.min(until));
        self.kept.insert(digest, Exchanged { value: value.clone(), until });
        Ok(value)
    }

    fn kept(&self, digest: &TokenDigest, now: Timestamp) -> Option<HeaderValue> {
        self.kept.get(digest).filter(|kept| now < kept.until).map(|kept| kept.value)
    }

    async fn ask(&self, subject: &AccessToken, scopes: &Scopes) -> Result<Bytes, Denial> {
        let form =
            self.form(subject, scopes).ok_or_else(|| unavailable("the request could not be signed"))?;
        let asking = self.fetch.post(&self.url, &form, self.bounds);
        let answer = match tokio::time::timeout(self.bounds.time, asking).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(unavailable(format!("the issuer cannot be asked: {error}"))),
            Err(_) => return Err(unavailable("the issuer took too long to answer")),
        };
        match answer.status {
            200 if answer.body.len() <= self.bounds.body => Ok(answer.body),
            200 => Err(unavailable("the issuer's answer is too large")),
            // RFC 8693 §2.2.2: it was understood and is not granted. 401 is about our own credentials.
            400 | 403 => Err(refused(format!("the issuer answered with status {}", answer.status))),
            status => Err(unavailable(format!("the issuer answered with status {status}"))),
        }
    }

    fn form(&self, subject: &AccessToken, scopes: &Scopes) -> Option<Form> {
        let token = std::str::from_utf8(subject.expose()).unwrap_or_default();
        let scope = scopes.to_string();
        let mut parameters = vec![
            ("grant_type", GRANT),
            ("subject_token", token),
            ("subject_token_type", ACCESS_TOKEN),
            ("requested_token_type", ACCESS_TOKEN),
        ];
        let further = [
            ("scope", Some(&*scope).filter(|scope| !scope.is_empty())),
            ("audience", self.audience.as_deref()),
            ("resource", self.resource.as_deref()),
        ];
        parameters.extend(further.into_iter().filter_map(|(name, value)| Some((name, value?))));
        self.client.form(&parameters, self.url.as_str(), self.clock.now().wall)
    }
}

/// The new token as a field value, and how long it lives.
fn judge(answer: &[u8], asked: &Scopes) -> Result<(HeaderValue, Duration), Denial> {
    let malformed = || unavailable("the issuer's answer is no token of the kind that was asked for");
    json::check(answer).map_err(|_| malformed())?;
    let answer: Answer = serde_json::from_slice(answer).map_err(|_| malformed())?;
    if answer.issued_token_type != ACCESS_TOKEN || !answer.token_type.eq_ignore_ascii_case("bearer") {
        return Err(malformed());
    }
    // RFC 8693 §2.2.1: told where it is not what was asked for.
    if answer.scope.is_some_and(|granted| !asked.contains_all(&Scopes::parse(&granted))) {
        return Err(refused("the issuer gave a token with more scope than the client's"));
    }
    let mut value =
        HeaderValue::try_from(format!("Bearer {}", answer.access_token.0)).map_err(|_| malformed())?;
    value.set_sensitive(true);
    Ok((value, answer.expires_in.map_or(UNTOLD, Duration::from_secs)))
}

fn refused(note: impl Into<std::borrow::Cow<'static, str>>) -> Denial {
    Denial::new(Reason::ExchangeRefused).with_note(note)
}

fn unavailable(note: impl Into<std::borrow::Cow<'static, str>>) -> Denial {
    Denial::new(Reason::ExchangeUnavailable).with_note(note).with_retry_after(PAUSE)
}

impl fmt::Debug for TokenExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenExchange").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}
