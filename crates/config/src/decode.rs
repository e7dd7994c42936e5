//! From a document to a typed value, with every mistake shown at its place.
//!
//! In: a document, and a type with its own JSON Schema. Out: the value, or all that is wrong with it.
//! Called by the `config.rs` of each layer. The schema is checked first because it finds every mistake,
//! where serde stops at the first; serde then finds the rest, such as numbers that are too large.
//!
//! What a type says of itself is what the operator reads. The doc comment of a field is the help when it
//! is missing. Text with a pattern should carry `#[schemars(title = "listen address", example = …)]`: a
//! title in lower case becomes "`x` is not a listen address", the examples become the help. A field that
//! may hold a secret says `#[schemars(extend("writeOnly" = true))]` and is never quoted.

use std::net::IpAddr;
use std::sync::Arc;

use jsonschema::Draft;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::diagnostics::Diagnostics;
use crate::document::Document;
use crate::mistake::Mistakes;
use crate::place::escape;
use crate::schema::json_schema;

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
    let value = document.value().pointer(pointer).unwrap_or(&Value::Null);
    let fits = fits_schema(document, pointer, value, &json_schema::<T>(), diagnostics);
    if fits { fill(document, pointer, value, diagnostics) } else { None }
}

fn fits_schema(
    document: &Arc<Document>,
    pointer: &str,
    value: &Value,
    schema: &Value,
    diagnostics: &mut Diagnostics,
) -> bool {
    let options = jsonschema::options()
        .with_draft(Draft::Draft202012)
        .should_validate_formats(true)
        // What `schemars` says of `IpAddr`; no draft knows it.
        .with_format("ip", |text: &str| text.parse::<IpAddr>().is_ok())
        .offline();
    let validator = match options.build(schema) {
        Ok(validator) => validator,
        Err(error) => {
            // A fault of ours and not of the file: the tests of every `config.rs` would have met it.
            let message = format!("the schema of this setting cannot be used: {error}");
            diagnostics.push(Diagnostic::error(codes::file::VALUE_REFUSED, message).at(document.at(pointer)));
            return false;
        }
    };
    let mut fits = true;
    let mut mistakes = Mistakes::new(document, pointer, schema, diagnostics);
    for error in validator.iter_errors(value) {
        fits = false;
        mistakes.explain(&error);
    }
    mistakes.finish();
    fits
}

fn fill<T: DeserializeOwned>(
    document: &Arc<Document>,
    pointer: &str,
    value: &Value,
    diagnostics: &mut Diagnostics,
) -> Option<T> {
    match serde_path_to_error::deserialize(value) {
        Ok(filled) => Some(filled),
        Err(error) => {
            let place = document.at(format!("{pointer}{}", pointer_to(error.path())));
            let message = error.inner().to_string();
            diagnostics.push(Diagnostic::error(codes::file::VALUE_REFUSED, message).at(place));
            None
        }
    }
}

fn pointer_to(path: &Path) -> String {
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } => format!("/{}", escape(key)),
            Segment::Enum { variant } => format!("/{}", escape(variant)),
            Segment::Unknown => String::new(),
        })
        .collect()
}
