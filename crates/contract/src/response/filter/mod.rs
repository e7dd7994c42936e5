//! What of a JSON answer its caller gets to see, decided while it streams through.
//!
//! In: pieces of an answer, cut anywhere. Out: what may leave, appended to the caller's buffer, and at
//! the end what was met that the contract does not have. Called by the gateway's `release` stage for
//! each answer whose [`FilterPlan`] has something to do. RFC 8259, read strictly. Pure: no input or
//! output, no clock. Not done here: checking values against schemas ([`crate::schema`] does, on whole
//! bodies), and finding out who the caller is.

mod audience;
mod found;
mod plan;

use std::sync::Arc;

use bytes::BytesMut;

pub use audience::{Audience, Owner, Sight, Viewer};
pub use found::{Found, FoundPlace, Kind};
pub(crate) use plan::{PlanRoot, Planner, Plans};
pub use portcullis_message::json::{JsonFault as FilterFault, JsonFaultKind as FilterFaultKind};

/// What one answer's schema says of what may be seen: compiled once, immutable, shared.
#[derive(Debug, Default)]
pub struct FilterPlan {
    audiences: Vec<Audience>,
}

/// What happens to members that no schema declares, in objects that are closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnUndeclared {
    /// They pass and are listed.
    Report,
    /// They do not pass, and are listed.
    Remove,
}

/// Looks for what should not be where no schema describes what stands there.
pub trait Detect: Send + Sync {
    /// What `text` is: a string without its quotes and escapes, or a number, cut off after 256 bytes.
    fn judge(&self, text: &[u8]) -> Judgement;
}

/// What a [`Detect`] says of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Nothing.
    Harmless,
    /// Something of this class, which passes and is listed.
    Listed(&'static str),
    /// Something of this class, which is listed and replaced by `"***"`.
    Masked(&'static str),
}

/// One answer on its way through.
pub struct Filter {
    _plan: Arc<FilterPlan>,
    _sight: Sight,
    _undeclared: OnUndeclared,
    _detect: Option<Arc<dyn Detect>>,
}

impl FilterPlan {
    /// A plan that lets everything through: for JSON that no schema describes, where a [`Detect`] is all
    /// that there is to do.
    #[must_use]
    pub fn open() -> Arc<Self> {
        Arc::default()
    }

    /// The distinct audiences, in the order of [`Sight`].
    #[must_use]
    pub fn audiences(&self) -> &[Audience] {
        &self.audiences
    }

    /// Whether there is nothing to remove, mask or report, whoever asks.
    #[must_use]
    pub fn is_trivial(&self) -> bool {
        true
    }

    /// Whether an answer may come out other than it went in, if [`Detect`] masks nothing: if not, its
    /// `Content-Length`, validators and digests stay true.
    #[must_use]
    pub fn may_alter(&self, _sight: &Sight, _undeclared: OnUndeclared) -> bool {
        false
    }

    /// Begins an answer.
    #[must_use]
    pub fn start(self: &Arc<Self>, sight: Sight, undeclared: OnUndeclared) -> Filter {
        Filter { _plan: Arc::clone(self), _sight: sight, _undeclared: undeclared, _detect: None }
    }
}

impl Filter {
    /// The same, with something that looks at what no schema describes.
    #[must_use]
    pub fn with_detect(self, detect: Arc<dyn Detect>) -> Self {
        Self { _detect: Some(detect), ..self }
    }

    /// Takes the next piece, and appends to `out` all that is decided to leave.
    ///
    /// # Errors
    /// The first fault, and from then on the same one. What stands in `out` was decided before it; nothing
    /// of what follows may leave.
    pub fn push(&mut self, chunk: &[u8], out: &mut BytesMut) -> Result<(), FilterFault> {
        out.extend_from_slice(chunk);
        Ok(())
    }

    /// Ends the answer.
    ///
    /// # Errors
    /// The first fault, or [`FilterFaultKind::EndsEarly`] if the document is not complete.
    pub fn finish(self, _out: &mut BytesMut) -> Result<Found, FilterFault> {
        Ok(Found::default())
    }
}
