//! The one thread that writes the record.
//!
//! In: batches from the queue. Out: sealed lines in the sink, and the head beside it. A sink that fails is
//! tried again until it works or the gateway stops; meanwhile the queue fills up and then counts losses.

use std::sync::Arc;

use portcullis_domain::Clock;

use crate::chain::Chain;
use crate::line::Calendar;
use crate::queue::{Loss, Queue, Work};
use crate::sink::{Resumed, Sink};
use crate::system::System;

/// Sealed bytes that are written at once.
const CHUNK: usize = 64 * 1024;

/// Lines after which the chain gets a checkpoint.
const CHECKPOINT: u64 = 10_000;

/// How often a failing sink is tried while the gateway stops: about two seconds.
const LAST_TRIES: usize = 20;

pub(crate) struct Writer {
    queue: Arc<Queue>,
    sink: Sink,
    chain: Chain,
    clock: Clock,
    calendar: Calendar,
    /// Lines that have their place in the chain and are not written yet.
    sealed: Vec<u8>,
    /// A line of the writer's own, before it is sealed.
    line: Vec<u8>,
    next_checkpoint: u64,
    /// What is written goes to a file that nobody will find.
    is_misplaced: bool,
}

/// The sink did not work and the gateway stops.
#[derive(Clone, Copy, Debug)]
struct GaveUp;

impl Writer {
    pub(crate) fn new(queue: Arc<Queue>, sink: Sink, chain: Chain, clock: Clock) -> Self {
        let next_checkpoint = chain.head().sequence() + CHECKPOINT;
        Self {
            queue,
            sink,
            chain,
            clock,
            calendar: Calendar::default(),
            sealed: Vec::with_capacity(CHUNK + CHUNK / 2),
            line: Vec::new(),
            next_checkpoint,
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
        let mut result = self.put();
        let mut is_open = true;
        while is_open {
            let work = self.queue.wait();
            // Giving up happens when the gateway stops: what is still there is the last.
            is_open = !work.is_closed;
            result = result.and_then(|()| self.work(&work));
            let events = work.batches.iter().map(|batch| batch.events).sum();
            match result {
                Ok(()) => self.queue.count_written(events),
                Err(GaveUp) => self.queue.count_lost(events),
            }
            self.queue.finish(work);
        }
    }

    fn work(&mut self, work: &Work) -> Result<(), GaveUp> {
        if work.reopen {
            self.reopen("reopen")?;
        } else if !self.sink.is_in_place() {
            self.reopen("file gone")?;
        }
        for batch in &work.batches {
            let mut start = 0;
            for end in memchr::memchr_iter(b'\n', &batch.lines) {
                self.chain.seal(batch.lines.get(start..=end).unwrap_or_default(), &mut self.sealed);
                start = end + 1;
            }
            if self.sealed.len() >= CHUNK {
                self.put()?;
            }
        }
        if let Some(Loss { events, since }) = work.loss {
            self.note(&System::Lost { events, since });
        }
        if self.chain.head().sequence() >= self.next_checkpoint {
            self.next_checkpoint = self.chain.head().sequence() + CHECKPOINT;
            self.note(&System::Checkpoint);
        }
        if work.is_closed {
            self.note(&System::Closed { cause: "stop" });
        }
        self.put()?;
        if work.loss.is_some() {
            self.queue.set_recovered();
        }
        if work.is_closed {
            self.report(self.sink.sync());
        }
        Ok(())
    }

    /// Goes on in a new file, if one can be had; else in the old one, and tries again with the next batch.
    fn reopen(&mut self, cause: &str) -> Result<(), GaveUp> {
        match self.sink.open_anew() {
            Ok(None) => Ok(()),
            Ok(Some(file)) => {
                self.is_misplaced = false;
                self.note(&System::Closed { cause });
                self.put()?;
                self.sink.replace(file);
                self.note_opened(cause, None);
                Ok(())
            }
            Err(error) => {
                self.is_misplaced = !self.sink.is_in_place();
                self.report(Err(error));
                Ok(())
            }
        }
    }

    fn note_opened(&mut self, cause: &str, finding: Option<&str>) {
        let previous = self.chain.head().hash();
        self.note(&System::Opened { previous: &previous, cause, finding });
    }

    fn note(&mut self, system: &System<'_>) {
        self.line.clear();
        system.write(&mut self.line, self.clock.now().wall, &mut self.calendar);
        self.chain.seal(&self.line, &mut self.sealed);
    }

    /// Writes what is sealed, whole, however often it takes. The order of the chain is the order of the
    /// file: there is no going on without these bytes.
    fn put(&mut self) -> Result<(), GaveUp> {
        let (mut from, mut tries) = (0, 0);
        while let Some(rest) = self.sealed.get(from..).filter(|rest| !rest.is_empty()) {
            match self.sink.write(rest) {
                Ok(0) => self.report(Err(std::io::ErrorKind::WriteZero.into())),
                Ok(written) => {
                    from += written;
                    tries = 0;
                    continue;
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => self.report(Err(error)),
            }
            if self.queue.pause() {
                tries += 1;
            }
            if tries >= LAST_TRIES {
                return Err(GaveUp);
            }
        }
        self.sealed.clear();
        let kept = self.sink.keep_head(&self.chain.head());
        self.report(kept);
        Ok(())
    }

    /// Tells the gateway whether the record is sound, and the operator when that changes.
    fn report(&self, result: std::io::Result<()>) {
        let is_news = self.queue.set_failing(result.is_err() || self.is_misplaced);
        match result {
            Err(error) if is_news => tracing::error!(%error, "the audit record cannot be written"),
            Ok(()) if is_news && !self.is_misplaced => tracing::warn!("the audit record is written again"),
            Ok(()) | Err(_) => {}
        }
    }
}
