//! One decision: everything that one request is to spend, taken together or not at all.
//!
//! In: a [`Charge`] for every quota that holds. Out: [`Taken`], with the tightest quota to be told; or
//! [`Violated`], with every quota that is used up, and nothing spent. Where the counts are does not matter here:
//! [`crate::Counters`] asks them, and [`conclude`] says what their answers mean together.

use portcullis_domain::{Now, Strength};
use smallvec::SmallVec;

use crate::key::Key;
use crate::limiter::{Exceeded, Limiter, Standing};
use crate::quota::Quota;

/// What one request is to spend of one quota.
#[derive(Clone, Copy, Debug)]
pub struct Charge<'l> {
    /// Who counts.
    pub limiter: &'l Limiter,
    /// Whose budget is spent.
    pub key: Key,
    /// How many units. None at all is a look.
    pub cost: u32,
    /// Whether a quota that is used up refuses, or is only told of.
    pub strength: Strength,
    /// Who may see where the key stands.
    pub visibility: Visibility,
    /// At so many units left somebody is told, if anybody is.
    pub alert_at: Option<u32>,
}

/// Who may see where a key stands with a quota.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Visibility {
    /// The caller: it is the caller's own budget.
    #[default]
    Told,
    /// Nobody: others spend of it too, or it is somebody else's (draft §8.2).
    Kept,
}

/// Where a key stands with one quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standings<'l> {
    /// The quota.
    pub quota: &'l Quota,
    /// Whose budget it is.
    pub key: Key,
    /// Where the key stands.
    pub standing: Standing,
}

/// All was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken<'l> {
    /// The tightest of the quotas that may be told.
    pub tightest: Option<Standings<'l>>,
    /// The names of quotas in shadow that are used up.
    pub in_shadow: SmallVec<[&'l str; 1]>,
    /// The quotas of which so little is left, from this request on, that somebody is to be told.
    pub running_out: SmallVec<[Standings<'l>; 1]>,
}

/// At least one quota is used up. Nothing was charged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violated<'l> {
    /// The place among the charges of the quota that asks for the longest wait.
    pub charge: usize,
    /// That quota.
    pub quota: &'l Quota,
    /// Whose budget it is.
    pub key: Key,
    /// That wait, and where the key stands with that quota.
    pub exceeded: Exceeded,
    /// Who may see it.
    pub visibility: Visibility,
    /// The names of all quotas that are used up (`violated-policies`, draft §5.1).
    pub names: SmallVec<[&'l str; 2]>,
    /// Why it is refused.
    pub grounds: Grounds,
}

/// Why a quota refuses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Grounds {
    /// It is used up.
    #[default]
    UsedUp,
    /// How much of it is used cannot be known now, and must be (LIM-12).
    Uncounted,
}

/// What the counters answered, charge by charge.
pub(crate) type Answers = SmallVec<[Result<Standing, Exceeded>; 4]>;

/// Takes all charges from the counters of this process.
pub(crate) fn take<'l>(charges: &[Charge<'l>], now: Now) -> Result<Taken<'l>, Violated<'l>> {
    let answers: Answers =
        charges.iter().map(|charge| charge.limiter.take(charge.key, charge.cost, now)).collect();
    if is_refused(charges, &answers) {
        for (charge, answer) in charges.iter().zip(&answers) {
            if answer.is_ok() && charge.cost > 0 {
                charge.limiter.refund(charge.key, charge.cost, now);
            }
        }
    }
    conclude(charges, &answers)
}

/// Whether any quota that is enforced said no: then nothing may be spent of any other.
pub(crate) fn is_refused(charges: &[Charge<'_>], answers: &[Result<Standing, Exceeded>]) -> bool {
    charges
        .iter()
        .zip(answers)
        .any(|(charge, answer)| answer.is_err() && charge.strength == Strength::Enforce)
}

/// What the answers mean together. Whoever took the charges has given back by now what must not be spent.
pub(crate) fn conclude<'l>(
    charges: &[Charge<'l>],
    answers: &[Result<Standing, Exceeded>],
) -> Result<Taken<'l>, Violated<'l>> {
    let mut taken = Taken::default();
    let mut violated: Option<Violated<'l>> = None;
    for (index, (charge, answer)) in charges.iter().zip(answers).enumerate() {
        let quota = charge.limiter.quota();
        match (answer, charge.strength) {
            (Ok(standing), _) => taken.note(charge, quota, *standing),
            (Err(_), Strength::Shadow) => taken.in_shadow.push(quota.name()),
            (Err(exceeded), Strength::Enforce) => {
                let Charge { key, visibility, .. } = *charge;
                let (exceeded, grounds) = (*exceeded, Grounds::UsedUp);
                let new =
                    |names| Violated { charge: index, quota, key, exceeded, visibility, names, grounds };
                violated = Some(match violated.take() {
                    None => new(SmallVec::from_iter([quota.name()])),
                    Some(mut before) => {
                        before.names.push(quota.name());
                        if exceeded.retry_after > before.exceeded.retry_after {
                            new(before.names)
                        } else {
                            before
                        }
                    }
                });
            }
        }
    }
    match violated {
        Some(violated) => Err(violated),
        None => Ok(taken),
    }
}

impl<'l> Taken<'l> {
    fn note(&mut self, charge: &Charge<'l>, quota: &'l Quota, standing: Standing) {
        let standings = Standings { quota, key: charge.key, standing };
        // Said once, when the line is crossed: no count of who was told is needed for that.
        if charge.alert_at.is_some_and(|line| {
            standing.remaining <= line && standing.remaining.saturating_add(charge.cost) > line
        }) {
            self.running_out.push(standings);
        }
        let is_told = charge.visibility == Visibility::Told && charge.strength == Strength::Enforce;
        if is_told && self.tightest.is_none_or(|so_far| is_tighter(standing, so_far.standing)) {
            self.tightest = Some(standings);
        }
    }
}

fn is_tighter(standing: Standing, than: Standing) -> bool {
    (standing.remaining, than.reset) < (than.remaining, standing.reset)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use portcullis_domain::Timestamp;
    use proptest::prelude::*;

    use super::*;

    const NOW: Now = Now { wall: Timestamp::from_seconds(1_000_000), mono: Duration::from_secs(10) };

    fn limiter(name: &str, count: u32, seconds: u64) -> Limiter {
        Limiter::new(Quota::new(name, count, Duration::from_secs(seconds), count).unwrap(), 1_000)
    }

    fn charge(limiter: &Limiter, cost: u32) -> Charge<'_> {
        Charge {
            limiter,
            key: Key::subject("https://id.example", "alice"),
            cost,
            strength: Strength::Enforce,
            visibility: Visibility::Told,
            alert_at: None,
        }
    }

    #[test]
    fn a_quota_of_all_together_is_never_told() {
        let (own, shared) = (limiter("own", 100, 60), limiter("shared", 2, 60));
        let of_all = Charge { key: Key::everybody(), visibility: Visibility::Kept, ..charge(&shared, 1) };
        for _ in 0..2 {
            let taken = take(&[charge(&own, 1), of_all], NOW).unwrap();
            assert_eq!(taken.tightest.unwrap().quota.name(), "own");
        }
        let violated = take(&[charge(&own, 1), of_all], NOW).unwrap_err();
        assert_eq!((violated.charge, violated.visibility), (1, Visibility::Kept));
        assert_eq!(own.peek(of_all.key, 0, NOW).unwrap().remaining, 100);
        assert_eq!(own.peek(charge(&own, 1).key, 0, NOW).unwrap().remaining, 98);
    }

    #[test]
    fn a_quota_in_shadow_refuses_nobody_and_goes_on_counting() {
        let (real, trial) = (limiter("real", 5, 60), limiter("trial", 1, 60));
        let charges = [charge(&real, 1), Charge { strength: Strength::Shadow, ..charge(&trial, 1) }];
        assert!(take(&charges, NOW).unwrap().in_shadow.is_empty());
        let taken = take(&charges, NOW).unwrap();
        assert_eq!(&taken.in_shadow[..], ["trial"]);
        assert_eq!(taken.tightest.unwrap().standing.remaining, 3);
    }

    #[test]
    fn it_is_said_once_that_a_budget_runs_out() {
        let budget = limiter("sms", 10, 86_400);
        let charges = [Charge { alert_at: Some(2), ..charge(&budget, 3) }];
        let said: Vec<usize> = (0..3).map(|_| take(&charges, NOW).unwrap().running_out.len()).collect();
        assert_eq!(said, [0, 0, 1]);
        assert!(take(&[Charge { cost: 1, ..charges[0] }], NOW).unwrap().running_out.is_empty());
    }

    proptest! {
        #[test]
        fn all_is_taken_or_nothing_and_never_more_than_a_quota_has(
            counts in prop::collection::vec(1u32..12, 1..5),
            costs in prop::collection::vec(1u32..4, 1..60),
        ) {
            let limiters: Vec<Limiter> =
                counts.iter().map(|count| limiter("one", *count, 1_000_000)).collect();
            for cost in costs {
                let charges: Vec<Charge<'_>> = limiters.iter().map(|limiter| charge(limiter, cost)).collect();
                let before: Vec<u32> =
                    charges.iter().map(|charge| charge.limiter.peek(charge.key, 0, NOW).unwrap().remaining).collect();
                let outcome = take(&charges, NOW);
                let admits = counts.iter().zip(&before).all(|(count, left)| cost.min(*count) <= *left);
                prop_assert_eq!(outcome.is_ok(), admits);
                for ((charge, before), count) in charges.iter().zip(before).zip(&counts) {
                    let after = charge.limiter.peek(charge.key, 0, NOW).unwrap().remaining;
                    let spent = if outcome.is_ok() { cost.min(*count) } else { 0 };
                    prop_assert_eq!(after, before - spent);
                }
                if let Ok(told) = outcome {
                    let least = limiters.iter().map(|limiter| limiter.peek(charges[0].key, 0, NOW).unwrap().remaining).min();
                    prop_assert_eq!(told.tightest.map(|told| told.standing.remaining), least);
                }
            }
        }
    }
}
