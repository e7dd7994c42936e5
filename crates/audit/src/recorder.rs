//! The process's record: one queue, one writer, one sink.
//!
//! In: [`Settings`], then events through [`Pen`]s and notes about the process. Out: the record, and whether
//! it can be relied on. Opened once at start; lives longer than any policy.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use portcullis_domain::{Clock, Reason};

use crate::line::Calendar;
use crate::pen::Pen;
use crate::queue::{Claim, Queue};
use crate::sink::{Sink, SinkChoice};
use crate::system::System;
use crate::writer::Writer;

/// What happens to requests while the record cannot be written (AUD-12).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// They go on; what is not recorded is counted, and the gap is recorded when that is possible again.
    #[default]
    Continue,
    /// They are refused with [`Reason::RecordUnavailable`].
    Deny,
}

/// How to record.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to.
    pub sink: SinkChoice,
    /// Most bytes that wait to be written.
    pub queue_bytes: usize,
    /// What happens when it does not work.
    pub on_failure: OnFailure,
}

/// The record could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The sink.
    #[error("the audit record `{place}` cannot be opened: {error}")]
    Sink {
        /// Where it should be.
        place: String,
        /// Why not.
        error: io::Error,
    },
    /// The thread.
    #[error("the thread that writes the audit record cannot be started: {0}")]
    Thread(io::Error),
}

/// What became of the events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Events of requests, and notes, that are in the record.
    pub written: u64,
    /// Those that are not.
    pub lost: u64,
}

/// The process's record.
///
/// Invariant: recording never waits for the sink, and nothing is lost without being counted.
#[derive(Debug)]
pub struct Recorder {
    queue: Arc<Queue>,
    clock: Clock,
    on_failure: OnFailure,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Recorder {
    /// Opens the record and starts its writer.
    ///
    /// # Errors
    /// [`OpenError`]: the file cannot be opened, or another process writes it.
    pub fn open(settings: &Settings, clock: Clock) -> Result<Self, OpenError> {
        let (sink, resumed) = Sink::open(&settings.sink).map_err(|error| {
            let place = match &settings.sink {
                SinkChoice::File(path) => path.display().to_string(),
                SinkChoice::Stdout => "standard output".to_owned(),
                SinkChoice::Memory(_) => "memory".to_owned(),
            };
            OpenError::Sink { place, error }
        })?;
        let queue = Arc::new(Queue::new(settings.queue_bytes));
        let mut writer = Writer::new(Arc::clone(&queue), sink, resumed.chain.clone(), clock.clone());
        writer.open(&resumed);
        let thread = std::thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || writer.run())
            .map_err(OpenError::Thread)?;
        Ok(Self { queue, clock, on_failure: settings.on_failure, thread: Mutex::new(Some(thread)) })
    }

    /// A pen for a worker.
    #[must_use]
    pub fn pen(&self) -> Pen {
        Pen::new(Arc::clone(&self.queue))
    }

    /// Records what happened to the process.
    pub fn note(&self, system: &System<'_>) {
        let (mut line, at) = (Vec::new(), self.clock.now().wall);
        system.write(&mut line, at, &mut Calendar::default());
        self.queue.offer(&mut line, 1, at, Claim::Process);
    }

    /// Whether the sink works and nothing was lost since it last did.
    #[must_use]
    pub fn healthy(&self) -> bool {
        self.queue.is_healthy()
    }

    /// Why a request must not go on unrecorded right now, if the settings say so.
    #[must_use]
    pub fn refusal(&self) -> Option<Reason> {
        (self.on_failure == OnFailure::Deny && !self.healthy()).then_some(Reason::RecordUnavailable)
    }

    /// What became of the events so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        Tally { written: self.queue.written(), lost: self.queue.lost() }
    }

    /// Bytes that wait to be written.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.queue.bytes()
    }

    /// Opens the file anew, after `logrotate` has moved it away.
    pub fn reopen(&self) {
        self.queue.ask_to_reopen();
    }

    /// Waits until everything that was handed over so far is written or given up. For tests and tools: a
    /// sink that fails makes it wait.
    pub fn settle(&self) {
        self.queue.settle();
    }

    /// Writes what was handed over, ends the record in good order, and waits for that. Pens must have been
    /// flushed or dropped: what comes later is lost. A sink that fails is given two seconds.
    pub fn close(&self) -> Tally {
        self.queue.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the thread that writes the audit record panicked");
        }
        self.tally()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.close();
    }
}
