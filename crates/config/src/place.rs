//! A place in a file: where a mistake is, or where a setting came from.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::document::Document;
use crate::source::Source;

/// A value, a key or a stretch of text in a file. Cheap to clone; the line is worked out when asked for.
#[derive(Clone)]
pub struct Place(Inner);

#[derive(Clone)]
enum Inner {
    /// A part of a document that could be read.
    Node { document: Arc<Document>, pointer: Arc<str>, part: Part },
    /// A stretch of a file that may not have become a document.
    Text { source: Arc<Source>, range: Range<usize> },
}

/// Which half of `key: value` is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Key,
    Value,
}

impl Place {
    pub(crate) fn node(document: &Arc<Document>, pointer: impl Into<Arc<str>>, part: Part) -> Self {
        Self(Inner::Node { document: Arc::clone(document), pointer: pointer.into(), part })
    }

    pub(crate) fn text(source: &Arc<Source>, range: Range<usize>) -> Self {
        Self(Inner::Text { source: Arc::clone(source), range })
    }

    /// All of a file that is no YAML or JSON, such as a file of policies.
    #[must_use]
    pub fn whole_text(name: &str, text: &str) -> Self {
        Self::text(&Arc::new(Source::new(name, text)), 0..text.len())
    }

    /// These bytes of the file.
    #[must_use]
    pub fn bytes(&self, range: Range<usize>) -> Self {
        Self::text(self.source(), range)
    }

    /// The value under `name` in the object at this place.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        self.below(&escape(name))
    }

    /// The element with this index in the array at this place.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.below(&index.to_string())
    }

    /// The key that introduces the value at this place.
    #[must_use]
    pub fn key(&self) -> Self {
        match &self.0 {
            Inner::Node { document, pointer, .. } => Self(Inner::Node {
                document: Arc::clone(document),
                pointer: Arc::clone(pointer),
                part: Part::Key,
            }),
            Inner::Text { .. } => self.clone(),
        }
    }

    /// The file's name, as it was given.
    #[must_use]
    pub fn file(&self) -> &str {
        self.source().name()
    }

    /// The line, counted from one.
    #[must_use]
    pub fn line(&self) -> usize {
        self.source().position(self.span().start).0
    }

    /// The column in characters, counted from one.
    #[must_use]
    pub fn column(&self) -> usize {
        self.source().position(self.span().start).1
    }

    /// The JSON pointer of the value; empty for the whole document and for plain text.
    #[must_use]
    pub fn pointer(&self) -> &str {
        match &self.0 {
            Inner::Node { pointer, .. } => pointer,
            Inner::Text { .. } => "",
        }
    }

    /// The value as it is written in the file: for numbers that lose digits when they are read.
    #[must_use]
    pub fn written(&self) -> &str {
        self.source().slice(self.whole_span())
    }

    /// All bytes of the value, even where they take several lines.
    pub(crate) fn whole_span(&self) -> Range<usize> {
        match &self.0 {
            Inner::Node { document, pointer, .. } => document.whole_span(pointer),
            Inner::Text { range, .. } => range.clone(),
        }
    }

    /// The bytes to underline.
    pub(crate) fn span(&self) -> Range<usize> {
        match &self.0 {
            Inner::Node { document, pointer, part } => document.span(pointer, *part),
            Inner::Text { range, .. } => range.clone(),
        }
    }

    pub(crate) fn source(&self) -> &Arc<Source> {
        match &self.0 {
            Inner::Node { document, .. } => document.source(),
            Inner::Text { source, .. } => source,
        }
    }

    fn below(&self, token: &str) -> Self {
        match &self.0 {
            Inner::Node { document, pointer, .. } => Self(Inner::Node {
                document: Arc::clone(document),
                pointer: format!("{pointer}/{token}").into(),
                part: Part::Value,
            }),
            Inner::Text { .. } => self.clone(),
        }
    }
}

/// One token of a JSON pointer (RFC 6901 §3).
pub(crate) fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file(), self.line(), self.column())
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({self} {})", self.pointer())
    }
}
