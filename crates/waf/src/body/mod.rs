//! Bodies taken apart, so that rules can look at their parts.
//!
//! In: bytes and how they are to be read. Out: [`Parsed`]: parameters with names, files, texts. What cannot be read is
//! said in `error`; a rule set decides what becomes of it, and the Core Rule Set refuses. Every reader is bounded: in
//! depth, in parts and by the length of the body, which its caller bounds.

mod form;
mod json;
mod multipart;
mod xml;

pub(crate) use form::{cookies, form};

use crate::seclang::action::BodyProcessor;

/// A name and a value.
pub(crate) type Pair = (Vec<u8>, Vec<u8>);

/// What a body holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parsed {
    /// Parameters.
    pub(crate) arguments: Vec<Pair>,
    /// Uploaded files.
    pub(crate) files: Vec<File>,
    /// Header lines of multipart parts, by the name of the part.
    pub(crate) part_headers: Vec<Pair>,
    /// What an XML document says.
    pub(crate) xml: Xml,
    /// What is odd about a multipart body.
    pub(crate) flags: Flags,
    /// Why it could not be read.
    pub(crate) error: Option<String>,
}

/// An uploaded file.
#[derive(Clone, Debug)]
pub(crate) struct File {
    /// The field in which it came.
    pub(crate) field: Vec<u8>,
    /// Its name at the client.
    pub(crate) file_name: Vec<u8>,
    /// Its length in bytes.
    pub(crate) size: usize,
}

/// Texts and attributes of an XML document.
#[derive(Clone, Debug, Default)]
pub(crate) struct Xml {
    /// All text of the root element, joined.
    pub(crate) texts: Vec<Vec<u8>>,
    /// The values of all attributes.
    pub(crate) attributes: Vec<Vec<u8>>,
}

/// What is odd about a multipart body, by the names of ModSecurity's variables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a variable of its own in rules")]
pub(crate) struct Flags {
    pub(crate) boundary_quoted: bool,
    pub(crate) boundary_whitespace: bool,
    pub(crate) crlf_lf_lines: bool,
    pub(crate) data_after: bool,
    pub(crate) data_before: bool,
    pub(crate) header_folding: bool,
    pub(crate) invalid_header_folding: bool,
    pub(crate) invalid_part: bool,
    pub(crate) invalid_quoting: bool,
    pub(crate) lf_line: bool,
    pub(crate) missing_semicolon: bool,
    pub(crate) unmatched_boundary: bool,
}

impl Flags {
    /// What `MULTIPART_STRICT_ERROR` says: any of those that no honest client raises.
    pub(crate) const fn is_strict_error(self) -> bool {
        self.boundary_quoted
            || self.boundary_whitespace
            || self.data_before
            || self.data_after
            || self.header_folding
            || self.lf_line
            || self.missing_semicolon
            || self.invalid_quoting
            || self.invalid_part
            || self.invalid_header_folding
    }
}

/// Takes a body apart.
pub(crate) fn parse(processor: BodyProcessor, content_type: &[u8], body: &[u8]) -> Parsed {
    match processor {
        BodyProcessor::UrlEncoded => {
            let mut parsed = Parsed::default();
            form(body, &mut |name, value| parsed.arguments.push((name, value)));
            parsed
        }
        BodyProcessor::Json => match json::flatten(body) {
            Ok(arguments) => Parsed { arguments, ..Parsed::default() },
            Err(error) => failed(error),
        },
        BodyProcessor::Multipart => multipart::parse(content_type, body),
        BodyProcessor::Xml => match xml::read(body) {
            Ok(xml) => Parsed { xml, ..Parsed::default() },
            Err(error) => failed(error),
        },
    }
}

fn failed(error: String) -> Parsed {
    Parsed { error: Some(error), ..Parsed::default() }
}
