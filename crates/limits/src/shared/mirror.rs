//! What a process knows of counts that are kept at the server.
//!
//! In: what is held there. Out: the same, held here, by this process's clock. It is what the process counts by while the
//! server is lost, and what it tells a server that has forgotten. Written after each answer; never believed while the
//! server answers.

use portcullis_domain::Now;

use crate::calendar::{Held, whole_seconds};
use crate::key::Key;
use crate::limiter::{Exceeded, Limiter, Standing, nanos};
use crate::quota::Pace;

impl Limiter {
    /// Where a key stands of which `held` is held, after an attempt to spend `cost` at `now`.
    pub(crate) fn judge(&self, held: u64, cost: u32, now: Now) -> Result<Standing, Exceeded> {
        self.answer(self.attempt(held, cost, now, nanos(now.mono)))
    }

    /// Takes note of what is held of `key` at the server, whose time is `there`. The request arrived `here`, a little
    /// earlier; so never more is noted than is held.
    pub(crate) fn learn(&self, key: Key, held: u64, there: Now, here: Now) {
        let (cell, _) = self.table.cell(self.own(key), self.time(here));
        // What strangers without a place share is none of this key's.
        if !cell.is_own() {
            return;
        }
        let learned = match self.quota().pace() {
            // Of two answers the later one may come first.
            Pace::Rolling { .. } => {
                let debt = held.saturating_sub(nanos(there.mono));
                nanos(here.mono).saturating_add(debt).max(cell.arrival())
            }
            Pace::Fixed(_) => {
                let (held, known) = (Held::unpack(held), Held::unpack(cell.arrival()));
                let left = std::time::Duration::from_secs(held.end().into()).saturating_sub(there.mono);
                let end = u32::try_from((here.mono + left).as_millis().div_ceil(1_000)).unwrap_or(u32::MAX);
                match end.abs_diff(known.end()) {
                    // The same day, as far as one can tell.
                    0..=2 => Held::new(known.end().max(end), known.spent().max(held.spent())).pack(),
                    _ => Held::new(end, held.spent()).pack(),
                }
            }
        };
        if learned > self.time(here) {
            cell.set(learned);
        }
    }

    /// What is known here of `key`: its debt in nanoseconds, or what was spent of its day or month.
    pub(crate) fn known(&self, key: Key, now: Now) -> u64 {
        let (cell, reckoned) = self.table.cell(self.own(key), self.time(now));
        if !cell.is_own() {
            return 0;
        }
        match self.quota().pace() {
            Pace::Rolling { gcra, .. } => cell.arrival().saturating_sub(reckoned).min(gcra.depth()),
            Pace::Fixed(_) => {
                let held = Held::unpack(cell.arrival());
                if held.end() > whole_seconds(now) { held.spent().into() } else { 0 }
            }
        }
    }
}
