//! The one thread that writes the record.
//!
//! In: batches from the queue. Out: sealed lines in the record, its head beside it, and the same lines in the
//! spool of every other sink. A record that cannot be written is tried again until it works or the gateway stops.
//! Meanwhile lines are sealed and kept as long as there is room; what finds none is lost to the record and counted,
//! and still goes to the other sinks, without a place in the chain: that the disk is full must not keep a
//! collector from hearing of it.

use std::sync::Arc;
use std::time::Duration;

use portcullis_domain::{Clock, Timestamp};

use crate::chain::{Anchors, Chain, Signer};
use crate::line::Calendar;
use crate::pseudonym::Pseudonyms;
use crate::queue::{Batch, Claim, Loss, PAUSE, Queue, RESERVE, Work};
use crate::recorder::Settings;
use crate::rotation::{Retention, Rotation, older_files};
use crate::ship::Spool;
use crate::sink::{Resumed, Sink};
use crate::system::{SignedHead, System};

/// Sealed bytes that are written at once.
const CHUNK: usize = 64 * 1024;

/// Lines, and time, after which the chain gets a checkpoint.
const CHECKPOINT: u64 = 10_000;
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(60);

/// How often it is looked whether a checkpoint is due while there is nothing else to do.
const LOOK: Duration = Duration::from_secs(1);

/// How often a failing sink is tried while the gateway stops: about two seconds.
const LAST_TRIES: usize = 20;

pub(crate) struct Writer {
    queue: Arc<Queue>,
    sink: Sink,
    chain: Chain,
    clock: Clock,
    calendar: Calendar,
    spools: Vec<Arc<Spool>>,
    backlog: Backlog,
    /// A line of the writer's own, before it is sealed.
    line: Vec<u8>,
    loss: Option<Loss>,
    pseudonyms: Option<Pseudonyms>,
    /// A batch with pseudonyms in place of names.
    rewritten: Vec<u8>,
    signer: Option<Arc<Signer>>,
    anchors: Option<Anchors>,
    /// The number and moment of the last checkpoint.
    checked: (u64, Timestamp),
    rotation: Rotation,
    retention: Retention,
    /// What is written goes to a file that nobody will find.
    is_misplaced: bool,
}

/// Lines that have their place in the chain and are not written yet.
#[derive(Default)]
struct Backlog {
    bytes: Vec<u8>,
    /// How many of them are written.
    written: usize,
    /// How many of them the spools have.
    shipped: usize,
    /// How many events of others they hold.
    events: u64,
}

impl Backlog {
    fn len(&self) -> usize {
        self.bytes.len() - self.written
    }
}

impl Writer {
    pub(crate) fn new(
        queue: Arc<Queue>,
        sink: Sink,
        chain: Chain,
        clock: Clock,
        spools: Vec<Arc<Spool>>,
        settings: &Settings,
    ) -> Self {
        let checked = (chain.head().sequence(), clock.now().wall);
        Self {
            queue,
            sink,
            chain,
            clock,
            calendar: Calendar::default(),
            spools,
            backlog: Backlog { bytes: Vec::with_capacity(CHUNK + CHUNK / 2), ..Backlog::default() },
            line: Vec::new(),
            loss: None,
            pseudonyms: settings.pseudonyms.clone(),
            rewritten: Vec::new(),
            signer: settings.signer.clone(),
            anchors: settings.anchors.clone().map(Anchors::new),
            checked,
            rotation: settings.rotation,
            retention: settings.retention,
            is_misplaced: false,
        }
    }

    /// Opens the record; what was found wrong with it is the first thing it says.
    pub(crate) fn open(&mut self, resumed: &Resumed) {
        self.note_opened("start", resumed.finding.as_deref());
        if let Some(finding) = &resumed.finding {
            tracing::warn!(finding, "the audit record was not left in good order");
        }
    }

    /// Writes until the queue is closed and empty.
    pub(crate) fn run(mut self) {
        self.put();
        loop {
            let work = self.queue.wait(self.patience());
            let is_last = work.is_closed;
            self.work(&work);
            if is_last {
                self.end();
            }
            self.queue.finish(work, self.backlog.len());
            if is_last {
                return;
            }
        }
    }

    /// How long to wait for work: what is not written is tried again, what is not signed is looked after.
    fn patience(&self) -> Option<Duration> {
        match (self.backlog.len(), self.chain.head().sequence() > self.checked.0) {
            (0, false) => None,
            (0, true) => Some(LOOK),
            (_, _) => Some(PAUSE),
        }
    }

    fn work(&mut self, work: &Work) {
        if self.backlog.len() == 0 {
            self.look_after_file(work.reopen);
        }
        for batch in &work.batches {
            self.take(batch);
            if self.backlog.len() >= CHUNK {
                self.put();
            }
        }
        if let Some(loss) = work.loss {
            self.lose(loss.events, loss.since);
        }
        // As soon as there is room for it: the gap belongs where it is.
        let told = if self.backlog.len() < CHUNK { self.loss.take() } else { None };
        if let Some(Loss { events, since }) = told {
            self.note(&System::Lost { events, since });
        }
        if self.is_checkpoint_due() {
            self.note_checkpoint();
        }
        if work.is_closed {
            self.sign_end();
            self.note(&System::Closed { cause: "stop" });
        }
        self.put();
        if self.backlog.len() == 0 && self.loss.is_none() {
            self.queue.set_recovered();
        }
    }

    /// Gives a batch its place in the chain, if there is room to keep it until it is written.
    fn take(&mut self, batch: &Batch) {
        let lines = match &self.pseudonyms {
            None => &batch.lines,
            Some(pseudonyms) => {
                self.rewritten.clear();
                pseudonyms.rewrite(&batch.lines, &mut self.rewritten);
                &self.rewritten
            }
        };
        let room = self.queue.capacity() + if batch.claim == Claim::Process { RESERVE } else { 0 };
        if self.backlog.len() + lines.len() > room {
            self.spools.iter().for_each(|spool| spool.offer(lines));
            self.queue.count_lost(batch.events);
            self.lose(batch.events, batch.at);
            return;
        }
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', lines) {
            self.chain.seal(lines.get(start..=end).unwrap_or_default(), &mut self.backlog.bytes);
            start = end + 1;
        }
        self.backlog.events += batch.events;
    }

    fn lose(&mut self, events: u64, since: Timestamp) {
        self.loss.get_or_insert(Loss { events: 0, since }).events += events;
    }

    /// Sees that the file is where it should be, and no larger or older than it should be.
    fn look_after_file(&mut self, is_asked: bool) {
        if is_asked {
            self.reopen("reopen");
        } else if !self.sink.is_in_place() {
            self.reopen("file gone");
        } else if self.sink.is_due(self.rotation, self.clock.now().wall) {
            self.rotate();
        }
    }

    /// Goes on in a new file, if one can be had; else in the old one, and tries again with the next batch.
    fn reopen(&mut self, cause: &str) {
        match self.sink.open_anew() {
            Ok(None) => {}
            Ok(Some(file)) => {
                self.is_misplaced = false;
                self.end_file(cause);
                self.sink.replace(file);
                self.note_opened(cause, None);
            }
            Err(error) => {
                self.is_misplaced = !self.sink.is_in_place();
                self.report(Err(error));
            }
        }
    }

    /// Ends the file, puts it aside under its older name, and deletes what is not to be kept any longer.
    fn rotate(&mut self) {
        self.end_file("rotate");
        if self.backlog.len() > 0 {
            // The disk is full, perhaps: the file goes on, and is tried again with the next batch.
            self.note_opened("not rotated", None);
            return;
        }
        let moved = self.sink.put_aside();
        let is_moved = moved.is_ok();
        self.report(moved);
        self.note_opened(if is_moved { "rotate" } else { "not rotated" }, None);
        self.tidy();
    }

    fn tidy(&mut self) {
        let Some(path) = self.sink.path() else { return };
        let overdue = match older_files(path) {
            Ok(files) => self.retention.overdue(files, self.clock.now().wall),
            Err(error) => return tracing::error!(%error, "older files of the record cannot be looked at"),
        };
        for file in overdue {
            match std::fs::remove_file(&file.path) {
                Ok(()) => {
                    let name = file.path.file_name().map(|name| name.to_string_lossy().into_owned());
                    self.note(&System::Removed { file: &name.unwrap_or_default(), first: file.first });
                }
                Err(error) => tracing::error!(%error, "an older file of the record cannot be deleted"),
            }
        }
    }

    fn end_file(&mut self, cause: &str) {
        self.sign_end();
        self.note(&System::Closed { cause });
        self.put();
    }

    fn is_checkpoint_due(&self) -> bool {
        let (sequence, at) = self.checked;
        let lines = self.chain.head().sequence().saturating_sub(sequence);
        let is_late = lines > 0 && self.clock.now().wall.since(at) >= CHECKPOINT_INTERVAL;
        lines >= CHECKPOINT || is_late
    }

    /// A file ends with its head signed, if there is a key.
    fn sign_end(&mut self) {
        if self.signer.is_some() {
            self.note_checkpoint();
        }
    }

    /// Signs where the chain stands. The line itself is covered by the next one.
    fn note_checkpoint(&mut self) {
        let head = self.chain.head();
        match self.signer.clone() {
            None => {
                self.note(&System::Checkpoint(None));
            }
            Some(signer) => {
                let (hash, key, signature) = (head.hash(), signer.public().id(), signer.sign(&head));
                let signed =
                    SignedHead { sequence: head.sequence(), hash: &hash, key: &key, signature: &signature };
                let line = self.note(&System::Checkpoint(Some(signed)));
                if let Some(anchors) = &mut self.anchors {
                    anchors.add(self.backlog.bytes.get(line..).unwrap_or_default());
                }
            }
        }
        self.checked = (self.chain.head().sequence(), self.clock.now().wall);
    }

    fn note_opened(&mut self, cause: &str, finding: Option<&str>) {
        let previous = self.chain.head().hash();
        self.note(&System::Opened { previous: &previous, cause, finding });
        self.checked.0 = self.checked.0.max(self.chain.head().sequence());
    }

    /// Seals a line of our own; says where it begins in the backlog.
    fn note(&mut self, system: &System<'_>) -> usize {
        self.line.clear();
        system.write(&mut self.line, self.clock.now().wall, &mut self.calendar);
        let start = self.backlog.bytes.len();
        self.chain.seal(&self.line, &mut self.backlog.bytes);
        start
    }

    /// Hands what is sealed to the spools, and writes as much of it as the record takes. The order of the chain is
    /// the order of the file: there is no going on without these bytes.
    fn put(&mut self) {
        let Backlog { bytes, shipped, .. } = &mut self.backlog;
        let fresh = bytes.get(*shipped..).unwrap_or_default();
        self.spools.iter().for_each(|spool| spool.offer(fresh));
        *shipped = bytes.len();
        while self.backlog.len() > 0 {
            let rest = self.backlog.bytes.get(self.backlog.written..).unwrap_or_default();
            match self.sink.write(rest) {
                Ok(0) => return self.report(Err(std::io::ErrorKind::WriteZero.into())),
                Ok(written) => self.backlog.written += written,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return self.report(Err(error)),
            }
        }
        if self.backlog.bytes.is_empty() {
            return;
        }
        self.queue.count_written(self.backlog.events);
        self.backlog.bytes.clear();
        self.backlog = Backlog { bytes: std::mem::take(&mut self.backlog.bytes), ..Backlog::default() };
        let kept = self.sink.keep_head(&self.chain.head());
        self.report(kept);
    }

    /// Writes what is left, if that succeeds within about two seconds.
    fn end(&mut self) {
        let mut tries = 0;
        while self.backlog.len() > 0 && tries < LAST_TRIES {
            self.queue.pause();
            self.put();
            tries += 1;
        }
        if self.backlog.len() > 0 {
            self.queue.count_lost(self.backlog.events);
            self.backlog = Backlog::default();
        }
        let synced = self.sink.sync();
        self.report(synced);
    }

    /// Tells the gateway whether the record is sound, and the operator when that changes.
    fn report(&self, result: std::io::Result<()>) {
        let is_news = self.queue.set_failing(result.is_err() || self.is_misplaced);
        match result {
            Err(error) if is_news => {
                tracing::error!(%error, "the audit record cannot be written");
                self.warn_sinks(&error);
            }
            Ok(()) if is_news && !self.is_misplaced => tracing::warn!("the audit record is written again"),
            Ok(()) | Err(_) => {}
        }
    }

    /// The record cannot say that it fails; the other sinks can (AUD-12).
    fn warn_sinks(&self, error: &std::io::Error) {
        let mut line = Vec::new();
        let system = System::SinkFailing { sink: "record", cause: &error.to_string() };
        system.write(&mut line, self.clock.now().wall, &mut Calendar::default());
        self.spools.iter().for_each(|spool| spool.offer(&line));
    }
}
