//! Where it is counted what one decision spends.
//!
//! In: all charges of a decision, at once. Out: what [`crate::decision`] makes of the answers. Called by the
//! gateway once for each request that has limits by caller, and once more when some of it is given back.

use std::sync::Arc;

use portcullis_domain::Now;

use crate::decision::{Charge, Taken, Violated, take};
use crate::shared::Shared;

/// Where the counts of one policy are. Limits by peer are always the process's own: they stand before everything,
/// and must cost nothing.
#[derive(Clone, Debug, Default)]
pub enum Counters {
    /// In this process.
    #[default]
    Local,
    /// At a server, with other gateways.
    Shared(Arc<Shared>),
}

impl Counters {
    /// Spends all charges, or none.
    ///
    /// # Errors
    /// [`Violated`], if a quota that is enforced has not enough left; or if that cannot be known and must be.
    pub async fn take<'l>(&self, charges: &[Charge<'l>], now: Now) -> Result<Taken<'l>, Violated<'l>> {
        match self {
            Self::Local => take(charges, now),
            Self::Shared(shared) => shared.take(charges, now).await,
        }
    }

    /// Gives back what was taken for something that did not happen. Waits for nobody.
    pub fn give_back(&self, charges: &[Charge<'_>], now: Now) {
        match self {
            Self::Local => {
                for charge in charges {
                    charge.limiter.refund(charge.key, charge.cost, now);
                }
            }
            Self::Shared(shared) => shared.give_back(charges, now),
        }
    }

    /// Spends what cannot be refused any more, or as much of it as there is. Waits for nobody.
    pub fn charge(&self, charges: &[Charge<'_>], now: Now) {
        match self {
            Self::Local => {
                for charge in charges {
                    charge.limiter.charge(charge.key, charge.cost, now);
                }
            }
            Self::Shared(shared) => shared.charge(charges, now),
        }
    }
}
