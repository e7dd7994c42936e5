//! The policy enforcement point: compiles the policy, and walks every request through the layers.
//!
//! In: `portcullis.yaml` and the documents it names; then strangers' connections. Out: requests to the
//! upstreams, answers to the clients, and a record of every decision. This is the only crate in which the
//! layers meet. Read [`admit`] first: it is the walk.
//!
//! ```text
//! listen ─ accept, TLS, plaintext policy            listen/, plaintext.rs
//! admit  ─ limit(peer) → route → identify →
//!          authorize → limit(caller) → validate     admit.rs, stages/
//! forward─ upstream choice, hand-over, streaming    outgoing.rs, forward/
//! release─ what of the answer may leave             release.rs
//! respond─ answered | denied | failed               respond.rs
//! record ─ audit event, metrics, counts of traffic  record.rs, observe/
//! ```

mod admin;
mod admit;
mod alarms;
mod alerting;
mod apis;
mod arrival;
mod certificates;
mod check;
mod compile;
mod conceal;
pub mod config;
mod control;
mod cors;
mod decisions;
mod detect;
mod documentation;
mod fetch;
mod flows;
mod forward;
mod gateway;
mod grants;
mod hand_over;
mod internal_keys;
mod inventory;
pub mod journal;
mod lasting;
mod life;
mod limiter_sizes;
mod limits;
mod listen;
mod local;
pub mod matrix;
mod metrics_push;
pub mod observe;
mod operate;
mod outgoing;
pub mod ownership;
mod plaintext;
mod policy;
mod record;
mod record_key;
mod rehearsal;
mod release;
mod resource;
mod respond;
mod rules;
#[cfg(test)]
mod sabotage;
mod sessions;
mod shared_limits;
mod sinks;
mod span;
mod stages;
mod timer;
mod together;
mod trace;
mod traffic;
mod vault;
mod version;
mod walk;
mod worker;

pub use apis::{ApiFacts, OperationAccess, OperationFacts, apis};
pub use check::{Checked, check, schema};
pub use gateway::{Gateway, Options, StartError, Watch};
pub use inventory::{Held, HeldKind, inventory};
pub use journal::{
    Change, Explained, Group, MadeUp, NotExplained, NotRead, NotReplayed, Spot, Standing, WhatIf,
    WhatIfError, explain_receipt, explain_request, what_if,
};
pub use operate::{BelievedIssuer, Grantable, Operated, operate};
pub use ownership::{OwnedType, import_owners};
pub use rehearsal::{Expected, Fate, Rehearsed, rehearse};
pub use traffic::{
    Confidence, DeclaredOperation, Extent, Kept, NotToBeRemoved, Obstacle, Removal, Suggestion, Traffic,
    traffic,
};
