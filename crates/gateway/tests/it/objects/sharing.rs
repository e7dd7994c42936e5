//! Owning is more than one name being another: groups, delegates, managers, and what lies in what is somebody's.

use portcullis_domain::Reason;
use portcullis_testkit::{Answer, Upstream};
use serde_json::{Value, json};

use super::{by, delete, make, put, setup, thing};
use crate::walk::{Walk, get, post_json};

fn token(walk: &Walk, who: &str, claims: Value) -> String {
    let mut all = json!({ "sub": who });
    crate::walk::merge(&mut all, claims);
    walk.token_with(all)
}

// proves: AUTHZ-10
#[test]
fn a_group_owns_what_one_of_it_made() {
    let walk = setup().api(json!({ "objects": { "thing": { "owned_by": { "claim": "groups" } } } })).start();
    let red = token(&walk, "ann", json!({ "groups": ["red"] }));
    let made = walk.send(post_json("/things", "{\"name\":\"x\"}").bearer(&red));
    let id = made.response.json()["id"].as_u64().unwrap();
    for (who, groups) in [("abe", json!(["red"])), ("amy", json!(["blue", "red"]))] {
        walk.send(put(id).bearer(&token(&walk, who, json!({ "groups": groups })))).passed();
    }
    for groups in [json!(["blue"]), json!([]), json!("redder"), Value::Null] {
        let other = token(&walk, "ann", json!({ "groups": groups }));
        walk.send(thing(id).bearer(&other)).refused(Reason::ObjectForeign);
    }
}

// proves: AUTHZ-10
#[test]
fn a_delegate_may_what_those_may_for_whom_it_stands_in_and_no_more() {
    let stands = json!([{ "claim": "reports" }, { "claim": "acts_for", "right": "write" }]);
    let walk = setup().api(json!({ "objects": { "thing": { "stands_for": stands } } })).start();
    let id = make(&walk, "alice");
    let boss = token(&walk, "bea", json!({ "reports": ["zoe", "alice"] }));
    let deputy = token(&walk, "dan", json!({ "acts_for": "alice" }));
    let other = token(&walk, "dan", json!({ "acts_for": "zoe", "reports": [] }));
    // A manager looks, and changes nothing.
    walk.send(thing(id).bearer(&boss)).passed();
    walk.send(put(id).bearer(&boss)).refused(Reason::PermitMissing);
    walk.send(delete(id).bearer(&boss)).refused(Reason::PermitMissing);
    walk.send(put(id).bearer(&deputy)).passed();
    walk.send(thing(id).bearer(&other)).refused(Reason::ObjectForeign);
    // Neither owns it: what they give away stays.
    walk.send(post_json(&format!("/things/{id}/give"), "{\"to\":\"dan\"}").bearer(&deputy)).passed();
    by(&walk, "alice", put(id)).passed();
    by(&walk, "dan", thing(id)).refused(Reason::ObjectForeign);
    // Standing in ends with the credential that says so.
    walk.send(thing(id).bearer(&token(&walk, "bea", json!({})))).refused(Reason::ObjectForeign);
}

// proves: AUTHZ-10
#[test]
fn whoever_may_touch_a_parent_may_touch_what_lies_in_it_as_far_as_is_said() {
    for (inherit, may_change) in [("read", false), ("write", true), ("nothing", false)] {
        let part = json!({
            "mode": "enforce",
            "id": [{ "path": "part" }],
            "create": [{ "operation": "createPart", "id": { "location": "last_segment" } }],
            "parent": { "type": "thing", "path": "thing", "inherit": inherit },
            "delete": ["deletePart"],
        });
        let upstream = Upstream::start(|seen| match (seen.method.as_str(), seen.target.as_str()) {
            ("POST", "/things") => {
                let id = if seen.header("x-auth-subject") == Some("alice") { 1 } else { 2 };
                let body = json!({ "id": id }).to_string();
                Answer::respond(201, &[("Content-Type", "application/json")], body)
            }
            ("POST", path) if path.ends_with("/parts") => {
                Answer::respond(201, &[("Location", &format!("{path}/p-1"))], "")
            }
            _ => Answer::ok("here it is"),
        });
        let walk = setup().upstream(upstream).api(json!({ "objects": { "part": part } })).start();
        let (hers, his) = (make(&walk, "alice"), make(&walk, "carol"));
        let share = json!({ "user": "bob" }).to_string();
        by(&walk, "alice", post_json(&format!("/things/{hers}/share"), &share)).passed();
        // Sue makes a part in what is alice's: it is sue's.
        let support = token(&walk, "sue", json!({ "roles": ["support"] }));
        walk.send(post_json(&format!("/things/{hers}/parts"), "{\"name\":\"x\"}").bearer(&support)).passed();
        let part = |thing: u64| get(&format!("/things/{thing}/parts/p-1"));
        let change = || super::ask("DELETE", &format!("/things/{hers}/parts/p-1"));
        // Nobody makes it theirs by looking for it within their own.
        by(&walk, "carol", part(his)).refused(Reason::ObjectForeign);
        by(&walk, "carol", part(hers)).refused(Reason::ObjectForeign);
        let looks = by(&walk, "alice", part(hers));
        let bobs = (by(&walk, "bob", part(hers)), by(&walk, "bob", change()));
        let changes = by(&walk, "alice", change());
        if inherit == "nothing" {
            looks.refused(Reason::ObjectForeign);
            bobs.0.refused(Reason::ObjectForeign);
            changes.refused(Reason::ObjectForeign);
        } else {
            looks.passed();
            // With whom the parent is shared to be read reads what lies in it.
            bobs.0.passed();
            bobs.1.refused(Reason::PermitMissing);
        }
        if may_change {
            changes.passed();
        } else if inherit == "read" {
            changes.refused(Reason::PermitMissing);
        }
    }
}
