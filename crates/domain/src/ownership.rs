//! Whose an object is, as it is known and kept.
//!
//! What an upstream calls `order 7` is here a keyed digest; so are its owner and everybody with whom it is
//! shared. What is kept can answer "is it this one's", and tells whoever steals it neither ids nor names. How
//! it is learned and decided is for `authz`; here are the words, and which of two stories of one object holds.

use std::fmt;

use smallvec::SmallVec;

use crate::receipt::ReceiptId;
use crate::store::{Sequence, StoreFuture};
use crate::time::Timestamp;

/// Most parties with whom one object is shared.
pub const MOST_GRANTS: usize = 256;

/// One object: a keyed digest of its realm, its type and its id. 96 bits: among ten million objects two are
/// alike with a chance of one in 10^15.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey(pub [u8; 12]);

/// One party that can own objects: a keyed digest of who vouches and for whom, or of a tenant. Nobody can look
/// for two alike without the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OwnerKey(pub u64);

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectKey({self})")
    }
}

impl fmt::Display for OwnerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

macro_rules! words {
    ($(#[doc = $type_doc:literal])+ $type:ident { $( $(#[doc = $doc:literal])+ $name:ident = $word:literal, )+ }) => {
        $(#[doc = $type_doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $type { $( $(#[doc = $doc])+ $name, )+ }

        impl $type {
            /// Every one, in order.
            pub const ALL: &'static [Self] = &[ $( Self::$name, )+ ];

            /// The stable word.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $( Self::$name => $word, )+ }
            }

            /// The one of this name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.name() == name)
            }
        }
    };
}

words! {
    /// How it is known whose an object is, the weakest first.
    Authority {
        /// Somebody used it, and the upstream did not mind. Proposes, and decides nothing.
        Observation = "observation",
        /// The operator said so.
        Import = "import",
        /// Its owner made it, and the upstream confirmed that.
        Create = "create",
        /// The upstream's own answer says so.
        Answer = "answer",
        /// The request itself says so, by a rule of the operator. Never kept: it is decided on the spot.
        Binding = "binding",
    }
}

words! {
    /// How firmly it is known.
    ObjectState {
        /// Seen and not known whose.
        Claimed = "claimed",
        /// Known.
        Confirmed = "confirmed",
        /// It was deleted; who makes it anew owns it.
        Tombstone = "tombstone",
    }
}

words! {
    /// What somebody may do with what is not theirs.
    Right {
        /// Look at it.
        Read = "read",
        /// Change it, too.
        Write = "write",
    }
}

words! {
    /// What changed what is known of an object.
    ChangeKind {
        /// Somebody used it.
        Observed = "observed",
        /// It was made.
        Created = "created",
        /// The upstream's answer said whose it is.
        Asserted = "asserted",
        /// The operator said whose it is.
        Imported = "imported",
        /// It has a new owner.
        Transferred = "transferred",
        /// It was shared.
        Shared = "shared",
        /// It is shared no more.
        Unshared = "unshared",
        /// It was deleted.
        Deleted = "deleted",
        /// Two stories that cannot both be true; the one before stays.
        Contradicted = "contradicted",
    }
}

/// With whom an object is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Grant {
    /// With whom.
    pub to: OwnerKey,
    /// How far.
    pub right: Right,
}

/// What is known of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedObject {
    /// Whose it is; whoever used it first, if it is only claimed.
    pub owner: OwnerKey,
    /// How that is known.
    pub authority: Authority,
    /// How firmly.
    pub state: ObjectState,
    /// Counts its lives and owners: each deletion, new life and transfer is the next.
    pub version: u16,
    /// Since when.
    pub at: Timestamp,
    /// The object in which it lies, if it does.
    pub parent: Option<u64>,
    /// With whom it is shared in this version.
    pub grants: SmallVec<[Grant; 2]>,
}

impl OwnedObject {
    /// Which of two stories of one object holds: the greater one. A later version before an earlier one; then
    /// the end of an object before its life, since an end lets nobody be refused; then the stronger authority;
    /// then whoever was first. Never negative, and below 2^63.
    #[must_use]
    pub fn precedence(&self) -> u64 {
        const MOMENTS: u64 = (1 << 42) - 1;
        let ended = u64::from(self.state == ObjectState::Tombstone);
        let confirmed = u64::from(self.state != ObjectState::Claimed);
        let earlier = MOMENTS - self.at.as_millis().min(MOMENTS);
        (u64::from(self.version) << 47)
            | (ended << 46)
            | (confirmed << 45)
            | ((self.authority as u64) << 42)
            | earlier
    }

    /// What was kept as its precedence.
    #[must_use]
    pub fn from_precedence(precedence: u64, owner: OwnerKey, parent: Option<u64>) -> Option<Self> {
        const MOMENTS: u64 = (1 << 42) - 1;
        let authority =
            Authority::ALL.iter().copied().find(|one| *one as u64 == (precedence >> 42) & 0b111)?;
        let state = match ((precedence >> 46) & 1, (precedence >> 45) & 1) {
            (1, _) => ObjectState::Tombstone,
            (_, 1) => ObjectState::Confirmed,
            (_, _) => ObjectState::Claimed,
        };
        Some(Self {
            owner,
            authority,
            state,
            version: u16::try_from(precedence >> 47).ok()?,
            at: Timestamp::from_millis(MOMENTS - (precedence & MOMENTS)),
            parent,
            grants: SmallVec::new(),
        })
    }
}

/// A change of what is known of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectChange {
    /// Which object.
    pub key: ObjectKey,
    /// What is known from now on.
    pub object: OwnedObject,
    /// What changed it.
    pub kind: ChangeKind,
    /// With whom it is shared or no more, if that is what changed.
    pub grant: Option<GrantChange>,
    /// When.
    pub at: Timestamp,
    /// The request that showed it, if one did.
    pub receipt: Option<ReceiptId>,
}

/// With whom an object is shared from now on, and how far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrantChange {
    /// With whom.
    pub to: OwnerKey,
    /// How far; not at all any more.
    pub right: Option<Right>,
}

/// A change that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastChange {
    /// What happened.
    pub kind: ChangeKind,
    /// Whose it was from then on, or who claimed it.
    pub owner: OwnerKey,
    /// On whose word.
    pub authority: Authority,
    /// When.
    pub at: Timestamp,
    /// The request that showed it.
    pub receipt: Option<ReceiptId>,
}

/// Objects of which something known has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangedObjects {
    /// Which.
    pub keys: Vec<ObjectKey>,
    /// From where to ask on.
    pub sequence: Sequence,
}

/// What is kept for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnershipBounds {
    /// Deletions of before this moment are forgotten.
    pub tombstones: Timestamp,
    /// Observations of before this moment are.
    pub observations: Timestamp,
    /// Changes of before this moment are.
    pub history: Timestamp,
}

/// How requests for the objects of one type were judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Where ids of the type are told apart: the API, or what several share.
    pub realm: Box<str>,
    /// The type.
    pub kind: Box<str>,
    /// Ids of the caller's own.
    pub own: u64,
    /// Ids shared with the caller.
    pub granted: u64,
    /// Ids of somebody else.
    pub foreign: u64,
    /// Ids of which it is not known whose they are.
    pub unknown: u64,
    /// Stories that cannot both be true, since the operator last looked.
    pub contradictions: u64,
    /// The first of these requests.
    pub began_at: Timestamp,
    /// The last of them.
    pub last_at: Timestamp,
}

/// Keeps whose objects are.
pub trait OwnershipStore: Send + Sync {
    /// What is known of an object.
    fn find_object(&self, key: ObjectKey) -> StoreFuture<'_, Option<OwnedObject>>;

    /// Keeps what outranks what is kept ([`OwnedObject::precedence`]; the smaller owner among equals), and says
    /// for each whether it is what is kept now. All of it or nothing; in any order, from any number of
    /// gateways, the same is kept in the end.
    fn keep_objects(&self, changes: Vec<ObjectChange>) -> StoreFuture<'_, Vec<Keeping>>;

    /// Objects of which a known owner, grant or life has changed since; first owners are not among them.
    fn objects_changed_since(&self, since: Sequence, most: u32) -> StoreFuture<'_, ChangedObjects>;

    /// How it came that an object is whose it is, oldest first: at most 100 changes.
    fn object_history(&self, key: ObjectKey) -> StoreFuture<'_, Vec<PastChange>>;

    /// Objects in the order of their keys.
    fn list_objects(
        &self,
        after: Option<ObjectKey>,
        most: u32,
    ) -> StoreFuture<'_, Vec<(ObjectKey, OwnedObject)>>;

    /// Forgets what is beyond the bounds, and tells how many rows that were.
    fn forget_objects(&self, bounds: OwnershipBounds) -> StoreFuture<'_, u64>;

    /// Adds counts of requests.
    fn add_coverage(&self, counts: Vec<Coverage>) -> StoreFuture<'_, ()>;

    /// All counts.
    fn coverage(&self) -> StoreFuture<'_, Vec<Coverage>>;

    /// The operator has looked into the contradictions of a type. Tells whether there is such a type.
    fn settle_contradictions(&self, realm: &str, kind: &str) -> StoreFuture<'_, bool>;
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// It is what is known now.
    Kept,
    /// What was known already outranks it.
    Outranked,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(version: u16, state: ObjectState, authority: Authority, at: u64) -> OwnedObject {
        let at = Timestamp::from_millis(at);
        OwnedObject {
            owner: OwnerKey(1),
            authority,
            state,
            version,
            at,
            parent: None,
            grants: SmallVec::new(),
        }
    }

    #[test]
    fn the_later_life_then_the_end_then_the_authority_then_the_first_holds() {
        let now = 1_800_000_000_000;
        let rising = [
            object(1, ObjectState::Claimed, Authority::Observation, now),
            object(1, ObjectState::Confirmed, Authority::Import, now),
            object(1, ObjectState::Confirmed, Authority::Create, now + 1),
            object(1, ObjectState::Confirmed, Authority::Create, now),
            object(1, ObjectState::Confirmed, Authority::Answer, now + 9),
            object(1, ObjectState::Tombstone, Authority::Import, now),
            object(2, ObjectState::Claimed, Authority::Observation, now),
            object(u16::MAX, ObjectState::Tombstone, Authority::Binding, 0),
        ];
        for pair in rising.windows(2) {
            assert!(pair[0].precedence() < pair[1].precedence(), "{pair:?}");
        }
        assert!(rising.iter().all(|object| i64::try_from(object.precedence()).is_ok()));
    }

    #[test]
    fn a_precedence_says_all_but_whose_it_is() {
        let made = object(3, ObjectState::Confirmed, Authority::Answer, 1_800_000_000_123);
        assert_eq!(OwnedObject::from_precedence(made.precedence(), made.owner, None), Some(made));
    }
}
