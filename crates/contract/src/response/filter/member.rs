//! The name of a member: what the shape of its object says of it.

use portcullis_message::json::{JsonFault, JsonFaultKind};

use super::OnUndeclared;
use super::found::Kind;
use super::frame::{Early, Slot, Which};
use super::repeated::{self, Seen};
use super::shape::{Others, ShapeId, Standing};
use super::text::{EXCERPT, Ending, Text, plain_length};
use super::value::Verdict;
use super::walk::{Pass, State, Step, Stepped};

/// The name of an undeclared member, as far as a pointer shows it.
#[derive(Default)]
pub(super) struct Stranger {
    name: Vec<u8>,
    pub(super) hash: u64,
}

/// Longer names are not shown.
const SHOWN: usize = 64;
/// A name of more digits than this is rather an identifier, and that is a value.
const DIGITS: usize = 4;

impl Stranger {
    fn meet(&mut self, name: &[u8], hash: u64) {
        self.hash = hash;
        self.name.clear();
        self.name.extend_from_slice(name.get(..SHOWN + 1).unwrap_or(name));
    }

    /// The name, if it looks like one that a programmer gave; keys of maps may be values themselves.
    pub(super) fn shown(&self) -> Option<&str> {
        let name = std::str::from_utf8(&self.name).ok()?;
        let begins = name.starts_with(|first: char| first.is_ascii_alphabetic() || "_$@".contains(first));
        let goes_on = |one: char| one.is_ascii_alphanumeric() || "_$-.:".contains(one);
        let is_few = name.bytes().filter(u8::is_ascii_digit).count() <= DIGITS;
        (begins && is_few && name.len() <= SHOWN && name.chars().skip(1).all(goes_on)).then_some(name)
    }
}

impl Pass<'_> {
    pub(super) fn name(&mut self) -> Stepped {
        let Some(byte) = self.whitespace() else { return Ok(Step::Wait) };
        match byte {
            b'"' => {}
            b'}' if self.walk.state == State::FirstName => {
                self.keep_waiting();
                return self.leave();
            }
            _ => return Err(self.fault(JsonFaultKind::UnexpectedByte)),
        }
        self.mark_name();
        self.at += 1;
        let rest = self.chunk.get(self.at..).unwrap_or_default();
        let length = plain_length(rest);
        let (name, behind) = rest.split_at(length);
        if behind.first() != Some(&b'"') || length > EXCERPT {
            self.walk.text = Text::default();
            self.walk.excerpt.clear();
            self.walk.state = State::NameText;
            return Ok(Step::GoOn);
        }
        self.at += length + 1;
        self.named(name)?;
        if self.chunk.get(self.at) == Some(&b':') {
            self.at += 1;
            self.walk.state = State::Value;
        } else {
            self.walk.state = State::Colon;
        }
        Ok(Step::GoOn)
    }

    pub(super) fn name_text(&mut self) -> Stepped {
        let mut at = self.at;
        let read = self.walk.text.read(self.chunk, &mut at, Some(&mut self.walk.excerpt));
        self.at = at;
        let ending = read.map_err(|kind| self.fault(kind))?;
        if self.walk.excerpt.is_cut() {
            self.named_at_length();
            self.walk.state = if ending == Ending::Closed { State::Colon } else { State::NameTail };
        } else if ending == Ending::Closed {
            let name = std::mem::take(&mut self.walk.excerpt);
            self.named(name.bytes())?;
            self.walk.excerpt = name;
            self.walk.state = State::Colon;
        }
        Ok(if ending == Ending::Closed { Step::GoOn } else { Step::Wait })
    }

    pub(super) fn name_tail(&mut self) -> Stepped {
        let mut at = self.at;
        let read = self.walk.text.read(self.chunk, &mut at, None);
        self.at = at;
        match read.map_err(|kind| self.fault(kind))? {
            Ending::More => Ok(Step::Wait),
            Ending::Closed => {
                self.walk.state = State::Colon;
                Ok(Step::GoOn)
            }
        }
    }

    /// Finds the place that `name` stands for.
    fn named(&mut self, name: &[u8]) -> Result<(), JsonFault> {
        let shape = self.plan.shapes.shape(self.walk.top.shape);
        let guess = match self.walk.top.slot.which {
            Which::Named(index) => index + 1,
            Which::Whole | Which::Item | Which::Other | Which::Undeclared => 0,
        };
        if let Some((index, entry)) = shape.members.find(name, guess) {
            self.meet_once(index)?;
            self.walk.top.slot = Slot { owner: entry.owner, ..Slot::of(Which::Named(index), entry.shape) };
            if entry.standing == Standing::Undeclared {
                let hash = repeated::hash(name);
                self.walk.top.slot = Slot { hash, which: Which::Undeclared, ..self.walk.top.slot };
                self.walk.stranger.meet(name, hash);
            }
            return Ok(());
        }
        let hash = repeated::hash(name);
        if self.walk.repeated.note(self.walk.parents.len(), hash) == Seen::Before {
            return Err(self.fault(JsonFaultKind::NameRepeated));
        }
        self.walk.top.slot = match (shape.by_pattern(name), shape.others) {
            (Some(shape), _) | (None, Others::Open(shape)) => Slot { hash, ..Slot::of(Which::Other, shape) },
            (None, Others::Closed) => {
                self.walk.stranger.meet(name, hash);
                Slot { hash, ..Slot::of(Which::Undeclared, ShapeId::OPEN) }
            }
        };
        Ok(())
    }

    /// The place of a name that is too long to be known, to be matched, or to wait for its value.
    fn named_at_length(&mut self) {
        let shape = self.plan.shapes.shape(self.walk.top.shape);
        let hash = repeated::hash(self.walk.excerpt.bytes());
        let others = match shape.others {
            // It is taken to match: what is hidden under some pattern must not show because of it.
            _ if !shape.patterns.is_empty() => Others::Open(shape.all_patterns),
            Others::Closed | Others::Open(_) => shape.others,
        };
        self.walk.top.slot = match others {
            Others::Open(shape) => Slot { hash, ..Slot::of(Which::Other, shape) },
            Others::Closed => {
                self.walk.stranger.meet(self.walk.excerpt.bytes(), hash);
                Slot { hash, ..Slot::of(Which::Undeclared, ShapeId::OPEN) }
            }
        };
        if self.waiting_from.is_none() {
            return;
        }
        let slot = self.walk.top.slot;
        let removed = if slot.which == Which::Undeclared {
            (self.walk.undeclared == OnUndeclared::Remove).then_some(Kind::Undeclared)
        } else {
            match self.verdict(self.plan.shapes.shape(slot.shape).rule) {
                Verdict::Seen => None,
                Verdict::Unseen(kind) => Some(kind),
                Verdict::NotKnown => Some(Kind::TooLargeToHold),
            }
        };
        match removed {
            Some(kind) => {
                self.met(kind);
                self.walk.top.slot.early = Some(Early::Removed);
                self.drop_waiting();
                self.walk.sink = super::frame::Sink::Nowhere;
            }
            None => {
                self.keep_waiting();
                self.walk.top.has_emitted = true;
                self.walk.top.slot.early = Some(Early::Named);
            }
        }
    }

    /// Refuses a named member that was met before in the same object.
    fn meet_once(&mut self, index: u32) -> Result<(), JsonFault> {
        let bit = 1 << (index % 64);
        let word = match index / 64 {
            0 => Some(&mut self.walk.top.seen),
            word => self.walk.seen.get_mut(self.walk.top.seen_mark + word as usize - 1),
        };
        match word {
            Some(word) if *word & bit == 0 => {
                *word |= bit;
                Ok(())
            }
            _ => Err(self.fault(JsonFaultKind::NameRepeated)),
        }
    }
}
