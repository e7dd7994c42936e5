//! What gives way when a worker has more under way than it can do (LIM-20).
//!
//! In: how many requests are under way on this worker, and what the operation is worth. Out: leave, or a 503 that
//! says when to come back, not to all the same moment. Low priorities give way first, so that what matters most is
//! served to the end. The operator's own listener and answers of the gateway itself are not counted.

use std::time::Duration;

use portcullis_domain::{Denial, Reason, ReceiptId};

/// What an operation is worth when not everything can be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Priority {
    Low,
    #[default]
    Normal,
    High,
    Critical,
}

impl Priority {
    /// The share of all places, in percent, that requests of this priority may fill.
    const fn share(self) -> u64 {
        match self {
            Self::Low => 70,
            Self::Normal => 85,
            Self::High => 95,
            Self::Critical => 100,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// Whether a request may be served, while `under_way` are, itself among them, and `most` can be.
///
/// # Errors
/// [`Reason::Overloaded`], with a wait that differs from request to request: those who are sent away together must
/// not come back together (RateLimit fields draft §8.5).
pub(crate) fn admit(priority: Priority, under_way: u32, most: u32, receipt: ReceiptId) -> Result<(), Denial> {
    if u64::from(under_way) * 100 <= u64::from(most) * priority.share() {
        return Ok(());
    }
    let [.., random] = *receipt.as_bytes();
    let jitter = u64::from(random) % 10;
    Err(Denial::new(Reason::Overloaded)
        .with_retry_after(Duration::from_secs(1 + jitter))
        .with_note(format!("{under_way} requests under way, priority {}", priority.name())))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use portcullis_domain::Timestamp;

    use super::*;

    fn receipt(random: u8) -> ReceiptId {
        ReceiptId::new(Timestamp::from_seconds(1_800_000_000), &[random; 10])
    }

    fn admitted(priority: Priority, under_way: u32) -> bool {
        admit(priority, under_way, 100, receipt(0)).is_ok()
    }

    #[test]
    fn the_least_important_gives_way_first() {
        for (priority, last) in
            [(Priority::Low, 70), (Priority::Normal, 85), (Priority::High, 95), (Priority::Critical, 100)]
        {
            assert!(admitted(priority, last), "{priority:?}");
            assert!(!admitted(priority, last + 1), "{priority:?}");
        }
    }

    #[test]
    fn those_who_are_sent_away_together_come_back_one_by_one() {
        let waits: HashSet<_> = (0..200u8)
            .map(|number| {
                let denial = admit(Priority::Low, 100, 100, receipt(number)).unwrap_err();
                denial.retry_after().unwrap().seconds()
            })
            .collect();
        assert!(waits.len() >= 5, "{waits:?}");
        assert!(waits.iter().all(|wait| (1..=10).contains(wait)), "{waits:?}");
    }
}
