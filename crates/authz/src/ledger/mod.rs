//! Whose object is it: the ownership ledger's rules.
//!
//! In: what is known of an object, and what a request and its answer showed. Out: what is known from then on
//! ([`learn`]), which of two stories holds ([`merge`]), and what a caller may do with it ([`decide`]). Called by
//! the gateway's `ownership`, which keeps and looks up. Pure: no clock, no store.
//!
//! What is not known is not foreign: nothing here refuses an object of which nothing is confirmed. And what a
//! stranger can bring about can at most make an object unknown: nobody is locked out of what is theirs by
//! claiming it first (decision 0023).

mod decide;
mod learn;

pub use decide::{Decision, decide, decide_in_stead};
pub use learn::{Event, Learned, Naming, learn, merge};

/// So many stories that cannot both be true, and the type is only watched until somebody has looked.
pub const CONTRADICTIONS_TO_WATCH: u64 = 2;
