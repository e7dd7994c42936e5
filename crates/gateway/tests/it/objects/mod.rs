//! Whose objects are: what is learned, what is refused, and that nobody is kept from what is theirs.

mod batches;
mod life;
mod lists;
mod mistakes;
mod names;
mod odd;
mod places;
mod replicas;
mod sharing;
mod shop;
mod tenants;
mod verified;

use std::collections::BTreeMap;
use std::sync::Mutex;

use portcullis_domain::Reason;
use portcullis_testkit::{Answer, Seen, Upstream};
use serde_json::{Value, json};

use crate::walk::{Ask, Outcome, Setup, Walk, ask, get, post_json};

/// An API that asks nobody whose its things are: whoever asks gets, changes and deletes.
fn upstream() -> Upstream {
    let things: Mutex<BTreeMap<u64, Value>> = Mutex::default();
    Upstream::start(move |seen| serve(&mut things.lock().unwrap(), seen))
}

fn serve(things: &mut BTreeMap<u64, Value>, seen: &Seen) -> Answer {
    let who = seen.header("x-auth-subject").unwrap_or("nobody");
    let path = seen.target.split('?').next().unwrap_or_default();
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let body: Value = serde_json::from_slice(&seen.body).unwrap_or(Value::Null);
    let answer = |status: u16, value: &Value| {
        Answer::respond(status, &[("Content-Type", "application/json")], value.to_string())
    };
    let absent = || answer(404, &json!({ "error": "nothing" }));
    match (seen.method.as_str(), segments.as_slice()) {
        ("POST", ["things"]) if body["name"] == "full" => answer(200, &json!({ "id": 1, "error": "full" })),
        ("POST", ["things"]) => {
            let id = things.keys().last().map_or(1, |last| last + 1);
            let owner = body["for"].as_str().unwrap_or(who);
            let thing = json!({ "id": id, "owner": owner, "name": body["name"] });
            things.insert(id, thing.clone());
            answer(201, &thing)
        }
        ("GET", ["things"]) => answer(200, &Value::Array(things.values().cloned().collect())),
        (method, ["things", id, rest @ ..]) => {
            let Some(thing) = id.parse().ok().and_then(|id: u64| things.get(&id).cloned()) else {
                return absent();
            };
            if (method, rest) == ("DELETE", &[][..]) {
                things.remove(&thing["id"].as_u64().unwrap());
                return Answer::respond(204, &[], "");
            }
            answer(200, &thing)
        }
        _ => answer(200, &json!({ "done": true })),
    }
}

/// The operations of that API.
fn contract() -> Value {
    let ok = json!({ "200": { "description": "Done." } });
    let op = |id: &str| json!({ "operationId": id, "security": [{ "customers": [] }], "responses": ok });
    let with = |id: &str, schema: Value| {
        let mut operation = op(id);
        operation["requestBody"] = json!({ "content": { "application/json": { "schema": schema } } });
        operation
    };
    let text = || json!({ "type": "string", "maxLength": 100 });
    let object =
        |members: Value| json!({ "type": "object", "additionalProperties": false, "properties": members });
    let id = json!({ "type": "integer", "minimum": 1, "maximum": 1_000_000 });
    let path = |name: &str, schema: &Value| json!({ "name": name, "in": "path", "required": true, "schema": schema });
    let ids = json!({ "type": "array", "maxItems": 100, "items": object(json!({ "thing": id })) });
    let mut batch = with("batch", object(json!({ "things": ids })));
    batch["requestBody"]["content"]["text/plain"] = json!({ "schema": text() });
    json!({ "paths": {
        "/things": {
            "post": with("createThing", object(json!({ "name": text(), "for": text() }))),
            "get": op("listThings"),
        },
        "/things/{thing}": {
            "parameters": [path("thing", &id)],
            "get": op("readThing"), "delete": op("deleteThing"),
            "put": with("changeThing", object(json!({ "thing": id, "name": text() }))),
        },
        "/things/{thing}/share": {
            "parameters": [path("thing", &id)], "post": with("shareThing", object(json!({ "user": text() }))),
        },
        "/things/{thing}/unshare": {
            "parameters": [path("thing", &id)], "post": with("unshareThing", object(json!({ "user": text() }))),
        },
        "/things/{thing}/give": {
            "parameters": [path("thing", &id)], "post": with("giveThing", object(json!({ "to": text() }))),
        },
        "/batch": { "post": batch },
        "/move": { "post": with_forms(op("moveThing"), object(json!({
            "thing": id, "also": { "type": "array", "maxItems": 9, "items": id }, "file": text(),
        }))) },
        "/graphql": {
            "parameters": [{ "name": "query", "in": "query", "schema": { "type": "string", "maxLength": 1000 } }],
            "post": graphql(with("graphql", json!({}))), "get": graphql(op("askGraphql")),
        },
        "/refunds": { "post": with("refund", object(json!({
            "thing_id": id, "lines": { "type": "array", "maxItems": 9, "items": object(json!({ "thingId": id })) },
        }))) },
        "/lookup": {
            "parameters": [
                { "name": "thing", "in": "query", "schema": id },
                { "name": "X-Thing", "in": "header", "schema": id },
            ],
            "get": op("lookup"),
        },
        "/names": { "post": with("createName", object(json!({ "name": text() }))) },
        "/names/{name}": { "parameters": [path("name", &text())], "get": op("readName"), "put": op("putName") },
        "/users/{user}": { "parameters": [path("user", &text())], "get": op("readUser") },
        "/things/{thing}/parts": {
            "parameters": [path("thing", &id)], "post": with("createPart", object(json!({ "name": text() }))),
        },
        "/things/{thing}/parts/{part}": {
            "parameters": [path("thing", &id), path("part", &text())], "get": op("readPart"),
            "delete": op("deletePart"),
        },
    } })
}

/// The operation, with a body that may come as either form.
fn with_forms(mut operation: Value, schema: Value) -> Value {
    operation["requestBody"] = json!({ "content": {
        "application/x-www-form-urlencoded": { "schema": schema },
        "multipart/form-data": { "schema": schema },
    } });
    operation
}

/// The operation, which takes GraphQL.
fn graphql(mut operation: Value) -> Value {
    operation["x-portcullis-graphql"] = json!({ "aliases": 200, "root_fields": 200 });
    operation
}

/// What is learned and refused of things.
fn things() -> Value {
    json!({ "thing": {
        "mode": "enforce",
        "id": [
            { "path": "thing" }, { "query": "thing" }, { "header": "X-Thing" },
            { "body": "/thing" }, { "body": "/things/*/thing" }, { "body": "/also" },
            { "graphql": "/thing/id" }, { "graphql": "/moveThing/input/ids" },
        ],
        "create": [{ "operation": "createThing", "id": { "response": "/id" } }],
        "delete": ["deleteThing"],
        "share": [{ "operation": "shareThing", "with": { "body": "/user" } }],
        "unshare": [{ "operation": "unshareThing", "with": { "body": "/user" } }],
        "transfer": [{ "operation": "giveThing", "to": { "body": "/to" } }],
        "exempt_roles": ["support"],
    } })
}

/// A gateway in front of that API.
fn setup() -> Setup {
    Setup::new()
        .upstream(upstream())
        .contract(contract())
        // Bands would only slow the tests down; `confidential` is about them.
        .policy(json!({ "timeouts": { "conceal": "1ms" } }))
        .api(json!({ "objects": things() }))
}

/// Sends as `who`.
#[track_caller]
fn by(walk: &Walk, who: &str, request: Ask) -> Outcome {
    walk.send(request.bearer(&walk.token_of(who, "")))
}

/// Makes a thing, and tells its id.
#[track_caller]
fn make(walk: &Walk, who: &str) -> u64 {
    let outcome = by(walk, who, post_json("/things", "{\"name\":\"x\"}"));
    assert_eq!(outcome.response.status, 201, "{:#?}", outcome.response);
    outcome.response.json()["id"].as_u64().expect("an id")
}

fn thing(id: u64) -> Ask {
    get(&format!("/things/{id}"))
}

fn put(id: u64) -> Ask {
    ask("PUT", &format!("/things/{id}")).with("Content-Type: application/json").body("{\"name\":\"y\"}")
}

fn delete(id: u64) -> Ask {
    ask("DELETE", &format!("/things/{id}"))
}

// proves: AUTHZ-08
#[test]
fn nobody_reads_changes_or_deletes_what_another_has_made() {
    let walk = setup().start();
    let id = make(&walk, "alice");
    for request in [thing(id), put(id), delete(id)] {
        by(&walk, "bob", request).refused(Reason::ObjectForeign);
    }
    by(&walk, "alice", thing(id)).passed();
    by(&walk, "alice", put(id)).passed();
    by(&walk, "alice", delete(id)).passed();
}

#[test]
fn what_is_somebody_elses_looks_like_what_is_not_there() {
    let walk = setup().start();
    let id = make(&walk, "alice");
    let shape = |outcome: &Outcome| {
        let mut problem = outcome.response.json();
        problem["instance"] = json!(null);
        let mut names = outcome.response.headers.names();
        names.sort();
        (outcome.response.status, problem, names)
    };
    let foreign = by(&walk, "bob", thing(id));
    let absent = by(&walk, "bob", thing(999));
    foreign.refused(Reason::ObjectForeign);
    absent.ended(Reason::ObjectAbsent);
    assert_eq!(shape(&foreign), shape(&absent));
}

#[test]
fn shadow_records_and_changes_nothing() {
    let walk = setup().api(json!({ "objects": { "thing": { "mode": "shadow" } } })).start();
    let id = make(&walk, "alice");
    let outcome = by(&walk, "bob", thing(id));
    outcome.passed();
    assert!(outcome.only_event().to_string().contains("object_foreign"), "{:#}", outcome.only_event());
    let learning = setup().api(json!({ "objects": { "thing": { "mode": "learn" } } })).start();
    let id = make(&learning, "alice");
    let outcome = by(&learning, "bob", thing(id));
    outcome.passed();
    assert!(!outcome.only_event().to_string().contains("object_foreign"));
}

/// Whatever is learned, watched or would be refused: in shadow every answer is what it is without us.
#[test]
fn shadow_changes_no_answer_whatever_is_asked() {
    let lists = json!([{ "operation": "listThings", "id": "/id" }]);
    let owner = json!({ "response": "/owner" });
    let shadow = json!({ "mode": "shadow", "unknown": "verify", "owner": owner, "lists": lists });
    let watched = setup().api(json!({ "objects": { "thing": shadow } })).start();
    let bare = setup().api(json!({ "objects": null })).start();
    let requests = [
        ("alice", post_json("/things", "{\"name\":\"x\"}")),
        ("bob", post_json("/things", "{\"name\":\"y\"}")),
        ("bob", thing(1)),
        ("bob", put(1)),
        ("alice", get("/things")),
        ("alice", thing(77)),
        ("bob", get("/lookup?thing=1").with("X-Thing: 2")),
        ("bob", post_json("/batch", "{\"things\":[{\"thing\":2},{\"thing\":1}]}")),
        ("bob", post_json("/refunds", "{\"thing_id\":1}")),
        ("bob", post_json("/graphql", "{\"query\":\"{ thing(id: 1) { name } }\"}")),
        ("bob", post_json("/things/1/give", "{\"to\":\"bob\"}")),
        ("bob", delete(1)),
        ("alice", thing(1)),
        ("alice", post_json("/things", "{\"name\":\"z\"}")),
    ];
    for (who, request) in requests {
        let answer = |walk: &Walk| {
            let response = by(walk, who, request.clone()).response;
            (response.status, response.text().to_owned())
        };
        let (one, other) = (answer(&watched), answer(&bare));
        let plain = |text: String| text.split("urn:uuid:").next().unwrap_or_default().to_owned();
        assert_eq!((one.0, plain(one.1)), (other.0, plain(other.1)), "{who}: {request:?}");
    }
}
