//! Between the pens and the writer: batches of lines, bounded in bytes.
//!
//! In: a batch from a pen, which never waits for more than a moment's lock. Out: batches to the writer
//! thread, which does the waiting. When there is no room, a batch is dropped and counted, and the writer
//! records the gap when it comes by (AUD-12).

use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use portcullis_domain::Timestamp;

/// Room beyond the capacity that only notes about the process may use: a flood of requests must not push
/// out the event that tells of it.
pub(crate) const RESERVE: usize = 64 * 1024;

/// Emptied buffers that are kept for the pens.
const SPARES: usize = 16;

/// How long the writer waits before it tries a failing sink again.
pub(crate) const PAUSE: Duration = Duration::from_millis(100);

/// Lines that belong together.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) lines: Vec<u8>,
    pub(crate) events: u64,
    pub(crate) at: Timestamp,
    pub(crate) claim: Claim,
}

/// Events that are missing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loss {
    pub(crate) events: u64,
    pub(crate) since: Timestamp,
}

/// What the writer finds when it looks.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) batches: Vec<Batch>,
    pub(crate) loss: Option<Loss>,
    pub(crate) reopen: bool,
    pub(crate) is_closed: bool,
}

/// Who is asking for room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    Request,
    Process,
}

#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    emptied: Condvar,
    capacity: usize,
    written: AtomicU64,
    lost: AtomicU64,
    is_failing: AtomicBool,
    is_losing: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    batches: Vec<Batch>,
    spares: Vec<Vec<u8>>,
    /// Bytes of lines that the writer has not taken up yet.
    bytes: usize,
    /// Bytes of lines that have their place in the chain and are not written yet.
    backlog: usize,
    loss: Option<Loss>,
    reopen: bool,
    is_closed: bool,
    /// How many batches were accepted, taken up by the writer, and up to which of them all is done.
    accepted: u64,
    taken: u64,
    done: u64,
}

impl Queue {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            state: Mutex::default(),
            filled: Condvar::new(),
            emptied: Condvar::new(),
            capacity,
            written: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            is_failing: AtomicBool::new(false),
            is_losing: AtomicBool::new(false),
        }
    }

    /// Hands over the lines in `buffer` and leaves an empty one. Without room they are counted as lost.
    pub(crate) fn offer(&self, buffer: &mut Vec<u8>, events: u64, at: Timestamp, claim: Claim) {
        if buffer.is_empty() {
            return;
        }
        let mut state = self.state();
        let room = self.capacity + if claim == Claim::Process { RESERVE } else { 0 };
        if state.is_closed || state.bytes + buffer.len() > room {
            buffer.clear();
            let loss = state.loss.get_or_insert(Loss { events: 0, since: at });
            loss.events += events;
            self.lost.fetch_add(events, Ordering::Relaxed);
            self.is_losing.store(true, Ordering::Relaxed);
            return;
        }
        state.bytes += buffer.len();
        state.accepted += 1;
        let empty = state.spares.pop().unwrap_or_default();
        let lines = mem::replace(buffer, empty);
        state.batches.push(Batch { lines, events, at, claim });
        drop(state);
        self.filled.notify_one();
    }

    /// Waits until there is something to do, or for `patience`.
    pub(crate) fn wait(&self, patience: Option<Duration>) -> Work {
        let mut state = self.state();
        let is_idle = |state: &mut State| {
            state.batches.is_empty() && state.loss.is_none() && !state.reopen && !state.is_closed
        };
        state = match patience {
            None => self.filled.wait_while(state, is_idle).unwrap_or_else(PoisonError::into_inner),
            Some(patience) => {
                self.filled
                    .wait_timeout_while(state, patience, is_idle)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            }
        };
        state.taken = state.accepted;
        Work {
            batches: mem::take(&mut state.batches),
            loss: state.loss.take(),
            reopen: mem::take(&mut state.reopen),
            is_closed: state.is_closed,
        }
    }

    /// Waits a little before another try.
    pub(crate) fn pause(&self) {
        // Whoever wakes us early only makes the try come sooner.
        drop(self.filled.wait_timeout(self.state(), PAUSE).unwrap_or_else(PoisonError::into_inner));
    }

    /// What was waited for is taken up; its buffers may be used again. `backlog` bytes are not written yet: with
    /// none, all that was taken up so far is done.
    pub(crate) fn finish(&self, work: Work, backlog: usize) {
        let mut state = self.state();
        for mut batch in work.batches {
            state.bytes = state.bytes.saturating_sub(batch.lines.len());
            if state.spares.len() < SPARES && batch.lines.capacity() <= RESERVE {
                batch.lines.clear();
                state.spares.push(batch.lines);
            }
        }
        state.backlog = backlog;
        if backlog == 0 {
            state.done = state.taken;
        }
        drop(state);
        self.emptied.notify_all();
    }

    /// Waits until everything that was accepted so far is done.
    pub(crate) fn settle(&self) {
        let mut state = self.state();
        let ticket = state.accepted;
        while state.done < ticket {
            state = self.emptied.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(crate) fn ask_to_reopen(&self) {
        self.state().reopen = true;
        self.filled.notify_one();
    }

    pub(crate) fn close(&self) {
        self.state().is_closed = true;
        self.filled.notify_one();
    }

    pub(crate) fn count_written(&self, events: u64) {
        self.written.fetch_add(events, Ordering::Relaxed);
    }

    /// The writer gave up on events it had accepted.
    pub(crate) fn count_lost(&self, events: u64) {
        self.lost.fetch_add(events, Ordering::Relaxed);
        self.is_losing.store(true, Ordering::Relaxed);
    }

    /// Most bytes that may wait.
    pub(crate) const fn capacity(&self) -> usize {
        self.capacity
    }

    /// Notes whether the sink takes what it is given; says whether that is news.
    pub(crate) fn set_failing(&self, is_failing: bool) -> bool {
        self.is_failing.swap(is_failing, Ordering::Relaxed) != is_failing
    }

    /// The gap is in the record: what was lost is accounted for.
    pub(crate) fn set_recovered(&self) {
        // A loss that came after this one is still to be recorded.
        let state = self.state();
        if state.loss.is_none() {
            self.is_losing.store(false, Ordering::Relaxed);
        }
    }

    pub(crate) fn is_healthy(&self) -> bool {
        !self.is_failing.load(Ordering::Relaxed) && !self.is_losing.load(Ordering::Relaxed)
    }

    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    pub(crate) fn bytes(&self) -> usize {
        let state = self.state();
        state.bytes + state.backlog
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
