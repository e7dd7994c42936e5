//! Sessions of browsers, as they are kept.
//!
//! The cookie holds an unguessable id and nothing else; everything it stands for is kept here, sealed. The
//! store digests ids and seals content itself: no caller can forget it.

use crate::caller::{Issuer, Subject};
use crate::secret::Secret;
use crate::store::StoreFuture;
use crate::time::Timestamp;

/// A session.
#[derive(Clone, Debug)]
pub struct Session {
    /// Who is signed in.
    pub subject: Subject,
    /// At whom.
    pub issuer: Issuer,
    /// The session at the issuer (`sid`), by which it can end it.
    pub sid: Option<Box<str>>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it ends unless it is used.
    pub idle_at: Timestamp,
    /// When it ends in any case.
    pub ends_at: Timestamp,
    /// Tokens and whatever else belongs to it; sealed at rest.
    pub content: Secret,
}

/// Which sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionsOf {
    /// All of one subject.
    Subject {
        /// At this issuer.
        issuer: Issuer,
        /// The subject.
        subject: Subject,
    },
    /// The one that the issuer calls so.
    Sid {
        /// This issuer.
        issuer: Issuer,
        /// Its name for the session.
        sid: Box<str>,
    },
}

/// What may be shown of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionSummary {
    /// Who is signed in.
    pub subject: Subject,
    /// At whom.
    pub issuer: Issuer,
    /// The session at the issuer.
    pub sid: Option<Box<str>>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it ends unless it is used.
    pub idle_at: Timestamp,
    /// When it ends in any case.
    pub ends_at: Timestamp,
}

/// Keeps sessions.
pub trait SessionStore: Send + Sync {
    /// Keeps a new session under `id`.
    ///
    /// # Errors
    /// [`StoreError::Conflict`](crate::StoreError::Conflict) if the id is taken.
    fn begin_session(&self, id: &Secret, session: Session) -> StoreFuture<'_, ()>;

    /// A session that has not ended by `now`.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`](crate::StoreError::Unreadable) if its content was moved, damaged, or
    /// sealed under a key that is not at hand.
    fn find_session(&self, id: &Secret, now: Timestamp) -> StoreFuture<'_, Option<Session>>;

    /// Replaces the content and moves the idle end.
    ///
    /// # Errors
    /// [`StoreError::Conflict`](crate::StoreError::Conflict) if there is no such session.
    fn renew_session(&self, id: &Secret, idle_at: Timestamp, content: &Secret) -> StoreFuture<'_, ()>;

    /// Moves the idle end alone, so that a renewal under way elsewhere is not undone.
    ///
    /// # Errors
    /// [`StoreError::Conflict`](crate::StoreError::Conflict) if there is no such session.
    fn touch_session(&self, id: &Secret, idle_at: Timestamp) -> StoreFuture<'_, ()>;

    /// Ends one session; ending one that is not there is no mistake.
    fn end_session(&self, id: &Secret) -> StoreFuture<'_, ()>;

    /// Lists sessions, at most a thousand.
    fn list_sessions(&self, of: SessionsOf) -> StoreFuture<'_, Vec<SessionSummary>>;

    /// Ends sessions, and tells how many that were.
    fn end_sessions(&self, of: SessionsOf) -> StoreFuture<'_, u64>;

    /// Forgets sessions that have ended by `now`, and tells how many that were.
    fn forget_sessions(&self, now: Timestamp) -> StoreFuture<'_, u64>;
}
