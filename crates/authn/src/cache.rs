//! Tokens that were verified a moment ago, so that the same token need not be verified again.
//!
//! In: the digest of a token, and what was proven. Out: the same [`Principal`], while the token has
//! not expired and the keys that proved it are still the issuer's. Called by
//! [`crate::authenticator`], one cache per issuer. Only accepted tokens are kept: a stranger can
//! fill nothing here. The token itself is not kept.
//!
//! Keyed on SHA-256, so that no token can be made that finds another's entry.

use std::hash::RandomState;
use std::sync::Arc;

use portcullis_domain::{Now, Principal, Timestamp};
use quick_cache::Weighter;
use quick_cache::sync::{Cache, DefaultLifecycle};

use crate::bearer::TokenDigest;
use crate::binding::Binding;
use crate::keys::KeyRing;

/// A token larger than this counts as several entries, so that large ones cannot use up the memory.
const BYTES_PER_ENTRY: usize = 1024;

/// The verified tokens of one issuer.
#[derive(Debug)]
pub(crate) struct VerifiedTokens(Option<TokenCache>);

type TokenCache = Cache<Question, Entry, BySize, RandomState, DefaultLifecycle<Question, Entry>>;

/// A token, and the set of schemes that were accepted when it was judged. The set belongs to the
/// question: where two schemes share an issuer, another set may get another answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    pub(crate) token: TokenDigest,
    pub(crate) accepted: u64,
}

/// A principal, what its token is bound to, and the generation of keys that proved it.
#[derive(Debug)]
pub(crate) struct Proven {
    pub(crate) principal: Arc<Principal>,
    pub(crate) binding: Binding,
    /// The identifier of the key that signed, by which it can be revoked.
    pub(crate) kid: Option<Arc<str>>,
    pub(crate) generation: u64,
}

/// A token that is believed, whether or not the client may use it.
#[derive(Clone, Debug)]
pub(crate) struct Believed {
    pub(crate) principal: Arc<Principal>,
    pub(crate) binding: Binding,
    /// The identifier of the key that signed, if one did.
    pub(crate) kid: Option<Arc<str>>,
}

#[derive(Clone, Debug)]
struct Entry {
    principal: Arc<Principal>,
    binding: Binding,
    kid: Option<Arc<str>>,
    expires_at: Timestamp,
    generation: u64,
    weight: u64,
}

#[derive(Clone, Debug)]
struct BySize;

impl VerifiedTokens {
    /// A cache for `entries` tokens of usual size; none at all for zero.
    pub(crate) fn new(entries: usize) -> Self {
        let build = || {
            let weight = u64::try_from(entries).unwrap_or(u64::MAX);
            Cache::with(entries, weight, BySize, RandomState::new(), DefaultLifecycle::default())
        };
        Self((entries > 0).then(build))
    }

    /// Whether anything is remembered.
    pub(crate) const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// What was proven for this question, if it still holds.
    pub(crate) fn recall(&self, question: &Question, keys: &KeyRing, now: Now) -> Option<Believed> {
        let entry = self.0.as_ref()?.get(question)?;
        let holds = now.wall < entry.expires_at && keys.vouches_for(entry.generation, now);
        holds.then_some(Believed { principal: entry.principal, binding: entry.binding, kid: entry.kid })
    }

    /// Remembers what a token of `size` bytes proved, until it expires.
    pub(crate) fn remember(&self, question: Question, size: usize, proven: &Proven) {
        let (Some(cache), Some(expires_at)) = (&self.0, proven.principal.expires_at) else { return };
        let weight = u64::try_from(size.div_ceil(BYTES_PER_ENTRY)).unwrap_or(u64::MAX);
        let principal = Arc::clone(&proven.principal);
        let (binding, generation) = (proven.binding, proven.generation);
        let kid = proven.kid.clone();
        cache.insert(question, Entry { principal, binding, kid, expires_at, generation, weight });
    }
}

impl Weighter<Question, Entry> for BySize {
    fn weight(&self, _: &Question, entry: &Entry) -> u64 {
        entry.weight
    }
}
