//! A value: whether it leaves, how, and what else has to be known of it.

use portcullis_message::json::JsonFaultKind;

use super::OnUndeclared;
use super::found::Kind;
use super::frame::{Container, DEPTH, Early, Frame, Sink, Slot, Which};
use super::mask::{MaskAs, WHOLLY};
use super::scalar::Scalar;
use super::shape::{JsonKind, RuleId, ShapeId};
use super::walk::{Pass, State, Step, Stepped};

/// What becomes of a value.
enum Fate {
    Passes(Option<MaskAs>),
    Removed,
    /// It is held until its owner is known.
    Waits(Option<MaskAs>),
}

/// Whether the caller may see a value.
pub(super) enum Verdict {
    Seen,
    Unseen(Kind),
    /// The owner was not met yet.
    NotKnown,
}

impl Pass<'_> {
    pub(super) fn value(&mut self) -> Stepped {
        let Some(byte) = self.whitespace() else { return Ok(Step::Wait) };
        let Some(kind) = JsonKind::of(byte) else {
            if byte == b']' && self.walk.state == State::FirstItem {
                self.keep_waiting();
                return self.leave();
            }
            let is_mark = byte == 0xEF && self.walk.top.container == Container::Document;
            let kind = if is_mark { JsonFaultKind::ByteOrderMark } else { JsonFaultKind::UnexpectedByte };
            return Err(self.fault(kind));
        };
        let slot = self.walk.top.slot;
        let fate = self.fate(slot, kind);
        let mut mask = None;
        match fate {
            Fate::Passes(None) => self.pass_on(),
            Fate::Passes(wanted) => {
                self.pass_on();
                mask = wanted;
            }
            Fate::Removed => self.remove(slot),
            Fate::Waits(wanted) => {
                self.hold();
                mask = wanted;
            }
        }
        if kind.is_container() {
            if slot.owner.is_some() {
                self.met_owner(slot.owner, None);
            }
            match (self.walk.sink, mask) {
                (Sink::Nowhere, _) => self.begin_skip(),
                (_, Some(_)) if kind == JsonKind::Object => {
                    self.met(Kind::Masked);
                    self.flush(self.at);
                    self.write(WHOLLY);
                    self.begin_skip()
                }
                _ => self.enter(kind, slot, mask),
            }
        } else {
            let detects =
                slot.shape == ShapeId::OPEN && self.walk.detect.is_some() && self.walk.sink != Sink::Nowhere;
            let mask = mask.filter(|_| kind != JsonKind::Null);
            self.walk.scalar = Scalar { owner: slot.owner, mask, detects, is_number: false };
            self.scalar(kind, byte)
        }
    }

    #[inline]
    fn pass_on(&mut self) {
        self.keep_waiting();
        self.walk.top.has_emitted = true;
    }

    /// Takes the value out; where there must be one, leaves `null`.
    fn remove(&mut self, slot: Slot) {
        let is_needed = self.waiting_from.is_none() && slot.early != Some(Early::Removed);
        if is_needed {
            self.flush(self.at);
            self.write(b"null");
        }
        self.drop_waiting();
        self.walk.sink = Sink::Nowhere;
    }

    #[inline]
    fn fate(&mut self, slot: Slot, kind: JsonKind) -> Fate {
        let shape = self.plan.shapes.shape(slot.shape);
        let is_plain = slot.which != Which::Undeclared && slot.early.is_none();
        let inherited = self.walk.top.mask;
        if is_plain && inherited.is_none() && shape.rule == RuleId::NONE && shape.kinds.contains(kind) {
            return Fate::Passes(None);
        }
        self.fate_in_full(slot, kind)
    }

    fn fate_in_full(&mut self, slot: Slot, kind: JsonKind) -> Fate {
        let removes = self.walk.undeclared == OnUndeclared::Remove;
        if slot.early == Some(Early::Removed) {
            return Fate::Removed;
        }
        if slot.which == Which::Undeclared {
            self.met(Kind::Undeclared);
            return if removes { Fate::Removed } else { Fate::Passes(None) };
        }
        let shape = self.plan.shapes.shape(slot.shape);
        let verdict = self.verdict(shape.rule);
        if let Verdict::Unseen(kind) = verdict {
            self.met(kind);
            return Fate::Removed;
        }
        if !shape.kinds.contains(kind) {
            self.met(Kind::Mistyped);
            // What stands in it is declared nowhere.
            if removes && kind.is_container() {
                return Fate::Removed;
            }
        }
        let mask = self.mask(shape.rule).or(self.walk.top.mask);
        match verdict {
            Verdict::NotKnown => Fate::Waits(mask),
            Verdict::Seen | Verdict::Unseen(_) => Fate::Passes(mask),
        }
    }

    /// Whether the caller may see the value in the innermost container's slot under `rule`.
    pub(super) fn verdict(&self, rule: RuleId) -> Verdict {
        let frame = &self.walk.top;
        let rule = self.plan.shapes.rule(rule);
        if rule.write_only && frame.container == Container::Object {
            return Verdict::Unseen(Kind::WriteOnly);
        }
        let mut verdict = Verdict::Seen;
        for audience in &rule.audiences {
            if self.plan.admits(&self.walk.sight, *audience) {
                continue;
            }
            let owner =
                self.plan.shapes.owner_property(*audience).filter(|_| self.walk.sight.subject().is_some());
            let owner = owner.and_then(|property| {
                let members = &self.plan.shapes.shape(frame.shape).members;
                members.find(property.as_bytes(), 0).and_then(|(_, entry)| entry.owner)
            });
            match owner {
                Some(owner) if frame.owners_admitted >> owner & 1 == 1 => {}
                Some(owner) if frame.owners_met >> owner & 1 == 0 => verdict = Verdict::NotKnown,
                Some(_) | None => return Verdict::Unseen(Kind::Hidden),
            }
        }
        verdict
    }

    fn mask(&self, rule: RuleId) -> Option<MaskAs> {
        let rule = self.plan.shapes.rule(rule);
        let holds = |audience: &Option<u16>| {
            audience.is_none_or(|audience| !self.plan.admits(&self.walk.sight, audience))
        };
        let mut masks = rule.masks.iter().filter(|(_, audience)| holds(audience)).map(|(mask, _)| *mask);
        let first = masks.next();
        // Two classes at once: each would show what the other hides.
        first.map(|first| if masks.any(|other| other != first) { MaskAs::All } else { first })
    }

    fn enter(&mut self, kind: JsonKind, slot: Slot, mask: Option<MaskAs>) -> Stepped {
        if self.walk.parents.len() >= DEPTH {
            return Err(self.fault(JsonFaultKind::TooDeep));
        }
        self.at += 1;
        let id = if slot.which == Which::Undeclared { ShapeId::OPEN } else { slot.shape };
        let shape = self.plan.shapes.shape(id);
        let removes = self.walk.undeclared == OnUndeclared::Remove;
        let mut frame = if kind == JsonKind::Object {
            let mut frame =
                Frame::new(Container::Object, id, self.walk.sink, Slot::of(Which::Other, ShapeId::OPEN));
            frame.may_remove = shape.hides || (removes && id != ShapeId::OPEN);
            frame.names_mark = self.walk.repeated.mark();
            frame.seen_mark = self.walk.seen.len();
            self.walk.seen.resize(frame.seen_mark + shape.members.len().saturating_sub(1) / 64, 0);
            self.walk.state = State::FirstName;
            frame
        } else {
            let mut frame =
                Frame::new(Container::Array, id, self.walk.sink, Slot::of(Which::Item, shape.items));
            frame.may_remove = shape.hides || (removes && shape.items != ShapeId::OPEN);
            self.walk.state = State::FirstItem;
            frame
        };
        frame.mask = mask;
        self.walk.parents.push(std::mem::replace(&mut self.walk.top, frame));
        if frame.may_remove {
            self.begin_waiting();
        }
        Ok(Step::GoOn)
    }

    /// Ends the innermost container, at whose last byte the walk is.
    pub(super) fn leave(&mut self) -> Stepped {
        self.at += 1;
        let Some(parent) = self.walk.parents.pop() else {
            return Err(self.fault(JsonFaultKind::UnexpectedByte));
        };
        if self.walk.top.container == Container::Object {
            self.walk.repeated.forget(self.walk.top.names_mark);
            self.walk.seen.truncate(self.walk.top.seen_mark);
            if self.walk.top.hold.is_some() {
                self.walk.parents.push(parent);
                let hold = self.walk.holds.close();
                for held in &hold.members {
                    self.met_held(*held, Kind::Hidden);
                }
                self.walk.holds.recycle(hold);
                self.walk.parents.pop();
            }
        }
        self.walk.top = parent;
        self.end_value()
    }

    /// What follows every value.
    #[inline]
    pub(super) fn end_value(&mut self) -> Stepped {
        if let Some(begin) = self.walk.top.held_begin.take() {
            self.end_held(begin);
        } else if self.walk.sink != self.walk.top.sink {
            self.flush(self.at);
            self.walk.sink = self.walk.top.sink;
        }
        if self.walk.top.owner_is_new {
            self.release();
        }
        let is_whole = self.walk.top.container == Container::Document;
        self.walk.state = if is_whole { State::End } else { State::AfterValue };
        Ok(Step::GoOn)
    }
}
