//! A plan run on one transaction: the exact engine.
//!
//! In: a [`Plan`] and what is known of a request and its answer, phase by phase. Out: the [`Match`]es that rules tell of
//! and, where a rule decides, an [`Interruption`]. Every rule is asked in order and every value is looked at: this engine
//! is the measure of any faster one. No clock, no file, no network.

mod collection;
mod expand;
mod matcher;
mod number;
mod plan;
mod run;
mod transaction;

pub use plan::{Plan, compile};
pub use run::{Interruption, Match};
pub use transaction::{AnswerHead, RequestHead, Transaction};
