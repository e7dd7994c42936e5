//! Members that wait until it is known whose they are.
//!
//! Order carries no meaning among members (RFC 8259 §4), so only they wait: what follows them passes by.
//! A held member may itself have an object within that holds members; hence several holds, of which the
//! inner ones end first. All of them share one bound.

use super::frame::Held;

/// How many bytes may wait at one time.
pub(super) const HELD: usize = 64 * 1024;

/// All holds.
#[derive(Default)]
pub(super) struct Holds {
    open: Vec<Hold>,
    /// Some that have ended, for their room: a list of records opens one for each.
    spare: Vec<Hold>,
    length: usize,
}

/// How many ended holds are kept.
const SPARE: usize = 4;
/// Room that an ended hold may keep, in bytes.
const ROOM: usize = 1024;

/// The members of one object that wait.
#[derive(Default)]
pub(super) struct Hold {
    pub(super) bytes: Vec<u8>,
    pub(super) members: Vec<Held>,
    /// Whether the member that is being written has found no room.
    is_full: bool,
}

impl Holds {
    /// Begins a hold, and says which.
    pub(super) fn open(&mut self) -> u8 {
        let hold = self.spare.pop().unwrap_or_default();
        self.open.push(hold);
        // One for each frame at most, and frames are bounded.
        u8::try_from(self.open.len() - 1).unwrap_or(u8::MAX)
    }

    pub(super) fn write(&mut self, hold: u8, bytes: &[u8]) {
        let Some(hold) = self.open.get_mut(usize::from(hold)) else { return };
        let length = self.length + bytes.len();
        if hold.is_full || length > HELD {
            hold.is_full = true;
            return;
        }
        let needed = hold.bytes.len() + bytes.len();
        if needed > hold.bytes.capacity() {
            // Doubled, but never beyond what may wait.
            let wanted = needed.max(2 * hold.bytes.capacity()).min(HELD);
            hold.bytes.reserve_exact(wanted - hold.bytes.len());
        }
        hold.bytes.extend_from_slice(bytes);
        self.length = length;
    }

    /// Begins a member, and says where.
    pub(super) fn begin(&mut self, hold: u8) -> usize {
        self.open.get(usize::from(hold)).map_or(0, |hold| hold.bytes.len())
    }

    /// Ends the member that began at `held.begin`; `None` if it found no room.
    pub(super) fn end(&mut self, hold: u8, held: Held) -> Option<()> {
        let hold = self.open.get_mut(usize::from(hold))?;
        let is_full = self.length + size_of::<Held>() > HELD;
        if std::mem::take(&mut hold.is_full) || is_full {
            self.length -= hold.bytes.len() - held.begin;
            hold.bytes.truncate(held.begin);
            return None;
        }
        let end = hold.bytes.len();
        hold.members.push(Held { end, ..held });
        self.length += size_of::<Held>();
        Some(())
    }

    /// Takes all that waits in a hold.
    pub(super) fn take(&mut self, hold: u8) -> Hold {
        let empty = self.spare.pop().unwrap_or_default();
        let Some(hold) = self.open.get_mut(usize::from(hold)) else { return empty };
        let taken = std::mem::replace(hold, empty);
        self.length -= taken.length();
        taken
    }

    /// Puts a member that still has to wait back; `None` if it found no room.
    pub(super) fn put_back(&mut self, hold: u8, held: Held, bytes: &[u8]) -> Option<()> {
        let begin = self.begin(hold);
        self.write(hold, bytes);
        self.end(hold, Held { begin, ..held })
    }

    /// Ends the innermost hold.
    pub(super) fn close(&mut self) -> Hold {
        let closed = self.open.pop().unwrap_or_default();
        self.length -= closed.length();
        closed
    }

    /// Takes a hold back that nobody needs any more.
    pub(super) fn recycle(&mut self, mut hold: Hold) {
        let room = hold.bytes.capacity() + hold.members.capacity() * size_of::<Held>();
        if self.spare.len() < SPARE && room <= ROOM {
            hold.bytes.clear();
            hold.members.clear();
            self.spare.push(hold);
        }
    }
}

impl Hold {
    /// What it counts for: many small members take room too.
    fn length(&self) -> usize {
        self.bytes.len() + self.members.len() * size_of::<Held>()
    }
}
