//! Rights that somebody gets for a while: break-glass, and what two people must agree to (AUTHZ-23).
//!
//! A grant gives a subject roles and scopes that its credential does not bring. It is opened with a reason and
//! an end, needs as many approvals by others as were asked for, and ends by itself, or when it is closed. What
//! it may give at all is for the configuration to say; that is judged where it is used.

use std::fmt;
use std::str::FromStr;

use crate::caller::Scopes;
use crate::store::{Sequence, StoreFuture};
use crate::time::Timestamp;

/// Which grant; sixteen hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GrantId(pub u64);

impl fmt::Display for GrantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// This is no grant's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrantIdMalformed;

impl fmt::Display for GrantIdMalformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the id of a grant has sixteen hexadecimal digits")
    }
}

impl std::error::Error for GrantIdMalformed {}

impl FromStr for GrantId {
    type Err = GrantIdMalformed;

    fn from_str(text: &str) -> Result<Self, GrantIdMalformed> {
        let is_hex = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hex.then(|| u64::from_str_radix(text, 16).ok()).flatten().map(Self).ok_or(GrantIdMalformed)
    }
}

/// A grant, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessGrant {
    /// Which.
    pub id: GrantId,
    /// Who vouches for the subject.
    pub issuer: Box<str>,
    /// Who gets the rights.
    pub subject: Box<str>,
    /// The roles that it gives.
    pub roles: Scopes,
    /// The scopes that it gives.
    pub scopes: Scopes,
    /// Why, in the words of whoever opened it.
    pub cause: Box<str>,
    /// Who opened it.
    pub opened_by: Box<str>,
    /// When.
    pub opened_at: Timestamp,
    /// When it ends, whatever happens.
    pub expires_at: Timestamp,
    /// How many others must approve before it gives anything.
    pub needed: u8,
    /// Who did, in the order of their names.
    pub approved_by: Vec<Box<str>>,
    /// When it was closed before its end, and by whom.
    pub closed: Option<(Timestamp, Box<str>)>,
    /// When it was used first.
    pub used_at: Option<Timestamp>,
}

/// Where a grant stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GrantState {
    /// Not enough others have approved.
    Waiting,
    /// It gives its rights.
    Active,
    /// It is past its end.
    Expired,
    /// It was closed.
    Closed,
}

impl GrantState {
    /// The stable word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Closed => "closed",
        }
    }
}

impl AccessGrant {
    /// Where it stands at `now`.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> GrantState {
        match self {
            Self { closed: Some(_), .. } => GrantState::Closed,
            _ if now >= self.expires_at => GrantState::Expired,
            _ if self.approved_by.len() < usize::from(self.needed) => GrantState::Waiting,
            _ => GrantState::Active,
        }
    }
}

/// Grants that have changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessGrantChanges {
    /// Up to this place in the order of changes.
    pub sequence: Sequence,
    /// As they are now, in the order in which they changed last.
    pub grants: Vec<AccessGrant>,
}

/// What came of an approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Approved {
    /// It counts.
    Counted,
    /// By the same person before, or by whoever opened the grant: four eyes are two people.
    NotAnother,
    /// There is no such grant, or it is over.
    Over,
}

/// Keeps grants.
pub trait GrantStore: Send + Sync {
    /// Keeps a new grant, without approvals.
    fn open_grant(&self, grant: AccessGrant) -> StoreFuture<'_, ()>;

    /// Notes that `by` approves.
    fn approve_grant(&self, id: GrantId, by: &str, now: Timestamp) -> StoreFuture<'_, Approved>;

    /// Ends a grant before its time; `false` if there was none to end.
    fn close_grant(&self, id: GrantId, by: &str, now: Timestamp) -> StoreFuture<'_, bool>;

    /// Notes when it was used first; what was noted before stays.
    fn note_grant_used(&self, id: GrantId, at: Timestamp) -> StoreFuture<'_, ()>;

    /// Grants that have changed after `sequence`, at most `limit`. Asked from zero on, it gives all.
    fn grants_changed_since(&self, sequence: Sequence, limit: u32) -> StoreFuture<'_, AccessGrantChanges>;

    /// Forgets grants that ended before `before`, and tells how many that were.
    fn forget_grants(&self, before: Timestamp) -> StoreFuture<'_, u64>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_and_nothing_else_is_one() {
        let id = GrantId(0x0123_4567_89ab_cdef);
        assert_eq!(id.to_string().parse(), Ok(id));
        for wrong in ["", "1", "0123456789abcdeg", "+123456789abcdef", "0123456789abcdef0"] {
            assert_eq!(wrong.parse::<GrantId>(), Err(GrantIdMalformed), "{wrong}");
        }
    }

    #[test]
    fn a_grant_gives_nothing_before_it_is_approved_and_after_its_end() {
        let at = Timestamp::from_seconds;
        let mut grant = AccessGrant {
            id: GrantId(1),
            issuer: "https://id.test".into(),
            subject: "alice".into(),
            roles: Scopes::parse("admin"),
            scopes: Scopes::default(),
            cause: "incident".into(),
            opened_by: "carol".into(),
            opened_at: at(10),
            expires_at: at(20),
            needed: 2,
            approved_by: vec!["bob".into()],
            closed: None,
            used_at: None,
        };
        assert_eq!(grant.state(at(11)), GrantState::Waiting);
        grant.approved_by.push("dave".into());
        assert_eq!(grant.state(at(19)), GrantState::Active);
        assert_eq!(grant.state(at(20)), GrantState::Expired);
        grant.closed = Some((at(15), "carol".into()));
        assert_eq!(grant.state(at(16)), GrantState::Closed);
    }
}
