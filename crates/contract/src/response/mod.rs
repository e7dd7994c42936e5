//! Answers: what an operation promises of them, whether one keeps it, and what of it may be seen.
//!
//! In: `responses` when a contract is compiled; then status, headers and body of one answer. Out: a
//! [`Promised`], violations, and the [`filter::FilterPlan`] of a JSON body. Called by the gateway's
//! `release` stage. OpenAPI 3.1.1 §4.8.16 (responses), §4.8.17 (response) and §4.8.21 (header).
//!
//! Schemas are read in the direction of answers: `readOnly` members belong there and are required as
//! written, `writeOnly` ones do not, and objects are closed as in requests. Not done here: deciding what
//! becomes of an answer that breaks its promise, and the parts of bodies that are no JSON.

mod check;
mod compile;
pub mod filter;
mod promise;

pub use check::AnswerSchema;
pub(crate) use check::check;
pub(crate) use compile::{AnswersDraft, declared};
pub(crate) use promise::Answers;
pub use promise::{AnswerHead, Carries, Promised, PromisedBody};
