//! Who called what, how often and with which end: counts of traffic, and never a single request of it.
//!
//! A gateway counts in memory and hands batches to a [`UsageStore`]; counts of several gateways add up. What
//! is asked of them: who still calls what is to be retired (VER-09), and what is called that no contract
//! declares (VER-10). Paths are templates and members are names here: no value of a request is among them.

use crate::store::StoreFuture;
use crate::time::Timestamp;

/// An operation, by the names under which it is counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UsedOperation {
    /// The API, as `portcullis.yaml` calls it.
    pub api: Box<str>,
    /// Its version, as its contract calls it; empty without one.
    pub version: Box<str>,
    /// The operation's id.
    pub operation: Box<str>,
}

/// What kind of party a consumer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ConsumerKind {
    /// Nobody said who.
    Anonymous,
    /// A person, through a client.
    User,
    /// A program: a client of an issuer, an API key, a certificate.
    Client,
    /// All for whom there was no room of their own.
    Others,
}

impl ConsumerKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Anonymous, Self::User, Self::Client, Self::Others];

    /// The stable word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::User => "user",
            Self::Client => "client",
            Self::Others => "others",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Consumer {
    /// What kind of party.
    pub kind: ConsumerKind,
    /// Who vouches; empty for those who are nobody in particular.
    pub issuer: Box<str>,
    /// For whom.
    pub subject: Box<str>,
    /// Through which client or API key; empty where there is none.
    pub client: Box<str>,
}

impl Consumer {
    /// One that is nobody in particular.
    #[must_use]
    pub fn nameless(kind: ConsumerKind) -> Self {
        Self { kind, issuer: "".into(), subject: "".into(), client: "".into() }
    }
}

/// How a call ended, in classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallEnd {
    /// With an answer that is no error.
    Served,
    /// With a 4xx of the upstream.
    Rejected,
    /// With a 5xx, whoever made it.
    Failed,
    /// With a refusal of the gateway's.
    Denied,
    /// With the refusal of what is retired.
    Gone,
}

/// So many calls of each end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallEnds([u64; CallEnd::ALL.len()]);

impl CallEnd {
    /// Every end.
    pub const ALL: [Self; 5] = [Self::Served, Self::Rejected, Self::Failed, Self::Denied, Self::Gone];

    /// The stable word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Served => "served",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::Denied => "denied",
            Self::Gone => "gone",
        }
    }
}

impl CallEnds {
    /// These counts, in the order of [`CallEnd::ALL`].
    #[must_use]
    pub const fn of(counts: [u64; CallEnd::ALL.len()]) -> Self {
        Self(counts)
    }

    /// One more that ended like this.
    pub const fn count(&mut self, end: CallEnd) {
        let count = match (&mut self.0, end) {
            ([served, ..], CallEnd::Served) => served,
            ([_, rejected, ..], CallEnd::Rejected) => rejected,
            ([_, _, failed, ..], CallEnd::Failed) => failed,
            ([_, _, _, denied, _], CallEnd::Denied) => denied,
            ([_, _, _, _, gone], CallEnd::Gone) => gone,
        };
        *count = count.saturating_add(1);
    }

    /// As many more.
    pub fn add(&mut self, other: &Self) {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            *count = count.saturating_add(more);
        }
    }

    /// How many ended like this.
    #[must_use]
    pub const fn ended(&self, end: CallEnd) -> u64 {
        let [served, rejected, failed, denied, gone] = self.0;
        match end {
            CallEnd::Served => served,
            CallEnd::Rejected => rejected,
            CallEnd::Failed => failed,
            CallEnd::Denied => denied,
            CallEnd::Gone => gone,
        }
    }

    /// How many there were.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }
}

/// Calls of one operation by one consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// What was called.
    pub operation: UsedOperation,
    /// By whom.
    pub consumer: Consumer,
    /// How often, and with which ends.
    pub ends: CallEnds,
    /// The first of these calls.
    pub first_at: Timestamp,
    /// The last of them.
    pub last_at: Timestamp,
    /// The most of them that came in one minute, without those that we refused; zero where that is not known.
    pub peak: u32,
}

/// Calls of what no contract declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stray {
    /// The API at which it was tried.
    pub api: Box<str>,
    /// Its version.
    pub version: Box<str>,
    /// The method.
    pub method: Box<str>,
    /// The path with its ids taken out: `/orders/{id}`. Never a raw path.
    pub template: Box<str>,
    /// Calls that the gateway refused, or that the upstream did not know either.
    pub refused: u64,
    /// Calls that the upstream answered with something else than 404: it is there.
    pub answered: u64,
    /// The first of these calls.
    pub first_at: Timestamp,
    /// The last of them.
    pub last_at: Timestamp,
}

/// Where a member stood that no contract declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MemberPlace {
    /// A query parameter.
    Query,
    /// A header.
    Header,
    /// A cookie.
    Cookie,
    /// The request's body.
    Body,
    /// The answer's body.
    Answer,
}

impl MemberPlace {
    /// Every place.
    pub const ALL: [Self; 5] = [Self::Query, Self::Header, Self::Cookie, Self::Body, Self::Answer];

    /// The stable word; for requests, the one that violations use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Header => "header",
            Self::Cookie => "cookie",
            Self::Body => "body",
            Self::Answer => "answer",
        }
    }

    /// The place of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|place| place.name() == name)
    }
}

/// A parameter or field that was seen and is not declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StrayMember {
    /// The operation.
    pub operation: UsedOperation,
    /// Where it stood.
    pub place: MemberPlace,
    /// Its name, or its place in the body with indices taken out: `/items/{}/note`. Never a value.
    pub name: Box<str>,
    /// How often.
    pub times: u64,
    /// First seen.
    pub first_at: Timestamp,
    /// Last seen.
    pub last_at: Timestamp,
}

/// Since when the traffic of an API is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// The API.
    pub api: Box<str>,
    /// Its version.
    pub version: Box<str>,
    /// The first moment of which there are counts.
    pub began_at: Timestamp,
    /// The last moment at which somebody counted.
    pub last_at: Timestamp,
    /// When counts were last lost.
    pub lost_at: Option<Timestamp>,
}

/// A name for one batch, drawn by lot: a batch that is sent again is not counted again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BatchId(pub [u8; 16]);

/// What one gateway has counted since its last batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageBatch {
    /// Its name.
    pub id: BatchId,
    /// When it was put together.
    pub at: Timestamp,
    /// Calls of operations.
    pub used: Vec<Usage>,
    /// Calls of what is not declared.
    pub strays: Vec<Stray>,
    /// Members that are not declared.
    pub members: Vec<StrayMember>,
    /// The APIs, with their versions, whose traffic passes here, called or not.
    pub observed: Vec<(Box<str>, Box<str>)>,
    /// When counts of theirs were lost, if any were since the last batch.
    pub lost_at: Option<Timestamp>,
}

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsageBounds {
    /// Nothing of before this moment, in whole days.
    pub since: Timestamp,
    /// Not more rows than so many of a consumer, an operation and a day; whole days are forgotten, oldest first.
    pub rows: u32,
}

/// What was learnt of an API without a contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Learnt {
    /// How often it was changed; who changes it must know the latest.
    pub revision: u64,
    /// In the words of whoever learns.
    pub content: Vec<u8>,
}

/// Keeps counts of traffic.
pub trait UsageStore: Send + Sync {
    /// Adds a batch to what is kept; all of it or nothing. A batch that was added before is no mistake, and
    /// changes nothing.
    fn add_usage(&self, batch: UsageBatch) -> StoreFuture<'_, ()>;

    /// Calls since the beginning of the day of `since`, summed up, in the order of operations and consumers;
    /// at most 100,000 of them.
    fn usage_since(&self, since: Timestamp) -> StoreFuture<'_, Vec<Usage>>;

    /// What was called and is not declared, last seen at `since` or later; at most 100,000.
    fn strays_since(&self, since: Timestamp) -> StoreFuture<'_, Vec<Stray>>;

    /// Members that are not declared, last seen at `since` or later; at most 100,000.
    fn stray_members_since(&self, since: Timestamp) -> StoreFuture<'_, Vec<StrayMember>>;

    /// Since when which APIs are observed.
    fn observations(&self) -> StoreFuture<'_, Vec<Observation>>;

    /// Forgets what lies beyond the bounds, and tells how many rows that were. Of an API of which a day was
    /// forgotten, observation begins the day after.
    fn forget_usage(&self, now: Timestamp, bounds: UsageBounds) -> StoreFuture<'_, u64>;

    /// What was learnt of an API.
    fn find_learnt(&self, api: &str) -> StoreFuture<'_, Option<Learnt>>;

    /// Keeps what was learnt of an API: `learnt.revision` is the one that was read, zero if there was none.
    ///
    /// # Errors
    /// [`StoreError::Conflict`](crate::StoreError::Conflict) if somebody else has changed it meanwhile.
    fn keep_learnt(&self, api: &str, learnt: Learnt) -> StoreFuture<'_, ()>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_counted_one_by_one_and_added_up() {
        let mut ends = CallEnds::default();
        for (times, end) in (1..).zip(CallEnd::ALL) {
            (0..times).for_each(|_| ends.count(end));
        }
        assert_eq!(ends, CallEnds::of([1, 2, 3, 4, 5]));
        ends.add(&CallEnds::of([10, 0, 0, 0, u64::MAX]));
        assert_eq!((ends.ended(CallEnd::Served), ends.ended(CallEnd::Gone)), (11, u64::MAX));
        assert_eq!(ends.total(), u64::MAX, "sums stop at the largest number");
    }

    #[test]
    fn words_name_what_they_stand_for() {
        for kind in ConsumerKind::ALL {
            assert_eq!(ConsumerKind::from_name(kind.name()), Some(kind));
        }
        for place in MemberPlace::ALL {
            assert_eq!(MemberPlace::from_name(place.name()), Some(place));
        }
        assert_eq!(ConsumerKind::from_name("somebody"), None);
    }
}
