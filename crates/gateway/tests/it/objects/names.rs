//! Ids that clients choose, owners that requests name, and objects in objects.

use std::sync::atomic::{AtomicU64, Ordering};

use portcullis_domain::Reason;
use portcullis_testkit::{Answer, Upstream};
use serde_json::json;

use super::{by, contract, make, setup, thing};
use crate::walk::{Setup, ask, get, post_json};

fn named() -> Setup {
    let upstream = Upstream::start(|seen| match (seen.method.as_str(), seen.target.as_str()) {
        ("POST", _) | ("PUT", _) => Answer::respond(201, &[], "made"),
        ("GET", "/names/free") => Answer::respond(404, &[], "none"),
        _ => Answer::ok("here it is"),
    });
    Setup::new()
        .upstream(upstream)
        .contract(contract())
        .policy(json!({ "timeouts": { "conceal": "1ms" } }))
        .api(json!({ "objects": {
            "name": {
                "mode": "enforce",
                "id": [{ "path": "name" }],
                "create": [
                    { "operation": "createName", "id": { "request": "/name" } },
                    { "operation": "PUT /names/{name}", "id": { "path": "name" } },
                ],
            },
            "user": {
                "mode": "enforce",
                "id": [{ "path": "user" }],
                "owner": { "binding": { "path": "user" } },
            },
        } }))
}

#[test]
fn a_name_belongs_to_whoever_made_it_first() {
    let walk = named().start();
    by(&walk, "alice", post_json("/names", "{\"name\":\"red\"}")).passed();
    by(&walk, "alice", get("/names/red")).passed();
    by(&walk, "bob", get("/names/red")).refused(Reason::ObjectForeign);
    // Neither again nor over it.
    by(&walk, "bob", post_json("/names", "{\"name\":\"red\"}")).refused(Reason::ObjectForeign);
    by(&walk, "bob", ask("PUT", "/names/red")).refused(Reason::ObjectForeign);
    by(&walk, "bob", ask("PUT", "/names/blue")).passed();
    by(&walk, "alice", get("/names/blue")).refused(Reason::ObjectForeign);
    by(&walk, "alice", post_json("/names", "{\"name\":\"red\"}")).passed();
}

#[test]
fn a_name_that_was_there_before_cannot_be_claimed() {
    let walk = named().start();
    // It is older than the gateway; its owner uses it.
    by(&walk, "alice", get("/names/old")).passed();
    // The upstream says yes to anything.
    by(&walk, "mallory", post_json("/names", "{\"name\":\"old\"}")).passed();
    by(&walk, "alice", get("/names/old")).passed();
    // Looking for what is not there keeps nobody from making it.
    by(&walk, "mallory", get("/names/free")).ended(Reason::ObjectAbsent);
    by(&walk, "alice", post_json("/names", "{\"name\":\"free\"}")).passed();
    by(&walk, "mallory", ask("PUT", "/names/free")).refused(Reason::ObjectForeign);
}

#[test]
fn a_request_may_say_itself_whose_it_is() {
    let walk = named().start();
    by(&walk, "alice", get("/users/alice")).passed();
    by(&walk, "bob", get("/users/alice")).refused(Reason::ObjectForeign);
    by(&walk, "bob", get("/users/%62ob")).passed();
}

#[test]
fn what_lies_in_one_object_is_not_found_in_another() {
    let part = json!({
        "mode": "enforce",
        "id": [{ "path": "part" }],
        "create": [{ "operation": "createPart", "id": { "location": "last_segment" } }],
        "parent": { "type": "thing", "path": "thing" },
    });
    let made = AtomicU64::new(0);
    let upstream = Upstream::start(move |seen| match (seen.method.as_str(), seen.target.as_str()) {
        ("POST", "/things") => {
            let id = made.fetch_add(1, Ordering::Relaxed) + 1;
            let body = json!({ "id": id }).to_string();
            Answer::respond(201, &[("Content-Type", "application/json")], body)
        }
        ("POST", path) => Answer::respond(201, &[("Location", &format!("{path}/p-1"))], ""),
        _ => Answer::ok("here it is"),
    });
    let walk = setup().upstream(upstream).api(json!({ "objects": { "part": part } })).start();
    let (one, other) = (make(&walk, "alice"), make(&walk, "alice"));
    assert_ne!(one, other);
    by(&walk, "alice", post_json(&format!("/things/{one}/parts"), "{\"name\":\"x\"}")).passed();
    by(&walk, "alice", get(&format!("/things/{one}/parts/p-1"))).passed();
    by(&walk, "alice", get(&format!("/things/{other}/parts/p-1"))).refused(Reason::ObjectForeign);
    by(&walk, "bob", get(&format!("/things/{one}/parts/p-1"))).refused(Reason::ObjectForeign);
    by(&walk, "alice", thing(other)).passed();
}
