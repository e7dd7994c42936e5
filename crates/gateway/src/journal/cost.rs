//! What noting a decision costs a request, for `benches/journal.rs`: the very steps of [`super::Journal::note`].

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use portcullis_audit::Verdict;

use super::WAITING;
use super::explain::NotExplained;
use super::made_up::{MadeUp, Walked, walked};
use super::taken::Taken;
use crate::gateway::Options;

/// A request that was walked, and a queue for its notes.
pub struct Noting {
    walked: Walked,
    queue: SyncSender<Box<Taken>>,
    inbox: Receiver<Box<Taken>>,
}

impl Noting {
    /// Walks a request.
    ///
    /// # Errors
    /// As [`super::explain_request`].
    pub fn of(options: &Options, made_up: &MadeUp) -> Result<Self, NotExplained> {
        let (queue, inbox) = sync_channel(WAITING);
        Ok(Self { walked: walked(options, made_up)?, queue, inbox })
    }

    /// Notes its decision, as a worker does.
    pub fn note(&self) {
        let Walked { policy, envelope, trace, refused } = &self.walked;
        let (verdict, status) = match refused {
            None => (Verdict::Answered, 200),
            Some(denial) => (Verdict::Denied(denial), denial.reason().status()),
        };
        let taken = Taken::of(std::sync::Arc::clone(policy), envelope, trace, verdict, status);
        // A full queue is part of what is measured.
        let _ = self.queue.try_send(Box::new(taken));
    }

    /// Takes everything out of the queue, as the journal's thread does.
    pub fn drain(&self) {
        while self.inbox.try_recv().is_ok() {}
    }
}
