//! `multipart/form-data` bodies (RFC 7578; OpenAPI 3.1.1 §4.8.14.5 and §4.8.15).
//!
//! In: bytes that were read whole. Out: violations. Texts and JSON documents become members of the object
//! that the schema describes, as with other forms. Files are judged beside it: by their size in bytes, the
//! type they claim, how they begin, and the name they come under; in the object stands a text in their
//! place. Why the reader is our own: decision 0021. Not done here: headers of parts that an encoding
//! object describes, and nested bodies, which are refused.

mod boundary;
mod compile;
mod disposition;
mod reader;
mod signature;

use std::borrow::Cow;

use portcullis_domain::{Denial, Reason};
use portcullis_message::MediaType;
use portcullis_message::json::{self, JsonBounds};
use portcullis_message::media_type::Charset;
use serde_json::Value;

use super::fields::{Field, Fields};
use super::{Range, xml};
use crate::schema::{Root, Schemas, Shape, Spot, Violations};
pub(crate) use boundary::Boundary;
use disposition::is_safe;
use reader::{Part, each_part};

/// The field that says how texts of all others are encoded (RFC 7578 §4.6).
const CHARSET_FIELD: &str = "_charset_";

/// The multipart form that an operation takes.
#[derive(Debug)]
pub(crate) struct Multipart {
    root: Option<Root>,
    shape: Shape,
    plans: Vec<FieldPlan>,
    /// How parts are judged that no plan names, if the schema says something of them.
    others: Option<FieldPlan>,
}

/// How the parts of one field are judged.
#[derive(Debug)]
struct FieldPlan {
    name: Box<str>,
    /// The media types of its parts; any that suits its content if none is listed.
    types: Vec<Range>,
    content: PartContent,
}

/// What the parts of a field hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PartContent {
    Text,
    Json,
    File(FileSize),
    /// Of which nothing is said: the schema lets it pass, or not.
    Anything,
}

/// How large a file may be, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct FileSize {
    least: usize,
    most: Option<usize>,
}

impl Multipart {
    /// Checks a body.
    ///
    /// # Errors
    /// [`Reason::BodyMalformed`] if it cannot be taken apart in one way only.
    pub(super) fn check(
        &self,
        body: &[u8],
        boundary: &Boundary,
        schemas: &Schemas,
        spot: Spot<'_>,
        violations: &mut Violations,
    ) -> Result<(), Denial> {
        let fields = self.fields(body, boundary, spot, violations)?;
        fields.check(self.root, &self.shape, schemas, spot, violations);
        Ok(())
    }

    /// A body as the object that it is, whether or not it keeps its schema; `None` if it cannot be read. A text
    /// stands in place of each file.
    pub(super) fn value(&self, body: &[u8], boundary: &Boundary) -> Option<Value> {
        let mut violations = Violations::new();
        let spot = Spot { location: "body", name: "" };
        let fields = self.fields(body, boundary, spot, &mut violations).ok()?;
        violations.into_result().ok()?;
        fields.value(&self.shape)
    }

    fn fields<'b>(
        &self,
        body: &'b [u8],
        boundary: &Boundary,
        spot: Spot<'_>,
        violations: &mut Violations,
    ) -> Result<Fields<'b, '_>, Denial> {
        let mut fields = Fields::default();
        each_part(body, boundary, |part| {
            let at = format!("/{}", crate::reading::escape(part.disposition.name));
            let spot = Spot { name: &at, ..spot };
            let name = part.disposition.name;
            if let Some(field) = self.judge(&part, spot, violations)? {
                fields.push(name, field);
            }
            Ok(())
        })?;
        Ok(fields)
    }

    /// What a part holds; `None` if that is wrong already.
    fn judge<'b>(
        &self,
        part: &Part<'b>,
        spot: Spot<'_>,
        violations: &mut Violations,
    ) -> Result<Option<Field<'b, '_>>, Denial> {
        let name = part.disposition.name;
        let plan = self.plans.iter().find(|plan| *plan.name == *name).or(self.others.as_ref());
        let (content, types) =
            plan.map_or((PartContent::Anything, &[][..]), |plan| (plan.content, &plan.types));
        let media_type = part.media_type.as_ref();
        // A file may be in whatever encoding it likes; a text becomes a value here.
        let is_file = matches!(content, PartContent::File(_));
        if !is_file && media_type.is_some_and(|media_type| media_type.charset() == Charset::Other) {
            violations.add(spot, "contentType", "text in UTF-8");
            return Ok(None);
        }
        if media_type.is_some_and(xml::is_xml) {
            xml::check(part.content)?;
        }
        // For a file field in which nothing was chosen, browsers send an empty file without a name (HTML
        // §4.10.21.4): it is as if the field were not there.
        let is_unset = part.content.is_empty() && part.disposition.file_name.as_deref() == Some("");
        if is_unset && is_file {
            return Ok(None);
        }
        if !is_listed(content, types, media_type) {
            violations.add(spot, "contentType", expected_types(content, types));
            return Ok(None);
        }
        if let Some(file_name) = &part.disposition.file_name {
            if !is_safe(file_name) {
                violations.add(spot, "filename", "a name that is no path, at most 255 bytes long");
                return Ok(None);
            }
            // Where a text is expected, some frameworks would not see what calls itself a file.
            if content == PartContent::Text {
                violations.add(spot, "filename", "a text, which has no file name");
                return Ok(None);
            }
        }
        let is_json = content == PartContent::Json
            || (content == PartContent::Text && media_type.is_some_and(MediaType::is_json));
        match content {
            PartContent::File(size) => Ok(size.judge(part, spot, violations)),
            PartContent::Text | PartContent::Json if is_json => {
                match json::parse(part.content, &JsonBounds::default()) {
                    Ok(value) => Ok(Some(Field::Value(value))),
                    Err(_) => {
                        violations.add(spot, "content", "a JSON document");
                        Ok(None)
                    }
                }
            }
            PartContent::Text | PartContent::Json => text(name, part.content, spot, violations),
            PartContent::Anything if std::str::from_utf8(part.content).is_ok() => {
                text(name, part.content, spot, violations)
            }
            PartContent::Anything => Ok(FileSize::default().judge(part, spot, violations)),
        }
    }
}

/// A text in UTF-8.
fn text<'b>(
    name: &str,
    content: &'b [u8],
    spot: Spot<'_>,
    violations: &mut Violations,
) -> Result<Option<Field<'b, 'static>>, Denial> {
    let Ok(text) = std::str::from_utf8(content) else {
        violations.add(spot, "encoding", "text in UTF-8");
        return Ok(None);
    };
    if name == CHARSET_FIELD && !text.eq_ignore_ascii_case("utf-8") {
        return Err(Denial::new(Reason::BodyMalformed).with_note("the form names another charset"));
    }
    Ok(Some(Field::Text(Cow::Borrowed(text))))
}

impl FileSize {
    /// A text in place of the file, as long as the schema wants one at least: its bounds were judged here.
    fn judge(
        self,
        part: &Part<'_>,
        spot: Spot<'_>,
        violations: &mut Violations,
    ) -> Option<Field<'static, 'static>> {
        let length = part.content.len();
        if let Some(most) = self.most.filter(|most| length > *most) {
            violations.add(spot, "maxLength", format!("at most {most} bytes"));
            return None;
        }
        if length < self.least {
            violations.add(spot, "minLength", format!("at least {} bytes", self.least));
            return None;
        }
        if let Some(media_type) = &part.media_type
            && !part.content.is_empty()
            && signature::is_unlike(media_type.essence(), part.content)
        {
            violations.add(spot, "content", "content that begins like its type");
            return None;
        }
        Some(Field::Value(Value::from("x".repeat(self.least))))
    }
}

/// Whether a part may have this type. Without one it is what its field holds (RFC 7578 §4.4).
fn is_listed(content: PartContent, types: &[Range], media_type: Option<&MediaType<'_>>) -> bool {
    let Some(media_type) = media_type else {
        return types.is_empty() || !matches!(content, PartContent::File(_));
    };
    if !types.is_empty() {
        return types.iter().any(|range| range.covers(media_type.essence()));
    }
    match content {
        PartContent::Text => media_type.essence() == "text/plain",
        PartContent::Json => media_type.is_json(),
        PartContent::File(_) | PartContent::Anything => true,
    }
}

fn expected_types(content: PartContent, types: &[Range]) -> String {
    match content {
        _ if !types.is_empty() => {
            let names: Vec<String> = types.iter().map(Range::to_string).collect();
            format!("one of {}", names.join(", "))
        }
        PartContent::Text => "text/plain".to_owned(),
        PartContent::Json => "application/json".to_owned(),
        PartContent::File(_) | PartContent::Anything => "a media type".to_owned(),
    }
}
