//! Rules on operations: one engine, Cedar, for what is written in `.cedar` files and in `portcullis.yaml`.
//!
//! In: the operations of an API, its policies and the short forms of its configuration. Out: for each operation
//! that has rules an [`OperationRules`], which decides one request at a time. Called by the gateway when a policy
//! is compiled, and by its `authorize` stage behind [`crate::Demand`]: scopes of the document come first, the
//! caller's own rights second (AUTHZ-06). Nothing permits by default, a prohibition wins in any order (AUTHZ-02),
//! and a policy that fails is a refusal, although Cedar would pass over it.
//!
//! Policies are cut to operations when they are read, and only the facts that a cut reads are looked up: a
//! decision costs what could apply, and not what there is (decision 0022). Pure: time, network and the parts of
//! the request are handed in.

mod change;
mod compares;
mod compile;
mod config;
mod cut;
mod decide;
mod explain;
mod facts;
mod flaws;
mod guard;
mod inherit;
mod kin;
mod nearest;
mod needs;
mod plan;
mod prepare;
mod schema;
mod short;
mod source;
mod suggest;
mod suppose;
mod validate;
mod values;

pub use change::{Change, Shown};
pub use compares::{Compares, TextsAre};
pub use compile::{Described, Guarded, PolicyFile, ShortForm, Written, compile};
pub use config::{ClaimTypeConfig, RuleConfig, RulesConfig};
pub use decide::{OperationRules, Reach};
pub use explain::{Deciding, Explanation, Fact, Verdict};
pub use facts::{Facts, LocalTime, Said, Transport};
pub use flaws::Flaw;
pub use inherit::Inheritance;
pub use needs::{Holds, Part, Wanted};

/// What a rule does when it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Permits, unless another forbids.
    Permit,
    /// Forbids, whatever permits.
    Forbid,
}
