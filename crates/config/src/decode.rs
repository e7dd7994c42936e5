//! From a document to a typed value, with every mistake shown at its place.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::diagnostics::Diagnostics;
use crate::document::Document;

/// Reads the whole document as a `T`. Every mistake goes to `diagnostics`; `None` if there was one.
pub fn decode<T: DeserializeOwned + JsonSchema>(
    document: &Arc<Document>,
    diagnostics: &mut Diagnostics,
) -> Option<T> {
    decode_at(document, "", diagnostics)
}

/// Reads the value at `pointer` (RFC 6901) as a `T`; a pointer to nothing reads `null`.
pub fn decode_at<T: DeserializeOwned + JsonSchema>(
    document: &Arc<Document>,
    pointer: &str,
    diagnostics: &mut Diagnostics,
) -> Option<T> {
    let value = document.value().pointer(pointer).cloned().unwrap_or_default();
    match serde_json::from_value(value) {
        Ok(decoded) => Some(decoded),
        Err(error) => {
            diagnostics.push(
                Diagnostic::error(codes::file::VALUE_REFUSED, error.to_string()).at(document.at(pointer)),
            );
            None
        }
    }
}
