//! Asking a vault: log in, renew, read. The HTTP API of HashiCorp Vault 1.x and OpenBao 2.x.
//!
//! In: a path. Out: the fields of the secret's newest version (`/v1/MOUNT/data/PATH` of the key-value
//! engine, version 2). Goes through [`GuardedFetch`], so that time, size and redirects are bounded.

use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request};
use http_body_util::Full;
use portcullis_authn::{FetchBounds, FetchError, Fetched, Reach};
use portcullis_domain::{Clock, Secret};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;
use zeroize::Zeroize as _;

use super::shelf::Fields;
use super::whole;
use crate::fetch::GuardedFetch;

/// What the gateway shows the vault.
pub(super) enum Credential {
    Token(Secret),
    AppRole { mount: String, role_id: Secret, secret_id: Secret },
}

/// Why a secret was not read. Holds nothing that the vault sent but its status.
#[derive(Debug, thiserror::Error)]
pub(super) enum VaultError {
    #[error("the vault does not answer: {0}")]
    Fetch(#[from] FetchError),
    #[error("the vault refuses the gateway's credential or what it asks for (status {0})")]
    Refused(u16),
    #[error("the vault has nothing there")]
    Absent,
    #[error("the vault answers with status {0}")]
    Status(u16),
    #[error("the vault's answer cannot be read")]
    Malformed,
    #[error("the path makes no URL")]
    Path,
}

/// A connection's worth of knowledge; connections themselves are made anew, since they are rare.
pub(super) struct Client {
    fetch: GuardedFetch,
    address: Url,
    mount: String,
    namespace: Option<String>,
    credential: Credential,
    clock: Clock,
    token: Mutex<Option<Token>>,
}

/// What the vault accepts at present.
#[derive(Clone)]
struct Token {
    secret: Secret,
    lease: Lease,
}

/// How long it accepts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lease {
    Endless,
    /// Monotonic moments: from half its life on it is renewed.
    Limited {
        renew_at: Duration,
        renewal: Renewal,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Renewal {
    Offered,
    Refused,
}

impl Client {
    pub(super) fn new(
        fetch: GuardedFetch,
        address: Url,
        mount: String,
        namespace: Option<String>,
        credential: Credential,
        clock: Clock,
    ) -> Self {
        Self { fetch, address, mount, namespace, credential, clock, token: Mutex::default() }
    }

    /// The newest version of the secret at `path`.
    pub(super) async fn read(&self, path: &str) -> Result<Fields, VaultError> {
        let token = self.token().await?;
        let target = format!("{}/data/{path}", self.mount);
        let answer = match self.ask(Method::GET, &target, Some(&token), None).await {
            // Its token may have been taken back; a role can log in again.
            Err(VaultError::Refused(_)) if matches!(self.credential, Credential::AppRole { .. }) => {
                self.forget();
                let token = self.token().await?;
                self.ask(Method::GET, &target, Some(&token), None).await?
            }
            answer => answer?,
        };
        let answer: KeyValue = read_json(answer)?;
        answer.data.data.into_iter().map(|(name, value)| Ok((name, secret(value)?))).collect()
    }

    /// Renews the token if half its life is over; one that cannot be renewed is asked for anew.
    pub(super) async fn renew(&self) {
        let Some(Token { secret, lease: Lease::Limited { renew_at, renewal } }) = self.known() else {
            return;
        };
        if self.clock.mono() < renew_at {
            return;
        }
        if renewal == Renewal::Offered {
            let renewed =
                self.ask(Method::POST, "auth/token/renew-self", Some(&secret), Some(&json!({}))).await;
            match renewed.and_then(read_json::<Login>) {
                Ok(login) => {
                    let lease = self.lease(login.auth.lease_duration, login.auth.renewable);
                    self.know(Token { secret, lease });
                    return;
                }
                Err(error) => tracing::warn!(%error, "the vault does not renew the gateway's token"),
            }
        }
        if matches!(self.credential, Credential::AppRole { .. }) {
            self.forget();
        }
    }

    /// How long to wait before the next look: `usual`, or less if the token ends sooner.
    pub(super) fn rest(&self, usual: Duration) -> Duration {
        match self.known().map(|token| token.lease) {
            Some(Lease::Limited { renew_at, .. }) => {
                usual.min(renew_at.saturating_sub(self.clock.mono())).max(SHORTEST_REST)
            }
            Some(Lease::Endless) | None => usual,
        }
    }

    async fn token(&self) -> Result<Secret, VaultError> {
        if let Some(token) = self.known() {
            return Ok(token.secret);
        }
        let token = match &self.credential {
            Credential::Token(secret) => Token { secret: secret.clone(), lease: self.look_up(secret).await },
            Credential::AppRole { mount, role_id, secret_id } => {
                let text = |secret: &Secret| secret.expose_text().map(str::to_owned);
                let body = json!({ "role_id": text(role_id), "secret_id": text(secret_id) });
                let target = format!("auth/{mount}/login");
                let login: Login = read_json(self.ask(Method::POST, &target, None, Some(&body)).await?)?;
                let lease = self.lease(login.auth.lease_duration, login.auth.renewable);
                Token { secret: secret(login.auth.client_token)?, lease }
            }
        };
        self.know(token.clone());
        Ok(token.secret)
    }

    /// How long a token that was given to us lives. A token that may not ask lives until it is refused.
    async fn look_up(&self, token: &Secret) -> Lease {
        let answer = self.ask(Method::GET, "auth/token/lookup-self", Some(token), None).await;
        match answer.and_then(read_json::<LookUp>) {
            Ok(found) => self.lease(found.data.ttl, found.data.renewable),
            Err(_) => Lease::Endless,
        }
    }

    fn lease(&self, seconds: u64, renewable: bool) -> Lease {
        if seconds == 0 {
            return Lease::Endless;
        }
        let renewal = if renewable { Renewal::Offered } else { Renewal::Refused };
        Lease::Limited { renew_at: self.clock.mono() + Duration::from_secs(seconds) / 2, renewal }
    }

    async fn ask(
        &self,
        method: Method,
        target: &str,
        token: Option<&Secret>,
        body: Option<&Value>,
    ) -> Result<Bytes, VaultError> {
        let mut url = self.address.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}/v1/{target}"));
        let body = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        let headers = request.headers_mut();
        // Vault refuses what a page or a redirect could have made somebody send.
        headers.insert(X_VAULT_REQUEST, HeaderValue::from_static("true"));
        if let Some(token) = token {
            let mut value = HeaderValue::from_bytes(token.expose()).map_err(|_| VaultError::Malformed)?;
            value.set_sensitive(true);
            headers.insert(X_VAULT_TOKEN, value);
        }
        if let Some(namespace) = &self.namespace {
            headers
                .insert(X_VAULT_NAMESPACE, HeaderValue::from_str(namespace).map_err(|_| VaultError::Path)?);
        }
        let Fetched { status, body } = self.fetch.send(&url, request, BOUNDS).await?;
        match status {
            200..=299 => Ok(body),
            400 | 401 | 403 => Err(VaultError::Refused(status)),
            404 => Err(VaultError::Absent),
            _ => Err(VaultError::Status(status)),
        }
    }

    fn known(&self) -> Option<Token> {
        self.token.lock().unwrap_or_else(whole).clone()
    }

    fn know(&self, token: Token) {
        *self.token.lock().unwrap_or_else(whole) = Some(token);
    }

    fn forget(&self) {
        *self.token.lock().unwrap_or_else(whole) = None;
    }
}

#[derive(Deserialize)]
struct KeyValue {
    data: Version,
}

#[derive(Deserialize)]
struct Version {
    data: std::collections::BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct Login {
    auth: Auth,
}

#[derive(Deserialize)]
struct Auth {
    #[serde(default)]
    client_token: Value,
    #[serde(default)]
    lease_duration: u64,
    #[serde(default)]
    renewable: bool,
}

#[derive(Deserialize)]
struct LookUp {
    data: TokenFacts,
}

#[derive(Deserialize)]
struct TokenFacts {
    #[serde(default)]
    ttl: u64,
    #[serde(default)]
    renewable: bool,
}

/// Reads an answer and wipes the bytes it came in.
fn read_json<T: for<'de> Deserialize<'de>>(body: Bytes) -> Result<T, VaultError> {
    let read = serde_json::from_slice(&body).map_err(|_| VaultError::Malformed);
    if let Ok(mut bytes) = body.try_into_mut() {
        bytes.as_mut().zeroize();
    }
    read
}

/// Text as it is, other values as JSON.
fn secret(value: Value) -> Result<Secret, VaultError> {
    match value {
        Value::String(text) => Ok(Secret::new(text.into_bytes())),
        Value::Number(_) | Value::Bool(_) => Ok(Secret::new(value.to_string().into_bytes())),
        Value::Null | Value::Array(_) | Value::Object(_) => Err(VaultError::Malformed),
    }
}

const X_VAULT_TOKEN: HeaderName = HeaderName::from_static("x-vault-token");
const X_VAULT_NAMESPACE: HeaderName = HeaderName::from_static("x-vault-namespace");
const X_VAULT_REQUEST: HeaderName = HeaderName::from_static("x-vault-request");

/// The operator named the address: it may be a private one.
const BOUNDS: FetchBounds =
    FetchBounds { body: 1024 * 1024, time: Duration::from_secs(5), reach: Reach::PrivateToo };
const SHORTEST_REST: Duration = Duration::from_millis(100);
