//! Whether the whole body of an answer is what was promised.

use portcullis_domain::Violation;
use portcullis_message::json::{self, JsonBounds};
use serde_json::Value;

use crate::schema::{Root, Schemas, Spot, Violations};

/// The schema of an answer's body; means something to its own operation only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerSchema(pub(super) Root);

/// All that is wrong with `body`, at most twenty things; never a value of it.
pub(crate) fn check(schema: Option<AnswerSchema>, body: &[u8], schemas: &Schemas) -> Vec<Violation> {
    let spot = Spot { location: "body", name: "" };
    let mut violations = Violations::new();
    match (read(body), schema) {
        (Some(value), Some(AnswerSchema(root))) => schemas.check(root, value, spot, &mut violations),
        (Some(_), None) => {}
        (None, _) => violations.add(spot, "json", "JSON that can be read in one way only"),
    }
    violations.into_list()
}

/// What the API itself sends is bounded in its length already; the bound on nesting is the parser's.
const BOUNDS: JsonBounds =
    JsonBounds { depth: 100, members: 1 << 20, items: 1 << 20, string: 1 << 30, number: 64 };

fn read(body: &[u8]) -> Option<Value> {
    json::check(body, &BOUNDS).ok()?;
    serde_json::from_slice(body).ok()
}
