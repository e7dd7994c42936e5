//! The process's record: one queue, one writer, one sink that holds the chain, and others that are told as well.
//!
//! In: [`Settings`], then events through [`Pen`]s and notes about the process. Out: the record, and whether
//! it can be relied on. Opened once at start; lives longer than any policy.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use portcullis_domain::{Clock, Reason, Timestamp};

use crate::chain::Signer;
use crate::line::Calendar;
use crate::pen::Pen;
use crate::pseudonym::Pseudonyms;
use crate::queue::{Claim, Queue};
use crate::repeats::Repeats;
use crate::rotation::{Retention, Rotation};
use crate::ship::{Carrier, Shipper, Spool, SpoolBounds, SpoolTally};
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
    /// Most bytes that wait to be written; as many again while the sink fails.
    pub queue_bytes: usize,
    /// What happens when it does not work.
    pub on_failure: OnFailure,
    /// From when on refusals that are all alike are counted.
    pub repeats: Repeats,
    /// When the record goes on in a new file.
    pub rotation: Rotation,
    /// What is kept of older files.
    pub retention: Retention,
    /// Replaces the names of people.
    pub pseudonyms: Option<Pseudonyms>,
    /// Signs where the chain stands.
    pub signer: Option<Arc<Signer>>,
    /// A file elsewhere that signed heads are appended to.
    pub anchors: Option<PathBuf>,
    /// Other sinks that are told everything as well. What is for them waits until [`Recorder::ship`].
    pub sinks: Vec<SinkSettings>,
}

/// A sink beside the record.
#[derive(Clone, Debug)]
pub struct SinkSettings {
    /// Its name, as the record and metrics have it.
    pub name: String,
    /// How much may wait for it.
    pub bounds: SpoolBounds,
    /// Whether the record is not sound while this sink loses events.
    pub importance: Importance,
}

/// What it means when a sink loses events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Importance {
    /// It is told and counted.
    #[default]
    Auxiliary,
    /// The same as when the record does: see [`OnFailure`].
    Vital,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            sink: SinkChoice::default(),
            queue_bytes: 8 << 20,
            on_failure: OnFailure::default(),
            repeats: Repeats::default(),
            rotation: Rotation::default(),
            retention: Retention::default(),
            pseudonyms: None,
            signer: None,
            anchors: None,
            sinks: Vec::new(),
        }
    }
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
    /// What waits for another sink.
    #[error("what waits for the sink `{sink}` cannot be kept at `{place}`: {error}")]
    Spool {
        /// Which sink.
        sink: String,
        /// Where.
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

/// Hands lines to the writer, and notes what happens to the process.
#[derive(Clone, Debug)]
pub(crate) struct Notary {
    queue: Arc<Queue>,
    clock: Clock,
}

impl Notary {
    pub(crate) fn note(&self, system: &System<'_>) {
        let (mut line, at) = (Vec::new(), self.now());
        system.write(&mut line, at, &mut Calendar::default());
        self.offer(&mut line, 1, at, Claim::Process);
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now().wall
    }

    /// Hands over the lines in `buffer`, which speak for so many events, and leaves an empty one.
    pub(crate) fn offer(&self, buffer: &mut Vec<u8>, events: u64, since: Timestamp, claim: Claim) {
        self.queue.offer(buffer, events, since, claim);
    }
}

/// A sink beside the record.
#[derive(Debug)]
struct Outlet {
    name: String,
    importance: Importance,
    spool: Arc<Spool>,
    shipper: Mutex<Option<Shipper>>,
}

/// The process's record.
///
/// Invariant: recording never waits for the sink, and nothing is lost without being counted.
#[derive(Debug)]
pub struct Recorder {
    notary: Notary,
    on_failure: OnFailure,
    repeats: Repeats,
    /// Where the record is, if it is a file.
    file: Option<PathBuf>,
    outlets: Vec<Outlet>,
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
        let outlets = settings.sinks.iter().map(Outlet::open).collect::<Result<Vec<_>, _>>()?;
        let queue = Arc::new(Queue::new(settings.queue_bytes));
        let spools = outlets.iter().map(|outlet| Arc::clone(&outlet.spool)).collect();
        let chain = resumed.chain.clone();
        let mut writer = Writer::new(Arc::clone(&queue), sink, chain, clock.clone(), spools, settings);
        writer.open(&resumed);
        let thread = std::thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || writer.run())
            .map_err(OpenError::Thread)?;
        let notary = Notary { queue, clock };
        let thread = Mutex::new(Some(thread));
        let file = match &settings.sink {
            SinkChoice::File(path) => Some(path.clone()),
            SinkChoice::Stdout | SinkChoice::Memory(_) => None,
        };
        let Settings { on_failure, repeats, .. } = *settings;
        Ok(Self { notary, on_failure, repeats, file, outlets, thread })
    }

    /// Starts to deliver what is for the sink of this name; what waited comes first. A sink that is not among the
    /// settings is none (AUD-24).
    ///
    /// # Errors
    /// There is no such sink, or its thread cannot be started.
    pub fn ship(&self, name: &str, carrier: Box<dyn Carrier>) -> io::Result<()> {
        let outlet = self.outlets.iter().find(|outlet| outlet.name == name);
        let outlet =
            outlet.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such sink is declared"))?;
        let shipper = Shipper::start(name, Arc::clone(&outlet.spool), carrier, self.notary.clone())?;
        *outlet.shipper.lock().unwrap_or_else(PoisonError::into_inner) = Some(shipper);
        Ok(())
    }

    /// Where the record is, if it is a file.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The sinks beside the record, and what became of their events.
    pub fn sinks(&self) -> impl Iterator<Item = (&str, SpoolTally)> {
        self.outlets.iter().map(|outlet| (outlet.name.as_str(), outlet.spool.tally()))
    }

    /// A pen for a worker.
    #[must_use]
    pub fn pen(&self) -> Pen {
        Pen::new(self.notary.clone(), self.repeats)
    }

    /// What others of this crate note with.
    pub(crate) fn notary(&self) -> Notary {
        self.notary.clone()
    }

    /// Records what happened to the process.
    pub fn note(&self, system: &System<'_>) {
        self.notary.note(system);
    }

    /// Whether the record is written, and neither it nor a vital sink lost anything since it last was.
    #[must_use]
    pub fn healthy(&self) -> bool {
        self.notary.queue.is_healthy()
            && self
                .outlets
                .iter()
                .all(|outlet| outlet.importance == Importance::Auxiliary || !outlet.spool.is_losing())
    }

    /// Why a request must not go on unrecorded right now, if the settings say so.
    #[must_use]
    pub fn refusal(&self) -> Option<Reason> {
        self.refusal_where(self.on_failure)
    }

    /// The same where something else is said than in the settings: for what must never happen unseen.
    #[must_use]
    pub fn refusal_where(&self, on_failure: OnFailure) -> Option<Reason> {
        (on_failure == OnFailure::Deny && !self.healthy()).then_some(Reason::RecordUnavailable)
    }

    /// What became of the events so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        Tally { written: self.notary.queue.written(), lost: self.notary.queue.lost() }
    }

    /// Bytes that wait to be written.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.notary.queue.bytes()
    }

    /// Opens the file anew, after `logrotate` has moved it away.
    pub fn reopen(&self) {
        self.notary.queue.ask_to_reopen();
    }

    /// Waits until everything that was handed over so far is written or given up. For tests and tools: a
    /// sink that fails makes it wait.
    pub fn settle(&self) {
        self.notary.queue.settle();
    }

    /// Writes what was handed over, ends the record in good order, and waits for that. Pens must have been
    /// flushed or dropped: what comes later is lost. A sink that fails is given two seconds.
    pub fn close(&self) -> Tally {
        self.notary.queue.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the thread that writes the audit record panicked");
        }
        self.outlets.iter().for_each(Outlet::close);
        self.tally()
    }
}

impl Outlet {
    fn open(settings: &SinkSettings) -> Result<Self, OpenError> {
        let spool = Spool::open(settings.bounds.clone()).map_err(|error| OpenError::Spool {
            sink: settings.name.clone(),
            place: settings.bounds.folder.display().to_string(),
            error,
        })?;
        Ok(Self {
            name: settings.name.clone(),
            importance: settings.importance,
            spool: Arc::new(spool),
            shipper: Mutex::default(),
        })
    }

    fn close(&self) {
        match self.shipper.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(shipper) => shipper.close(),
            // It was never started: what waits for it waits on.
            None => self.spool.set_aside(),
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.close();
    }
}
