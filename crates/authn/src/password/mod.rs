//! User and password, for callers that can do nothing better (Basic, RFC 7617).
//!
//! In: the Authorization field of a request that came over TLS, and the users of one scheme. Out: a
//! [`Principal`], or a [`Denial`]. Called by the gateway's `identify`, behind the limit on failures. Only
//! where the operator opted in: a password is sent with each request and never ends by itself (ASVS 6.3).
//!
//! Argon2id takes tens of milliseconds and megabytes on purpose, so it runs beside the walk, a few at a time,
//! and a good answer is remembered for a moment under a keyed digest. An unknown user costs as much as a
//! wrong password, so that names cannot be told from the time.

mod file;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::PasswordVerifier as _;
use argon2::password_hash::phc::PasswordHash;
use aws_lc_rs::rand::{self, SystemRandom};
use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HeaderMap};
use portcullis_domain::{
    Assurance, Challenge, Denial, Issuer, Now, Principal, PrincipalKind, Reason, Scheme, Scopes, Secret,
    Subject,
};
use quick_cache::sync::Cache;
use tokio::sync::Semaphore;

pub use file::{UsersFault, read_users};

/// Passwords that are checked at the same time; each takes as much memory as its hash says.
const AT_ONCE: usize = 2;
/// Passwords that wait to be checked; more are told to come back.
const WAITING_LIMIT: usize = 64;
/// Good passwords that are remembered.
const REMEMBERED: usize = 1024;
/// Longest Authorization field that is decoded.
const LARGEST: usize = 1024;

/// The users of one scheme.
pub struct Passwords {
    scheme: Arc<str>,
    users: HashMap<Box<str>, Arc<PasswordHash>>,
    /// Stands in for users that there are not.
    nobody: Arc<PasswordHash>,
    waiting: Semaphore,
    at_once: Semaphore,
    remembered: Duration,
    good: Cache<[u8; 32], Duration>,
    key: hmac::Key,
}

/// A user name and a password as they were sent.
pub struct ShownPassword {
    user: Box<str>,
    password: Secret,
}

impl ShownPassword {
    /// Takes a Basic credential out of the head; `None` if there is none.
    ///
    /// # Errors
    /// [`Reason::CredentialMalformed`] if what follows the scheme is no `user:password` in base64.
    pub fn take(headers: &mut HeaderMap) -> Result<Option<Self>, Reason> {
        const SCHEME: usize = "basic".len();
        let is_basic = |value: &[u8]| {
            let (scheme, rest) = value.split_at_checked(SCHEME).unwrap_or_default();
            scheme.eq_ignore_ascii_case(b"basic") && matches!(rest.first(), None | Some(b' '))
        };
        if !headers.get(AUTHORIZATION).is_some_and(|value| is_basic(value.as_bytes())) {
            return Ok(None);
        }
        let Some(field) = headers.remove(AUTHORIZATION) else { return Ok(None) };
        let encoded = field.as_bytes().get(SCHEME..).unwrap_or_default().trim_ascii();
        if encoded.len() > LARGEST {
            return Err(Reason::CredentialMalformed);
        }
        let pair = Secret::new(STANDARD.decode(encoded).map_err(|_| Reason::CredentialMalformed)?);
        let colon = pair.expose().iter().position(|byte| *byte == b':').ok_or(Reason::CredentialMalformed)?;
        let (user, rest) = pair.expose().split_at(colon);
        let user = std::str::from_utf8(user).map_err(|_| Reason::CredentialMalformed)?;
        Ok(Some(Self {
            user: user.into(),
            password: Secret::new(rest.get(1..).unwrap_or_default().to_vec()),
        }))
    }

    /// Names the user in counters without being the name.
    #[must_use]
    pub fn user_digest(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest::digest(&digest::SHA256, self.user.as_bytes()).as_ref());
        bytes
    }
}

impl Passwords {
    /// The users of a scheme; a good password is believed for `remembered` without being checked again.
    /// `None` without users, or if the machine gives no random numbers.
    #[must_use]
    pub fn new(
        scheme: Arc<str>,
        users: HashMap<Box<str>, PasswordHash>,
        remembered: Duration,
    ) -> Option<Self> {
        let users: HashMap<_, _> = users.into_iter().map(|(user, hash)| (user, Arc::new(hash))).collect();
        let mut secret = [0; 32];
        rand::SecureRandom::fill(&SystemRandom::new(), &mut secret).ok()?;
        Some(Self {
            scheme,
            nobody: Arc::clone(users.values().next()?),
            users,
            waiting: Semaphore::new(WAITING_LIMIT),
            at_once: Semaphore::new(AT_ONCE),
            remembered,
            good: Cache::new(REMEMBERED),
            key: hmac::Key::new(hmac::HMAC_SHA256, &secret),
        })
    }

    /// Finds out who is calling.
    ///
    /// # Errors
    /// [`Reason::PasswordInvalid`] for an unknown user or a wrong password, which look alike;
    /// [`Reason::PasswordsSaturated`] (503) if too many wait to be checked.
    pub async fn identify(
        &self,
        shown: &ShownPassword,
        realm: &str,
        now: Now,
    ) -> Result<Arc<Principal>, Denial> {
        let name = self.name_of(shown);
        if self.good.get(&name).is_some_and(|until| now.mono < until) {
            return Ok(self.principal(&shown.user));
        }
        let saturated = || Denial::new(Reason::PasswordsSaturated).with_retry_after(Duration::from_secs(1));
        let _place = self.waiting.try_acquire().map_err(|_| saturated())?;
        let _turn = self.at_once.acquire().await.map_err(|_| saturated())?;
        let user = self.users.get(&shown.user);
        let hash = Arc::clone(user.unwrap_or(&self.nobody));
        let password = shown.password.clone();
        let checked = tokio::task::spawn_blocking(move || {
            Argon2::default().verify_password(password.expose(), &*hash).is_ok()
        });
        // A check that was broken off has shown nothing.
        let is_right = checked.await.unwrap_or(false);
        if !is_right || user.is_none() {
            return Err(Denial::new(Reason::PasswordInvalid).with_challenge(challenge(realm)));
        }
        self.good.insert(name, now.mono + self.remembered);
        Ok(self.principal(&shown.user))
    }

    fn name_of(&self, shown: &ShownPassword) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&(shown.user.len() as u64).to_be_bytes());
        context.update(shown.user.as_bytes());
        context.update(shown.password.expose());
        let mut name = [0; 32];
        name.copy_from_slice(context.sign().as_ref());
        name
    }

    fn principal(&self, user: &str) -> Arc<Principal> {
        Arc::new(Principal {
            // Users of two schemes are two, whatever their names are.
            issuer: Issuer::from(&*format!("passwords:{}", self.scheme)),
            subject: Subject::from(user),
            kind: PrincipalKind::User,
            client: None,
            scopes: Scopes::default(),
            roles: Scopes::default(),
            expires_at: None,
            claims: Arc::default(),
            scheme: Arc::clone(&self.scheme),
            assurance: Assurance::default(),
        })
    }
}

/// What is wanted (RFC 7617 §2, §2.1).
#[must_use]
pub fn challenge(realm: &str) -> Challenge {
    Challenge::new(Scheme::Basic).with("realm", realm.to_owned()).with("charset", "UTF-8")
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords").field("scheme", &self.scheme).finish_non_exhaustive()
    }
}

impl fmt::Debug for ShownPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShownPassword(redacted)")
    }
}
