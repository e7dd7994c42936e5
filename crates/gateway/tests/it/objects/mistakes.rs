//! What an operator may write wrong.

use portcullis_config::Color;
use portcullis_gateway::StartError;
use serde_json::{Value, json};

use super::setup;

#[track_caller]
fn mistake(patch: Value) -> String {
    match setup().api(json!({ "objects": { "thing": patch } })).try_start() {
        Err(StartError::Configuration(mistakes)) => mistakes.render(Color::Never),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it started"),
    }
}

#[test]
fn every_mistake_about_objects_is_shown_with_its_place() {
    for (patch, code, place) in [
        (json!({ "delete": ["deleteThings"] }), "C0901", "deleteThings"),
        (
            json!({ "create": [{ "operation": "makeThing", "id": { "response": "/id" } }] }),
            "C0901",
            "makeThing",
        ),
        (json!({ "id": [{ "path": "things" }] }), "C0902", "id"),
        (json!({ "id": [{ "path": "thing", "under": "/users" }] }), "C0902", "id"),
        (json!({ "id": [{ "path": "thing", "query": "thing" }] }), "C0903", "id"),
        (json!({ "id": [{ "body": "thing" }] }), "C0903", "id"),
        (json!({ "create": [{ "operation": "createThing", "id": { "response": "id" } }] }), "C0903", "id"),
        (json!({ "id": [{ "graphql": "thing" }] }), "C0903", "id"),
        (json!({ "not_ids": [{ "path": "a", "query": "b" }] }), "C0903", "not_ids"),
        (json!({ "unknown": "verify" }), "C0904", "unknown"),
        (json!({ "issuer": "nobody" }), "C0905", "nobody"),
        (json!({ "parent": { "type": "box", "path": "thing" } }), "C0906", "box"),
        (json!({ "create": [{ "operation": "readThing", "id": { "request": "/id" } }] }), "C0907", "id"),
    ] {
        let shown = mistake(patch.clone());
        assert!(shown.contains(code) && shown.contains(place), "{patch}: {shown}");
    }
}
