//! Between the writer of the record and one sink: bounded, in order, and never waited for.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::pieces::{Folder, Piece, count, important};

/// Most bytes of one piece: what a carrier gets at once.
const PIECE: u64 = 256 * 1024;

/// How much may wait for a sink.
#[derive(Clone, Debug)]
pub struct SpoolBounds {
    /// Bytes in memory.
    pub memory: u64,
    /// Bytes on disk, once memory is full; zero keeps nothing there.
    pub disk: u64,
    /// Where they are kept on disk.
    pub folder: PathBuf,
}

/// What became of a sink's events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpoolTally {
    /// Taken by the collector.
    pub delivered: u64,
    /// Given up: no room, or the collector would not have them.
    pub lost: u64,
    /// Bytes that wait.
    pub waiting: u64,
    /// Whether the last try worked and nothing was lost since.
    pub is_healthy: bool,
}

/// What waits for one sink.
#[derive(Debug)]
pub struct Spool {
    bounds: SpoolBounds,
    state: Mutex<State>,
    filled: Condvar,
}

#[derive(Debug)]
struct State {
    pieces: VecDeque<Piece>,
    folder: Option<Folder>,
    memory: u64,
    disk: u64,
    /// Bytes that the carrier has in its hands; they count as memory.
    in_hand: u64,
    delivered: u64,
    lost: u64,
    /// Lost since the last time it was told.
    untold: u64,
    is_failing: bool,
    is_closed: bool,
}

/// Where lines belong among those on disk.
#[derive(Clone, Copy, Debug)]
enum Age {
    Older,
    Newer,
}

/// Lines on their way.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) lines: Vec<u8>,
    /// The file that they are kept in until they have arrived.
    number: Option<u64>,
}

impl Spool {
    /// Opens the spool, with what an earlier process left in it.
    ///
    /// # Errors
    /// The folder cannot be made or read.
    pub fn open(bounds: SpoolBounds) -> io::Result<Self> {
        let (folder, pieces) = match bounds.disk {
            0 => (None, Vec::new()),
            _ => Folder::open(&bounds.folder).map(|(folder, pieces)| (Some(folder), pieces))?,
        };
        let disk = pieces.iter().map(Piece::bytes).sum();
        let state = State {
            pieces: pieces.into(),
            folder,
            memory: 0,
            disk,
            in_hand: 0,
            delivered: 0,
            lost: 0,
            untold: 0,
            is_failing: false,
            is_closed: false,
        };
        Ok(Self { bounds, state: Mutex::new(state), filled: Condvar::new() })
    }

    /// Takes whole lines. Never waits for the sink; when there is no room, the oldest lines of level INFO go,
    /// and then the oldest of all.
    pub(crate) fn offer(&self, lines: &[u8]) {
        if lines.is_empty() {
            return;
        }
        let mut state = self.state();
        if state.is_closed {
            state.lose(count(lines));
            return;
        }
        for piece in cut(lines) {
            state.store(piece, &self.bounds);
        }
        drop(state);
        self.filled.notify_one();
    }

    /// The oldest lines, once there are any. Nothing when the spool is closed and empty.
    pub(super) fn next(&self) -> Option<Parcel> {
        let mut state = self.state();
        loop {
            match state.pieces.pop_front() {
                None if state.is_closed => return None,
                None => state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(Piece::Memory { lines, .. }) => {
                    state.memory -= lines.len() as u64;
                    state.in_hand = lines.len() as u64;
                    return Some(Parcel { lines, number: None });
                }
                Some(Piece::Disk { number, bytes, .. }) => {
                    state.disk = state.disk.saturating_sub(bytes);
                    let Some(folder) = &mut state.folder else { continue };
                    folder.leave(number);
                    match folder.read(number) {
                        Ok(lines) if !lines.is_empty() => {
                            state.in_hand = lines.len() as u64;
                            return Some(Parcel { lines, number: Some(number) });
                        }
                        read => {
                            if let Err(error) = read {
                                tracing::error!(%error, "a part of the spool cannot be read");
                                // How many events were in it nobody knows: at least one.
                                state.lose(1);
                            }
                            if let Some(folder) = &mut state.folder {
                                folder.remove(number);
                            }
                        }
                    }
                }
            }
        }
    }

    /// The parcel has arrived. Says how many events were lost since the last time, if the sink was failing or
    /// losing before: that is news.
    pub(super) fn arrived(&self, parcel: &Parcel) -> Option<u64> {
        let mut state = self.state();
        state.delivered += count(&parcel.lines);
        state.put_away(parcel);
        let is_news = state.is_failing || state.untold > 0;
        state.is_failing = false;
        is_news.then(|| std::mem::take(&mut state.untold))
    }

    /// The collector will never have this parcel: it is given up.
    pub(super) fn refused(&self, parcel: &Parcel) {
        let mut state = self.state();
        state.put_away(parcel);
        state.lose(count(&parcel.lines));
    }

    /// A try failed; says whether that is news.
    pub(super) fn failed(&self) -> bool {
        !std::mem::replace(&mut self.state().is_failing, true)
    }

    /// Waits before another try. `true` if the spool was closed.
    pub(super) fn pause(&self, wait: Duration) -> bool {
        let state = self.state();
        let waited = self.filled.wait_timeout_while(state, wait, |state| !state.is_closed);
        waited.unwrap_or_else(PoisonError::into_inner).0.is_closed
    }

    /// No more lines will come.
    pub(super) fn close(&self) {
        self.state().is_closed = true;
        self.filled.notify_all();
    }

    /// Keeps what did not arrive for the next process, as far as there is room on disk; the rest is lost.
    pub(super) fn keep(&self, parcel: Option<Parcel>) {
        let mut state = self.state();
        let in_hand = parcel.filter(|parcel| parcel.number.is_none()).map(|parcel| parcel.lines);
        let mut older: Vec<Vec<u8>> = in_hand.into_iter().collect();
        let mut newer = Vec::new();
        let mut is_behind_disk = false;
        for piece in std::mem::take(&mut state.pieces) {
            match piece {
                Piece::Memory { lines, .. } if is_behind_disk => newer.push(lines),
                Piece::Memory { lines, .. } => older.push(lines),
                Piece::Disk { .. } => is_behind_disk = true,
            }
        }
        // The oldest gets the lowest number, so it is written last.
        let older = older.into_iter().rev().map(|lines| (lines, Age::Older));
        let (mut kept, mut disk) = (0, state.disk);
        for (lines, age) in older.chain(newer.into_iter().map(|lines| (lines, Age::Newer))) {
            let fits = disk + lines.len() as u64 <= self.bounds.disk;
            let is_kept = match (&mut state.folder, age) {
                (Some(folder), Age::Older) if fits => folder.prepend(&lines).is_ok(),
                (Some(folder), Age::Newer) if fits => folder.append(None, &lines, PIECE).is_ok(),
                (Some(_) | None, _) => false,
            };
            if is_kept {
                disk += lines.len() as u64;
                kept += count(&lines);
            } else {
                state.lose(count(&lines));
            }
        }
        (state.memory, state.disk, state.in_hand) = (0, disk, 0);
        if kept > 0 {
            tracing::warn!(events = kept, "events are kept on disk until the sink can be reached again");
        }
    }

    /// Nobody will empty this spool in this process: what waits is kept for the next.
    pub(crate) fn set_aside(&self) {
        self.close();
        self.keep(None);
    }

    /// What became of the events so far.
    #[must_use]
    pub fn tally(&self) -> SpoolTally {
        let state = self.state();
        SpoolTally {
            delivered: state.delivered,
            lost: state.lost,
            waiting: state.memory + state.disk + state.in_hand,
            is_healthy: !state.is_failing && state.untold == 0,
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state().is_closed
    }

    /// Whether events were lost that nobody was told of yet.
    pub(crate) fn is_losing(&self) -> bool {
        self.state().untold > 0
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn store(&mut self, lines: &[u8], bounds: &SpoolBounds) {
        let length = lines.len() as u64;
        let has_disk = self.folder.is_some();
        // Behind what is on disk everything goes to disk, or the order would be lost when memory frees up.
        let is_behind_disk = matches!(self.pieces.back(), Some(Piece::Disk { .. }));
        let fits_memory = self.memory + self.in_hand + length <= bounds.memory;
        if fits_memory && !(has_disk && is_behind_disk) {
            self.push(lines);
            return;
        }
        if has_disk {
            while self.disk + length > bounds.disk && self.shed() {}
            if self.disk + length <= bounds.disk && self.spill(lines) {
                return;
            }
        }
        while self.memory + self.in_hand + length > bounds.memory && self.shed() {}
        if self.memory + self.in_hand + length <= bounds.memory {
            self.push(lines);
        } else {
            self.lose(count(lines));
        }
    }

    /// Appends to the newest piece in memory, or makes one.
    fn push(&mut self, lines: &[u8]) {
        self.memory += lines.len() as u64;
        match self.pieces.back_mut() {
            Some(Piece::Memory { lines: last, is_lean }) if (last.len() + lines.len()) as u64 <= PIECE => {
                last.extend_from_slice(lines);
                *is_lean = false;
            }
            Some(_) | None => self.pieces.push_back(Piece::Memory { lines: lines.to_vec(), is_lean: false }),
        }
    }

    fn spill(&mut self, lines: &[u8]) -> bool {
        let Some(folder) = &mut self.folder else { return false };
        match folder.append(self.pieces.back_mut(), lines, PIECE) {
            Ok(piece) => {
                self.disk += lines.len() as u64;
                self.pieces.extend(piece);
                true
            }
            Err(error) => {
                tracing::error!(%error, "events cannot be spooled to disk");
                false
            }
        }
    }

    /// Makes room: the oldest piece loses its lines of level INFO; once all are lean, the oldest piece goes. `false` if
    /// there is nothing left to give up.
    fn shed(&mut self) -> bool {
        let place = self.pieces.iter().position(|piece| !piece.is_lean());
        let Some(piece) = self.pieces.get_mut(place.unwrap_or(0)) else { return false };
        let is_last_resort = place.is_none();
        let (before, after) = match piece {
            Piece::Memory { lines, is_lean } => {
                let kept = if is_last_resort { Vec::new() } else { important(lines) };
                self.memory -= (lines.len() - kept.len()) as u64;
                let counted = (count(lines), count(&kept));
                (*lines, *is_lean) = (kept, true);
                counted
            }
            Piece::Disk { number, bytes, is_lean } => {
                let Some(folder) = &mut self.folder else { return false };
                let lines = folder.read(*number).unwrap_or_default();
                let mut kept = if is_last_resort { Vec::new() } else { important(&lines) };
                if folder.replace(*number, &kept).is_err() {
                    kept.clear();
                }
                self.disk = self.disk.saturating_sub(bytes.saturating_sub(kept.len() as u64));
                (*bytes, *is_lean) = (kept.len() as u64, true);
                (count(&lines), count(&kept))
            }
        };
        self.lose(before - after);
        self.drop_empty();
        true
    }

    fn drop_empty(&mut self) {
        let Self { pieces, folder, .. } = self;
        pieces.retain(|piece| match (piece, &mut *folder) {
            (Piece::Disk { number, bytes: 0, .. }, Some(folder)) => {
                folder.remove(*number);
                false
            }
            (piece, _) => piece.bytes() > 0,
        });
    }

    fn put_away(&mut self, parcel: &Parcel) {
        self.in_hand = 0;
        if let (Some(number), Some(folder)) = (parcel.number, &mut self.folder) {
            folder.remove(number);
        }
    }

    const fn lose(&mut self, events: u64) {
        self.lost += events;
        self.untold += events;
    }
}

/// Whole lines of at most a piece's length, as far as lines are not longer themselves.
fn cut(lines: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = lines;
    std::iter::from_fn(move || {
        let bound = rest.len().min(PIECE as usize);
        let within = rest.get(..bound)?;
        let end = match memchr::memrchr(b'\n', within) {
            Some(end) => end + 1,
            None => memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1),
        };
        let (piece, behind) = rest.split_at_checked(end)?;
        rest = behind;
        (!piece.is_empty()).then_some(piece)
    })
}

#[cfg(test)]
mod tests;
