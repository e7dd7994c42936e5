//! What is not believed any more, though it was not at its end.
//!
//! Revocations name claims of a verified token and never its bytes: an ECDSA signature can be respelled, so
//! that the same token has many spellings (RFC 8725 §3.3 leaves that to the verifier). API keys are ended in
//! their own record, see [`KeyStore::revoke_key`](crate::KeyStore::revoke_key).

use crate::store::{Sequence, StoreFuture};
use crate::time::Timestamp;

/// Which claim names what is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RevocationKind {
    /// One token (`jti`, RFC 7519 §4.1.7).
    Token,
    /// Everything of one subject (`sub`).
    Subject,
    /// Everything of one session at the issuer (`sid`, OpenID Connect Front-Channel Logout §3).
    Session,
    /// Everything that came through one client (`client_id`).
    Client,
    /// Everything that one key of the issuer signed (`kid`).
    SigningKey,
    /// Everything of the issuer.
    Issuer,
}

impl RevocationKind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Token, Self::Subject, Self::Session, Self::Client, Self::SigningKey, Self::Issuer];

    /// The name of the claim or header parameter; also the stable word in the store and the record.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Token => "jti",
            Self::Subject => "sub",
            Self::Session => "sid",
            Self::Client => "client_id",
            Self::SigningKey => "kid",
            Self::Issuer => "iss",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Something that is revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// Which claim names it.
    pub kind: RevocationKind,
    /// The issuer within which the name means something.
    pub issuer: Box<str>,
    /// The claim's value; empty for [`RevocationKind::Issuer`].
    pub value: Box<str>,
    /// Only what was issued before this moment; all of it when absent.
    pub issued_before: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Timestamp,
    /// When everything it revokes has ended by itself, so that it can be forgotten.
    pub forget_at: Timestamp,
    /// Why, in the words of whoever did it.
    pub cause: Box<str>,
}

/// Revocations, as far as they were made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocations {
    /// Up to this place in the order of changes.
    pub sequence: Sequence,
    /// In the order in which they were made.
    pub made: Vec<Revocation>,
}

/// Keeps revocations.
pub trait RevocationStore: Send + Sync {
    /// Keeps a revocation. Repeating one is no mistake: the wider bound and the later end hold.
    fn revoke(&self, revocation: Revocation) -> StoreFuture<'_, ()>;

    /// Revocations that were made after `sequence`, at most `limit`. Asked from zero on, it gives all.
    fn revoked_since(&self, sequence: Sequence, limit: u32) -> StoreFuture<'_, Revocations>;

    /// Forgets what could be forgotten by `now`, and tells how many that were.
    fn forget_revocations(&self, now: Timestamp) -> StoreFuture<'_, u64>;
}
