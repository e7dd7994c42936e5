//! JSON bodies.

use portcullis_domain::{Denial, Reason};
use portcullis_message::json::{JsonBounds, check};
use serde_json::Value;

/// Reads a JSON document that every parser reads alike (VAL-10).
///
/// # Errors
/// [`Reason::BodyMalformed`].
pub(super) fn read(body: &[u8]) -> Result<Value, Denial> {
    check(body, &JsonBounds::default())
        .map_err(|fault| Denial::new(Reason::from(fault)).with_note(fault.to_string()))?;
    // What passed the check parses: the bound on nesting is below the parser's own.
    serde_json::from_slice(body).map_err(|error| {
        Denial::new(Reason::BodyMalformed).with_note(format!(
            "line {}, column {}",
            error.line(),
            error.column()
        ))
    })
}
