//! Forms and GraphQL carry ids, too; and what looks like one where nobody has said so is watched.

use portcullis_domain::Reason;
use serde_json::{Value, json};

use super::{by, make, setup};
use crate::walk::{Ask, ask, get, post_json};

fn form(body: &str) -> Ask {
    ask("POST", "/move").with("Content-Type: application/x-www-form-urlencoded").body(body)
}

fn multipart(fields: &[(&str, &str)]) -> Ask {
    let part = |(name, text): &(&str, &str)| {
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n")
    };
    let parts: String = fields.iter().map(part).collect();
    ask("POST", "/move").with("Content-Type: multipart/form-data; boundary=b").body(format!("{parts}--b--"))
}

// proves: AUTHZ-09
#[test]
fn a_form_hides_no_foreign_id_behind_an_own_one() {
    let walk = setup().api(json!({ "objects": { "thing": { "ids_may_differ": true } } })).start();
    let (mine, theirs) = (make(&walk, "bob"), make(&walk, "alice"));
    by(&walk, "bob", form(&format!("thing={mine}"))).passed();
    by(&walk, "bob", form(&format!("thing=%3{theirs}"))).refused(Reason::ObjectForeign);
    by(&walk, "bob", form(&format!("thing={mine}&also={mine}&also={theirs}"))).refused(Reason::ObjectForeign);
    // What stands twice and is no list is no form that the contract knows.
    by(&walk, "bob", form(&format!("thing={mine}&thing={theirs}"))).refused(Reason::RequestInvalid);
    let (own, other) = (mine.to_string(), theirs.to_string());
    by(&walk, "bob", multipart(&[("thing", &own), ("file", "x")])).passed();
    by(&walk, "bob", multipart(&[("thing", &other)])).refused(Reason::ObjectForeign);
    by(&walk, "bob", multipart(&[("thing", &own), ("also", &own), ("also", &other)]))
        .refused(Reason::ObjectForeign);
}

#[test]
fn a_form_that_can_be_read_in_two_ways_is_refused_also_where_the_contract_only_records() {
    let walk = setup().api(json!({ "stages": { "validate": "shadow" } })).start();
    let (mine, theirs) = (make(&walk, "bob"), make(&walk, "alice"));
    for body in [format!("thing={mine}&thing={theirs}"), format!("thing={mine}&%zz=1")] {
        by(&walk, "bob", form(&body)).refused(Reason::ObjectAmbiguous);
    }
    let (own, other) = (mine.to_string(), theirs.to_string());
    by(&walk, "bob", multipart(&[("thing", &own), ("thing", &other)])).refused(Reason::ObjectAmbiguous);
}

fn asks(document: &str, variables: Value) -> Ask {
    post_json("/graphql", &json!({ "query": document, "variables": variables }).to_string())
}

// proves: AUTHZ-09
#[test]
fn arguments_of_graphql_are_ids_under_every_alias_in_every_operation_and_batch() {
    let walk = setup().start();
    let (mine, theirs) = (make(&walk, "bob"), make(&walk, "alice"));
    let refused = |request: Ask| {
        by(&walk, "bob", request).refused(Reason::ObjectForeign);
    };
    let passed = |request: Ask| {
        by(&walk, "bob", request).passed();
    };
    let named = |id: u64| format!("{{ thing(id: {id}) {{ name }} }}");
    passed(asks(&named(mine), json!({})));
    refused(asks(&named(theirs), json!({})));
    // One spelling of a number or another, as a text, in a variable or by default.
    refused(asks(&format!("{{ thing(id: \"{theirs}\") {{ name }} }}"), json!({})));
    let by_variable = "query($id: ID!) { thing(id: $id) { name } }";
    passed(asks(by_variable, json!({ "id": mine })));
    refused(asks(by_variable, json!({ "id": theirs.to_string() })));
    refused(asks(&format!("query($id: ID = {theirs}) {{ thing(id: $id) {{ name }} }}"), json!({})));
    // An own one in front of it, a fragment, an operation that nobody chose.
    refused(asks(
        &format!("{{ a: thing(id: {mine}) {{ name }} b: thing(id: {theirs}) {{ name }} }}"),
        json!({}),
    ));
    refused(asks(
        &format!("{{ me {{ ...f }} }} fragment f on User {{ x: thing(id: {theirs}) {{ name }} }}"),
        json!({}),
    ));
    refused(asks(&format!("query a {{ me }} query b {{ thing(id: {theirs}) {{ name }} }}"), json!({})));
    let moves = "mutation($in: Move!) { moveThing(input: $in) { name } }";
    passed(asks(moves, json!({ "in": { "ids": [mine] } })));
    refused(asks(moves, json!({ "in": { "ids": [mine, theirs] } })));
    // Aliases: 49 own ones and a foreign one.
    let fields: String = (0..50)
        .map(|index| format!("f{index}: thing(id: {}) {{ name }} ", if index == 30 { theirs } else { mine }))
        .collect();
    refused(asks(&format!("{{ {fields} }}"), json!({})));
    let query = |id: u64| get(&format!("/graphql?query=%7Bthing(id:{id})%7Bname%7D%7D"));
    passed(query(mine));
    refused(query(theirs));
}

#[test]
fn what_is_shared_to_be_read_is_asked_for_by_graphql_and_not_changed() {
    let walk = setup().start();
    let id = make(&walk, "alice");
    by(&walk, "alice", post_json(&format!("/things/{id}/share"), "{\"user\":\"bob\"}")).passed();
    by(&walk, "bob", asks(&format!("{{ thing(id: {id}) {{ name }} }}"), json!({}))).passed();
    by(
        &walk,
        "bob",
        asks(&format!("mutation {{ moveThing(input: {{ids: [{id}]}}) {{ name }} }}"), json!({})),
    )
    .refused(Reason::PermitMissing);
}

#[test]
fn graphql_that_cannot_be_looked_into_is_refused() {
    let walk = setup().api(json!({ "stages": { "validate": "shadow" } })).start();
    let mine = make(&walk, "bob");
    for body in [
        json!({ "extensions": { "persistedQuery": { "version": 1, "sha256Hash": "x" } } }),
        json!({ "query": "{" }),
        json!({ "query": format!("{{ thing(id: {mine}, id: {mine}) {{ name }} }}") }),
        json!({ "query": "{ thing(id: 7.5) { name } }" }),
        json!([{ "query": "{ me }" }, { "query": 7 }]),
    ] {
        by(&walk, "bob", post_json("/graphql", &body.to_string())).refused(Reason::ObjectAmbiguous);
    }
    by(&walk, "bob", asks("{ me }", json!({}))).passed();
}

// proves: AUTHZ-09
#[test]
fn what_looks_like_an_id_where_nobody_has_declared_one_is_recorded_and_passes() {
    let walk = setup().start();
    let (mine, theirs) = (make(&walk, "bob"), make(&walk, "alice"));
    let refund = |id: u64| {
        post_json("/refunds", &json!({ "thing_id": mine, "lines": [{ "thingId": id }] }).to_string())
    };
    let outcome = by(&walk, "bob", refund(mine));
    outcome.passed();
    assert!(!outcome.only_event().to_string().contains("object_foreign"));
    let outcome = by(&walk, "bob", refund(theirs));
    outcome.passed();
    let event = outcome.only_event().to_string();
    assert!(event.contains("object_foreign") && event.contains("would_deny"), "{event}");
    // Declared, it is refused.
    let mut ids = super::things()["thing"]["id"].clone();
    ids.as_array_mut().unwrap().push(json!({ "body": "/lines/*/thingId" }));
    let walk = setup().api(json!({ "objects": { "thing": { "id": ids } } })).start();
    let (mine, theirs) = (make(&walk, "bob"), make(&walk, "alice"));
    let refund = |id: u64| {
        post_json("/refunds", &json!({ "thing_id": mine, "lines": [{ "thingId": id }] }).to_string())
    };
    by(&walk, "bob", refund(theirs)).refused(Reason::ObjectForeign);
    by(&walk, "bob", refund(mine)).passed();
}
