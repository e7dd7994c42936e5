//! What the OpenID provider says of itself, and asking it.
//!
//! In: the issuer's identifier. Out: its endpoints, read from its own metadata when first needed and again
//! each hour (OpenID Connect Discovery §4, RFC 8414 §3); and its answers to forms. Metadata that name another
//! issuer are not this issuer's (RFC 8414 §3.3). After a question that failed nobody is asked for a moment: a
//! slow provider must not hold up every request.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use portcullis_domain::{Clock, Denial, Reason};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use url::Url;

use crate::client_authentication::ClientAuthentication;
use crate::fetch::{Fetch, FetchBounds, FetchError};
use crate::json;
use crate::keys::{KeySource, checked_address};

/// Age at which metadata are read again.
const REFRESH: Duration = Duration::from_secs(3600);
/// After a failure.
const PAUSE: Duration = Duration::from_secs(1);

/// One provider.
pub(super) struct Provider {
    source: KeySource,
    bounds: FetchBounds,
    fetch: Arc<dyn Fetch>,
    clock: Clock,
    known: ArcSwapOption<Known>,
    reading: Mutex<()>,
    /// Until when nobody is asked, in milliseconds of the monotonic clock.
    paused_until: AtomicU64,
}

struct Known {
    metadata: Arc<Metadata>,
    read_at: Duration,
}

/// The endpoints.
#[derive(Debug)]
pub(super) struct Metadata {
    pub(super) authorization: Url,
    pub(super) token: Url,
    /// RFC 9126.
    pub(super) pushed: Option<Url>,
    /// RFC 7009.
    pub(super) revocation: Option<Url>,
    /// OpenID Connect RP-Initiated Logout §2.1.
    pub(super) end_session: Option<Url>,
    pub(super) names_itself: NamesItself,
}

/// Whether its answers to logins say whose they are (RFC 9207 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NamesItself {
    Always,
    Perhaps,
}

/// Why the provider gave nothing.
#[derive(Debug)]
pub(super) enum Failure {
    /// It said no, with this error code (RFC 6749 §5.2).
    Refused(Box<str>),
    /// It could not be asked, or said nothing that can be used.
    Unavailable(String),
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    pushed_authorization_request_endpoint: Option<String>,
    revocation_endpoint: Option<String>,
    end_session_endpoint: Option<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
    code_challenge_methods_supported: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct ErrorBody {
    error: String,
}

impl Provider {
    pub(super) fn new(source: KeySource, bounds: FetchBounds, fetch: Arc<dyn Fetch>, clock: Clock) -> Self {
        Self {
            source,
            bounds,
            fetch,
            clock,
            known: ArcSwapOption::empty(),
            reading: Mutex::default(),
            paused_until: AtomicU64::new(0),
        }
    }

    /// The endpoints. Waits only when they are not known, or for too long.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] if they were never read; old ones serve until they can be read again.
    pub(super) async fn metadata(&self) -> Result<Arc<Metadata>, Failure> {
        if let Some(known) = self.fresh() {
            return Ok(known);
        }
        let _alone = self.reading.lock().await;
        if let Some(known) = self.fresh() {
            return Ok(known);
        }
        let read = match self.check_pause() {
            Ok(()) => self.read().await,
            Err(failure) => Err(failure),
        };
        match (read, self.known.load_full()) {
            (Ok(metadata), _) => {
                let metadata = Arc::new(metadata);
                let known = Known { metadata: Arc::clone(&metadata), read_at: self.clock.mono() };
                self.known.store(Some(Arc::new(known)));
                Ok(metadata)
            }
            (Err(_), Some(old)) => Ok(Arc::clone(&old.metadata)),
            (Err(failure), None) => Err(failure),
        }
    }

    /// Sends a form as the client that we are, and reads the answer.
    ///
    /// # Errors
    /// [`Failure::Refused`] for an answer that says no, [`Failure::Unavailable`] for anything else.
    pub(super) async fn ask<A: DeserializeOwned>(
        &self,
        url: &Url,
        client: &ClientAuthentication,
        parameters: &[(&str, &str)],
    ) -> Result<A, Failure> {
        let body = self.post(url, client, parameters).await?;
        json::check(&body).map_err(|_| unusable("the provider's answer is no unambiguous JSON"))?;
        serde_json::from_slice(&body).map_err(|_| unusable("the provider's answer lacks what it must have"))
    }

    /// Sends a form whose answer says nothing but that it was taken.
    ///
    /// # Errors
    /// As for [`Provider::ask`].
    pub(super) async fn tell(
        &self,
        url: &Url,
        client: &ClientAuthentication,
        parameters: &[(&str, &str)],
    ) -> Result<(), Failure> {
        self.post(url, client, parameters).await.map(drop)
    }

    async fn post(
        &self,
        url: &Url,
        client: &ClientAuthentication,
        parameters: &[(&str, &str)],
    ) -> Result<bytes::Bytes, Failure> {
        self.check_pause()?;
        let form = client.form(parameters, self.issuer(), self.clock.now().wall);
        let form = form.ok_or_else(|| unusable("we cannot say who we are"))?;
        let answer = self.within_time(self.fetch.post(url, &form, self.bounds)).await?;
        match answer.status {
            200..=299 => Ok(answer.body),
            400 | 401 => Err(error_code(&answer.body)
                .map_or_else(|| unusable("the provider says no, and not why"), Failure::Refused)),
            status => {
                self.pause();
                Err(unusable(format!("the provider answered with status {status}")))
            }
        }
    }

    fn fresh(&self) -> Option<Arc<Metadata>> {
        let known = self.known.load();
        let known = known.as_ref()?;
        let age = self.clock.mono().saturating_sub(known.read_at);
        (age < REFRESH).then(|| Arc::clone(&known.metadata))
    }

    fn issuer(&self) -> &str {
        match &self.source {
            KeySource::Metadata { issuer, .. } => issuer.as_str(),
            KeySource::Address(url) => url.as_str(),
        }
    }

    async fn read(&self) -> Result<Metadata, Failure> {
        let KeySource::Metadata { issuer, documents: [openid, oauth] } = &self.source else {
            return Err(unusable("the provider has no metadata"));
        };
        let mut answer = self.within_time(self.fetch.get(openid, self.bounds)).await?;
        if answer.status == 404 {
            answer = self.within_time(self.fetch.get(oauth, self.bounds)).await?;
        }
        if answer.status != 200 || answer.body.len() > self.bounds.body {
            self.pause();
            return Err(unusable(format!("its metadata have status {}", answer.status)));
        }
        let malformed = || unusable("its metadata are no unambiguous JSON with the endpoints of a login");
        json::check(&answer.body).map_err(|_| malformed())?;
        let document: Document = serde_json::from_slice(&answer.body).map_err(|_| malformed())?;
        if document.issuer != issuer.as_str() {
            self.pause();
            return Err(unusable("its metadata name another issuer; nothing of them is used"));
        }
        self.endpoints(&document)
    }

    fn endpoints(&self, document: &Document) -> Result<Metadata, Failure> {
        let checked = |text: &String| {
            checked_address(text, self.bounds.reach)
                .map_err(|fault| unusable(format!("an endpoint of its metadata {fault}")))
        };
        let maybe = |text: &Option<String>| text.as_ref().map(checked).transpose();
        let methods = document.code_challenge_methods_supported.as_ref();
        if methods.is_some_and(|methods| !methods.iter().any(|method| method == "S256")) {
            // RFC 9700 §2.1.1: without PKCE a stolen code is worth a session.
            return Err(unusable("it does not support PKCE with S256"));
        }
        Ok(Metadata {
            authorization: checked(&document.authorization_endpoint)?,
            token: checked(&document.token_endpoint)?,
            pushed: maybe(&document.pushed_authorization_request_endpoint)?,
            revocation: maybe(&document.revocation_endpoint)?,
            end_session: maybe(&document.end_session_endpoint)?,
            names_itself: match document.authorization_response_iss_parameter_supported {
                true => NamesItself::Always,
                false => NamesItself::Perhaps,
            },
        })
    }

    async fn within_time<T>(
        &self,
        asking: impl Future<Output = Result<T, FetchError>>,
    ) -> Result<T, Failure> {
        let answer = match tokio::time::timeout(self.bounds.time, asking).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => unusable(format!("the provider cannot be asked: {error}")),
            Err(_) => unusable("the provider took too long to answer"),
        };
        self.pause();
        Err(answer)
    }

    fn pause(&self) {
        self.paused_until.store(millis(self.clock.mono() + PAUSE), Ordering::Release);
    }

    fn check_pause(&self) -> Result<(), Failure> {
        match millis(self.clock.mono()) < self.paused_until.load(Ordering::Acquire) {
            true => Err(unusable("the provider could not be asked a moment ago")),
            false => Ok(()),
        }
    }
}

impl From<Failure> for Denial {
    /// Nothing was decided.
    fn from(failure: Failure) -> Self {
        let note = match failure {
            Failure::Refused(error) => format!("the provider refuses us: `{error}`"),
            Failure::Unavailable(why) => why,
        };
        Self::new(Reason::ProviderUnavailable).with_note(note).with_retry_after(PAUSE)
    }
}

/// The code of an error. Letters and underscores as all registered codes have them; what a provider says beyond
/// that is not repeated.
fn error_code(body: &[u8]) -> Option<Box<str>> {
    json::check(body).ok()?;
    let said: ErrorBody = serde_json::from_slice(body).ok()?;
    let is_plain = (1..=40).contains(&said.error.len())
        && said.error.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    is_plain.then(|| said.error.into())
}

fn unusable(why: impl Into<String>) -> Failure {
    Failure::Unavailable(why.into())
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
