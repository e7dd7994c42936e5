//! Bodies of many JSON documents: one to a line, or each behind a record separator.
//!
//! `application/jsonl` and its older names, and `application/json-seq` (RFC 7464). OpenAPI 3.2 §4.14.3 says
//! how their schema is meant: `itemSchema` describes each document, `schema` all of them as a list. Where
//! only `schema` is there and describes no list, as in documents of 3.1, it describes each document.

use portcullis_domain::{Denial, Reason};
use serde_json::Value;

use super::json;
use crate::schema::{Root, Schemas, Spot, Violations};

/// How many documents one body may hold.
const DOCUMENTS: usize = 10_000;
/// ASCII record separator (RFC 7464 §2.2).
const RECORD_SEPARATOR: u8 = 0x1e;

/// The documents that an operation takes.
#[derive(Debug)]
pub(crate) struct Sequence {
    pub(super) framing: Framing,
    pub(super) root: Root,
    pub(super) subject: Subject,
}

/// How documents are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// Each on a line of its own.
    Lines,
    /// Each behind a record separator and before the end of a line.
    Records,
}

/// What the schema describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    Each,
    All,
}

impl Framing {
    /// The framing of a media type, if it is one of many documents.
    pub(super) fn of(essence: &str) -> Option<Self> {
        match essence {
            "application/jsonl"
            | "application/x-jsonlines"
            | "application/jsonlines"
            | "application/x-ndjson"
            | "application/ndjson" => Some(Self::Lines),
            "application/json-seq" => Some(Self::Records),
            _ if essence.ends_with("+json-seq") => Some(Self::Records),
            _ => None,
        }
    }

    fn pieces(self, body: &[u8]) -> Result<impl Iterator<Item = &[u8]>, Denial> {
        let body = match (self, body.first()) {
            (Self::Lines, _) => body,
            (Self::Records, Some(&RECORD_SEPARATOR)) => body.get(1..).unwrap_or_default(),
            (Self::Records, _) => return Err(malformed("a record does not begin with its separator")),
        };
        let separator = match self {
            Self::Lines => b'\n',
            Self::Records => RECORD_SEPARATOR,
        };
        // A line's own end, and what stands behind the last one.
        let pieces = body.split(move |byte| *byte == separator).map(<[u8]>::trim_ascii);
        Ok(pieces.filter(|piece| !piece.is_empty()))
    }
}

impl Sequence {
    /// Checks a body.
    ///
    /// # Errors
    /// [`Reason::BodyMalformed`] if one of its documents is none.
    pub(super) fn check(
        &self,
        body: &[u8],
        schemas: &Schemas,
        spot: Spot<'_>,
        violations: &mut Violations,
    ) -> Result<(), Denial> {
        let mut all = Vec::new();
        for (index, piece) in self.framing.pieces(body)?.enumerate() {
            if index >= DOCUMENTS {
                return Err(malformed("the body holds too many documents"));
            }
            let value = json::read(piece)?;
            match self.subject {
                Subject::All => all.push(value),
                Subject::Each if violations.is_full() => {}
                Subject::Each => {
                    let at = format!("/{index}");
                    schemas.check(self.root, value, Spot { name: &at, ..spot }, violations);
                }
            }
        }
        if self.subject == Subject::All {
            schemas.check(self.root, Value::Array(all), spot, violations);
        }
        Ok(())
    }
}

fn malformed(why: &'static str) -> Denial {
    Denial::new(Reason::BodyMalformed).with_note(why)
}
