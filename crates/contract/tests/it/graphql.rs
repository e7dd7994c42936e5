//! What a GraphQL request may ask for.

use http::Method;
use portcullis_contract::Contract;
use portcullis_domain::{Denial, Reason};
use serde_json::{Value, json};

use crate::support::{contract, finds, judge_body, judge_head};

/// A document with `POST /graphql` and `GET /graphql`, which say this of what may be asked for.
fn document(limits: &Value) -> String {
    let text = json!({ "type": "string" });
    let query = |name: &str| json!({ "name": name, "in": "query", "schema": text });
    let operation = json!({
        "x-portcullis-access": "public", "x-portcullis-graphql": limits, "responses": {},
    });
    let mut post = operation.clone();
    post["requestBody"] = json!({ "required": true, "content": { "application/json": {} } });
    let mut get = operation;
    get["parameters"] = json!([query("query"), query("variables"), query("operationName")]);
    json!({
        "openapi": "3.1.0", "info": { "title": "t", "version": "1" },
        "paths": { "/graphql": { "post": post, "get": get } },
    })
    .to_string()
}

fn ask(contract: &Contract, query: &str) -> Result<(), Denial> {
    judge_body(contract, &json!({ "query": query }).to_string())
}

#[track_caller]
fn refused(result: &Result<(), Denial>, expected: &str) {
    let denial = result.as_ref().expect_err("it is refused");
    assert_eq!(denial.reason(), Reason::RequestInvalid);
    let [violation] = denial.violations() else { panic!("{:?}", denial.violations()) };
    assert_eq!((&*violation.keyword, violation.expected.as_str()), ("x-portcullis-graphql", expected));
}

// proves-part: VAL-15 (the contract; the gateway's walk shows what the upstream sees)
#[test]
fn each_limit_holds() {
    let contract = contract(&document(&json!({})));
    ask(&contract, "{ me { name orders(first: 10) { total } } }").unwrap();
    let deep = format!("{}x{}", "{ a ".repeat(11), "}".repeat(11));
    refused(&ask(&contract, &deep), "a depth of at most 10");
    let aliases: String = (0..500).map(|at| format!("a{at}: b ")).collect();
    let many = ask(&contract, &format!("{{ c {{ {aliases} }} }}"));
    refused(&many, "a number of aliases of at most 20");
    refused(
        &ask(&contract, &format!("{{ {} }}", "a ".repeat(21))),
        "a number of fields at the top of at most 20",
    );
    refused(
        &ask(&contract, &format!("{{ a {} }}", "@b ".repeat(21))),
        "a number of directives of at most 20",
    );
    refused(&ask(&contract, "{ a(first: 1000) { b } }"), "a cost of at most 1000");
    refused(
        &ask(&contract, "{ ...f } fragment f on T { ...f }"),
        "fragments that do not lead back to themselves",
    );
    let long = format!("{{ a }} # {}", "x".repeat(70_000));
    refused(&ask(&contract, &long), "a document of at most 65536 bytes");
}

// proves-part: VAL-15 (the contract; the gateway's walk shows what the upstream sees)
#[test]
fn a_list_of_operations_is_bounded() {
    let list = |count: usize| Value::from(vec![json!({ "query": "{ a }" }); count]).to_string();
    let one = contract(&document(&json!({})));
    judge_body(&one, &list(1)).unwrap();
    refused(&judge_body(&one, &list(100)), "1 to 1 operations");
    refused(&judge_body(&one, "[]"), "1 to 1 operations");
    let three = contract(&document(&json!({ "batch": 3 })));
    judge_body(&three, &list(3)).unwrap();
    refused(&judge_body(&three, &list(4)), "1 to 3 operations");
}

// proves-part: VAL-15 (the contract; the gateway's walk shows what the upstream sees)
#[test]
fn the_schema_is_shown_only_if_the_document_says_so() {
    let question = "query IntrospectionQuery { __schema { types { name } } }";
    let refused = ask(&contract(&document(&json!({}))), question);
    assert_eq!(refused.unwrap_err().reason(), Reason::GraphqlIntrospectionRefused);
    ask(&contract(&document(&json!({ "introspection": "allow" }))), question).unwrap();
}

#[test]
fn what_is_no_graphql_request_is_refused() {
    let contract = contract(&document(&json!({})));
    for (body, expected) in [
        ("{}", "a document as text in `query`"),
        (r#"{"query": 5}"#, "a document as text in `query`"),
        (r#"{"extensions": {"persistedQuery": {"sha256Hash": "x"}}}"#, "a document as text in `query`"),
        ("5", "a document as text in `query`"),
        (r#"{"query": "{ a }", "variables": []}"#, "an object of `variables`"),
        (r#"{"query": "{ a }", "operationName": 1}"#, "text in `operationName`"),
        (r#"{"query": "{ a"}"#, "a GraphQL document"),
    ] {
        refused(&judge_body(&contract, body), expected);
    }
    judge_body(&contract, r#"{"query": "{ a }", "variables": null, "operationName": null}"#).unwrap();
}

#[test]
fn an_operation_in_the_query_is_judged_like_one_in_the_body() {
    let contract = contract(&document(&json!({})));
    let ask = |target: &str| judge_head(&contract, Method::GET, target, &[]);
    ask("/graphql?query=%7Bme%7Bname%7D%7D").unwrap();
    refused(&ask("/graphql?query=mutation%7Bdrop%7D"), "only operations that change nothing");
    refused(&ask("/graphql?query=%7Ba(first:1000)%7Bb%7D%7D"), "a cost of at most 1000");
    let counted = "/graphql?query=query($n:Int)%7Ba(first:$n)%7Bb%7D%7D&variables=";
    ask(&format!("{counted}%7B%22n%22:10%7D")).unwrap();
    refused(&ask(&format!("{counted}%7B%22n%22:1000%7D")), "a cost of at most 1000");
    refused(
        &ask(&format!("{counted}%7B%22n%22:1,%22n%22:1000%7D")),
        "text in UTF-8, and JSON for `variables`",
    );
    let schema = ask("/graphql?query=%7B__schema%7Btypes%7Bname%7D%7D%7D");
    assert_eq!(schema.unwrap_err().reason(), Reason::GraphqlIntrospectionRefused);
}

#[test]
fn limits_that_would_not_hold_are_refused_when_they_are_loaded() {
    finds(&document(&json!({ "dept": 10 })), &["C0304", "C0304", "C0350"]);
    finds(&document(&json!({ "introspection": "no" })), &["C0304", "C0304", "C0350"]);
    let other = document(&json!({})).replace("application/json", "application/graphql");
    let found = finds(&other, &["C0304", "C0350"]);
    assert!(found.render(portcullis_config::Color::Never).contains("judges JSON"));
}
