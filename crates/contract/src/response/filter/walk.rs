//! The walk through an answer: which token may come next, and what becomes of it.
//!
//! In: pieces. Out: bytes that may leave. [`Walk`] is what is known between two pieces and [`Pass`] is
//! the walk through one of them. Bytes are copied in runs, as long as nothing is taken out; a comma and
//! a name wait until it is decided whether what they lead to leaves. The subjects are apart: [`super::output`]
//! moves bytes, [`super::member`] knows names, [`super::value`] decides, [`super::scalar`] reads strings and
//! numbers, [`super::owner`] holds what is not decided, and [`super::skip`] passes over what is removed.

use std::sync::Arc;

use bytes::BytesMut;
use portcullis_message::json::{JsonFault, JsonFaultKind};

use super::found::Finder;
use super::frame::{Container, Frame, Sink};
use super::hold::Holds;
use super::member::Stranger;
use super::number::Number;
use super::repeated::Repeated;
use super::scalar::Scalar;
use super::shape::ShapeId;
use super::skip::Skip;
use super::text::{Excerpt, Text};
use super::{Detect, FilterPlan, OnUndeclared, Sight};

/// What is known between two pieces.
pub(super) struct Walk {
    pub(super) sight: Sight,
    pub(super) undeclared: OnUndeclared,
    pub(super) detect: Option<Arc<dyn Detect>>,
    pub(super) state: State,
    /// The innermost container, and those around it.
    pub(super) top: Frame,
    pub(super) parents: Vec<Frame>,
    /// Where bytes go now.
    pub(super) sink: Sink,
    pub(super) text: Text,
    pub(super) excerpt: Excerpt,
    pub(super) scalar: Scalar,
    pub(super) skip: Skip,
    /// What earlier pieces brought of what is not decided yet.
    pub(super) waiting: Vec<u8>,
    pub(super) is_waiting: bool,
    /// Where in that the name begins.
    pub(super) name_at: usize,
    /// Whitespace since the last token, while something waits.
    pub(super) gap: usize,
    pub(super) holds: Holds,
    pub(super) repeated: Repeated,
    /// Members that were met, beyond those that a frame has room for.
    pub(super) seen: Vec<u64>,
    /// The undeclared member that was met last.
    pub(super) stranger: Stranger,
    /// Room for a masked value.
    pub(super) masked: Vec<u8>,
    pub(super) finder: Finder,
    /// Bytes of earlier pieces.
    passed: usize,
    fault: Option<JsonFault>,
}

/// What comes next.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Value,
    /// A value or the end of the array.
    FirstItem,
    /// A name or the end of the object.
    FirstName,
    Name,
    /// The rest of a name.
    NameText,
    /// The rest of a name that is longer than anybody looks.
    NameTail,
    Colon,
    AfterValue,
    /// The rest of a string.
    Text,
    Number(Number),
    /// The rest of `true`, `false` or `null`.
    Literal(&'static [u8]),
    /// The rest of a container that is removed.
    Skip,
    /// Nothing but whitespace.
    End,
}

/// Whether there is more to do with the piece.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    GoOn,
    /// The piece is used up.
    Wait,
}

pub(super) type Stepped = Result<Step, JsonFault>;

/// The walk through one piece.
pub(super) struct Pass<'a> {
    pub(super) walk: &'a mut Walk,
    pub(super) plan: &'a FilterPlan,
    pub(super) chunk: &'a [u8],
    pub(super) out: &'a mut BytesMut,
    pub(super) at: usize,
    /// Where the bytes begin that are decided and not yet written.
    pub(super) run: usize,
    /// Where the bytes begin that are not decided.
    pub(super) waiting_from: Option<usize>,
    /// Where the number that is being read begins.
    pub(super) number_from: usize,
}

impl Walk {
    pub(super) fn new(root: ShapeId, sight: Sight, undeclared: OnUndeclared) -> Self {
        Self {
            sight,
            undeclared,
            detect: None,
            state: State::Value,
            top: Frame::document(root),
            parents: Vec::new(),
            sink: Sink::Out,
            text: Text::default(),
            excerpt: Excerpt::default(),
            scalar: Scalar::default(),
            skip: Skip::default(),
            waiting: Vec::new(),
            is_waiting: false,
            name_at: 0,
            gap: 0,
            holds: Holds::default(),
            repeated: Repeated::default(),
            seen: Vec::new(),
            stranger: Stranger::default(),
            masked: Vec::new(),
            finder: Finder::default(),
            passed: 0,
            fault: None,
        }
    }

    pub(super) fn push(
        &mut self,
        plan: &FilterPlan,
        chunk: &[u8],
        out: &mut BytesMut,
    ) -> Result<(), JsonFault> {
        match self.fault {
            Some(fault) => Err(fault),
            None => {
                self.pass(plan, chunk, out, |pass| pass.run()).inspect_err(|fault| self.fault = Some(*fault))
            }
        }
    }

    pub(super) fn finish(&mut self, plan: &FilterPlan, out: &mut BytesMut) -> Result<(), JsonFault> {
        match self.fault {
            Some(fault) => Err(fault),
            None => self.pass(plan, &[], out, |pass| pass.finish()),
        }
    }

    fn pass(
        &mut self,
        plan: &FilterPlan,
        chunk: &[u8],
        out: &mut BytesMut,
        work: impl FnOnce(&mut Pass<'_>) -> Result<(), JsonFault>,
    ) -> Result<(), JsonFault> {
        let waiting_from = self.is_waiting.then_some(0);
        let mut pass = Pass { walk: self, plan, chunk, out, at: 0, run: 0, waiting_from, number_from: 0 };
        work(&mut pass)?;
        pass.suspend();
        self.passed = self.passed.saturating_add(chunk.len());
        Ok(())
    }
}

impl Pass<'_> {
    fn run(&mut self) -> Result<(), JsonFault> {
        while self.at < self.chunk.len() {
            let step = match self.walk.state {
                State::Value | State::FirstItem => self.value()?,
                State::FirstName | State::Name => self.name()?,
                State::NameText => self.name_text()?,
                State::NameTail => self.name_tail()?,
                State::Colon => self.colon()?,
                State::AfterValue => self.after_value()?,
                State::Text => self.text()?,
                State::Number(number) => self.number(number)?,
                State::Literal(rest) => self.literal(rest)?,
                State::Skip => self.skip()?,
                State::End => self.end()?,
            };
            if step == Step::Wait {
                break;
            }
        }
        if let State::Number(_) = self.walk.state {
            self.keep_number()?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), JsonFault> {
        // Only a number has no end of its own.
        if let (State::Number(number), Container::Document) = (self.walk.state, self.walk.top.container) {
            number.end().map_err(|kind| self.fault(kind))?;
            self.number_ends()?;
        }
        if self.walk.state == State::End { Ok(()) } else { Err(self.fault(JsonFaultKind::EndsEarly)) }
    }

    fn colon(&mut self) -> Stepped {
        let Some(byte) = self.whitespace() else { return Ok(Step::Wait) };
        if byte != b':' {
            return Err(self.fault(JsonFaultKind::UnexpectedByte));
        }
        self.walk.gap = 0;
        self.at += 1;
        self.walk.state = State::Value;
        Ok(Step::GoOn)
    }

    fn after_value(&mut self) -> Stepped {
        let Some(byte) = self.whitespace() else { return Ok(Step::Wait) };
        match (self.walk.top.container, byte) {
            (Container::Object, b',') => self.walk.state = State::Name,
            (Container::Array, b',') => self.walk.state = State::Value,
            (Container::Object, b'}') | (Container::Array, b']') => return self.leave(),
            _ => return Err(self.fault(JsonFaultKind::UnexpectedByte)),
        }
        if self.walk.top.may_remove {
            self.begin_waiting();
        }
        self.at += 1;
        Ok(Step::GoOn)
    }

    fn end(&mut self) -> Stepped {
        match self.whitespace() {
            None => Ok(Step::Wait),
            Some(_) => Err(self.fault(JsonFaultKind::SomethingBehind)),
        }
    }

    pub(super) fn fault(&self, kind: JsonFaultKind) -> JsonFault {
        JsonFault { at: self.walk.passed.saturating_add(self.at), kind }
    }

    pub(super) fn rest(&self) -> &[u8] {
        self.chunk.get(self.at..).unwrap_or_default()
    }
}
