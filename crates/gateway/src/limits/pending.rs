//! What was spent for a request before it was known how it ends, and is settled when it is.
//!
//! In: what was charged, and how the request ended. Out: what is given back, or charged on top. Travels with the
//! request's entry in the record, which is written once for every request: so it is settled once, however it ends.

use std::sync::Arc;

use portcullis_audit::Verdict;
use portcullis_domain::{Now, Reason, Stage};
use portcullis_limits::{Charge, Counters, Key, Limiter, Term, Visibility};
use serde_json::Value;
use smallvec::SmallVec;

use super::attempts::{Ending, Failed};

/// Most bytes of an answer that are kept to see what became of an attempt.
const HEARD: usize = 64 * 1024;

/// What is to be settled.
#[derive(Default)]
pub(crate) struct Pending {
    pub(crate) counters: Counters,
    pub(crate) items: SmallVec<[Item; 2]>,
    /// What tells whether an attempt failed, if this is one.
    pub(crate) failed: Option<Arc<Failed>>,
    /// What is remembered of an attempt that succeeds.
    pub(crate) acquaintance: Option<(Arc<Limiter>, Key)>,
    pub(crate) heard: Heard,
}

/// One charge that is not final.
pub(crate) struct Item {
    pub(crate) limiter: Arc<Limiter>,
    pub(crate) key: Key,
    pub(crate) cost: u32,
    pub(crate) settles: Settles,
}

/// When a charge is final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settles {
    /// It is given back if the request was refused, here or by the upstream.
    IfServed,
    /// It is given back if the attempt was none, or no failure.
    IfFailed,
    /// The rest of the body's bytes are charged on top.
    ByLength,
}

/// An answer's body, as far as it was heard.
#[derive(Default)]
pub(crate) enum Heard {
    /// Nobody wants to hear it.
    #[default]
    Unheard,
    Pieces(Vec<u8>),
    /// There was more than is kept.
    TooMuch,
}

/// How a request ended.
pub(crate) struct Ended<'a> {
    pub(crate) verdict: Verdict<'a>,
    pub(crate) status: u16,
    pub(crate) request_bytes: u64,
    pub(crate) now: Now,
}

impl Heard {
    fn hear(&mut self, piece: &[u8]) {
        let Self::Pieces(pieces) = self else { return };
        match pieces.len() + piece.len() <= HEARD {
            true => pieces.extend_from_slice(piece),
            false => *self = Self::TooMuch,
        }
    }

    fn content(&self) -> Option<Value> {
        match self {
            Self::Pieces(pieces) => serde_json::from_slice(pieces).ok(),
            Self::Unheard | Self::TooMuch => None,
        }
    }
}

impl Pending {
    /// This piece of the answer's body is on its way.
    pub(crate) fn hear(&mut self, piece: &[u8]) {
        self.heard.hear(piece);
    }

    /// Settles everything; says what became of the attempt, if it was one.
    pub(crate) fn settle(self, ended: &Ended<'_>) -> Ending {
        let attempt = self.ending(ended);
        let mut given_back: SmallVec<[Charge<'_>; 2]> = SmallVec::new();
        let mut charged: SmallVec<[Charge<'_>; 2]> = SmallVec::new();
        for item in &self.items {
            match item.settles {
                Settles::IfServed if is_refused(ended) => given_back.push(item.charge(item.cost)),
                Settles::IfFailed if attempt != Ending::Failed => given_back.push(item.charge(item.cost)),
                Settles::ByLength => {
                    let more = ended.request_bytes.saturating_sub(item.cost.into());
                    charged.push(item.charge(u32::try_from(more).unwrap_or(u32::MAX)));
                }
                Settles::IfServed | Settles::IfFailed => {}
            }
        }
        if !given_back.is_empty() {
            self.counters.give_back(&given_back, ended.now);
        }
        if !charged.is_empty() {
            self.counters.charge(&charged, ended.now);
        }
        if let (Ending::Succeeded, Some((familiar, key))) = (attempt, &self.acquaintance) {
            // Already known is as good.
            let _ = familiar.take(*key, 1, ended.now);
        }
        attempt
    }

    fn ending(&self, ended: &Ended<'_>) -> Ending {
        match (ended.verdict, &self.failed) {
            (Verdict::Answered, Some(failed)) => failed.judge(ended.status, self.heard.content().as_ref()),
            (Verdict::Answered, None) => Ending::Untried,
            (Verdict::Denied(_) | Verdict::Failed(_), _) if is_refused(ended) => Ending::Untried,
            // An upstream that broke has judged nobody.
            (Verdict::Failed(fault), _)
                if matches!(fault.reason(), Reason::UpstreamFailed | Reason::UpstreamUnavailable) =>
            {
                Ending::Untried
            }
            // Who leaves before the answer may have guessed wrong.
            (Verdict::Denied(_) | Verdict::Failed(_), _) => Ending::Failed,
        }
    }
}

impl Item {
    /// A charge that `term` counts.
    pub(crate) fn new(term: &Term, charge: &Charge<'_>, settles: Settles) -> Self {
        Self { limiter: Arc::clone(&term.limiter), key: charge.key, cost: charge.cost, settles }
    }

    fn charge(&self, cost: u32) -> Charge<'_> {
        Charge {
            limiter: &self.limiter,
            key: self.key,
            cost,
            strength: portcullis_domain::Strength::Enforce,
            visibility: Visibility::Kept,
            alert_at: None,
        }
    }
}

/// Whether it is certain that the upstream did nothing, or said that it did not. What a client that has left, or an
/// upstream that broke off, did not hear or say may have been done.
fn is_refused(ended: &Ended<'_>) -> bool {
    match ended.verdict {
        Verdict::Answered => ended.status >= 400,
        Verdict::Denied(denial) => {
            denial.reason() != Reason::ClientGone
                && !matches!(denial.reason().facts().stage, Stage::Release | Stage::Respond)
        }
        Verdict::Failed(fault) => {
            matches!(
                fault.reason(),
                Reason::UpstreamUnreachable | Reason::UpstreamCircuitOpen | Reason::UpstreamSaturated
            )
        }
    }
}
