//! JSON bodies.

use portcullis_domain::{Denial, Reason};
use portcullis_message::json::{JsonBounds, parse};
use serde_json::Value;

/// Reads a body.
///
/// # Errors
/// [`Reason::BodyMalformed`].
pub(crate) fn read(body: &[u8]) -> Result<Value, Denial> {
    parse(body, &JsonBounds::default())
        .map_err(|fault| Denial::new(Reason::from(fault)).with_note(fault.to_string()))
}
