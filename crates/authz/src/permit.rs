//! The evidence that a call was decided.

use portcullis_domain::Caller;

/// A call that was permitted. Only this crate makes one, so nothing can be forwarded undecided.
#[derive(Clone, Debug)]
pub struct Permit {
    caller: Caller,
}

impl Permit {
    pub(crate) const fn new(caller: Caller) -> Self {
        Self { caller }
    }

    /// A permit for a stage in shadow: the trail says what would have been refused.
    #[must_use]
    pub const fn shadowed(caller: Caller) -> Self {
        Self { caller }
    }

    /// Who was permitted.
    #[must_use]
    pub const fn caller(&self) -> &Caller {
        &self.caller
    }
}
