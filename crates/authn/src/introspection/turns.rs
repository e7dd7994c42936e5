//! One question per token at a time, and not too many in all.
//!
//! In: a token's digest. Out: the turn to ask about it, when everybody before has finished. If whoever had
//! the turn goes away, the next one gets it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{Mutex as Gate, OwnedMutexGuard, Semaphore, SemaphorePermit};

use crate::bearer::TokenDigest;

/// How many requests may wait for one issuer; more are told to come back.
const WAITING_LIMIT: usize = 512;

/// Whose turn it is.
pub(crate) struct Turns {
    places: Semaphore,
    gates: Mutex<HashMap<TokenDigest, Weak<Gate<()>>>>,
}

/// The right to ask about one token, until it is dropped.
pub(crate) struct Turn<'t> {
    _alone: OwnedMutexGuard<()>,
    _place: SemaphorePermit<'t>,
}

impl Default for Turns {
    fn default() -> Self {
        Self { places: Semaphore::new(WAITING_LIMIT), gates: Mutex::default() }
    }
}

impl Turns {
    /// Waits for the turn to ask about this token; `None` if too many wait already.
    pub(crate) async fn take(&self, token: TokenDigest) -> Option<Turn<'_>> {
        let place = self.places.try_acquire().ok()?;
        let gate = self.gate(token);
        Some(Turn { _alone: gate.lock_owned().await, _place: place })
    }

    fn gate(&self, token: TokenDigest) -> Arc<Gate<()>> {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(gate) = gates.get(&token).and_then(Weak::upgrade) {
            return gate;
        }
        // No more can be in use than there are places; the rest is left over.
        if gates.len() >= 2 * WAITING_LIMIT {
            gates.retain(|_, gate| gate.strong_count() > 0);
        }
        let gate = Arc::new(Gate::new(()));
        gates.insert(token, Arc::downgrade(&gate));
        gate
    }
}

impl fmt::Debug for Turns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turns").finish_non_exhaustive()
    }
}
