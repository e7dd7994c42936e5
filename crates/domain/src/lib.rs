//! The words of the house, shared by every crate above it.
//!
//! In: nothing of ours. Out: the types in which the layers answer the gateway. No clock is read, no
//! byte is parsed and nothing is waited for here; [`time::Clock`] is where time enters the program.

pub mod address;
pub mod api_key;
pub mod caller;
pub mod challenge;
pub mod count;
pub mod denial;
pub mod grant;
pub mod outcome;
pub mod ownership;
pub mod reason;
pub mod receipt;
pub mod revocation;
pub mod risk;
pub mod secret;
pub mod session;
pub mod stage;
pub mod store;
pub mod time;
pub mod trail;
pub mod usage;

pub use address::is_public;
pub use api_key::{ApiKeyRecord, KeyChanges, KeyId, KeyPage, KeyReach, KeyRevoked, KeyState, KeyStore};
pub use caller::{Assurance, Audience, Caller, Issuer, Presented, Principal, PrincipalKind, Scopes, Subject};
pub use challenge::{Challenge, Scheme};
pub use count::{CountStore, KeptCount};
pub use denial::{Denial, Fault, Note, RetryAfter, Violation};
pub use grant::{
    AccessGrant, AccessGrantChanges, Approved, GrantId, GrantIdMalformed, GrantState, GrantStore,
};
pub use outcome::Outcome;
pub use ownership::{
    Authority, ChangeKind, ChangedObjects, Coverage, Grant, GrantChange, Keeping, ObjectChange, ObjectKey,
    ObjectState, OwnedObject, OwnerKey, OwnershipBounds, OwnershipStore, PastChange, Right,
};
pub use reason::{Cause, Facts, Reason};
pub use receipt::ReceiptId;
pub use revocation::{Revocation, RevocationKind, RevocationStore, Revocations};
pub use risk::Risk;
pub use secret::Secret;
pub use session::{Session, SessionStore, SessionSummary, SessionsOf};
pub use stage::{Stage, Strength};
pub use store::{KeyedDigest, Matching, Pepper, PepperId, Sequence, StoreError, StoreFuture};
pub use time::{Clock, Now, Timestamp};
pub use trail::{Answer, Step, Trail};
pub use usage::{
    BatchId, CallEnd, CallEnds, Consumer, ConsumerKind, Learnt, MemberPlace, Observation, Stray, StrayMember,
    Usage, UsageBatch, UsageBounds, UsageStore, UsedOperation,
};
