//! From a method and a path to an operation.

use http::Method;
use portcullis_contract::{CompileOptions, Lookup};

use crate::support::{contract, contract_with, finds};

fn document(paths: &str) -> String {
    format!(
        "openapi: 3.1.1\ninfo: {{}}\nsecurity: [{{s: []}}]\ncomponents: {{securitySchemes: {{s: {{type: http, scheme: bearer}}}}}}\npaths:\n{paths}"
    )
}

#[test]
fn operations_are_found_below_the_base_path() {
    let options = CompileOptions { base_path: "/v1", ..CompileOptions::default() };
    let contract = contract_with(
        &document("  /orders/{id}: {get: {operationId: getOrder, tags: [a, b]}, delete: {}}\n"),
        &options,
    );
    let Lookup::Found { operation, path_parameters } = contract.find(&Method::GET, "/v1/orders/a%20b") else {
        panic!("it is declared")
    };
    assert_eq!(&*operation.id, "getOrder");
    assert_eq!(&*operation.template, "/orders/{id}");
    assert_eq!(operation.tags, ["a", "b"]);
    assert_eq!(path_parameters.text("id"), Some("a%20b"));
    assert!(matches!(contract.find(&Method::GET, "/orders/1"), Lookup::Unknown));
    assert!(matches!(
        contract.find(&Method::PUT, "/v1/orders/1"),
        Lookup::OtherMethods { allow: "DELETE, GET" }
    ));
    assert_eq!(&*contract.operations()[1].id, "DELETE /orders/{id}");
}

#[test]
fn paths_that_match_the_same_requests_are_refused() {
    finds(
        &document(
            "  /a/{x}: {get: {parameters: [{name: x, in: path, schema: {}}]}}\n  /a/{y}: {put: {parameters: [{name: y, in: path, schema: {}}]}}\n",
        ),
        &["C0306"],
    );
}

#[test]
fn paths_that_cannot_be_matched_are_refused_or_reported() {
    finds(&document("  a: {get: {}}\n"), &["C0305"]);
    finds(&document("  /a?b=c: {get: {}}\n"), &["C0305"]);
    finds(&document("  '/a/{b': {get: {}}\n"), &["C0305"]);
    finds(&document("  '/a/{b}{c}': {get: {}}\n"), &["C0305"]);
    finds(&document("  '/a/{proxy+}': {get: {}}\n"), &["C0305"]);
    finds(&document("  /a//b: {get: {}}\n"), &["C0307"]);
    finds(&document("  /a/../b: {get: {}}\n"), &["C0307"]);
    finds(&document("  /a: {trace: {}, get: {}}\n"), &["C0311"]);
    finds(&document("  /a: {GET: {}}\n"), &["C0301"]);
    finds(&document("  /a: {get: {operationId: x}, put: {operationId: x}}\n"), &["C0310"]);
    finds(&document("  /a: {get: {responses: {ok: {}}}}\n"), &["C0301"]);
}

#[test]
fn methods_of_openapi_3_2_are_read() {
    let text = document("  /a: {query: {operationId: q}, additionalOperations: {LINK: {operationId: l}}}\n")
        .replace("3.1.1", "3.2.0");
    let contract = contract(&text);
    let allow = match contract.find(&Method::GET, "/a") {
        Lookup::OtherMethods { allow } => allow,
        _ => panic!("other methods are declared"),
    };
    assert_eq!(allow, "LINK, QUERY");
}
