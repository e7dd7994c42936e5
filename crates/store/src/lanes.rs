//! The bounded queues between those who ask and the threads that speak to a database.
//!
//! Whoever asks waits for the answer without holding a thread; what does not fit is refused at once, so that a
//! slow database cannot use up the memory of the gateway.

use std::sync::atomic::{AtomicUsize, Ordering};

use portcullis_domain::StoreError;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use crate::statement::{Row, Statement};

/// How much may wait in one lane.
const DEPTH: usize = 1024;

/// What a read gave.
pub(crate) type Rows = Result<Vec<Row>, StoreError>;
/// How many rows each statement of a transaction changed.
pub(crate) type Changed = Result<Vec<u64>, StoreError>;

/// A question.
pub(crate) struct Read {
    pub(crate) statement: Statement,
    pub(crate) answer: oneshot::Sender<Rows>,
}

/// Statements that hold together or not at all.
pub(crate) struct Write {
    pub(crate) statements: Vec<Statement>,
    pub(crate) answer: oneshot::Sender<Changed>,
}

/// The ways to a database: one for writes, some for reads.
#[derive(Debug)]
pub(crate) struct Lanes {
    reads: Box<[mpsc::Sender<Read>]>,
    writes: mpsc::Sender<Write>,
    turn: AtomicUsize,
}

/// The other ends.
pub(crate) struct Ends {
    pub(crate) reads: Vec<mpsc::Receiver<Read>>,
    pub(crate) writes: mpsc::Receiver<Write>,
}

impl Lanes {
    pub(crate) fn new(readers: usize) -> (Self, Ends) {
        let (senders, reads): (Vec<_>, Vec<_>) = (0..readers).map(|_| mpsc::channel(DEPTH)).unzip();
        let (writer, writes) = mpsc::channel(DEPTH);
        let lanes = Self { reads: senders.into(), writes: writer, turn: AtomicUsize::new(0) };
        (lanes, Ends { reads, writes })
    }

    pub(crate) async fn read(&self, statement: Statement) -> Rows {
        let (answer, answered) = oneshot::channel();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.reads.len().max(1);
        let lane = self.reads.get(turn).ok_or(StoreError::Unavailable)?;
        lane.try_send(Read { statement, answer }).map_err(|error| refused(&error))?;
        answered.await.map_err(|_| StoreError::Unavailable)?
    }

    pub(crate) async fn write(&self, statements: Vec<Statement>) -> Changed {
        let (answer, answered) = oneshot::channel();
        self.writes.try_send(Write { statements, answer }).map_err(|error| refused(&error))?;
        answered.await.map_err(|_| StoreError::Unavailable)?
    }
}

fn refused<T>(error: &TrySendError<T>) -> StoreError {
    match error {
        TrySendError::Full(_) => StoreError::Saturated,
        TrySendError::Closed(_) => StoreError::Unavailable,
    }
}
