//! The journal's thread: takes what waits, tells it and writes it.
//!
//! It looks a few times a second and is never woken, so that putting something into its queue costs a worker no call
//! into the system.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Duration;

use portcullis_audit::Metrics;
use portcullis_audit::journal::Writer;
use portcullis_domain::{Clock, Timestamp};

use super::Naming;
use super::losses::{Loss, Losses};
use super::taken::Taken;
use super::tell::{Depth, tell};

/// How often it looks.
const ROUND: Duration = Duration::from_millis(40);
/// How often it looks at what is too old, whether anything comes or not.
const FORGET: Duration = Duration::from_secs(60);
/// How many refusals a round explains to the end; a flood of them is only noted down, so that it can be kept up with.
const EXPLAINED: usize = 64;

pub(super) struct Keeper {
    pub(super) writer: Writer,
    pub(super) inbox: Receiver<Box<Taken>>,
    pub(super) losses: Arc<Losses>,
    pub(super) ending: Arc<AtomicBool>,
    pub(super) naming: Naming,
    pub(super) clock: Clock,
    pub(super) metrics: Arc<Metrics>,
}

/// Whether the last write went well; an outage is told when it begins and when it ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Health {
    Well,
    Failing,
}

impl Keeper {
    pub(super) fn run(mut self) {
        let mut health = Health::Well;
        let mut forgot = self.clock.mono();
        loop {
            let is_ending = self.ending.load(Ordering::Acquire);
            let now = self.clock.now();
            let taken = self.round(now.wall);
            let is_due = taken > 0 || is_ending || now.mono.saturating_sub(forgot) >= FORGET;
            let flushed = if is_due { self.writer.flush(now.wall) } else { Ok(()) };
            if is_due {
                forgot = now.mono;
                health = health.note(&flushed);
            }
            if is_ending {
                return;
            }
            thread::park_timeout(ROUND);
        }
    }

    /// Writes all that waits, and says how much that was.
    fn round(&mut self, now: Timestamp) -> u64 {
        let (mut taken, mut lost, mut explained) = (0, 0, 0);
        while let Ok(one) = self.inbox.try_recv() {
            taken += 1;
            let depth = if explained < EXPLAINED { Depth::Explained } else { Depth::Noted };
            let decision = tell(&one, self.writer.key(), &self.naming, depth);
            if decision.refusal.is_some() {
                explained += 1;
            }
            lost += u64::from(self.writer.add(decision, now).is_err());
        }
        self.metrics.count_journal_losses(lost);
        if lost > 0 {
            self.losses.count(Loss { decisions: lost, since: now });
        }
        if let Some(loss) = self.losses.take()
            && self.writer.add_loss(loss.decisions, loss.since, now).is_err()
        {
            // The journal says so once it can.
            self.losses.count(loss);
        }
        taken + lost
    }
}

impl Health {
    fn note(self, flushed: &std::io::Result<()>) -> Self {
        match (self, flushed) {
            (Self::Well, Err(error)) => {
                tracing::warn!(%error, "the journal cannot be written; receipts of this time cannot be explained");
                Self::Failing
            }
            (Self::Failing, Ok(())) => {
                tracing::info!("the journal is written again");
                Self::Well
            }
            (health, Ok(()) | Err(_)) => health,
        }
    }
}
