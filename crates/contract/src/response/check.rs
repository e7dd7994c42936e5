//! Whether the whole body of an answer is what was promised.

use portcullis_domain::Violation;
use portcullis_message::json::{self, JsonBounds};

use crate::schema::{Root, Schemas, Spot, Violations};

/// The schema of an answer's body; means something to its own operation only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerSchema(pub(super) Root);

/// All that is wrong with `body`, at most twenty things; never a value of it.
pub(crate) fn check(schema: Option<AnswerSchema>, body: &[u8], schemas: &Schemas) -> Vec<Violation> {
    let spot = Spot { location: "body", name: "" };
    let mut violations = Violations::new();
    match (json::parse(body, &JsonBounds::ANSWER).ok(), schema) {
        (Some(value), Some(AnswerSchema(root))) => schemas.check(root, value, spot, &mut violations),
        (Some(_), None) => {}
        (None, _) => violations.add(spot, "json", "JSON that can be read in one way only"),
    }
    violations.into_list()
}
