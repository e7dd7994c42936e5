//! A value: whether it leaves, how, and what else has to be known of it.

use portcullis_message::json::{JsonFault, JsonFaultKind};

use super::found::{FoundPlace, Kind};
use super::frame::{Container, DEPTH, Early, Frame, Held, Sink, Slot, Which};
use super::mask::{MaskAs, WHOLLY};
use super::number::{Digit, Number, is_finite};
use super::pointer;
use super::shape::{JsonKind, RuleId, ShapeId};
use super::text::{EXCERPT, Ending, Text, plain_length};
use super::walk::{Pass, State, Step, Stepped};
use super::{Judgement, OnUndeclared};

/// How much of a text a [`super::Detect`] sees, in bytes.
pub(super) const DETECTED: usize = 256;
/// The shortest number that is worth looking at: shorter ones are no card.
const CARD: usize = 13;

/// What is wanted of the string or number that is being read.
#[derive(Clone, Copy, Default)]
pub(super) struct Scalar {
    /// Whether it names this owner.
    owner: Option<u8>,
    mask: Option<MaskAs>,
    detects: bool,
    is_number: bool,
}

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

impl Scalar {
    fn wants_text(self) -> bool {
        self.owner.is_some() || self.mask.is_some() || self.detects
    }
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

    fn hold(&mut self) {
        let hold = match self.walk.top.hold {
            Some(hold) => hold,
            None => *self.walk.top.hold.insert(self.walk.holds.open()),
        };
        self.walk.top.held_begin = Some(self.walk.holds.begin(hold));
        self.hold_waiting(Sink::Hold(hold));
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
                    self.met_held(*held);
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

    fn end_held(&mut self, begin: usize) {
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
    fn release(&mut self) {
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
                Verdict::Unseen(_) => self.met_held(held),
                Verdict::NotKnown => self.walk.holds.put_back(hold, held, bytes),
            }
        }
        self.walk.holds.recycle(waited);
    }

    fn scalar(&mut self, kind: JsonKind, byte: u8) -> Stepped {
        if self.walk.scalar.mask.is_some() {
            self.flush(self.at);
            self.walk.sink = Sink::Nowhere;
        }
        match kind {
            JsonKind::String => self.begin_text(),
            JsonKind::Number => {
                if self.walk.scalar.detects {
                    self.begin_waiting();
                }
                self.walk.scalar.is_number = true;
                self.walk.excerpt.clear();
                self.number_from = self.at;
                self.at += 1;
                self.number(Number::begin(byte))
            }
            JsonKind::Boolean | JsonKind::Null | JsonKind::Object | JsonKind::Array => {
                let literal: &'static [u8] = match byte {
                    b't' => b"true",
                    b'f' => b"false",
                    _ => b"null",
                };
                self.walk.scalar.detects = false;
                self.literal(literal)
            }
        }
    }

    fn begin_text(&mut self) -> Stepped {
        let wants_text = self.walk.scalar.wants_text();
        if self.walk.scalar.detects {
            self.begin_waiting();
        }
        self.at += 1;
        let rest = self.chunk.get(self.at..).unwrap_or_default();
        let length = plain_length(rest);
        let (text, behind) = rest.split_at(length);
        if behind.first() == Some(&b'"') && !(wants_text && length > EXCERPT) {
            self.at += length + 1;
            if self.walk.scalar.detects {
                self.judge(text, Ending::Closed);
            }
            self.know(Some(text));
            return self.end_value();
        }
        self.walk.text = Text::default();
        self.walk.excerpt.clear();
        self.walk.state = State::Text;
        self.text()
    }

    pub(super) fn text(&mut self) -> Stepped {
        let mut at = self.at;
        let excerpt = self.walk.scalar.wants_text().then_some(&mut self.walk.excerpt);
        let read = self.walk.text.read(self.chunk, &mut at, excerpt);
        self.at = at;
        let ending = read.map_err(|kind| self.fault(kind))?;
        let excerpt = std::mem::take(&mut self.walk.excerpt);
        if ending == Ending::Closed {
            if self.walk.scalar.detects {
                self.judge(excerpt.bytes(), Ending::Closed);
            }
            self.know(Some(excerpt.bytes()).filter(|_| !excerpt.is_cut()));
        } else if self.walk.scalar.detects && excerpt.bytes().len() >= DETECTED {
            self.judge(excerpt.bytes(), Ending::More);
        }
        self.walk.excerpt = excerpt;
        if ending == Ending::Closed { self.end_value() } else { Ok(Step::Wait) }
    }

    pub(super) fn number(&mut self, mut number: Number) -> Stepped {
        loop {
            let Some(byte) = self.chunk.get(self.at) else {
                self.walk.state = State::Number(number);
                return Ok(Step::Wait);
            };
            match number.next(*byte).map_err(|kind| self.fault(kind))? {
                Digit::GoesOn(next) => number = next,
                Digit::Ends => return self.number_ends(),
            }
            self.at += 1;
        }
    }

    /// Keeps what the piece has of a number for the next.
    pub(super) fn keep_number(&mut self) -> Result<(), JsonFault> {
        let own = self.chunk.get(self.number_from..).unwrap_or_default();
        self.walk.excerpt.push(own);
        if self.walk.excerpt.is_cut() { Err(self.fault(JsonFaultKind::NumberTooLong)) } else { Ok(()) }
    }

    pub(super) fn number_ends(&mut self) -> Stepped {
        let own = self.chunk.get(self.number_from..self.at).unwrap_or_default();
        let mut excerpt = std::mem::take(&mut self.walk.excerpt);
        let is_split = !excerpt.bytes().is_empty();
        if is_split {
            excerpt.push(own);
        }
        let text = if is_split { excerpt.bytes() } else { own };
        if own.len() > EXCERPT || excerpt.is_cut() {
            return Err(self.fault(JsonFaultKind::NumberTooLong));
        }
        if !is_finite(text) {
            return Err(self.fault(JsonFaultKind::NumberTooLarge));
        }
        if self.walk.scalar.detects {
            self.judge(text, Ending::Closed);
        }
        self.know(Some(text));
        self.walk.excerpt = excerpt;
        self.end_value()
    }

    pub(super) fn literal(&mut self, literal: &'static [u8]) -> Stepped {
        let mut missing = literal;
        while let [expected, behind @ ..] = missing {
            match self.chunk.get(self.at) {
                None => {
                    self.walk.state = State::Literal(missing);
                    return Ok(Step::Wait);
                }
                Some(byte) if byte == expected => self.at += 1,
                Some(_) => return Err(self.fault(JsonFaultKind::UnexpectedByte)),
            }
            missing = behind;
        }
        self.know(None);
        self.end_value()
    }

    /// Does what was wanted with the text of a value that has ended; `None` for one that has no text, or too
    /// much of it.
    #[inline]
    fn know(&mut self, text: Option<&[u8]>) {
        let scalar = self.walk.scalar;
        if scalar.owner.is_some() {
            self.met_owner(scalar.owner, text);
        }
        if let Some(mask) = scalar.mask {
            self.met(Kind::Masked);
            self.run = self.at;
            self.walk.sink = match (self.walk.top.held_begin, self.walk.top.hold) {
                (Some(_), Some(hold)) => Sink::Hold(hold),
                _ => self.walk.top.sink,
            };
            let mut masked = std::mem::take(&mut self.walk.masked);
            mask.apply(text, &mut masked);
            self.write(&masked);
            self.walk.masked = masked;
        }
    }

    fn met_owner(&mut self, owner: Option<u8>, text: Option<&[u8]>) {
        let Some(owner) = owner else { return };
        let frame = &mut self.walk.top;
        frame.owners_met |= 1 << owner;
        frame.owner_is_new = true;
        let is_caller = text.is_some_and(|text| self.walk.sight.subject().map(str::as_bytes) == Some(text));
        if is_caller {
            frame.owners_admitted |= 1 << owner;
        }
    }

    /// Asks what a text is that no schema describes.
    fn judge(&mut self, text: &[u8], ending: Ending) {
        let seen = text.get(..DETECTED).unwrap_or(text);
        let is_short_number = self.walk.scalar.is_number && seen.len() < CARD;
        let judgement = match &self.walk.detect {
            Some(detect) if !is_short_number => detect.judge(seen),
            Some(_) | None => Judgement::Harmless,
        };
        match judgement {
            Judgement::Harmless => self.keep_waiting(),
            Judgement::Listed(class) => {
                self.met_class(class);
                self.keep_waiting();
            }
            Judgement::Masked(class) => {
                self.met_class(class);
                self.drop_waiting();
                self.write(WHOLLY);
                if ending == Ending::More {
                    self.walk.sink = Sink::Nowhere;
                }
            }
        }
        self.walk.scalar.detects = false;
    }

    /// Counts what the slot of the innermost container holds.
    pub(super) fn met(&mut self, kind: Kind) {
        self.note(kind, None);
    }

    fn met_class(&mut self, class: &'static str) {
        self.note(Kind::Detected, Some(class));
    }

    fn met_held(&mut self, held: Held) {
        let current = std::mem::replace(&mut self.walk.top.slot, held.slot);
        self.met(Kind::Hidden);
        self.walk.top.slot = current;
    }

    fn note(&mut self, kind: Kind, class: Option<&'static str>) {
        let walk = &mut *self.walk;
        let key = pointer::key(&walk.top, &walk.stranger, class);
        walk.finder.add(kind, key, || FoundPlace {
            kind,
            pointer: pointer::write(&self.plan.shapes, &walk.parents, &walk.top, &walk.stranger),
            class,
        });
    }
}
