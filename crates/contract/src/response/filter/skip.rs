//! Passing over a container that is removed.
//!
//! Only brackets and the ends of strings are looked at: nothing of it leaves, so all that matters is
//! where it ends, and there the strict reading goes on. Brackets have to match.

use portcullis_message::json::JsonFaultKind;

use super::frame::{DEPTH, Sink};
use super::walk::{Pass, State, Step, Stepped};

/// Where in a removed container the reading stands.
#[derive(Clone, Copy, Default)]
pub(super) struct Skip {
    /// Containers within, itself included.
    depth: usize,
    /// Which of them are objects, the innermost in the lowest bit.
    objects: u128,
    within: Within,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Within {
    #[default]
    Container,
    Text,
    /// Behind a backslash.
    Escape,
}

impl Pass<'_> {
    /// Removes the container that begins here.
    pub(super) fn begin_skip(&mut self) -> Stepped {
        self.walk.sink = Sink::Nowhere;
        self.walk.skip = Skip::default();
        self.walk.state = State::Skip;
        self.skip()
    }

    pub(super) fn skip(&mut self) -> Stepped {
        let mut skip = self.walk.skip;
        let step = self.skip_on(&mut skip)?;
        self.walk.skip = skip;
        if step == Step::GoOn { self.end_value() } else { Ok(step) }
    }

    fn skip_on(&mut self, skip: &mut Skip) -> Stepped {
        loop {
            let rest = self.chunk.get(self.at..).unwrap_or_default();
            match skip.within {
                Within::Escape if rest.is_empty() => return Ok(Step::Wait),
                Within::Escape => {
                    self.at += 1;
                    skip.within = Within::Text;
                }
                Within::Text => {
                    let Some(length) = memchr::memchr2(b'"', b'\\', rest) else {
                        self.at += rest.len();
                        return Ok(Step::Wait);
                    };
                    let is_escape = rest.get(length) == Some(&b'\\');
                    skip.within = if is_escape { Within::Escape } else { Within::Container };
                    self.at += length + 1;
                }
                Within::Container => {
                    let is_structure = |byte: &u8| matches!(byte, b'"' | b'{' | b'}' | b'[' | b']');
                    let Some(length) = rest.iter().position(is_structure) else {
                        self.at += rest.len();
                        return Ok(Step::Wait);
                    };
                    self.at += length;
                    match rest.get(length) {
                        Some(b'"') => skip.within = Within::Text,
                        Some(b'{') => self.open(skip, 1)?,
                        Some(b'[') => self.open(skip, 0)?,
                        Some(b'}') => self.close(skip, 1)?,
                        _ => self.close(skip, 0)?,
                    }
                    self.at += 1;
                    if skip.depth == 0 {
                        return Ok(Step::GoOn);
                    }
                }
            }
        }
    }

    fn open(&self, skip: &mut Skip, is_object: u128) -> Result<(), portcullis_message::json::JsonFault> {
        if self.walk.parents.len() + skip.depth >= DEPTH {
            return Err(self.fault(JsonFaultKind::TooDeep));
        }
        skip.depth += 1;
        skip.objects = skip.objects << 1 | is_object;
        Ok(())
    }

    fn close(&self, skip: &mut Skip, is_object: u128) -> Result<(), portcullis_message::json::JsonFault> {
        if skip.objects & 1 != is_object {
            return Err(self.fault(JsonFaultKind::UnexpectedByte));
        }
        skip.depth -= 1;
        skip.objects >>= 1;
        Ok(())
    }
}
