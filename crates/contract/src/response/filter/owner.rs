//! Members that only their owner sees, in objects that have not said yet whose they are.

use super::found::Kind;
use super::frame::{Held, Sink};
use super::value::Verdict;
use super::walk::Pass;

impl Pass<'_> {
    /// Holds the member whose value begins here.
    pub(super) fn hold(&mut self) {
        let hold = match self.walk.top.hold {
            Some(hold) => hold,
            None => *self.walk.top.hold.insert(self.walk.holds.open()),
        };
        self.walk.top.held_begin = Some(self.walk.holds.begin(hold));
        self.hold_waiting(Sink::Hold(hold));
    }

    pub(super) fn end_held(&mut self, begin: usize) {
        self.flush(self.at);
        self.walk.sink = self.walk.top.sink;
        let slot = self.walk.top.slot;
        let rule = self.plan.shapes.shape(slot.shape).rule;
        let held = Held { rule, slot, begin, end: begin };
        let hold = self.walk.top.hold.unwrap_or_default();
        if self.walk.holds.end(hold, held).is_none() {
            self.met(Kind::TooLargeToHold);
        }
    }

    /// Lets out what was held for an owner who is the caller, and drops what was held for one who is not.
    pub(super) fn release(&mut self) {
        self.walk.top.owner_is_new = false;
        let Some(hold) = self.walk.top.hold else { return };
        self.flush(self.at);
        let waited = self.walk.holds.take(hold);
        for held in waited.members.iter().copied() {
            let bytes = waited.bytes.get(held.begin..held.end).unwrap_or_default();
            match self.verdict(held.rule) {
                Verdict::Seen => {
                    if self.walk.top.has_emitted {
                        self.write(b",");
                    }
                    self.walk.top.has_emitted = true;
                    self.write(bytes);
                }
                Verdict::Unseen(kind) => self.met_held(held, kind),
                Verdict::NotKnown if self.walk.holds.put_back(hold, held, bytes).is_some() => {}
                Verdict::NotKnown => self.met_held(held, Kind::TooLargeToHold),
            }
        }
        self.walk.holds.recycle(waited);
    }

    pub(super) fn met_owner(&mut self, owner: Option<u8>, text: Option<&[u8]>) {
        let Some(owner) = owner else { return };
        let frame = &mut self.walk.top;
        frame.owners_met |= 1 << owner;
        frame.owner_is_new = true;
        let is_caller = text.is_some_and(|text| self.walk.sight.subject().map(str::as_bytes) == Some(text));
        if is_caller {
            frame.owners_admitted |= 1 << owner;
        }
    }

    pub(super) fn met_held(&mut self, held: Held, kind: Kind) {
        let current = std::mem::replace(&mut self.walk.top.slot, held.slot);
        self.met(kind);
        self.walk.top.slot = current;
    }
}
