//! What found no room in the journal, until the journal says so.

use std::sync::atomic::{AtomicU64, Ordering};

use portcullis_domain::Timestamp;

/// Counts of what was lost.
#[derive(Debug, Default)]
pub(super) struct Losses {
    /// Since the journal last said so.
    untold: AtomicU64,
    /// When the first of these was lost, in milliseconds since the epoch; zero for never.
    since: AtomicU64,
}

/// Decisions that were lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Loss {
    pub(super) decisions: u64,
    pub(super) since: Timestamp,
}

impl Losses {
    pub(super) fn count(&self, loss: Loss) {
        // Whoever comes first says when it began.
        let since = loss.since.as_millis().max(1);
        let _ = self.since.compare_exchange(0, since, Ordering::Relaxed, Ordering::Relaxed);
        self.untold.fetch_add(loss.decisions, Ordering::Relaxed);
    }

    /// What the journal does not say yet.
    pub(super) fn take(&self) -> Option<Loss> {
        match self.untold.swap(0, Ordering::Relaxed) {
            0 => None,
            decisions => {
                let since = Timestamp::from_millis(self.since.swap(0, Ordering::Relaxed));
                Some(Loss { decisions, since })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_told_once_from_its_beginning_on() {
        let losses = Losses::default();
        assert_eq!(losses.take(), None);
        let at = |seconds| Timestamp::from_seconds(seconds);
        losses.count(Loss { decisions: 1, since: at(5) });
        losses.count(Loss { decisions: 2, since: at(7) });
        assert_eq!(losses.take(), Some(Loss { decisions: 3, since: at(5) }));
        assert_eq!(losses.take(), None);
        losses.count(Loss { decisions: 1, since: at(9) });
        assert_eq!(losses.take(), Some(Loss { decisions: 1, since: at(9) }));
    }
}
