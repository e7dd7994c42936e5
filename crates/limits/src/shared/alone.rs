//! Decisions of one gateway that cannot ask.
//!
//! In: charges. Out: what they come to by this process's own counts, of which each gateway has its part: every unit
//! counts as many times as there are gateways, so that all together grant no more than the quota. The process's counts
//! were kept up with the server's while it was there, so whoever had used up a quota has not got another one now.
//! Called by [`crate::shared::Shared`] while the server is lost.
//!
//! A quota that stops guessing fails closed: within its part there may be guesses, and beyond it the answer is not "too
//! many" but "cannot be counted" (LIM-12), for that is why.

use std::time::Duration;

use portcullis_domain::{Now, Strength};
use smallvec::SmallVec;

use crate::decision::{Charge, Grounds, Standings, Taken, Violated, take};
use crate::limiter::{Exceeded, Purpose, Standing};

/// How soon to come again when nothing is granted at all.
const SOON: Duration = Duration::from_secs(1);

/// Takes all charges, as one of `replicas` gateways.
///
/// # Errors
/// [`Violated`], on the grounds that apply.
pub(crate) fn take_alone<'l>(
    charges: &[Charge<'l>],
    replicas: u32,
    now: Now,
) -> Result<Taken<'l>, Violated<'l>> {
    let scaled: SmallVec<[Charge<'l>; 4]> = charges.iter().map(|charge| scaled(charge, replicas)).collect();
    match take(&scaled, now) {
        Ok(mut taken) => {
            for standings in taken.tightest.iter_mut().chain(&mut taken.running_out) {
                *standings = Standings { standing: own_part(standings.standing, replicas), ..*standings };
            }
            Ok(taken)
        }
        Err(mut violated) => {
            violated.exceeded.standing = own_part(violated.exceeded.standing, replicas);
            let is_guess = |charge: &Charge<'_>| {
                charge.limiter.purpose() == Purpose::Guessing
                    && violated.names.contains(&charge.limiter.quota().name())
            };
            if charges.iter().any(is_guess) {
                violated.grounds = Grounds::Uncounted;
            }
            Err(violated)
        }
    }
}

/// Refuses, because it cannot be counted and may not be guessed. `None` if nothing that is enforced is to be counted.
pub(crate) fn refuse<'l>(charges: &[Charge<'l>], now: Now) -> Option<Violated<'l>> {
    let (index, charge) =
        charges.iter().enumerate().find(|(_, charge)| charge.strength == Strength::Enforce)?;
    let (Ok(standing) | Err(Exceeded { standing, .. })) = charge.limiter.peek(charge.key, 0, now);
    Some(Violated {
        charge: index,
        quota: charge.limiter.quota(),
        key: charge.key,
        exceeded: Exceeded { retry_after: standing.reset.max(SOON), standing },
        visibility: charge.visibility,
        names: SmallVec::from_iter([charge.limiter.quota().name()]),
        grounds: Grounds::Uncounted,
    })
}

/// The charge as it counts for one of `replicas` gateways.
pub(crate) fn scaled<'l>(charge: &Charge<'l>, replicas: u32) -> Charge<'l> {
    let alert_at = charge.alert_at.map(|line| line.saturating_mul(replicas));
    Charge { cost: charge.cost.saturating_mul(replicas), alert_at, ..*charge }
}

fn own_part(standing: Standing, replicas: u32) -> Standing {
    Standing { remaining: standing.remaining / replicas.max(1), ..standing }
}
