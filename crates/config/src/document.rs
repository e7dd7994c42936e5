//! One configuration file or contract, read.
//!
//! In: bytes. Out: a value, and where each part of it stands. Called for every file that the operator
//! names. Both formats are read strictly: a file that two readers understand in two ways is refused.

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use crate::builder::Builder;
use crate::codes;
use crate::diagnostic::{Diagnostic, quote};
use crate::diagnostics::Diagnostics;
use crate::encoding::{self, NotText};
use crate::environment::Environment;
use crate::limits::Limits;
use crate::place::{Part, Place};
use crate::source::Source;
use crate::spans::Spans;
use crate::{json, yaml};

/// A file as a value, with the place of each part of it.
#[derive(Debug)]
pub struct Document {
    source: Arc<Source>,
    value: Value,
    spans: Spans,
}

impl Document {
    /// Reads YAML 1.2 (core schema), or strict JSON where `name` ends in `.json`.
    ///
    /// # Errors
    /// All that is wrong with the text, at most a hundred mistakes; never panics, whatever the bytes.
    pub fn parse(name: &str, bytes: &[u8], limits: &Limits) -> Result<Arc<Self>, Diagnostics> {
        if bytes.len() > limits.bytes {
            return Err(too_large(name, limits).into());
        }
        let text = encoding::text(bytes).map_err(|problem| not_text(name, bytes, problem))?;
        let source = Arc::new(Source::new(name, text));
        let mut builder = Builder::new(&source, limits);
        let read =
            if is_json(name) { json::read(&source, &mut builder) } else { yaml::read(&source, &mut builder) };
        // A reader that stopped has said why to the builder.
        let _ = read;
        match builder.finish()? {
            // `---` alone is a document of nothing; `null` is one that says so.
            Some((Value::Null, spans)) if !source.slice(spans.value.range()).contains(['~', 'l', 'L']) => {
                Err(not_text(name, bytes, NotText::Empty).into())
            }
            Some((value, spans)) => Ok(Arc::new(Self { source, value, spans })),
            None => Err(not_text(name, bytes, NotText::Empty).into()),
        }
    }

    /// Reads the file at `path`, no more of it than `limits` allow. The document is named as `path` is
    /// written; it is looked for from the environment's base directory.
    ///
    /// # Errors
    /// As [`Document::parse`], and when the file cannot be read.
    pub fn load(environment: &Environment, path: &Path, limits: &Limits) -> Result<Arc<Self>, Diagnostics> {
        let name = path.display().to_string();
        let mut bytes = Vec::new();
        let most = u64::try_from(limits.bytes).unwrap_or(u64::MAX).saturating_add(1);
        let read =
            File::open(environment.path(path)).and_then(|file| file.take(most).read_to_end(&mut bytes));
        match read {
            Ok(_) => Self::parse(&name, &bytes, limits),
            Err(error) => {
                let message = format!("file {} cannot be read: {}", quote(&name), error.kind());
                Err(Diagnostic::error(codes::file::FILE_UNREADABLE, message)
                    .help("check the path, which is relative to the main configuration file, and its permissions")
                    .into())
            }
        }
    }

    /// The file's name, as it was given.
    #[must_use]
    pub fn name(&self) -> &str {
        self.source.name()
    }

    /// What the file says.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The text of the file.
    #[must_use]
    pub fn text(&self) -> &str {
        self.source.text()
    }

    /// The place of the value at `pointer` (RFC 6901). A pointer to nothing gets the nearest value above.
    #[must_use]
    pub fn at(self: &Arc<Self>, pointer: impl Into<String>) -> Place {
        Place::node(self, pointer.into(), Part::Value)
    }

    /// The place of the key that introduces the value at `pointer`.
    #[must_use]
    pub fn at_key(self: &Arc<Self>, pointer: impl Into<String>) -> Place {
        Place::node(self, pointer.into(), Part::Key)
    }

    pub(crate) fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// What to underline for a value or its key: never more than one line. An object or array that
    /// takes several lines is shown by its key, because its first line says little.
    pub(crate) fn span(&self, pointer: &str, part: Part) -> Range<usize> {
        let (value, spans) = self.spans.find(&self.value, pointer);
        let (key, range) = (spans.key.range(), spans.value.range());
        let is_container = value.is_object() || value.is_array();
        let is_shown_by_key =
            part == Part::Key || range.is_empty() || (is_container && !self.source.is_one_line(&range));
        if is_shown_by_key && !key.is_empty() { key } else { self.source.first_line(range) }
    }

    /// All bytes of the value at `pointer`.
    pub(crate) fn whole_span(&self, pointer: &str) -> Range<usize> {
        self.spans.find(&self.value, pointer).1.value.range()
    }
}

fn is_json(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
}

fn too_large(name: &str, limits: &Limits) -> Diagnostic {
    let most = crate::ByteSize(limits.bytes as u64);
    Diagnostic::error(codes::file::FILE_TOO_LARGE, format!("file {} is larger than {most}", quote(name)))
        .help("split it, or remove embedded examples and media")
}

fn not_text(name: &str, bytes: &[u8], problem: NotText) -> Diagnostic {
    let file = quote(name);
    let line = |offset: usize| bytes.iter().take(offset).filter(|&&byte| byte == b'\n').count() + 1;
    match problem {
        NotText::Empty => Diagnostic::error(codes::file::FILE_EMPTY, format!("file {file} is empty"))
            .help("start from an example: a file of spaces or comments configures nothing"),
        NotText::Wide => {
            Diagnostic::error(codes::file::FILE_NOT_UTF8, format!("file {file} is UTF-16 or UTF-32 text"))
                .help("save it as UTF-8 without a byte order mark")
        }
        NotText::ByteOrderMark => Diagnostic::error(
            codes::file::FILE_NOT_UTF8,
            format!("file {file} starts with a byte order mark"),
        )
        .help("save it as UTF-8 without a byte order mark"),
        NotText::Binary(offset) => Diagnostic::error(
            codes::file::FILE_BINARY,
            format!("file {file} is not text: byte {offset} on line {} is zero", line(offset)),
        )
        .help("check that the path names a YAML or JSON file"),
        NotText::NotUtf8(offset) => Diagnostic::error(
            codes::file::FILE_NOT_UTF8,
            format!(
                "file {file} is not UTF-8 text: byte {offset} on line {} belongs to no character",
                line(offset)
            ),
        )
        .help("save it as UTF-8"),
        NotText::ControlCharacter(offset) => Diagnostic::error(
            codes::file::FILE_BINARY,
            format!("file {file} holds a control character: byte {offset} on line {}", line(offset)),
        )
        .help("remove it, or write it as an escape in double quotes, such as `\"\\u001b\"`"),
    }
}
