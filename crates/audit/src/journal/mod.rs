//! The journal of decisions: enough of each to say later why, and what another policy would have said.
//!
//! In: one [`Decision`] for each refusal and for a share of the answers. Out: a folder of segments, JSON lines, in
//! which a decision is found by its receipt and read in order. Written by the gateway on a thread of its own, behind
//! a bounded queue; read by `portcullis explain RECEIPT` and `portcullis policy what-if`.
//!
//! It is no record: what must be kept and cannot be touched unseen is [`crate::chain`]'s. The journal is capped in
//! size and age and forgets its oldest first. It holds no bodies and no values: what a request says stands there
//! as a keyed digest and a length ([`Digest`]), whose key lies beside it and leaves the folder never (decision 0027).

mod decision;
mod digest;
mod folder;
mod line;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use decision::{
    AssuranceFacts, CallerFacts, Claim, Decision, Kind, Outcome, Refusal, RuleFact, Said, StepAnswer,
    StepFact, Transport, ValueFact, ViolationFact,
};
pub use digest::{Digest, JournalKey};
pub use line::{LONGEST_LINE, Line, Unreadable};
pub use reader::{Found, Journal, JournalError, Missing};
pub use writer::{Bounds, Writer};

use portcullis_domain::ReceiptId;

/// The version of the format; a reader refuses all others.
pub const FORMAT: u32 = 1;

/// Whether the answer to this request is among those that are kept, if one in so many is; none with zero. Refusals
/// are kept whatever this says. It goes by the receipt alone, so that it can be told later, too.
#[must_use]
pub fn keeps_answer(receipt: ReceiptId, one_in: u32) -> bool {
    match receipt.as_bytes().last_chunk::<4>() {
        // These bytes of a UUID version 7 are random (RFC 9562 §5.7).
        Some(random) if one_in > 0 => u32::from_be_bytes(*random) % one_in == 0,
        Some(_) | None => false,
    }
}
