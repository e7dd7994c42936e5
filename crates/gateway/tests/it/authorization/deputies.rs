//! Who acts for another has the other's rights and no more (RFC 8693 §4.1, AUTHZ-18).

use portcullis_domain::Reason;
use portcullis_testkit::Answer;
use serde_json::{Value, json};

use super::{asked, short};
use crate::walk::{Setup, get};

/// A service that acts for bob, and is an administrator by itself.
fn deputy() -> Value {
    json!({ "sub": "bob", "roles": ["service"], "act": { "sub": "alice", "roles": ["admin"] } })
}

// proves: AUTHZ-18
#[test]
fn a_deputy_has_the_rights_of_its_subject_and_no_more() {
    let walk = short("GET /orders/{name}", json!({ "allow": { "owner": { "path": "name" } } })).start();
    asked(&walk, get("/orders/alice"), deputy()).refused(Reason::PermitMissing);
    asked(&walk, get("/orders/bob"), deputy()).passed();
    let admins = short("GET /orders", json!({ "allow": { "roles": ["admin"] } })).start();
    asked(&admins, get("/orders"), deputy()).refused(Reason::PermitMissing);
}

// proves: AUTHZ-18
#[test]
fn a_deputy_reaches_the_objects_of_its_subject_and_not_its_own() {
    // Each order says whose it is, and the ledger learns it from the first answer.
    let walk = Setup::new()
        .api(json!({
            "objects": { "order": {
                "mode": "enforce", "id": [{ "path": "name" }], "unknown": "verify",
                "owner": { "response": "/owner" },
            } },
        }))
        .answering(Answer::json("{\"owner\":\"alice\"}"))
        .start();
    let alice = json!({ "sub": "alice" });
    asked(&walk, get("/orders/7"), alice.clone()).passed();
    // The deputy is alice, but it acts for bob, and this is not bob's.
    asked(&walk, get("/orders/7"), deputy()).refused(Reason::ObjectForeign);
    let for_alice = json!({ "sub": "alice", "act": { "sub": "service" } });
    asked(&walk, get("/orders/7"), for_alice).passed();
}
