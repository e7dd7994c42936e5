//! What was found in an answer: places and counts, never values.
//!
//! In: what the gateway's `release` stage met that the contract does not promise, or that it kept back.
//! Out: the member `findings` of an event, and a count for each kind.

use crate::line::{FIELD, push_number, push_text};
use crate::redact;

/// Most places that are written for one kind.
const PLACES: usize = 20;

/// Something that was found in one answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub kind: FindingKind,
    /// How often in this answer.
    pub count: u64,
    /// Where: names of fields, JSON pointers in which `[]` stands for every item; with a keyword or class
    /// behind a space.
    pub places: Vec<Box<str>>,
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal,)+) => {
        /// What can be found in an answer.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum FindingKind { $($(#[doc = $doc])+ $name,)+ }

        impl FindingKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The stable word.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }
        }
    };
}

kinds! {
    /// A status that the contract does not declare.
    Status = "status",
    /// A header field that breaks its schema or is missing.
    Header = "header",
    /// A media type that the contract does not declare for the status.
    MediaType = "media_type",
    /// A body that breaks its schema, or that is or is not there.
    Schema = "schema",
    /// A body that is not the JSON that it claims to be.
    Malformed = "malformed",
    /// A member that the contract does not declare.
    Undeclared = "undeclared",
    /// A value of another kind than the contract says.
    Mistyped = "mistyped",
    /// A member that only clients send.
    WriteOnly = "write_only",
    /// A member that the caller may not see; kept back.
    Hidden = "hidden",
    /// A member that the caller sees masked.
    Masked = "masked",
    /// A member whose owner came too late to be waited for; kept back.
    TooLargeToHold = "too_large_to_hold",
    /// Personal or payment data, or a key, where the contract says nothing of it.
    Sensitive = "sensitive",
    /// A stack trace, a database error or an error page.
    Revealing = "revealing",
    /// Items of a list that are somebody else's.
    Foreign = "foreign",
    /// A body in a coding or range that could not be looked into.
    Unseen = "unseen",
}

impl Finding {
    /// Something at one place.
    #[must_use]
    pub fn at(kind: FindingKind, place: impl Into<Box<str>>) -> Self {
        Self { kind, count: 1, places: vec![place.into()] }
    }
}

/// The findings as a list of objects.
pub(crate) fn write(buffer: &mut Vec<u8>, findings: &[Finding]) {
    for (index, finding) in findings.iter().enumerate() {
        buffer.extend_from_slice(if index == 0 { b"[{\"kind\":" } else { b",{\"kind\":" });
        push_text(buffer, finding.kind.name(), FIELD);
        buffer.extend_from_slice(b",\"count\":");
        push_number(buffer, finding.count);
        buffer.extend_from_slice(b",\"at\":[");
        for (index, place) in finding.places.iter().take(PLACES).enumerate() {
            if index > 0 {
                buffer.push(b',');
            }
            push_text(buffer, &redact::text(place), FIELD);
        }
        buffer.extend_from_slice(b"]}");
    }
    buffer.push(b']');
}
