//! Telling an upstream who calls, in a way that it can verify without trusting the network.
//!
//! In: a [`Principal`], the name of the upstream, and the moment. Out: a short-lived JWT of our own that
//! only this upstream accepts, and the JWK Set that verifies it. Called by the gateway for each request it
//! forwards; the token is kept per principal and upstream, so that a request seldom waits for a signature.
//! RFC 7515, RFC 7519; RFC 8725 §3.11: `typ` keeps it from being taken for an access token. ASVS 10.1.1:
//! the client's own token stays outside. [`keys`] makes the keys and replaces them in time.
//!
//! Not done here: keeping the keys over a restart (the caller stores what [`InternalTokens::saved`] gives
//! it) and exchanging tokens at an issuer (RFC 8693).

mod keys;

use std::fmt;
use std::hash::RandomState;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::digest;
use aws_lc_rs::rand::{self, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::HeaderValue;
use portcullis_domain::{Now, Principal, Secret, Timestamp};
use quick_cache::UnitWeighter;
use quick_cache::sync::{Cache, DefaultLifecycle};
use serde_json::{Map, Value, json};

use keys::{KeyTimes, SigningKeys};
pub use keys::{KeysUnreadable, SigningAlgorithm};

/// What marks a token of ours (RFC 8725 §3.11).
pub const TOKEN_TYPE: &str = "portcullis-identity+jwt";
/// How many tokens are kept for further requests.
const KEPT: usize = 10_000;
/// Claims of the client's token that are handed on, because they say how the caller was authenticated.
const HANDED_ON: [&str; 4] = ["acr", "amr", "auth_time", "sid"];

/// Makes tokens for upstreams.
pub struct InternalTokens {
    issuer: Box<str>,
    algorithm: SigningAlgorithm,
    times: KeyTimes,
    keys: ArcSwap<SigningKeys>,
    /// Held while keys are made.
    turning: Mutex<()>,
    minted: Cache<Identity, Minted, UnitWeighter, RandomState, DefaultLifecycle<Identity, Minted>>,
}

/// For whom a token is, and how long it lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addressee {
    /// The upstream's name, as `aud` has it.
    pub audience: Box<str>,
    /// Longest life of a token.
    pub lifetime: Duration,
}

/// SHA-256 over everything that a token says, but for its times.
type Identity = [u8; 32];

#[derive(Clone)]
struct Minted {
    value: HeaderValue,
    renew_at: Timestamp,
}

/// Whether keys were made or taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turned {
    /// Nothing changed.
    Unchanged,
    /// What is stored is out of date.
    Changed,
}

impl InternalTokens {
    /// Longest life that a token may have.
    pub const LONGEST_LIFE: Duration = Duration::from_secs(300);

    /// Tokens of `issuer`, under keys that are replaced each `rotate`. Without `saved` the first key is made
    /// by [`InternalTokens::turn`].
    ///
    /// # Errors
    /// If what was saved cannot be read.
    pub fn new(
        issuer: &str,
        algorithm: SigningAlgorithm,
        rotate: Duration,
        saved: Option<&Secret>,
    ) -> Result<Self, KeysUnreadable> {
        let keys = match saved {
            Some(saved) => SigningKeys::read(saved)?,
            None => SigningKeys::default(),
        };
        Ok(Self {
            issuer: issuer.into(),
            algorithm,
            times: KeyTimes::new(rotate, Self::LONGEST_LIFE),
            keys: ArcSwap::from_pointee(keys),
            turning: Mutex::default(),
            minted: Cache::with(
                KEPT,
                KEPT as u64,
                UnitWeighter,
                RandomState::new(),
                DefaultLifecycle::default(),
            ),
        })
    }

    /// Whether these are made just as asked for here, so that a new policy can take them over.
    #[must_use]
    pub fn follows(&self, issuer: &str, algorithm: SigningAlgorithm, rotate: Duration) -> bool {
        *self.issuer == *issuer
            && self.algorithm == algorithm
            && self.times == KeyTimes::new(rotate, Self::LONGEST_LIFE)
    }

    /// Makes the keys that are due and drops those that verify nothing any more.
    pub fn turn(&self, now: Timestamp) -> Turned {
        let _alone = self.turning.lock().unwrap_or_else(PoisonError::into_inner);
        match self.keys.load().turned(self.algorithm, &self.times, now) {
            Some(keys) => {
                self.keys.store(Arc::new(keys));
                Turned::Changed
            }
            None => Turned::Unchanged,
        }
    }

    /// How long nothing is due.
    #[must_use]
    pub fn idle(&self, now: Timestamp) -> Duration {
        self.keys.load().idle(&self.times, now)
    }

    /// The keys, to be kept where nobody else can read them.
    #[must_use]
    pub fn saved(&self) -> Secret {
        self.keys.load().saved()
    }

    /// The public keys, those of tomorrow included (OpenID Connect Core §10.1.1).
    #[must_use]
    pub fn jwks(&self) -> Bytes {
        Bytes::from(self.keys.load().jwks().to_string())
    }

    /// A token that tells `addressee` who is calling; `None` if there is no key to sign with, and then the
    /// upstream, which wants a token, lets nobody in.
    #[must_use]
    pub fn token_for(&self, principal: &Principal, addressee: &Addressee, now: Now) -> Option<HeaderValue> {
        let about = self.about(principal, addressee);
        let identity = identity(&about, principal.expires_at);
        if let Some(minted) = self.minted.get(&identity)
            && now.wall < minted.renew_at
        {
            return Some(minted.value);
        }
        let end = now.wall.plus(addressee.lifetime);
        let end = principal.expires_at.map_or(end, |expires_at| expires_at.min(end));
        let value = self.mint(about, end, now.wall)?;
        let renew_at = now.wall.plus(end.since(now.wall) / 2);
        self.minted.insert(identity, Minted { value: value.clone(), renew_at });
        Some(value)
    }

    /// What a token says, but for its times.
    fn about(&self, principal: &Principal, addressee: &Addressee) -> Map<String, Value> {
        let mut claims = Map::new();
        let mut say = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        say("iss", (*self.issuer).into());
        say("aud", (*addressee.audience).into());
        say("sub", principal.subject.as_str().into());
        // A subject is one only within its issuer (ASVS 10.3.3).
        say("sub_iss", principal.issuer.as_str().into());
        if let Some(client) = &principal.client {
            say("client_id", (**client).into());
        }
        if !principal.scopes.is_empty() {
            say("scope", principal.scopes.to_string().into());
        }
        if !principal.roles.is_empty() {
            say("roles", json!(principal.roles.iter().collect::<Vec<_>>()));
        }
        for name in HANDED_ON {
            if let Some(value) = principal.claims.get(name) {
                say(name, value.clone());
            }
        }
        claims
    }

    fn mint(&self, mut claims: Map<String, Value>, end: Timestamp, now: Timestamp) -> Option<HeaderValue> {
        let mut id = [0; 16];
        rand::SecureRandom::fill(&SystemRandom::new(), &mut id).ok()?;
        claims.insert("iat".into(), now.as_seconds().into());
        claims.insert("exp".into(), end.as_seconds().into());
        claims.insert("jti".into(), URL_SAFE_NO_PAD.encode(id).into());
        let keys = self.keys.load();
        let key = keys.signing(now)?;
        let header = json!({ "alg": key.algorithm().name(), "typ": TOKEN_TYPE, "kid": key.kid() });
        let encoded = |value: String| URL_SAFE_NO_PAD.encode(value);
        let mut token =
            format!("{}.{}", encoded(header.to_string()), encoded(Value::Object(claims).to_string()));
        let signature = key.sign(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        let mut value = HeaderValue::try_from(token).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

fn identity(about: &Map<String, Value>, expires_at: Option<Timestamp>) -> Identity {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(serde_json::to_string(about).unwrap_or_default().as_bytes());
    context.update(&expires_at.map_or(u64::MAX, Timestamp::as_seconds).to_be_bytes());
    let mut identity = [0; 32];
    identity.copy_from_slice(context.finish().as_ref());
    identity
}

impl fmt::Debug for InternalTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InternalTokens").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}
