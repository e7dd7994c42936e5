//! Documents and requests as short texts.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use portcullis_config::{Color, Diagnostics, Document, Limits};
use portcullis_contract::{CompileOptions, Contract, Lookup, NoReferences};
use portcullis_domain::{Denial, Violation};

/// Reads a document; the tests' own are well-formed.
#[track_caller]
pub(crate) fn document(name: &str, text: &str) -> Arc<Document> {
    match Document::parse(name, text.as_bytes(), &Limits::default()) {
        Ok(document) => document,
        Err(mistakes) => panic!("{}", mistakes.render(Color::Never)),
    }
}

/// What compiling `text` gives.
#[track_caller]
pub(crate) fn compile(text: &str, options: &CompileOptions<'_>) -> (Option<Contract>, Diagnostics) {
    let mut diagnostics = Diagnostics::new();
    let contract =
        Contract::compile(&document("openapi.yaml", text), &NoReferences, options, &mut diagnostics);
    assert_eq!(contract.is_none(), diagnostics.has_errors(), "{}", diagnostics.render(Color::Never));
    (contract, diagnostics)
}

/// The contract behind `text`, which must be free of errors.
#[track_caller]
pub(crate) fn contract(text: &str) -> Contract {
    contract_with(text, &CompileOptions::default())
}

#[track_caller]
pub(crate) fn contract_with(text: &str, options: &CompileOptions<'_>) -> Contract {
    let (contract, diagnostics) = compile(text, options);
    contract.unwrap_or_else(|| panic!("{}", diagnostics.render(Color::Never)))
}

/// Asserts that compiling `text` gives exactly these codes, in any order, and each at a line.
#[track_caller]
pub(crate) fn finds(text: &str, codes: &[&str]) -> Diagnostics {
    let (_, diagnostics) = compile(
        text,
        &CompileOptions { unbounded: portcullis_contract::Unbounded::Accepted, ..CompileOptions::default() },
    );
    let mut found: Vec<&str> = diagnostics.iter().map(|diagnostic| diagnostic.code().0).collect();
    found.sort_unstable();
    let mut expected = codes.to_vec();
    expected.sort_unstable();
    assert_eq!(found, expected, "{}", diagnostics.render(Color::Never));
    for diagnostic in &diagnostics {
        let place = diagnostic.place().expect("every diagnostic has a place");
        assert!(place.line() >= 1);
    }
    diagnostics
}

/// A document of version `version` with one public operation `POST /it` and this JSON schema of its body.
pub(crate) fn body_document(version: &str, schema: &str) -> String {
    format!(
        r##"{{
  "openapi": "{version}",
  "info": {{"title": "t", "version": "1"}},
  "components": {{"schemas": {{"It": {schema}}}}},
  "paths": {{"/it": {{"post": {{
    "operationId": "it", "x-portcullis-access": "public",
    "requestBody": {{"required": true, "content": {{"application/json": {{"schema": {{"$ref": "#/components/schemas/It"}}}}}}}},
    "responses": {{}}
  }}}}}}
}}"##
    )
}

/// A document with one public operation `GET /it/{{id}}` and these parameters, in YAML flow style.
pub(crate) fn parameter_document(parameters: &str) -> String {
    format!(
        "openapi: 3.1.1\ninfo: {{title: t, version: '1'}}\npaths:\n  /it/{{id}}:\n    get:\n      x-portcullis-access: public\n      parameters: [{parameters}]\n      responses: {{}}\n"
    )
}

/// What the first operation says of a JSON body.
pub(crate) fn judge_body(contract: &Contract, body: &str) -> Result<(), Denial> {
    contract.operations()[0]
        .validate_body(Some(&HeaderValue::from_static("application/json")), body.as_bytes())
}

/// What the operation behind `method path?query` says of a request without a body.
#[track_caller]
pub(crate) fn judge_head(
    contract: &Contract,
    method: Method,
    target: &str,
    headers: &[(&str, &str)],
) -> Result<(), Denial> {
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| {
            (
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            )
        })
        .collect();
    let Lookup::Found { operation, path_parameters } = contract.find(&method, path) else {
        panic!("{method} {path} is not found")
    };
    operation.validate_head(&path_parameters, query, &headers)
}

/// A refusal as `location at keyword` lines; empty for none.
pub(crate) fn listed(result: &Result<(), Denial>) -> Vec<String> {
    let line =
        |violation: &Violation| format!("{} {} {}", violation.location, violation.at, violation.keyword);
    match result {
        Ok(()) => Vec::new(),
        Err(denial) if denial.violations().is_empty() => vec![denial.reason().code().to_owned()],
        Err(denial) => denial.violations().iter().map(line).collect(),
    }
}
