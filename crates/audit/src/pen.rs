//! What a worker records with.

use std::sync::Arc;

use portcullis_domain::Timestamp;

use crate::event::Event;
use crate::line::Calendar;
use crate::queue::{Claim, Queue};

/// From how many bytes on a pen hands over what it has written.
const HAND_OVER: usize = 48 * 1024;

/// Turns events into lines in a buffer of its own and hands them over in batches. One for each worker.
///
/// Invariant: never waits for the sink. The worker calls [`Pen::flush`] from a tick of its own, at least
/// every 50 ms, so that a quiet gateway's record is not late. Dropping a pen flushes it.
#[derive(Debug)]
pub struct Pen {
    queue: Arc<Queue>,
    buffer: Vec<u8>,
    events: u64,
    /// The moment of the first event in the buffer.
    since: Timestamp,
    calendar: Calendar,
}

impl Pen {
    pub(crate) fn new(queue: Arc<Queue>) -> Self {
        Self {
            queue,
            buffer: Vec::with_capacity(HAND_OVER + HAND_OVER / 4),
            events: 0,
            since: Timestamp::default(),
            calendar: Calendar::default(),
        }
    }

    /// Records one decision.
    pub fn write(&mut self, event: &Event<'_>) {
        if self.events == 0 {
            self.since = event.trail.arrived().wall;
        }
        event.write(&mut self.buffer, &mut self.calendar);
        self.events += 1;
        if self.buffer.len() >= HAND_OVER {
            self.flush();
        }
    }

    /// Hands over what was written so far.
    pub fn flush(&mut self) {
        self.queue.offer(&mut self.buffer, self.events, self.since, Claim::Request);
        self.events = 0;
    }
}

impl Drop for Pen {
    fn drop(&mut self) {
        self.flush();
    }
}
