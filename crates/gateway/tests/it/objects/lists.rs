//! Lists, without what is somebody else's.

use portcullis_domain::Reason;
use portcullis_testkit::Answer;
use serde_json::{Value, json};

use super::{by, make, setup};
use crate::walk::get;

fn ids(answer: &Value) -> Vec<u64> {
    answer.as_array().unwrap().iter().map(|item| item["id"].as_u64().unwrap()).collect()
}

#[test]
fn a_list_holds_only_what_the_caller_may_see() {
    let lists = json!([{ "operation": "listThings", "id": "/id" }]);
    let walk = setup().api(json!({ "objects": { "thing": { "lists": lists } } })).start();
    let (one, two, three) = (make(&walk, "alice"), make(&walk, "bob"), make(&walk, "alice"));
    let outcome = by(&walk, "alice", get("/things"));
    outcome.passed();
    assert_eq!(ids(&outcome.response.json()), [one, three]);
    assert!(outcome.only_event().to_string().contains("\"foreign\""), "{:#}", outcome.only_event());
    by(&walk, "alice", super::post_json(&format!("/things/{one}/share"), "{\"user\":\"bob\"}")).passed();
    let outcome = by(&walk, "bob", get("/things"));
    assert_eq!(ids(&outcome.response.json()), [one, two]);
}

#[test]
fn a_list_that_is_only_checked_is_handed_on_and_recorded() {
    let lists = json!([{ "operation": "listThings", "id": "/id", "foreign": "check" }]);
    let walk = setup().api(json!({ "objects": { "thing": { "lists": lists } } })).start();
    let (one, two) = (make(&walk, "alice"), make(&walk, "bob"));
    let outcome = by(&walk, "alice", get("/things"));
    outcome.passed();
    assert_eq!(ids(&outcome.response.json()), [one, two]);
    assert!(outcome.only_event().to_string().contains("\"foreign\""), "{:#}", outcome.only_event());
}

#[test]
fn owners_that_a_list_names_are_learned() {
    let lists = json!([{ "operation": "listThings", "id": "/id" }]);
    let thing = json!({ "lists": lists, "owner": { "response": "/owner" }, "create": [] });
    let walk = setup().api(json!({ "objects": { "thing": thing } })).start();
    let (one, two) = (make(&walk, "alice"), make(&walk, "bob"));
    by(&walk, "alice", super::thing(two)).passed();
    let outcome = by(&walk, "alice", get("/things"));
    assert_eq!(ids(&outcome.response.json()), [one]);
    by(&walk, "alice", super::thing(two)).refused(Reason::ObjectForeign);
}

#[test]
fn a_list_that_cannot_be_looked_into_does_not_leave() {
    let large = json!([{ "id": 1, "pad": "x".repeat(2 << 20) }]).to_string();
    for (kind, body) in
        [("text/plain", "1 alice"), ("application/json", "[{"), ("application/json", large.as_str())]
    {
        let lists = json!([{ "operation": "listThings", "id": "/id" }]);
        let walk = setup()
            .answering(Answer::respond(200, &[("Content-Type", kind)], body))
            .api(json!({ "objects": { "thing": { "lists": lists } } }))
            .start();
        by(&walk, "alice", get("/things")).ended(Reason::ResponseInvalid);
        let support = walk.token_with(json!({ "sub": "sue", "roles": ["support"] }));
        walk.send(get("/things").bearer(&support)).passed();
    }
}
