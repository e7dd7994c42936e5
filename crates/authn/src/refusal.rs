//! Why a credential was not believed, before it is dressed as a [`Denial`](portcullis_domain::Denial).
//!
//! In: a [`Reason`] of the one table and a remark for the record. Out: the same, small enough to
//! travel through every reader of this crate. [`crate::challenge`] turns it into an answer. Remarks
//! are our own words or names from the configuration; they never repeat what the token says.

use std::borrow::Cow;
use std::time::Duration;

use portcullis_domain::Reason;

/// A credential was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    reason: Reason,
    note: Option<Cow<'static, str>>,
    retry_after: Option<Duration>,
}

impl Refusal {
    /// A refusal with a remark for the operator's record.
    pub(crate) fn because(reason: Reason, note: impl Into<Cow<'static, str>>) -> Self {
        Self { reason, note: Some(note.into()), retry_after: None }
    }

    /// Says when it is worth trying again.
    pub(crate) fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// The one of two refusals that says more: that keys could not be had means that nothing was
    /// decided, and must not be hidden behind a decision; else the later one.
    pub(crate) fn or(self, later: Self) -> Self {
        if self.reason == Reason::KeysUnavailable { self } else { later }
    }

    pub(crate) const fn reason(&self) -> Reason {
        self.reason
    }

    pub(crate) const fn wait(&self) -> Option<Duration> {
        self.retry_after
    }

    pub(crate) fn into_note(self) -> Option<Cow<'static, str>> {
        self.note
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self { reason, note: None, retry_after: None }
    }
}
