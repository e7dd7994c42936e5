//! Bodies: which media types an operation takes, and whether a body keeps its schema.
//!
//! In: `requestBody` when a contract is compiled; media type and bytes of a request. Out: [`Content`]
//! and violations. Called by [`crate::Operation`]. OpenAPI 3.1.1 §4.8.13 and §4.8.14; RFC 9110 §15.5.16.
//! Bytes are read and judged here and never rewritten: the upstream gets them as they came, or as they
//! were decoded (VAL-11).

mod accept;
mod coding;
mod compile;
mod fields;
mod form;
pub(crate) mod json;
mod multipart;
mod range;
mod sequence;
mod text;
mod xml;

pub(crate) use accept::is_satisfiable;
pub use coding::{ContentCoding, ContentCodings};
pub(crate) use compile::declared;
pub(crate) use form::Form;
pub(crate) use range::Range;

use http::HeaderValue;
use portcullis_domain::{Denial, Reason};
use portcullis_message::MediaType;
use portcullis_message::media_type::Charset;
use serde_json::Value;

use crate::schema::{Root, Schemas, Spot, Violations};
use multipart::{Boundary, Multipart};
use sequence::Sequence;
use text::Text;

/// The body that an operation takes.
#[derive(Debug)]
pub(crate) enum Body {
    /// None. Whoever sends one breaks the contract.
    Undeclared,
    /// One of these; the most specific media range first.
    Declared { contents: Vec<(Range, Content)>, presence: Presence },
    /// Any, of any media type: an inline operation that says so.
    Any,
}

/// Whether there must be a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    Required,
    Optional,
}

/// How a body of some media type is judged.
#[derive(Debug)]
pub(crate) enum Content {
    /// JSON, and a schema for it if there is one.
    Json(Option<Root>),
    /// Many JSON documents.
    Sequence(Sequence),
    /// `application/x-www-form-urlencoded`.
    Form(Form),
    /// `multipart/form-data`.
    Multipart(Multipart),
    /// One string.
    Text(Text),
    /// By form: see [`xml`].
    Xml,
    /// By size only; reported when the contract was compiled.
    Unchecked,
}

/// What has to happen with the body of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyPlan {
    /// There may be none: announce one and the request is refused.
    Refuse,
    /// It need not be read; it may be streamed, up to the limit.
    Stream,
    /// It has to be read whole and given to [`crate::Operation::validate_body`].
    Read,
    /// It has to be read whole and decoded by [`crate::Operation::decode_body`] first. What is decoded is
    /// judged, and forwarded.
    Decode(ContentCoding),
}

impl Body {
    /// What has to happen with the body of a request that announces one.
    ///
    /// # Errors
    /// [`Reason::MediaTypeUnsupported`] if its type is missing, not declared, or not UTF-8.
    pub(crate) fn plan(&self, content_type: Option<&HeaderValue>) -> Result<BodyPlan, Denial> {
        Ok(match self {
            Self::Undeclared => BodyPlan::Refuse,
            Self::Any => BodyPlan::Stream,
            Self::Declared { .. } => match self.judge(content_type)? {
                Judge::Nothing => BodyPlan::Stream,
                Judge::Json(_)
                | Judge::Sequence(_)
                | Judge::Form(_)
                | Judge::Multipart(..)
                | Judge::Text(_)
                | Judge::Xml => BodyPlan::Read,
            },
        })
    }

    /// Whether each body that it takes is JSON, and is read.
    pub(crate) fn is_json_only(&self) -> bool {
        match self {
            Self::Undeclared => true,
            Self::Any => false,
            Self::Declared { contents, .. } => {
                contents.iter().all(|one| matches!(one, (Range::Exact(_), Content::Json(_))))
            }
        }
    }

    /// Whether some body has to be read whole.
    pub(crate) fn is_read(&self) -> bool {
        match self {
            Self::Undeclared | Self::Any => false,
            // A range that covers XML takes it only as such.
            Self::Declared { contents, .. } => contents.iter().any(|(range, content)| {
                !matches!(content, Content::Unchecked) || !matches!(range, Range::Exact(_))
            }),
        }
    }

    /// Checks a body that was read whole.
    pub(crate) fn check(
        &self,
        content_type: Option<&HeaderValue>,
        body: &[u8],
        schemas: &Schemas,
    ) -> Result<(), Denial> {
        let spot = Spot { location: "body", name: "" };
        let mut violations = Violations::new();
        match self {
            Self::Any => {}
            Self::Undeclared if body.is_empty() => {}
            Self::Undeclared => violations.add(spot, "undeclared", "no body"),
            Self::Declared { presence: Presence::Optional, .. } if body.is_empty() => {}
            Self::Declared { .. } if body.is_empty() => violations.add(spot, "required", "a body"),
            Self::Declared { .. } => match self.judge(content_type)? {
                Judge::Json(root) => {
                    let value = json::read(body)?;
                    if let Some(root) = root {
                        schemas.check(root, value, spot, &mut violations);
                    }
                }
                Judge::Sequence(sequence) => sequence.check(body, schemas, spot, &mut violations)?,
                Judge::Form(form) => form.check(body, schemas, spot, &mut violations)?,
                Judge::Multipart(form, boundary) => {
                    form.check(body, &boundary, schemas, spot, &mut violations)?;
                }
                Judge::Text(text) => text.check(body, schemas, spot, &mut violations)?,
                Judge::Xml => xml::check(body)?,
                Judge::Nothing => {}
            },
        }
        violations.into_result()
    }

    /// A body that was read whole as one value: JSON, and forms as the objects that their schemas describe. `None` if
    /// it is nothing of that, or cannot be read.
    pub(crate) fn value(&self, content_type: Option<&HeaderValue>, body: &[u8]) -> Option<Value> {
        match self.judge(content_type).ok()? {
            Judge::Json(_) => json::read(body).ok(),
            Judge::Form(form) => form.value(body),
            Judge::Multipart(form, boundary) => form.value(body, &boundary),
            Judge::Sequence(_) | Judge::Text(_) | Judge::Xml | Judge::Nothing => None,
        }
    }

    /// The declared media types, as `Accept` of a 415 lists them (RFC 9110 §15.5.16).
    fn accepted(&self) -> String {
        match self {
            Self::Undeclared | Self::Any => String::new(),
            Self::Declared { contents, .. } => {
                let ranges: Vec<String> = contents.iter().map(|(range, _)| range.to_string()).collect();
                ranges.join(", ")
            }
        }
    }

    fn judge(&self, content_type: Option<&HeaderValue>) -> Result<Judge<'_>, Denial> {
        let refuse = || Denial::new(Reason::MediaTypeUnsupported).with_accept(self.accepted());
        let value = content_type.ok_or_else(refuse)?;
        let media_type = MediaType::parse(value).map_err(|_| refuse())?;
        // What we would read as UTF-8 the application might read as UTF-7 or UTF-16 (VAL-06).
        if media_type.charset() == Charset::Other {
            return Err(refuse());
        }
        let Self::Declared { contents, .. } = self else { return Ok(Judge::Nothing) };
        let (_, content) =
            contents.iter().find(|(range, _)| range.covers(media_type.essence())).ok_or_else(refuse)?;
        Ok(match content {
            // Also where only a range covers it: XML that nobody looks into can call upon others (VAL-14).
            _ if xml::is_xml(&media_type) => Judge::Xml,
            Content::Json(root) if media_type.is_json() => Judge::Json(*root),
            Content::Sequence(sequence) => Judge::Sequence(sequence),
            Content::Form(form) => Judge::Form(form),
            Content::Multipart(form) => Judge::Multipart(form, Boundary::of(&media_type)?),
            Content::Text(text) => Judge::Text(text),
            // A range such as `*/*` takes JSON and other things; only JSON can be judged by its schema.
            Content::Json(_) | Content::Xml | Content::Unchecked => Judge::Nothing,
        })
    }
}

/// How a body of the media type that a request names is judged.
enum Judge<'b> {
    Json(Option<Root>),
    Sequence(&'b Sequence),
    Form(&'b Form),
    Multipart(&'b Multipart, Boundary),
    Text(&'b Text),
    Xml,
    Nothing,
}
