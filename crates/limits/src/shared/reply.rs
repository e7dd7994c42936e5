//! What the server's answer means.
//!
//! In: the answer to an [`Order`]. Out: what was held of each key before, as [`crate::Limiter`] holds it, from which the
//! very code that counts locally says how the key stands. An answer that does not fit the order is nonsense, whatever
//! sent it.

use std::time::Duration;

use portcullis_domain::{Now, Timestamp};
use redis::Value;
use smallvec::SmallVec;

use crate::calendar::Held;
use crate::shared::fault::Fault;
use crate::shared::order::{Order, Terms};

/// What the server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    /// Whether the charges were spent.
    pub(crate) outcome: Outcome,
    /// The server's time, on both clocks: since 1970.
    pub(crate) now: Now,
    /// What was held of each charge before, by that time.
    pub(crate) held: SmallVec<[u64; 4]>,
}

/// Whether charges were spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All of them that fit.
    Spent,
    /// None.
    Refused,
}

/// Reads the answer to `order`.
///
/// # Errors
/// [`Fault::Nonsense`].
pub(crate) fn read(value: &Value, order: &Order) -> Result<Reply, Fault> {
    read_whole(value, order).ok_or(Fault::Nonsense)
}

fn read_whole(value: &Value, order: &Order) -> Option<Reply> {
    let Value::Array(values) = value else { return None };
    let mut numbers = values.iter().map(|value| match value {
        Value::Int(number) => u64::try_from(*number).ok(),
        _ => None,
    });
    let mut next = || numbers.next().flatten();
    let outcome = match next()? {
        0 => Outcome::Refused,
        1 => Outcome::Spent,
        _ => return None,
    };
    let (second, microsecond) = (u32::try_from(next()?).ok()?, u32::try_from(next()?).ok()?);
    if microsecond >= 1_000_000 {
        return None;
    }
    let mono = Duration::new(second.into(), microsecond * 1_000);
    let wall = Timestamp::from_millis(u64::from(second) * 1_000 + u64::from(microsecond / 1_000));
    let now = Now { wall, mono };
    let since = u64::try_from(mono.as_nanos()).ok()?;
    let mut held = SmallVec::new();
    for entry in order.entries() {
        let (first, rest) = (next()?, next()?);
        held.push(match entry.terms {
            Terms::Rolling { depth, .. } => {
                let debt = first.checked_mul(1_000)?.checked_add(rest)?;
                if rest >= 1_000 || debt > depth {
                    return None;
                }
                since.checked_add(debt)?
            }
            Terms::Fixed { .. } => {
                let (end, spent) = (u32::try_from(first).ok()?, u32::try_from(rest).ok()?);
                if end <= second {
                    return None;
                }
                Held::new(end, spent).pack()
            }
        });
    }
    numbers.next().is_none().then_some(Reply { outcome, now, held })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use portcullis_domain::Strength;
    use proptest::prelude::*;

    use super::*;
    use crate::decision::{Charge, Visibility};
    use crate::key::Key;
    use crate::limiter::Limiter;
    use crate::quota::Quota;
    use crate::shared::order::Doing;

    const NOW: Now = Now { wall: Timestamp::from_seconds(1_000_000), mono: Duration::from_secs(10) };

    fn order(limiter: &Limiter) -> Order {
        let charge = Charge {
            limiter,
            key: Key::everybody(),
            cost: 1,
            strength: Strength::Enforce,
            visibility: Visibility::Told,
            alert_at: None,
        };
        Order::new(Doing::Take, [&charge], NOW, |_| 0)
    }

    fn limiter() -> Limiter {
        Limiter::new(Quota::new("test", 10, Duration::from_secs(10), 5).unwrap(), 1_000)
    }

    #[track_caller]
    fn check(numbers: &[i64], expected: Option<(Outcome, u64)>) {
        let value = Value::Array(numbers.iter().map(|number| Value::Int(*number)).collect());
        let reply = read(&value, &order(&limiter())).ok();
        assert_eq!(reply.map(|reply| (reply.outcome, reply.held[0])), expected, "{numbers:?}");
    }

    #[test]
    fn an_answer_is_read_and_what_does_not_fit_is_nonsense() {
        check(&[1, 100, 5, 2, 3], Some((Outcome::Spent, 100_000_005_000 + 2_003)));
        check(&[0, 100, 5, 5_000_000, 0], Some((Outcome::Refused, 105_000_005_000)));
        // No debt is deeper than the quota is; no part of a second is longer than one.
        check(&[0, 100, 5, 5_000_000, 1], None);
        check(&[1, 100, 1_000_000, 0, 0], None);
        check(&[1, 100, 5, 2, 1_000], None);
        check(&[2, 100, 5, 2, 3], None);
        check(&[1, 100, 5, 2], None);
        check(&[1, 100, 5, 2, 3, 4], None);
        check(&[1, -100, 5, 2, 3], None);
        check(&[1, i64::MAX, 5, 2, 3], None);
        check(&[], None);
        for value in [Value::Nil, Value::Okay, Value::Int(1), Value::SimpleString("1".to_owned())] {
            assert_eq!(read(&value, &order(&limiter())), Err(Fault::Nonsense));
        }
    }

    proptest! {
        #[test]
        fn whatever_numbers_come_the_debt_is_never_deeper_than_the_quota(
            numbers in prop::collection::vec(any::<i64>(), 0..8)
        ) {
            let value = Value::Array(numbers.into_iter().map(Value::Int).collect());
            if let Ok(reply) = read(&value, &order(&limiter())) {
                let since = u64::try_from(reply.now.mono.as_nanos()).unwrap();
                prop_assert!(reply.held[0] - since <= 5_000_000_000);
            }
        }
    }
}
