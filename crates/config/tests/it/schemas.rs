//! The schema for editors: complete, and valid by its own rules.

use insta::assert_json_snapshot;
use portcullis_config::{ByteSize, Period, Rate, SecretReference, json_schema};
use schemars::JsonSchema;

/// What one limit allows.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is asked for")]
struct Limit {
    /// How many in how much time.
    rate: Rate,
    /// The largest body.
    body: Option<ByteSize>,
    /// How long to wait.
    #[serde(default)]
    wait: Option<Period>,
    /// The key of the counter's hash.
    key: SecretReference,
}

#[test]
fn a_schema_names_its_draft_its_titles_and_every_setting() {
    let schema = json_schema::<Limit>();
    assert_json_snapshot!(schema);
    assert!(jsonschema::draft202012::meta::is_valid(&schema));
}
