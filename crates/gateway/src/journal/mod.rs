//! The journal of decisions, as a running gateway keeps it, and what can be asked of it afterwards.
//!
//! In: every entry of the record, when it is written ([`Journal::note`]). Out: a folder of decisions
//! ([`portcullis_audit::journal`]). A worker only puts what it already holds into a bounded queue; the journal's own
//! thread makes digests of it, asks the rules once more for their reasons, and writes. What finds no room is lost,
//! counted, and noted in the journal. No request ever waits for any of this, and no stage decides anything by it.
//!
//! Asked by `portcullis explain RECEIPT` ([`explain_receipt`]), `portcullis explain --request`
//! ([`explain_request`]: the same of a request that nobody sent) and `portcullis policy what-if` ([`what_if()`]).

pub mod cost;
mod explain;
mod facts;
mod keep;
mod losses;
mod made_up;
mod replay;
mod taken;
mod tell;
mod what_if;
mod written;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use http::StatusCode;
use portcullis_audit::journal::{Bounds, Writer, keeps_answer};
use portcullis_audit::{Metrics, Verdict};
use portcullis_domain::Clock;

pub use explain::{Explained, NotExplained, Spot, Standing, explain_receipt};
pub use made_up::{MadeUp, explain_request};
pub(crate) use taken::{Heard, Taken};
pub use what_if::{Change, Group, NotReplayed, WhatIf, WhatIfError, what_if};
pub use written::NotRead;

use crate::config::SubjectsConfig;
use crate::record::Entry;
use keep::Keeper;
use losses::{Loss, Losses};

/// How many decisions may wait; each takes about half a KiB.
const WAITING: usize = 8192;

/// Where a journal is kept, and how.
#[derive(Clone, Debug)]
pub(crate) struct JournalPlan {
    pub(crate) folder: PathBuf,
    pub(crate) bounds: Bounds,
    pub(crate) naming: Naming,
}

/// What of a caller is kept as it is.
#[derive(Clone, Debug)]
pub(crate) struct Naming {
    pub(crate) subjects: SubjectsConfig,
    /// Claims that the operator declared to be numbers, which rules compare.
    pub(crate) numbers: BTreeSet<String>,
}

/// The journal of this process.
pub(crate) struct Journal {
    kept: Option<Kept>,
}

struct Kept {
    answers_one_in: u32,
    queue: SyncSender<Box<Taken>>,
    losses: Arc<Losses>,
    ending: Arc<AtomicBool>,
    keeper: Mutex<Option<JoinHandle<()>>>,
}

impl Journal {
    /// Nothing is kept.
    pub(crate) const fn none() -> Self {
        Self { kept: None }
    }

    /// Opens the journal and starts its thread.
    ///
    /// # Errors
    /// If the folder cannot be used.
    pub(crate) fn start(plan: &JournalPlan, clock: &Clock, metrics: Arc<Metrics>) -> std::io::Result<Self> {
        let writer = Writer::open(&plan.folder, plan.bounds, clock.now().wall)?;
        let (queue, inbox) = mpsc::sync_channel(WAITING);
        let (losses, ending) = (Arc::<Losses>::default(), Arc::<AtomicBool>::default());
        let keeper = Keeper {
            writer,
            inbox,
            losses: Arc::clone(&losses),
            ending: Arc::clone(&ending),
            naming: plan.naming.clone(),
            clock: clock.clone(),
            metrics,
        };
        let keeper = std::thread::Builder::new().name("journal".into()).spawn(move || keeper.run())?;
        let (answers_one_in, keeper) = (plan.bounds.answers_one_in, Mutex::new(Some(keeper)));
        Ok(Self { kept: Some(Kept { answers_one_in, queue, losses, ending, keeper }) })
    }

    /// Notes how a request ended.
    pub(crate) fn note(&self, entry: &Entry, verdict: Verdict<'_>, status: StatusCode) {
        let Some(kept) = &self.kept else { return };
        let receipt = entry.envelope.receipt;
        if matches!(verdict, Verdict::Answered) && !keeps_answer(receipt, kept.answers_one_in) {
            return;
        }
        let Entry { policy, envelope, trace, .. } = entry;
        let taken = Taken::of(policy.share(), envelope, trace, verdict, status.as_u16());
        if kept.queue.try_send(Box::new(taken)).is_err() {
            kept.losses.count(Loss { decisions: 1, since: envelope.now.wall });
            entry.worker.shared.metrics.count_journal_losses(1);
        }
    }

    /// Writes what waits and ends. Called once no worker is left.
    pub(crate) fn finish(&self) {
        let Some(kept) = &self.kept else { return };
        let keeper = kept.keeper.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(keeper) = keeper {
            kept.ending.store(true, Ordering::Release);
            keeper.thread().unpark();
            // A keeper that panicked has nothing left to write.
            let _ = keeper.join();
        }
    }
}
