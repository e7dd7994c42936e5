//! What a worker records with.

use portcullis_domain::Timestamp;

use crate::event::{Event, Verdict};
use crate::line::Calendar;
use crate::queue::Claim;
use crate::recorder::Notary;
use crate::repeats::{Fate, Memory, Repeats};

/// From how many bytes on a pen hands over what it has written.
const HAND_OVER: usize = 48 * 1024;

/// Turns events into lines in a buffer of its own and hands them over in batches. One for each worker.
///
/// Invariant: never waits for the sink. The worker calls [`Pen::flush`] from a tick of its own, at least
/// every 50 ms, so that a quiet gateway's record is not late. Dropping a pen flushes it.
#[derive(Debug)]
pub struct Pen {
    notary: Notary,
    buffer: Vec<u8>,
    events: u64,
    /// The moment of the first event in the buffer.
    since: Timestamp,
    calendar: Calendar,
    repeats: Memory,
}

impl Pen {
    pub(crate) fn new(notary: Notary, repeats: Repeats) -> Self {
        Self {
            notary,
            buffer: Vec::with_capacity(HAND_OVER + HAND_OVER / 4),
            events: 0,
            since: Timestamp::default(),
            calendar: Calendar::default(),
            repeats: Memory::new(repeats),
        }
    }

    /// Records one decision. Of refusals that are all alike, only the first are written whole; see
    /// [`Repeats`].
    pub fn write(&mut self, event: &Event<'_>) {
        if self.events == 0 {
            self.since = event.trail.arrived().wall;
        }
        let fate = match event.verdict {
            Verdict::Answered => Fate::Written,
            Verdict::Denied(_) | Verdict::Failed(_) => {
                let (fate, told) = self.repeats.note(event, &mut self.buffer);
                self.events += told;
                fate
            }
        };
        if fate == Fate::Counted {
            return;
        }
        event.write(&mut self.buffer, &mut self.calendar);
        self.events += 1;
        if self.buffer.len() >= HAND_OVER {
            self.hand_over();
        }
    }

    /// Hands over what was written so far.
    pub fn flush(&mut self) {
        if self.repeats.has_counts() {
            let now = self.notary.now();
            let told = self.repeats.forget(now, &mut self.buffer);
            if self.events == 0 {
                self.since = now;
            }
            self.events += told;
        }
        self.hand_over();
    }

    fn hand_over(&mut self) {
        self.notary.offer(&mut self.buffer, self.events, self.since, Claim::Request);
        self.events = 0;
    }
}

impl Drop for Pen {
    fn drop(&mut self) {
        self.events += self.repeats.tell_all(&mut self.buffer);
        self.hand_over();
    }
}
