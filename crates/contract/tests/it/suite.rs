//! The JSON-Schema-Test-Suite, through our own reading of schemas: 2020-12 as OpenAPI 3.1 has it, draft 4
//! as OpenAPI 3.0 has it. Objects are left open here: closing is ours and not the suite's.
//!
//! A group whose schema does not compile counts as refused: what is not understood is not enforced by
//! halves. A group that compiles must agree in every case, or be listed with the reason.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use http::HeaderValue;
use portcullis_config::{Diagnostics, Document, Limits};
use portcullis_contract::{Access, CompileOptions, Contract, Objects, ReadOnly, References, Unresolved};
use serde_json::Value;

use crate::corpus::shared;
use crate::support::document;

/// The schema under test, and nothing else.
struct Schema(Arc<Document>);

impl References for Schema {
    fn load(&self, _from: &str, reference: &str) -> Result<Arc<Document>, Unresolved> {
        if reference == "schema.json" {
            return Ok(Arc::clone(&self.0));
        }
        Err(Unresolved::Refused("only the schema is here".to_owned()))
    }
}

fn compile(version: &str, schema: &Value) -> Option<(Contract, Vec<&'static str>)> {
    let text = schema.to_string();
    let schema = Document::parse("schema.json", text.as_bytes(), &Limits::default()).ok()?;
    let main = document(
        "openapi.yaml",
        &format!(
            "{{openapi: {version}, info: {{}}, paths: {{/it: {{post: {{requestBody: {{content: {{application/json: {{schema: {{$ref: schema.json}}}}}}}}}}}}}}}}"
        ),
    );
    let options = CompileOptions {
        access: &|_| Some(Access::Public),
        objects: Objects::AsDeclared,
        read_only: ReadOnly::Accepted,
        ..CompileOptions::default()
    };
    let mut diagnostics = Diagnostics::new();
    let contract = Contract::compile(&main, &Schema(schema), &options, &mut diagnostics)?;
    Some((contract, diagnostics.warnings().map(|warning| warning.code().0).collect()))
}

/// Runs `folder`; how many groups of which file disagree must be as `expected` says.
#[track_caller]
fn run(folder: &Path, version: &str, expected: &[(&str, usize)]) {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "json"));
    files.sort();
    let (mut agreed, mut refused, mut disagreed) = (0, BTreeMap::new(), BTreeMap::new());
    for path in files {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let groups: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        for group in groups.as_array().unwrap() {
            let tests = group["tests"].as_array().unwrap();
            let Some((contract, warnings)) = compile(version, &group["schema"]) else {
                *refused.entry(name.clone()).or_insert(0) += tests.len();
                continue;
            };
            let json = HeaderValue::from_static("application/json");
            let wrong: Vec<&str> = tests
                .iter()
                .filter(|test| {
                    let body = test["data"].to_string();
                    let taken = contract.operations()[0].validate_body(Some(&json), body.as_bytes()).is_ok();
                    taken != test["valid"].as_bool().unwrap()
                })
                .map(|test| test["description"].as_str().unwrap())
                .collect();
            agreed += tests.len() - wrong.len();
            if !wrong.is_empty() {
                println!("{name}: {}: {wrong:?}, warned {warnings:?}", group["description"]);
                // What lets more through than the document says must have been said.
                assert!(!warnings.is_empty() || name == "format", "{name} disagrees without a warning");
                *disagreed.entry(name.clone()).or_insert(0) += 1;
            }
        }
    }
    println!("{}: {agreed} cases agree", folder.display());
    println!("cases under schemas that are refused: {refused:?}");
    println!("groups that disagree: {disagreed:?}");
    let disagreed: Vec<(&str, usize)> =
        disagreed.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    assert_eq!(disagreed, expected);
}

#[test]
fn schemas_of_3_1_agree_with_json_schema_2020_12() {
    let Some(shared) = shared() else { return };
    run(
        &shared.join("json-schema/tests/draft2020-12"),
        "3.1.1",
        &[
            // Reported as not enforced: C0332.
            ("dynamicRef", 11),
            // The suite takes formats for annotations; here they assert.
            ("format", 16),
            // For `$dynamicRef` within.
            ("unevaluatedItems", 1),
            ("unevaluatedProperties", 1),
            // A dialect of its own, read as 2020-12 with a warning: C0338.
            ("vocabulary", 1),
        ],
    );
}

#[test]
fn schemas_of_3_0_agree_with_draft_4_where_they_have_the_same_keywords() {
    let Some(shared) = shared() else { return };
    run(
        &shared.join("json-schema/tests/draft4"),
        "3.0.3",
        &[
            // All for `patternProperties` and `dependencies`, which OpenAPI 3.0 does not have: C0332.
            ("additionalProperties", 2),
            ("dependencies", 5),
            ("patternProperties", 3),
            ("properties", 1),
        ],
    );
}
