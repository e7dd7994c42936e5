//! Strings, numbers and literals: where they end, and what is wanted of their text.

use portcullis_message::json::{JsonFault, JsonFaultKind};

use super::Judgement;
use super::found::Kind;
use super::frame::Sink;
use super::mask::{MaskAs, WHOLLY};
use super::number::{Digit, Number, is_finite};
use super::shape::JsonKind;
use super::text::{EXCERPT, Ending, Text, plain_length};
use super::walk::{Pass, State, Step, Stepped};

/// How much of a text a [`super::Detect`] sees, in bytes.
pub(super) const DETECTED: usize = 256;
/// The shortest number that is worth looking at: shorter ones are no card.
const CARD: usize = 13;

/// What is wanted of the string or number that is being read.
#[derive(Clone, Copy, Default)]
pub(super) struct Scalar {
    /// Whether it names this owner.
    pub(super) owner: Option<u8>,
    pub(super) mask: Option<MaskAs>,
    pub(super) detects: bool,
    pub(super) is_number: bool,
}

impl Scalar {
    fn wants_text(self) -> bool {
        self.owner.is_some() || self.mask.is_some() || self.detects
    }
}

impl Pass<'_> {
    pub(super) fn scalar(&mut self, kind: JsonKind, byte: u8) -> Stepped {
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

    pub(super) fn begin_text(&mut self) -> Stepped {
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
    pub(super) fn know(&mut self, text: Option<&[u8]>) {
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

    /// Asks what a text is that no schema describes.
    pub(super) fn judge(&mut self, text: &[u8], ending: Ending) {
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
}
